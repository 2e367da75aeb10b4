import type { ClaimOp, Handling, Op } from '../history/history.ts'
import type { Anomaly, GroupEnd, Observed, Stored } from './anomaly.ts'

/** What the library adds to the log: order, one handler at a time, one effect, and an outcome for every event. */
export function handlingAnomalies(observed: Observed): readonly Anomaly[] {
  const runs = runsIn(observed.ops)
  return [
    ...observed.groups.flatMap((group) => outOfOrder(group, runs, observed.log)),
    ...atOnce(runs, claimsIn(observed.ops)),
    ...observed.groups.flatMap((group) => fenced(group, runs)),
    ...observed.groups.flatMap(repeatedEffects),
    ...observed.groups.flatMap((group) => unaccounted(group, observed.log)),
  ]
}

/** One start of a handler. */
interface Run extends Handling {
  readonly id: string
  readonly group: string
  readonly process: string
  readonly startMs: number
  /** Its own end; the last sign of life of a process that did not get there. */
  endMs: number
  /** The epoch under which its process held the partition; -1 where the history does not say. */
  readonly epoch: number
  /**
   * Somebody else had claimed the partition before it started. Its process does not know yet, so it may run, and whatever it
   * does is refused.
   */
  readonly isStale: boolean
}

type Claims = ReadonlyMap<string, readonly (ClaimOp & { readonly process: string; readonly time: number })[]>

const claimsIn = (ops: readonly Op[]): Claims =>
  Map.groupBy(
    ops.filter((op) => op.f === 'claim'),
    ({ group, value }) => `${group} ${value.partition}`,
  )

/** In the order of their starts. */
function runsIn(ops: readonly Op[]): readonly Run[] {
  const claims = claimsIn(ops)
  const runs: Run[] = []
  const open = new Map<string, Run>()
  const lastSeenMs = new Map<string, number>()
  for (const op of ops) {
    lastSeenMs.set(op.process, op.time)
    if (op.f !== 'handle') continue
    const id = `${op.process}#${op.call}`
    if (op.type === 'invoke') {
      const run = runOf(op, id, claims)
      runs.push(run)
      open.set(id, run)
      continue
    }
    const run = open.get(id)
    if (run !== undefined) run.endMs = op.time
    open.delete(id)
  }
  for (const run of open.values()) run.endMs = lastSeenMs.get(run.process) ?? run.startMs
  return runs
}

function runOf(op: Op & { f: 'handle'; type: 'invoke' }, id: string, claims: Claims): Run {
  const { group, process, time, value } = op
  const before = (claims.get(`${group} ${value.partition}`) ?? []).filter((claim) => claim.time <= time)
  const epoch = before.filter((claim) => claim.process === process).at(-1)?.value.epoch ?? -1
  const isStale = epoch !== -1 && before.some((claim) => claim.value.epoch > epoch)
  return { ...value, id, group, process, startMs: time, endMs: time, epoch, isStale }
}

/**
 * A record starts only when everything before it under its key has come to its end, whichever process that was in. Copies
 * are let off. That of a dead-lettered event may still succeed, and its key went on without it. That of an event which has
 * its effect may start once more where the process does not know of it yet (ADR 0012); its commit comes to nothing.
 */
function outOfOrder({ group, letters, effects }: GroupEnd, runs: readonly Run[], log: readonly Stored[]): Anomaly[] {
  const startedAt = new Map(runs.map(({ id, startMs }) => [id, startMs]))
  const effectAt = new Map(
    effects.map(({ event, run }) => [event, startedAt.get(run ?? '') ?? Number.POSITIVE_INFINITY]),
  )
  const firstAt = new Map<string, number>()
  for (const { event, offset } of log) firstAt.set(event, Math.min(offset, firstAt.get(event) ?? offset))
  const skipped = new Set(letters)
  const found: Anomaly[] = []
  const furthest = new Map<string, { readonly run: Run; readonly at: number }>()
  for (const run of runs) {
    const at = firstAt.get(run.event)
    if (run.group !== group || run.isStale || skipped.has(run.event) || at === undefined) continue
    if (run.startMs > (effectAt.get(run.event) ?? Number.POSITIVE_INFINITY)) continue
    const line = `${run.partition} ${run.key}`
    const before = furthest.get(line)
    if (before === undefined || at >= before.at) furthest.set(line, { run, at })
    else {
      const says = `${group}: ${run.uid} (${at}) started by ${told(run)} after ${before.run.uid} (${before.at}) by ${told(before.run)}`
      found.push({ name: 'handled-out-of-order', says })
    }
  }
  return found
}

/**
 * Two handlers of one key run at once only where the ledger took a partition away from a process that had not let go of it:
 * one that was frozen, cut off, or too slow to drain.
 */
function atOnce(runs: readonly Run[], claims: Claims): Anomaly[] {
  const found: Anomaly[] = []
  const lines = Map.groupBy(runs, ({ group, partition, key }) => `${group} ${partition} ${key}`)
  for (const line of lines.values()) {
    let last: Run | undefined
    for (const run of line) {
      if (run.isStale) continue
      if (last !== undefined && run.startMs < last.endMs && !isTakenAway(last, run, claims))
        found.push({
          name: 'handled-concurrently',
          says: `${run.group}: ${run.uid} by ${told(run)} while ${last.uid} by ${told(last)} ran`,
        })
      if (last === undefined || run.endMs > last.endMs) last = run
    }
  }
  return found
}

function isTakenAway(first: Run, second: Run, claims: Claims): boolean {
  const between = (claims.get(`${first.group} ${first.partition}`) ?? []).filter(
    ({ time }) => time > first.startMs && time <= second.startMs,
  )
  return between.some(({ value }) => value.unclean)
}

/** What a process does with a partition that it has lost must change nothing. */
function fenced({ group, effects }: GroupEnd, runs: readonly Run[]): Anomaly[] {
  const stale = new Map(runs.filter((run) => run.isStale && run.group === group).map((run) => [run.id, run]))
  return effects.flatMap(({ event, run: id }) => {
    const run = id === null ? undefined : stale.get(id)
    if (run === undefined) return []
    return [
      { name: 'fenced-effect', says: `${group}: the effect of ${event} (${run.uid}) is of ${told(run)}, too late` },
    ]
  })
}

/** However often it stands in the log and however often its handler ran. */
function repeatedEffects({ group, effects }: GroupEnd): Anomaly[] {
  const counts = new Map<string, number>()
  for (const { event } of effects) counts.set(event, (counts.get(event) ?? 0) + 1)
  return [...counts]
    .filter(([, count]) => count > 1)
    .map(([event, count]) => ({ name: 'repeated-effect', says: `${group}: ${event} has ${count} effects` }))
}

/**
 * Produced = effects + dead letters + pending, event by event. An event may be in two of them: copies of one that was
 * dead-lettered can succeed, or wait.
 */
function unaccounted({ group, topic, effects, letters, pending }: GroupEnd, log: readonly Stored[]): Anomaly[] {
  const ours = log.filter(({ partition }) => partition.startsWith(`${topic}/`))
  const produced = new Set(ours.map(({ event }) => event))
  const kept = new Set([...effects.map(({ event }) => event), ...letters, ...pending])
  const found: Anomaly[] = []
  for (const event of new Set(ours.filter(({ isIgnored }) => !isIgnored).map((one) => one.event)))
    if (!kept.has(event))
      found.push({ name: 'unaccounted', says: `${group}: ${event} is in ${topic} and nowhere else` })
  for (const event of kept)
    if (!produced.has(event))
      found.push({ name: 'phantom', says: `${group}: ${event} has an outcome and is not in ${topic}` })
  return found
}

const told = ({ process, epoch }: Run): string => `${process} (epoch ${epoch})`
