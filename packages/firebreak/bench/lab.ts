import { readFileSync } from 'node:fs'
import { readScenario } from '../../lab/src/file/read-scenario.ts'
import type { Scenario } from '../../lab/src/model/scenario.ts'
import { runScenario } from '../../lab/src/run/run.ts'
import { Simulation } from '../../lab/src/sim/simulation.ts'
import { type Due, VirtualTime } from '../../lab/src/sim/virtual-time.ts'
import type { Attempt, Caller } from '../src/policy/attempt.ts'
import { policy } from '../src/policy/definition/policy.ts'
import { Executor } from '../src/policy/executor.ts'
import { seededEntropy } from '../src/testing/virtual-time/seeded-entropy.ts'
import { perSecond } from './common/settings.ts'
import { type Goal, Rounds, type Suite } from './common/suite.ts'

const atLeast = (name: string, least: number): Goal => ({
  name,
  text: `>= ${least}`,
  holds: (figures) => Number(figures[name]) >= least,
})

const goals: readonly Goal[] = [
  atLeast('eventsPerSec', 2_000_000),
  atLeast('fullPolicyCallsPerSec', 400_000),
  { name: 'seed004Ms', text: '< 2000', holds: ({ seed004Ms }) => Number(seed004Ms) < 2000 },
]

/** The lab in virtual time: bare events, calls under the full policy, whole scenarios. */
export const labSuite: Suite = {
  name: 'lab',
  goals,
  missing: () => undefined,
  run: async ({ rounds, share, say }) => {
    const showdown = await scenarioNamed('seed-004')
    const queue = await readText(desk)
    const seen = new Rounds()
    const of = (count: number): number => Math.round(count * share)
    queueEvents(of(500_000))
    policyCalls(of(100_000))
    for (let round = 1; round <= rounds; round++) {
      say(`lab, round ${round} of ${rounds}`)
      seen.add('holdEventsPerSec', holdEvents(of(10_000_000)))
      seen.add('eventsPerSec', queueEvents(of(10_000_000)))
      seen.add('fullPolicyCallsPerSec', policyCalls(of(2_000_000)))
      seen.add('scenarioEventsPerSec', scenarioEvents(queue))
      const startedAt = performance.now()
      await runScenario(showdown)
      seen.add('seed004Ms', Math.round(performance.now() - startedAt))
    }
    const names = ['holdEventsPerSec', 'eventsPerSec', 'fullPolicyCallsPerSec', 'scenarioEventsPerSec', 'seed004Ms']
    return {
      figures: Object.fromEntries(names.map((name) => [name, seen.median(name)])),
      ratios: {},
      rounds: seen.all(),
      settings: {
        hold: '1000 events pending',
        events: 'M/M/8 at 0.9, written on the calendar',
        calls: '200 callers, one after the other each, every part of the default policy, 50 ms',
        scenario: 'M/M/8 at 0.9, as a scenario, with all its stats',
      },
    }
  },
}

/** Each event sets itself anew: what the calendar alone can do. */
function holdEvents(count: number): number {
  const time = new VirtualTime()
  const { random } = seededEntropy(1)
  for (let i = 0; i < 1000; i++) {
    const due: Due = { ticket: 0, fire: () => time.after(1 + Math.floor(random() * 1e6), due) }
    time.after(i, due)
  }
  return measured(time, count)
}

/** Arrivals and eight servers, as callbacks. */
function queueEvents(count: number): number {
  const time = new VirtualTime()
  const { random } = seededEntropy(2)
  const draw = (meanUs: number): number => Math.round(-Math.log(1 - random()) * meanUs)
  let waiting = 0
  const idle: Due[] = []
  for (let i = 0; i < 8; i++) {
    const server: Due = {
      ticket: 0,
      fire() {
        if (waiting === 0) {
          idle.push(server)
          return
        }
        waiting--
        time.after(draw(100_000), server)
      },
    }
    idle.push(server)
  }
  const arrival: Due = {
    ticket: 0,
    fire() {
      time.after(draw(100_000 / 7.2), arrival)
      const server = idle.pop()
      if (server === undefined) waiting++
      else time.after(draw(100_000), server)
    },
  }
  time.after(0, arrival)
  return measured(time, count)
}

/** 200 callers that call again as soon as they are answered. */
function policyCalls(count: number): number {
  const time = new VirtualTime()
  const { random } = seededEntropy(3)
  const spec = { bulkhead: { slots: 400 }, limit: { kind: 'vegas', initial: 300, min: 250, max: 1000 } } as const
  const executor = new Executor(policy(spec), { name: 'bench', clock: time, random })
  let calls = 0
  const send = (attempt: Attempt<number>): void => {
    const answer: Due = { ticket: 0, fire: () => attempt.succeed(1) }
    time.after(50_000, answer)
  }
  const again: Caller<number> = {
    succeeded() {
      if (++calls < count) executor.start(send, again)
    },
    failed(failure) {
      throw new Error(`a call failed: ${failure.reason}`)
    },
  }
  const startedAt = performance.now()
  for (let i = 0; i < 200; i++) executor.start(send, again)
  while (calls < count) time.advance(time.nowUs + 1_000_000, Number.POSITIVE_INFINITY)
  return perSecond(calls, performance.now() - startedAt)
}

function scenarioEvents(scenario: Scenario): number {
  const [arm] = scenario.arms
  if (arm === undefined) throw new Error('the scenario has no arm')
  const simulation = new Simulation({ scenario, arm, replication: 0, spans: [] })
  const startedAt = performance.now()
  simulation.advance(Number.POSITIVE_INFINITY)
  return perSecond(simulation.time.fired, performance.now() - startedAt)
}

function measured(time: VirtualTime, count: number): number {
  const startedAt = performance.now()
  time.advance(Number.MAX_SAFE_INTEGER, count)
  return perSecond(time.fired, performance.now() - startedAt)
}

const desk = `
version: 1
duration: 3h
services: {desk: {workers: 8, latency: {kind: exponential, mean: 100ms}}}
traffic: {to: desk, rate: 72}
`

const scenarioNamed = (name: string): Promise<Scenario> =>
  readText(readFileSync(new URL(`../../lab/scenarios/${name}.yaml`, import.meta.url), 'utf8'))

async function readText(text: string): Promise<Scenario> {
  const { scenario, problems } = await readScenario(text, { format: 'yaml' })
  if (scenario === undefined) throw new Error(problems.map(({ message }) => message).join('\n'))
  return scenario
}
