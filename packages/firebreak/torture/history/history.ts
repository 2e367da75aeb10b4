/**
 * The operation history of a run, in the style of Jepsen's Kafka workload: what every process asked of the log, and what it
 * was answered. `recorded-log.ts` and the services write it, `anomalies.ts` judges it.
 *
 * Grammar: one JSON document per line and operation, one file per life of a process. A process writes each line before it
 * goes on, so that SIGKILL takes no line back; what stands behind the last line end was never said.
 */
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

interface OfAll {
  /** `slot/generation`: a process that has died never comes back under its name. */
  readonly process: string
  /** ms on the clock that all processes of the machine share; it never jumps. */
  readonly time: number
}

/** A record of one call of `append`. `id` names this attempt to store it and no other; `event` may be stored often. */
export interface Sent {
  readonly id: string
  readonly event: string | null
  readonly topic: string
  readonly key: string | null
}

/** `ok`: stored, at these places. `fail`: not stored, for certain. `info`, or no second line: nobody knows. */
export type SendOp =
  | { readonly f: 'send'; readonly type: 'invoke'; readonly call: number; readonly value: readonly Sent[] }
  | {
      readonly f: 'send'
      readonly type: 'ok'
      readonly call: number
      /** `topic/partition` and offset, in the order of the call. */
      readonly value: readonly (readonly [string, number])[]
    }
  | { readonly f: 'send'; readonly type: 'fail' | 'info'; readonly call: number; readonly value: string }

/** Membership of one cursor. */
interface OfCursor {
  readonly group: string
  /** Of its own for every cursor that the process opens. */
  readonly cursor: number
}

/** Per `topic/partition`: offset and id of each record, in the order in which they came. Empty polls are not noted. */
export interface PollOp extends OfCursor {
  readonly f: 'poll'
  readonly type: 'ok'
  readonly value: Readonly<Record<string, readonly (readonly [number, string])[]>>
}

/** The partitions that the cursor holds from now on; noted before the poll that came with it. */
export interface AssignOp extends OfCursor {
  readonly f: 'assign'
  readonly type: 'info'
  readonly value: readonly string[]
}

/** The next offset to read per partition; `invoke` is noted before the log is told. */
export type CommitOp = OfCursor & { readonly f: 'commit'; readonly call: number } & (
    | { readonly type: 'invoke'; readonly value: Readonly<Record<string, number>> }
    /** Not stored for these partitions, for certain; of the others of the call nobody knows. */
    | { readonly type: 'fail'; readonly value: readonly string[] }
    /** `info`, or no second line: nobody knows. */
    | { readonly type: 'ok' | 'info' }
  )

/** The ledger gave a partition to this process; noted before any of its handlers starts. */
export interface ClaimOp {
  readonly f: 'claim'
  readonly type: 'info'
  readonly group: string
  readonly value: { readonly partition: string; readonly epoch: number; readonly unclean: boolean }
}

export interface Handling {
  readonly partition: string
  readonly key: string
  readonly seq: number
  readonly uid: string
  readonly event: string
}

/** A handler starts (`invoke`) and ends. One that its process did not survive has no end. */
export type HandleOp =
  | {
      readonly f: 'handle'
      readonly type: 'invoke'
      readonly group: string
      readonly call: number
      readonly value: Handling
    }
  | { readonly f: 'handle'; readonly type: 'ok' | 'fail'; readonly group: string; readonly call: number }

/** Code of the service is about to behave badly: which act, for which order. */
export interface ActOp {
  readonly f: 'act'
  readonly type: 'info'
  readonly group: string
  readonly value: { readonly act: string; readonly uid: string }
}

/** The runtime of a service has halted, and why. */
export interface HaltOp {
  readonly f: 'halt'
  readonly type: 'info'
  readonly group: string
  readonly value: string
}

/** The history has reached its bound: what comes after is missing, so that nothing can be said about it. */
interface CutOp {
  readonly f: 'cut'
  readonly type: 'info'
}

type Said = SendOp | PollOp | AssignOp | CommitOp | ClaimOp | HandleOp | ActOp | HaltOp | CutOp
export type Op = Said & OfAll

/** What one process writes. */
export interface History {
  readonly process: string
  /** Numbers that pair the two lines of an operation, or tell cursors apart. */
  nextCall(): number
  note(op: Said): void
  close(): void
}

const linesOfOneLifeMax = 500_000

export const historyFolder = (folder: string): string => join(folder, 'history')

/** Starts the history of one life of a process. */
export function openHistory(folder: string, process: string, linesMax: number = linesOfOneLifeMax): History {
  mkdirSync(folder, { recursive: true })
  const file = openSync(join(folder, `${process.replace('/', '.')}.jsonl`), 'a')
  let calls = 0
  let lines = 0
  let isClosed = false
  const write = (op: Said): void => {
    writeSync(file, `${JSON.stringify({ process, ...op, time: machineMs() })}\n`)
  }
  return {
    process,
    nextCall: () => ++calls,
    note(op) {
      // A handler that its runtime did not wait for may still have something to say.
      if (isClosed) return
      lines++
      if (lines < linesMax) write(op)
      else if (lines === linesMax) write({ f: 'cut', type: 'info' })
    },
    close() {
      isClosed = true
      closeSync(file)
    },
  }
}

const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** All histories of a run, in the order of time; operations of one process keep theirs. */
export function readHistory(folder: string): readonly Op[] {
  const ops = readdirSync(folder)
    .sort()
    .flatMap((name) => opsIn(readFileSync(join(folder, name), 'utf8')))
  return ops.sort((a, b) => a.time - b.time)
}

function opsIn(text: string): Op[] {
  const lines = text.split('\n')
  // Nothing, or a line that its process did not finish.
  lines.pop()
  return lines.map((line) => JSON.parse(line) as Op)
}
