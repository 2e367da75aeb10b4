import assert from 'node:assert/strict'
import { FirebreakError } from '../contracts/errors.ts'
import { count, type OptionTable, optionProblems, other } from '../contracts/option.ts'

export interface Startable {
  start?(): Promise<unknown>
  close(): Promise<unknown>
}

export interface StartStopOptions {
  create(): Startable | Promise<Startable>
  readonly rounds: number
  /** How many live at the same time. */
  readonly concurrent: number
}

export const startStopOptions: OptionTable<StartStopOptions> = {
  create: other,
  rounds: count('rounds', { least: 1, meaning: 'how often as many of a thing live' }),
  concurrent: count('things', { least: 1, most: 100_000, meaning: 'how many live at the same time' }),
}

type Life = (one: Startable) => Promise<unknown>

const start: Life = async (one) => one.start?.()

// Every way in which a start and a close can meet. A start that is overtaken may be refused; a close never may.
const lives: readonly Life[] = [
  (one) => start(one).then(() => one.close()),
  (one) => one.close(),
  (one) => Promise.all([start(one).catch(() => {}), one.close()]),
  (one) => start(one).then(() => Promise.all([one.close(), one.close()])),
  (one) =>
    start(one)
      .then(() => one.close())
      .then(() => one.close()),
]

/**
 * Starts and closes many of a thing in every order, many at a time: none may hang, reject its close, or leave a socket,
 * a timer or a thread behind.
 */
export async function startStopStress(options: StartStopOptions): Promise<void> {
  const problems = optionProblems(startStopOptions, options)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const before = activeResources()
  for (let round = 0; round < options.rounds; round++) {
    const all = Array.from({ length: options.concurrent }, async (_, i) => {
      const life = lives[(round + i) % lives.length] ?? start
      await life(await options.create())
    })
    await Promise.all(all)
  }
  await settled(before)
}

/** Closing a socket takes the system a few turns of the event loop. */
async function settled(before: ReadonlyMap<string, number>): Promise<void> {
  for (let turn = 0; turn < 200 && leaks(before).length > 0; turn++) await new Promise((next) => setImmediate(next))
  assert.deepEqual(leaks(before), [], 'left behind')
}

function leaks(before: ReadonlyMap<string, number>): string[] {
  return [...activeResources()].flatMap(([kind, count]) => {
    const more = count - (before.get(kind) ?? 0)
    return more > 0 && kind !== 'Immediate' ? [`${more} ${kind}`] : []
  })
}

function activeResources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}
