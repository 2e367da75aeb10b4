import { anomaliesIn } from './checks/anomalies.ts'
import { check, type Findings } from './checks/checkers.ts'
import type { Evidence } from './checks/evidence.ts'
import { countRebalances } from './checks/rebalances.ts'
import type { MachineFaults } from './faults/machine-faults.ts'
import { brokerFaultsIn, type ServerFaults } from './faults/server-faults.ts'
import type { Op } from './history/history.ts'
import type { EngineName } from './process/engines.ts'
import type { Tally } from './process/tally.ts'

export interface Report {
  readonly engine: EngineName
  readonly seed: number
  readonly kills: number
  /** Records that the library promised to keep, or that are in the log. */
  readonly produced: number
  /** Effects of the first service. */
  readonly handled: number
  /** Open dead letters of both services. */
  readonly deadLettered: number
  readonly lost: number
  readonly doubleEffects: number
  readonly keyInversions: number
  readonly ledgerImbalance: number
  /** Events of units of work that are not there. */
  readonly ghostEvents: number
  readonly halts: number
  /** Dead letters of records that nobody has anything against. */
  readonly innocentLetters: number
  /** What has not come to rest. */
  readonly unsettled: number
  /** Orders that were handled with hostility, each counted once, and what was done to machines; kinds; how many of each. */
  readonly hostileActs: number
  readonly hostileKinds: number
  readonly hostileActsByKind: Readonly<Record<string, number>>
  /** What the history of operations shows and must not; `anomalies.ts` has the list. */
  readonly anomalies: number
  /** Operations in the history. */
  readonly operations: number
  /** At least so often, members of a group were given other partitions. */
  readonly rebalances: number
  /** Brokers that were killed and started again, or frozen for a while: the sum of the next two. */
  readonly brokerFaults: number
  readonly brokerKills: number
  readonly brokerFreezes: number
  /** Cuts between a broker and some of the members. */
  readonly partitions: number
  readonly databaseRestarts: number
  /** Stretches in which members joined and left every second. */
  readonly storms: number
  readonly durationMs: number
  /** Kills that hit the process that owned the log. */
  readonly ownerKills: number
  readonly terminations: number
  readonly freezes: number
  /** Deaths by an order that kills its process. */
  readonly crashes: number
  /** Starts that met servers which were away, and were tried again. */
  readonly unavailable: number
  /** Static members that a late request of their dead predecessor has put out of the group; they came back. */
  readonly replaced: number
  /** Dead letters of records that were alone at work when their process died: the lethal ones, and unlucky others. */
  readonly crashLetters: number
  /** Everything that went wrong, in words: behind the four figures, and around them. */
  readonly problems: readonly string[]
  /** Where the evidence is; null when there was nothing to find and nobody wanted it. */
  readonly folder: string | null
}

/** A run that is over: what was done to it, and what it has left. */
export interface FinishedRun {
  readonly engine: EngineName
  readonly seed: number
  readonly tally: Tally
  readonly faults: ServerFaults
  readonly machineFaults: MachineFaults
  readonly evidence: Evidence
  readonly durationMs: number
}

const wordsMax = 20

/** Judges a run: counts what its evidence shows, and says in words what is wrong. */
export function reportOf(run: FinishedRun): Omit<Report, 'folder'> {
  const { engine, seed, tally, faults, machineFaults, evidence, durationMs } = run
  const findings: Findings = check(evidence)
  const anomalies = anomaliesIn(evidence.observed)
  const { kills, ownerKills, terminations, freezes, crashes, unavailable, replaced } = tally
  const words = Object.entries(findings).flatMap(([name, found]: [string, readonly string[]]) =>
    found.slice(0, wordsMax).map((text) => `${name}: ${text}`),
  )
  return {
    engine,
    seed,
    kills,
    produced: new Set([...evidence.promised, ...evidence.orders]).size,
    handled: evidence.first.effects.length,
    deadLettered: evidence.first.letters + evidence.second.letters,
    lost: findings.lost.length,
    doubleEffects: findings.doubleEffects.length,
    keyInversions: findings.keyInversions.length,
    ledgerImbalance: evidence.first.ledger.imbalance + evidence.second.ledger.imbalance,
    ghostEvents: findings.ghostEvents.length,
    halts: findings.halts.length,
    innocentLetters: findings.innocentLetters.length,
    unsettled: findings.unsettled.length,
    ...hostileFigures(evidence.observed.ops, machineFaults),
    anomalies: anomalies.length,
    operations: evidence.observed.ops.length,
    rebalances: countRebalances(evidence.observed.ops),
    brokerFaults: brokerFaultsIn(faults),
    ...faults,
    durationMs,
    ownerKills,
    terminations,
    freezes,
    crashes,
    unavailable,
    replaced,
    crashLetters: evidence.first.crashLetters + evidence.second.crashLetters,
    problems: [
      ...tally.problems,
      ...words,
      ...anomalies.slice(0, wordsMax).map(({ name, says }) => `${name}: ${says}`),
    ],
  }
}

/** What was played, by the history: a record that never got to its turn is none. */
function hostileFigures(
  ops: readonly Op[],
  machineFaults: MachineFaults,
): Pick<Report, 'hostileActs' | 'hostileKinds' | 'hostileActsByKind'> {
  const orders = new Map<string, Set<string>>()
  for (const op of ops) {
    if (op.f !== 'act') continue
    const { act, uid } = op.value
    orders.set(act, (orders.get(act) ?? new Set()).add(uid))
  }
  const ofOrders = [...orders].map(([act, uids]) => [act, uids.size] as const)
  const counts = [...ofOrders, ...Object.entries(machineFaults)].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    hostileActs: counts.reduce((sum, [, count]) => sum + count, 0),
    hostileKinds: counts.length,
    hostileActsByKind: Object.fromEntries(counts),
  }
}
