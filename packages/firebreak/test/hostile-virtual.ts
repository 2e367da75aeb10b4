import type { Act } from '../src/testing/hostile/act.ts'
import { createTestRuntime, type TestRuntime } from '../src/testing/test-runtime.ts'
import { seededEntropy, subSeed } from '../src/testing/virtual-time/seeded-entropy.ts'
import type { HostileEvidence } from './hostile-findings.ts'
import {
  castOf,
  evidenceOf,
  type Planned,
  type Ports,
  planOf,
  prepare,
  recordOf,
  serviceName,
  unsettledIn,
} from './hostile-scene.ts'
import { named } from './named.ts'

export interface VirtualOptions {
  readonly seed: number
  readonly acts: readonly Act[]
  readonly hostile: number
  readonly innocent: number
  readonly spreadMs: number
  /** The same plan without its hostile records, and without what is sent behind them. */
  readonly isCalm?: boolean
}

export interface VirtualRun {
  readonly evidence: HostileEvidence
  readonly plays: Readonly<Record<string, number>>
  /** Of the innocent records whose keys have no hostile ones, in the order in which they were sent. */
  readonly latenciesMs: readonly number[]
}

const gatherMs = 100
const roundMs = 10_000
const roundsMax = 60

/** Plays hostile and innocent records on SQLite in virtual time until everything has come to rest. */
export async function playVirtually(options: VirtualOptions): Promise<VirtualRun> {
  const { seed, acts } = options
  const late: { app?: TestRuntime } = {}
  const appNow = (): TestRuntime => late.app as TestRuntime
  const cast = castOf({
    acts,
    dialect: 'sqlite',
    clock: () => appNow().clock,
    entropy: seededEntropy(subSeed(seed, 'acts')),
    transactionMaxMs: 5000,
    ports: () => named(appNow(), serviceName),
  })
  let ownSession = ''
  const doneAtMs = new Map<string, number>()
  const app = await createTestRuntime({
    services: [cast.service],
    seed,
    expectDeadLetters: true,
    prepare: async (database) => {
      ownSession = await prepare(database)
    },
    observe: (fact) => {
      if (fact.kind === 'done' && fact.eventId !== null) doneAtMs.set(fact.eventId, appNow().clock.now())
      return cast.observe(fact)
    },
  })
  late.app = app
  const whole = planOf({ ...options, gatherMs, seed: `s${seed}` }, seededEntropy(subSeed(seed, 'plan')))
  const plan = options.isCalm === true ? whole.filter(({ key }) => key.startsWith('k')) : whole
  const startMs = app.clock.now()
  await send(app, plan)
  const ports: Ports = {
    ownSession,
    database: named(app, serviceName).database,
    log: app.log,
    letters: named(app, serviceName).deadLetters,
  }
  let round = 0
  while (round++ < roundsMax && (await timely(app, unsettledIn(ports))).length > 0) await app.advance(roundMs)
  const evidence = await timely(app, evidenceOf(plan, ports, cast.facts))
  await app.stop()
  const latenciesMs = plan
    .filter(({ act, key }) => act === null && key.startsWith('k'))
    .map(({ eventId, atMs }) => (doneAtMs.get(eventId) ?? Number.POSITIVE_INFINITY) - startMs - atMs)
  return { evidence, plays: cast.hostility.counts, latenciesMs }
}

/** A private database has one connection: who asks it while a unit holds it waits until time passes. */
async function timely<T>(app: TestRuntime, asked: Promise<T>): Promise<T> {
  const answered = asked.then(
    () => true,
    () => true,
  )
  while (!(await Promise.race([answered, app.settle().then(() => false)]))) await app.advance(100)
  return asked
}

async function send(app: TestRuntime, plan: readonly Planned[]): Promise<void> {
  const startMs = app.clock.now()
  for (const [atMs, records] of Map.groupBy(plan, (one) => one.atMs)) {
    const waitMs = startMs + atMs - app.clock.now()
    if (waitMs > 0) await app.advance(waitMs)
    await app.log.append(records.map(recordOf))
    await app.settle()
  }
}
