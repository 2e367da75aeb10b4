import assert from 'node:assert/strict'
import { type Clock, sleep } from '../../contracts/clock.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import {
  type Cursor,
  type Log,
  type LogCapabilities,
  type LogEntry,
  type LogRecord,
  type OpenOptions,
  type Position,
  partitionId,
  type TopicSpec,
} from '../../contracts/log.ts'
import type { ConformanceCase } from './conformance.ts'

/** What a backend gives to the suite. Every case gets a harness of its own. */
export interface LogHarness {
  /** A new handle on the log of this harness; the same log every time, as if from another process. */
  create(): Promise<Log>
  /** The clock that the log waits on. With a virtual one, time must pass by itself when nothing else can happen. */
  readonly clock: Clock
  /** Starts the names of topics and groups; differs between harnesses where they share a broker. */
  readonly prefix: string
  /** The process behind the handle dies: it does not leave its groups. Absent: `close()` stands in for it. */
  crash?(log: Log): Promise<void>
  /** Lets retention run now, where the backend does it on a schedule of its own. */
  retain?(log: Log): Promise<void>
  /** Stops the engine with all its handles and starts it again. Absent: all handles are closed. */
  restart?(): Promise<void>
  /** How long a member that died may keep its partitions, default 30000. */
  readonly takeoverMs?: number
}

export type LogCase = ConformanceCase<LogCapabilities, LogHarness>

export const never: AbortSignal = new AbortController().signal
const waitMaxMs = 30_000
const turnMs = 20

/** A log with the moves that the cases are made of. Waits on conditions only. */
export class LogScene {
  readonly log: Log
  readonly harness: LogHarness

  constructor(harness: LogHarness, log: Log) {
    this.harness = harness
    this.log = log
  }

  name(base: string): string {
    return `${this.harness.prefix}${base}`
  }

  async topic(base: string, spec: Partial<TopicSpec> = {}): Promise<string> {
    const name = this.name(base)
    await this.log.ensureTopics([{ name, partitions: 3, ...spec }])
    return name
  }

  open(group: string, topics: readonly string[], options?: OpenOptions): Promise<Cursor> {
    return this.log.open(this.name(group), topics, options)
  }

  /** Polls all cursors in turn until `count` records have come. */
  async collect(cursors: readonly Cursor[], count: number): Promise<LogEntry[]> {
    const entries: LogEntry[] = []
    await this.until(`${count} records have come`, async () => {
      for (const cursor of cursors) entries.push(...(await take(cursor)))
      return entries.length >= count
    })
    assert.equal(entries.length, count)
    return entries
  }

  /** Polls until the members hold `partitions` partitions between them; what they read meanwhile is returned. */
  async share(cursors: readonly Cursor[], partitions: number, each: number = 1): Promise<LogEntry[]> {
    const entries: LogEntry[] = []
    await this.until(`the members share ${partitions} partitions`, async () => {
      for (const cursor of cursors) entries.push(...(await take(cursor)))
      const held = cursors.map((cursor) => cursor.assignment().length)
      return held.every((n) => n >= each) && held.reduce((sum, n) => sum + n, 0) === partitions
    })
    return entries
  }

  async until(claim: string, condition: () => Promise<boolean>, limitMs: number = waitMaxMs): Promise<void> {
    const { clock } = this.harness
    const endMs = clock.now() + limitMs
    while (!(await condition())) {
      if (clock.now() >= endMs) assert.fail(`within ${limitMs} ms: ${claim}`)
      await sleep(clock, turnMs / 4)
    }
  }
}

/** A case of the suite: opens the log, plays, and closes it again. */
export function logCase(name: string, play: (scene: LogScene) => Promise<void>, needs?: LogCase['needs']): LogCase {
  const run = async (harness: LogHarness): Promise<void> => {
    const log = await harness.create()
    try {
      await play(new LogScene(harness, log))
    } finally {
      await log.close()
    }
  }
  return needs === undefined ? { name, run } : { name, needs, run }
}

export function take(cursor: Cursor, recordsMax: number = 1000, waitMs: number = turnMs): Promise<readonly LogEntry[]> {
  return cursor.poll({ recordsMax, waitMs, signal: never })
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (entry: LogEntry): string => new TextDecoder().decode(entry.value ?? new Uint8Array())
export const texts = (entries: readonly LogEntry[]): string[] => entries.map(text)

export function record(topic: string, key: string | null, value: string, partition?: number): LogRecord {
  const plain = { topic, key, value: bytes(value), headers: {} }
  return partition === undefined ? plain : { ...plain, partition }
}

/** `count` records, their values counting from 0 and their keys going round. */
export function records(topic: string, count: number, keys = 10): LogRecord[] {
  return Array.from({ length: count }, (_, i) => record(topic, `key-${i % keys}`, String(i)))
}

/** The positions that say that all of these have been handled. */
export function after(entries: readonly LogEntry[]): Position[] {
  const next = new Map<string, Position>()
  for (const { topic, partition, offset } of entries) {
    const id = partitionId({ topic, partition })
    next.set(id, { topic, partition, offset: Math.max(offset + 1, next.get(id)?.offset ?? 0) })
  }
  return [...next.values()]
}

export const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i)).sort()

export async function rejectsWith(
  promise: Promise<unknown>,
  code: Parameters<typeof isFirebreakError>[1],
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isFirebreakError(error, code), `${code} was expected, not ${String(error)}`)
    return true
  })
}
