import type { Act } from '../src/testing/hostile/act.ts'

/** A record of a run; innocent when it has no act. */
export interface SentRecord {
  readonly eventId: string
  readonly key: string
  /** Rises per key. */
  readonly n: number
  readonly act: Act | null
}

export interface Left {
  readonly eventId: string
  readonly key: string
  readonly n: number
  /** What the unit saw of its session. */
  readonly session: string
}

/** What a run has left behind; the engine does not matter. */
export interface HostileEvidence {
  readonly sent: readonly SentRecord[]
  /** In the order of their commits. */
  readonly effects: readonly Left[]
  readonly letters: readonly { readonly eventId: string; readonly reason: string; readonly attempts: number }[]
  /** In the log, with the record that caused each; a copy has the id of its original. */
  readonly followed: readonly { readonly id: string; readonly cause: string }[]
  /** Attempts that were told to have failed. */
  readonly failed: readonly { readonly eventId: string; readonly attempt: number }[]
  readonly halts: readonly string[]
  /** What has not come to rest. */
  readonly unsettled: readonly string[]
  readonly ledger: readonly string[]
  /** Writes that must not be there. */
  readonly trespasses: number
  /** What a unit sees that has its session for itself. */
  readonly ownSession: string
  /** Attempts that the policy of hostile records allows. */
  readonly attemptsMax: number
}

/** What is wrong, in words, under the name of the promise that it breaks. All empty when nothing is. */
export interface HostileFindings {
  readonly halts: readonly string[]
  readonly unsettled: readonly string[]
  readonly lost: readonly string[]
  readonly doubleEffects: readonly string[]
  readonly ghostEvents: readonly string[]
  readonly missingEvents: readonly string[]
  readonly keyInversions: readonly string[]
  readonly ledger: readonly string[]
  readonly innocentLetters: readonly string[]
  readonly innocentAttempts: readonly string[]
  readonly foreignSessions: readonly string[]
  readonly wrongEnds: readonly string[]
  readonly overtried: readonly string[]
  readonly trespasses: readonly string[]
}

export function judge(evidence: HostileEvidence): HostileFindings {
  const { sent, effects, letters, failed, halts, unsettled, ledger, trespasses } = evidence
  const of = new Map(sent.map((record) => [record.eventId, record]))
  const innocents = new Set(sent.filter(({ act }) => act === null).map(({ eventId }) => eventId))
  const named = (eventId: string): string => {
    const record = of.get(eventId)
    return record === undefined ? eventId : `${record.key}:${record.n} ${record.act?.name ?? 'innocent'}`
  }
  return {
    halts,
    unsettled,
    ledger,
    ...outcomes(evidence, named),
    ...events(evidence, named),
    keyInversions: inversions(effects),
    innocentLetters: letters
      .filter(({ eventId }) => innocents.has(eventId))
      .map(({ eventId, reason }) => `${named(eventId)} (${reason})`),
    innocentAttempts: failed.filter(({ eventId }) => innocents.has(eventId)).map(({ eventId }) => named(eventId)),
    foreignSessions: effects
      .filter(({ eventId, session }) => innocents.has(eventId) && session !== evidence.ownSession)
      .map(({ eventId, session }) => `${named(eventId)} saw ${session}`),
    ...tries(evidence, of, named),
    trespasses: trespasses === 0 ? [] : [`${trespasses} writes that must not be there`],
  }
}

/** What there is of a run, the names of the empty lists left out: for a message. */
export const told = (findings: HostileFindings): Partial<HostileFindings> =>
  Object.fromEntries(Object.entries(findings).filter(([, found]) => found.length > 0))

type Named = (eventId: string) => string

function outcomes(
  { sent, effects, letters }: HostileEvidence,
  named: Named,
): Pick<HostileFindings, 'lost' | 'doubleEffects' | 'wrongEnds'> {
  const [done, dead] = [countsOf(effects.map((one) => one.eventId)), countsOf(letters.map((one) => one.eventId))]
  const [lost, doubleEffects, wrongEnds]: string[][] = [[], [], []]
  for (const { eventId, act } of sent) {
    const [doneTimes, deadTimes] = [done.get(eventId) ?? 0, dead.get(eventId) ?? 0]
    if (doneTimes + deadTimes === 0) lost?.push(named(eventId))
    if (doneTimes > 1) doubleEffects?.push(`${named(eventId)} ${doneTimes} times`)
    if (deadTimes > 1 || (doneTimes > 0 && deadTimes > 0)) wrongEnds?.push(`${named(eventId)} ended twice`)
    const ends = act?.ends ?? 'done'
    if ((ends === 'done' && deadTimes > 0) || (ends === 'dead-letter' && doneTimes > 0))
      wrongEnds?.push(`${named(eventId)} should be ${ends}`)
  }
  return { lost: lost ?? [], doubleEffects: doubleEffects ?? [], wrongEnds: wrongEnds ?? [] }
}

/** A unit publishes one event with its effect: more are those of units that came to nothing. */
function events(
  { sent, effects, followed }: HostileEvidence,
  named: Named,
): Pick<HostileFindings, 'ghostEvents' | 'missingEvents'> {
  const idsOf = new Map<string, Set<string>>()
  for (const { id, cause } of followed) idsOf.set(cause, (idsOf.get(cause) ?? new Set()).add(id))
  const done = new Set(effects.map(({ eventId }) => eventId))
  const known = new Set(sent.map(({ eventId }) => eventId))
  const ghostEvents = [...idsOf].flatMap(([cause, ids]) => {
    const ghosts = ids.size - (done.has(cause) && known.has(cause) ? 1 : 0)
    return ghosts > 0 ? [`${named(cause)}: ${ghosts} events of a unit that is not there`] : []
  })
  return { ghostEvents, missingEvents: [...done].filter((eventId) => !idsOf.has(eventId)).map(named) }
}

function inversions(effects: readonly Left[]): readonly string[] {
  const highest = new Map<string, number>()
  const found: string[] = []
  for (const { key, n } of effects) {
    const before = highest.get(key) ?? -1
    if (n < before) found.push(`${key}: ${n} behind ${before}`)
    highest.set(key, Math.max(n, before))
  }
  return found
}

/** No more attempts than the policy allows, and none counted that must not be. */
function tries(
  { failed, attemptsMax }: HostileEvidence,
  of: ReadonlyMap<string, SentRecord>,
  named: Named,
): Pick<HostileFindings, 'overtried'> {
  const last = new Map<string, number>()
  for (const { eventId, attempt } of failed) last.set(eventId, Math.max(attempt, last.get(eventId) ?? 0))
  const overtried = [...last].flatMap(([eventId, attempts]) => {
    const act = of.get(eventId)?.act ?? null
    if (act === null) return []
    if (act.counts) return attempts > attemptsMax ? [`${named(eventId)}: ${attempts} attempts`] : []
    if (act.ends === 'done') return [`${named(eventId)}: a failed attempt`]
    return attempts > 1 ? [`${named(eventId)}: attempt ${attempts} was counted`] : []
  })
  return { overtried }
}

function countsOf(ids: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}
