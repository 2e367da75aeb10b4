import { systemClock } from '../../../src/node/clock.ts'
import type { Runtime } from '../../../src/runtime/runtime.ts'
import { createRuntime } from '../../../src/runtime/runtime.ts'
import type { Act } from '../../../src/testing/hostile/act.ts'
import { memoryLog } from '../../../src/testing/memory-log/memory-log.ts'
import { seededEntropy, subSeed } from '../../../src/testing/virtual-time/seeded-entropy.ts'
import type { HostileEvidence } from '../../hostile-findings.ts'
import { castOf, evidenceOf, type Ports, planOf, prepare, recordOf, unsettledIn } from '../../hostile-scene.ts'
import { PostgresScene } from './scene.ts'

export interface PostgresPlay {
  readonly seed: number
  readonly acts: readonly Act[]
  readonly hostile: number
  readonly innocent: number
  /** Records that are sent at once, so that they share commits. */
  readonly groups: number
}

export interface PostgresRun {
  readonly evidence: HostileEvidence
  readonly plays: Readonly<Record<string, number>>
}

/** Long for what waits for each other, short for a test. */
const transactionMaxMs = 1000
const lockTimeoutMs = 2000
const waitMaxMs = 60_000

/** Plays hostile and innocent records on a database of its own, in real time, until everything has come to rest. */
export async function playOnPostgres(play: PostgresPlay): Promise<PostgresRun> {
  const scene = await PostgresScene.start()
  const database = scene.open({ transactionMaxMs, lockTimeoutMs })
  const log = memoryLog()
  const late: { runtime?: Runtime } = {}
  try {
    const ownSession = await prepare(database)
    const cast = castOf({
      acts: play.acts,
      dialect: 'postgres',
      clock: () => systemClock,
      entropy: seededEntropy(subSeed(play.seed, 'acts')),
      transactionMaxMs,
      ports: () => ({ database, runtime: late.runtime as Runtime }),
    })
    const runtime = createRuntime({ service: cast.service, log, database, observe: cast.observe })
    runtime.done.catch(() => undefined)
    late.runtime = runtime
    await runtime.start()
    const ports: Ports = { ownSession, database, log, letters: runtime.deadLetters }
    const plan = planOf(
      { ...play, seed: `p${play.seed}`, spreadMs: play.groups, gatherMs: 1 },
      seededEntropy(subSeed(play.seed, 'plan')),
    )
    for (const group of Map.groupBy(plan, ({ atMs }) => atMs).values()) {
      await log.append(group.map(recordOf))
      await atRest(ports, cast.facts)
    }
    const evidence = await evidenceOf(plan, ports, cast.facts)
    await runtime.stop()
    return { evidence, plays: cast.hostility.counts }
  } finally {
    await late.runtime?.stop().catch(() => undefined)
    await database.close()
    await log.close()
    await scene.end()
  }
}

/** Until nothing is left to do, or nothing will be done any more. */
async function atRest(ports: Ports, facts: readonly { readonly kind: string }[]): Promise<void> {
  const untilMs = systemClock.monotonic() + waitMaxMs
  while (systemClock.monotonic() < untilMs) {
    if (facts.some(({ kind }) => kind === 'halted')) return
    if ((await unsettledIn(ports)).length === 0) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}
