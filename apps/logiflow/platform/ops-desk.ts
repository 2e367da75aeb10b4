import { createRuntime, type Database, type DeadLetter, type DeadLetters, type Log } from 'firebreak'
import type { SystemPart } from '../system.ts'
import { nowMs } from './machine.ts'
import type { LetterSummary, ReplayResult } from './messages.ts'

type Desk = {
  readonly name: string
  readonly topics: readonly string[]
  readonly database: Database
  readonly letters: DeadLetters
  readonly fixOf: NonNullable<SystemPart['fixOf']>
  readonly orderOf: NonNullable<SystemPart['orderOf']>
}

const asksNothing = (): Promise<null> => Promise.resolve(null)
const aboutNone = (): null => null

/** How long a replay that succeeded is shown. */
const REPLAYS_SHOWN_MS = 180_000

const aboutOf = (service: string, letter: DeadLetter, orderOf: Desk['orderOf']): Omit<ReplayResult, 'atMs'> => ({
  ...{ service, id: letter.id, key: letter.entry.key ?? '', eventType: letter.eventType ?? 'unknown' },
  orderId: orderOf(letter.entry.value),
})

/** What an operator's tool reads and does: straight from log and ledgers, without asking any service. */
export class OpsDesk {
  readonly #log: Log
  readonly #desks: readonly Desk[]

  constructor(log: Log, parts: readonly SystemPart[]) {
    this.#log = log
    this.#desks = parts.map(({ service, database: open, fixOf = asksNothing, orderOf = aboutNone }) => {
      const database = open()
      return {
        name: service.name,
        topics: service.topics,
        database,
        letters: createRuntime({ service, log, database, observe: false }).deadLetters,
        ...{ fixOf, orderOf },
      }
    })
  }

  /** Records that each service has not finished. */
  async backlog(): Promise<Readonly<Record<string, number>>> {
    const inspection = this.#log.inspect()
    const topics = await inspection.topics()
    const counts = this.#desks.map(async ({ name, topics: own }) => {
      const committed = new Map(
        (await inspection.committed(name)).map((at) => [`${at.topic}/${at.partition}`, at.offset]),
      )
      const behind = topics
        .filter((topic) => own.includes(topic.name))
        .flatMap((topic) =>
          topic.ends.map((end) => end.next - (committed.get(`${topic.name}/${end.partition}`) ?? end.first)),
        )
      return [name, behind.reduce((total, count) => total + Math.max(0, count), 0)] as const
    })
    return Object.fromEntries(await Promise.all(counts))
  }

  async letters(): Promise<readonly LetterSummary[]> {
    const lists = this.#desks.map(async ({ name, letters, database, fixOf, orderOf }) => {
      const [open, replaying] = await Promise.all([
        letters.list({ state: 'open', max: 20 }),
        letters.list({ state: 'replaying', max: 20 }),
      ])
      const summaries = [...open, ...replaying].map(
        async (letter): Promise<LetterSummary> => ({
          ...{ ...aboutOf(name, letter, orderOf), message: letter.message, atMs: letter.atMs },
          attempts: letter.attempts.length,
          state: letter.state === 'open' ? 'open' : 'replaying',
          fix: await fixOf(database, letter.message),
        }),
      )
      return Promise.all(summaries)
    })
    return (await Promise.all(lists)).flat()
  }

  /** Dead letters that were replayed and handled in the last minutes, the newest first. */
  async replays(): Promise<readonly ReplayResult[]> {
    const lists = this.#desks.map(async ({ name, letters, orderOf }) =>
      (await letters.list({ state: 'resolved', max: 5 })).map(
        (letter): ReplayResult => ({ ...aboutOf(name, letter, orderOf), atMs: letter.history.at(-1)?.atMs ?? 0 }),
      ),
    )
    return (await Promise.all(lists))
      .flat()
      .filter(({ atMs }) => nowMs() - atMs < REPLAYS_SHOWN_MS)
      .sort((a, b) => b.atMs - a.atMs)
  }

  async replay(service: string, id: string): Promise<void> {
    const desk = this.#desks.find(({ name }) => name === service)
    await desk?.letters.replay(id, { by: 'operator', note: 'replayed from the operations strip' })
  }

  async close(): Promise<void> {
    for (const { database } of this.#desks) await database.close()
  }
}
