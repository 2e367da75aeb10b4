/**
 * Judges the history of a run. Pure: the same history, the same verdict.
 *
 * What is legal under at-least-once, and therefore no anomaly: an event that stands in the log twice because it was appended
 * twice; a record whose append had an unknown outcome (`info`, or its process died), be it there, there late, there twice or
 * not there; a record that is polled again after its partition has moved; a handler that starts again, and one that starts
 * after its process has lost the partition without knowing, as long as nothing comes of it.
 *
 * **Source** the anomalies of the log are those of Jepsen's workload for Kafka (`jepsen.tests.kafka`)
 */

import type { CommitOp, Op, PollOp } from '../history/history.ts'
import { handlingAnomalies } from './anomalies-of-handling.ts'
import type { Anomaly, Observed } from './anomaly.ts'
import { type Send, type Sends, sendsIn } from './sends.ts'
import { heldBetween, type Places, placesOf } from './sightings.ts'

export function anomaliesIn(observed: Observed): readonly Anomaly[] {
  const sends = sendsIn(observed.ops)
  const places = placesOf(observed, sends)
  return [
    ...cuts(observed),
    ...aborted(sends, places),
    ...unsettled(places),
    ...repeated(sends, places),
    ...missing(observed, sends, places),
    ...pollsAstray(observed.ops, places),
    ...sendsAstray(sends),
    ...handlingAnomalies(observed),
  ]
}

/** A history that was cut proves nothing. */
const cuts = ({ ops }: Observed): Anomaly[] =>
  ops.filter(({ f }) => f === 'cut').map(({ process }) => ({ name: 'cut-history', says: `${process} wrote too much` }))

/** What was refused for certain must not be there: the sender may have sent something else instead. */
function aborted(sends: Sends, places: Places): Anomaly[] {
  return [...places.ofId]
    .filter(([id]) => sends.get(id)?.outcome === 'fail')
    .map(([id, at]) => ({ name: 'G1a', says: `${id} was refused and is at ${at.join(', ')}` }))
}

/** An offset is one record, for every reader and forever: otherwise positions mean nothing. */
function unsettled({ idsAt }: Places): Anomaly[] {
  return [...idsAt]
    .filter(([, ids]) => ids.size > 1)
    .map(([at, ids]) => ({
      name: 'inconsistent-offsets',
      says: `${at}: ${[...ids].map(([id, reader]) => `${id} for ${reader}`).join(', ')}`,
    }))
}

/** The retries inside one acknowledged append are the adapter's own: idempotence must keep them from the log. */
function repeated(sends: Sends, { ofId }: Places): Anomaly[] {
  return [...ofId]
    .filter(([id, at]) => at.length > 1 && sends.get(id)?.outcome === 'ok')
    .map(([id, at]) => ({ name: 'duplicate', says: `${id} was acknowledged once and is at ${at.join(', ')}` }))
}

/** Acknowledged means kept, and offered to every group that reads the topic. */
function missing({ ops, groups }: Observed, sends: Sends, places: Places): Anomaly[] {
  const polled = polledByGroup(ops)
  const found: Anomaly[] = []
  for (const { id, topic, outcome, at } of sends.values()) {
    if (outcome !== 'ok' || at === undefined) continue
    const where = `${id}, acknowledged at ${at.partition}/${at.offset},`
    if (!places.ofId.has(id)) {
      const end = places.offsets.get(at.partition)?.at(-1) ?? -1
      if (at.offset < end) found.push({ name: 'lost-write', says: `${where} is not there, though ${end} is` })
      else found.push({ name: 'unseen', says: `${where} was never read by anybody` })
      continue
    }
    for (const { group } of groups.filter((one) => one.topic === topic))
      if (!polled.get(group)?.has(id)) found.push({ name: 'unseen', says: `${where} was never polled by ${group}` })
  }
  return found
}

function polledByGroup(ops: readonly Op[]): ReadonlyMap<string, ReadonlySet<string>> {
  const polled = new Map<string, Set<string>>()
  for (const op of ops) {
    if (op.f !== 'poll') continue
    const ids = polled.get(op.group) ?? new Set()
    polled.set(op.group, ids)
    for (const entries of Object.values(op.value)) for (const [, id] of entries) ids.add(id)
  }
  return polled
}

/**
 * While a cursor holds a partition, it reads on from where it was. When it gets the partition it starts where the group has
 * committed, or before that: beyond every commit, it would pass over records that nobody has handled.
 */
function pollsAstray(ops: readonly Op[], places: Places): Anomaly[] {
  const found: Anomaly[] = []
  const refused = refusedIn(ops)
  const committed = new Map<string, number>()
  /** Cursor -> partition -> last offset polled, or -1. */
  const held = new Map<string, Map<string, number>>()
  for (const op of ops) {
    if (op.f === 'commit' && op.type === 'invoke') noteCommits(op, { refused, committed })
    if (op.f !== 'assign' && op.f !== 'poll') continue
    const cursor = `${op.process} cursor ${op.cursor}`
    const before = held.get(cursor) ?? new Map<string, number>()
    if (op.f === 'assign') held.set(cursor, new Map(op.value.map((p) => [p, before.get(p) ?? -1])))
    else found.push(...pollAstray(op, { cursor, last: before, committed, places }))
  }
  return found
}

/** `process#call partition` of every commit that was not taken. One without an answer may have been, and from its call on. */
function refusedIn(ops: readonly Op[]): ReadonlySet<string> {
  const refusals = ops.filter((op) => op.f === 'commit').filter((op) => op.type === 'fail')
  return new Set(refusals.flatMap(({ process, call, value }) => value.map((id) => `${process}#${call} ${id}`)))
}

function noteCommits(
  { process, call, group, value }: Extract<Op, CommitOp & { type: 'invoke' }>,
  { refused, committed }: { refused: ReadonlySet<string>; committed: Map<string, number> },
): void {
  for (const [partition, next] of Object.entries(value)) {
    if (refused.has(`${process}#${call} ${partition}`)) continue
    const at = `${group} ${partition}`
    committed.set(at, Math.max(next, committed.get(at) ?? 0))
  }
}

interface Tenure {
  readonly cursor: string
  readonly last: Map<string, number>
  readonly committed: ReadonlyMap<string, number>
  readonly places: Places
}

function pollAstray(op: PollOp, { cursor, last, committed, places }: Tenure): Anomaly[] {
  const found: Anomaly[] = []
  for (const [partition, entries] of Object.entries(op.value)) {
    for (const [offset] of entries) {
      const before = last.get(partition) ?? -1
      const from = before === -1 ? (committed.get(`${op.group} ${partition}`) ?? 0) : before + 1
      if (before !== -1 && offset <= before) {
        found.push({ name: 'nonmonotonic-poll', says: `${cursor} read ${partition}/${offset} after ${before}` })
      } else {
        const skipped = heldBetween(places.offsets.get(partition) ?? [], from, offset)
        const after = before === -1 ? `with ${from} committed` : `after ${before}`
        if (skipped !== undefined)
          found.push({ name: 'poll-skip', says: `${cursor} read ${partition}/${offset} ${after}, not ${skipped}` })
      }
      last.set(partition, offset)
    }
  }
  return found
}

/** Records of one key keep the order of the calls of their process; only of acknowledged ones it is known when they went. */
function sendsAstray(sends: Sends): Anomaly[] {
  const found: Anomaly[] = []
  const last = new Map<string, Send>()
  for (const send of sends.values()) {
    if (send.key === null || send.outcome !== 'ok' || send.at === undefined) continue
    const line = `${send.process} ${send.topic} ${send.key}`
    const before = last.get(line)
    last.set(line, send)
    if (before?.at === undefined) continue
    const isBehind = before.at.partition === send.at.partition && before.at.offset < send.at.offset
    if (!isBehind)
      found.push({
        name: 'nonmonotonic-send',
        says: `${send.id} (${send.at.partition}/${send.at.offset}) after ${before.id} (${before.at.partition}/${before.at.offset})`,
      })
  }
  return found
}
