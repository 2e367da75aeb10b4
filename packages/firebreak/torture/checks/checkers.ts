import { hostileActs, oddRecords } from 'firebreak/testing'
import { oddIn } from '../history/events.ts'
import type { Effect, Evidence, ServiceEvidence } from './evidence.ts'

/** The figures that must be zero, each with what was found, in words. */
export interface Findings {
  readonly lost: readonly string[]
  readonly doubleEffects: readonly string[]
  readonly keyInversions: readonly string[]
  readonly ledgerImbalance: readonly string[]
  /** Events of units of work that are not there. */
  readonly ghostEvents: readonly string[]
  readonly halts: readonly string[]
  /** Dead letters of records that nobody has anything against. */
  readonly innocentLetters: readonly string[]
  readonly unsettled: readonly string[]
  /** Orders that ended otherwise than their act says. */
  readonly wrongEnds: readonly string[]
}

export function check(evidence: Evidence): Findings {
  const { first, second, uncertain } = evidence
  const named = (name: string, found: readonly string[]): string[] => found.map((text) => `${name}: ${text}`)
  // A copy of a dead-lettered order can still be handled, later than its successors: skipping is what a letter means. And an
  // order that went straight to the log with an unknown outcome may get there after its successors.
  const skipped = new Set([...first.dead, ...second.dead, ...uncertain])
  return {
    lost: lost(evidence),
    doubleEffects: [...named('first', doubleEffects(first)), ...named('second', doubleEffects(second))],
    keyInversions: [
      ...named('first', keyInversions(first.effects, skipped)),
      ...named('second', keyInversions(second.effects, skipped)),
    ],
    ledgerImbalance: [...named('first', first.ledger.problems), ...named('second', second.ledger.problems)],
    ghostEvents: ghostEvents(evidence),
    halts: evidence.halts,
    innocentLetters: [...named('first', first.innocentLetters), ...named('second', second.innocentLetters)],
    unsettled: evidence.unsettled,
    wrongEnds: wrongEnds(evidence),
  }
}

/**
 * Promised or in the log, and neither an effect nor a dead letter: in the service itself, or in the one after it. A
 * follow-up in the log was committed with its effect, so no dead letter stands in for that one.
 */
function lost({ promised, orders, followed, first, second }: Evidence): string[] {
  const found: string[] = []
  const handledFirst = new Set(first.effects.map(({ uid }) => uid))
  const handledSecond = new Set(second.effects.map(({ uid }) => uid))
  for (const uid of new Set([...promised, ...orders, ...followed])) {
    if (handledFirst.has(uid) || (first.dead.has(uid) && !followed.has(uid))) continue
    found.push(`first: ${uid} (${orders.has(uid) ? 'in the log' : 'not in the log'})`)
  }
  for (const uid of new Set([...handledFirst, ...followed])) {
    if (handledSecond.has(uid) || second.dead.has(uid)) continue
    found.push(`second: ${uid} (${followed.has(uid) ? 'in the log' : 'not in the log'})`)
  }
  return found
}

function doubleEffects({ effects }: ServiceEvidence): string[] {
  const byUid = new Map<string, number>()
  for (const { uid } of effects) byUid.set(uid, (byUid.get(uid) ?? 0) + 1)
  return [...byUid].filter(([, count]) => count > 1).map(([uid, count]) => `${uid} ${count} times`)
}

/** Effects of a key whose sequence number is below one that was there before; a second effect is no inversion. */
function keyInversions(effects: readonly Effect[], skipped: ReadonlySet<string>): string[] {
  const found: string[] = []
  const highest = new Map<string, number>()
  const seen = new Set<string>()
  for (const { uid, key, seq } of effects) {
    if (skipped.has(uid) || seen.has(uid)) continue
    seen.add(uid)
    const before = highest.get(key) ?? -1
    if (seq < before) found.push(`${uid} behind ${before}`)
    else highest.set(key, seq)
  }
  return found
}

/** A unit of work has one effect and one follow-up. Copies of one in the log have its id. */
function ghostEvents({ causes, first }: Evidence): string[] {
  const done = new Set(first.effects.map(({ eventId }) => eventId))
  const eventsOf = new Map<string, Set<string>>()
  for (const { event, cause } of causes) eventsOf.set(cause, (eventsOf.get(cause) ?? new Set()).add(event))
  return [...eventsOf].flatMap(([cause, events]) => {
    const ghosts = events.size - (done.has(cause) ? 1 : 0)
    return ghosts > 0 ? [`${cause}: ${ghosts} follow-ups of a unit that is not there`] : []
  })
}

function wrongEnds({ hostile, first }: Evidence): string[] {
  const ends = new Map([...hostileActs, ...oddRecords].map((one) => [one.name, one.ends]))
  const done = new Set(first.effects.map(({ uid }) => uid))
  const odd = [...done, ...first.dead].flatMap((uid): [string, string][] => {
    const name = oddIn(uid)
    return name === undefined ? [] : [[uid, name]]
  })
  return [...hostile, ...odd].flatMap(([uid, act]) => {
    if (ends.get(act) === 'done' && first.dead.has(uid)) return [`${uid}: ${act} is a dead letter`]
    if (ends.get(act) === 'dead-letter' && done.has(uid)) return [`${uid}: ${act} has an effect`]
    return []
  })
}
