/**
 * One connection to the server.
 *
 * I1  Round trips run one after the other, in the order in which they were handed in.
 * I2  The server must say something within `answerMaxMs`; a connection that is silent for longer is cut.
 * I3  A broken connection never gets well: what is handed in later is refused without being sent.
 */
import type { PoolClient } from 'pg'
import type { Clock, Timer } from '../contracts/clock.ts'
import { MessageWriter } from './message-writer.ts'
import { isConnectionError } from './postgres-errors.ts'
import { type Answer, type DriverQuery, RoundTrip, type Step, type TripCarrier } from './round-trip.ts'
import { StatementCache } from './statement-cache.ts'

// A server has no other name that everybody may ask for.
const databaseHere = `(SELECT concat(oid, ' ', extract(epoch FROM pg_postmaster_start_time()))
  FROM pg_database WHERE datname = current_database())`

/** An expression that names the present run of the server: a crash, or another server, gives it another value. */
export const serverRun = "(SELECT coalesce(stats_reset::text, '') FROM pg_stat_bgwriter)"

export interface LinkSettings {
  readonly clock: Clock
  readonly answerMaxMs: number
  readonly statementsMax: number
}

interface Waiting {
  readonly trip: RoundTrip
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Link implements TripCarrier {
  /** Why it is of no use any more. */
  broken: { readonly error: unknown } | undefined
  readonly client: PoolClient
  readonly statements: StatementCache
  readonly writer: MessageWriter = new MessageWriter()
  /** The run of the server that it belongs to; set when it is new. */
  run = ''
  /** The database at the server's end: equal for two connections to one, by whatever name of the host. */
  place = ''
  readonly #settings: LinkSettings
  readonly #line: Waiting[] = []
  #current: Waiting | undefined
  #watch: Timer | undefined

  constructor(client: PoolClient, settings: LinkSettings) {
    this.client = client
    this.#settings = settings
    this.statements = new StatementCache(settings.statementsMax)
    // Without listeners the loss of a connection would end the process.
    client.on('error', (error) => this.#break(error))
    client.on('end', () => this.#break(new Error('the connection was closed')))
  }

  /** The process at the server's end. */
  get backend(): number {
    return (this.client as PoolClient & { readonly processID: number }).processID
  }

  trip(steps: readonly Step[], last?: DriverQuery): RoundTrip {
    return new RoundTrip(steps, this, last)
  }

  /** Sends and waits for all answers. Rejects with the server's own error, or with that of the connection. */
  send(trip: RoundTrip): Promise<void> {
    if (this.broken !== undefined) return Promise.reject(this.broken.error)
    return new Promise((resolve, reject) => {
      this.#line.push({ trip, resolve, reject })
      if (this.#current === undefined) this.#next()
    })
  }

  async answers(steps: readonly Step[]): Promise<readonly Answer[]> {
    const trip = this.trip(steps)
    await this.send(trip)
    return trip.answers
  }

  /** Gives it the session that it had when it began. */
  async discard(): Promise<void> {
    await this.answers([{ text: 'DISCARD ALL', values: [] }])
    this.statements.forgetAll()
  }

  async askRun(): Promise<void> {
    const [answer] = await this.answers([{ text: `SELECT ${serverRun}, ${databaseHere}`, values: [] }])
    const [run, place] = answer?.rows[0] ?? []
    this.run = run ?? 'unknown'
    this.place = place ?? ''
  }

  #next(): void {
    const next = this.#line.shift()
    this.#current = next
    if (next === undefined) return
    const { trip } = next
    trip.onSettled = (error) => this.#settled(next, error)
    this.#listen(trip, trip.answers.length)
    this.client.query(trip)
  }

  // I2. Every answer counts as a sign of life, so a long row of statements may take longer than one of them.
  #listen(trip: RoundTrip, heard: number): void {
    const { clock, answerMaxMs } = this.#settings
    this.#watch = clock.schedule(answerMaxMs, () => {
      if (trip.answers.length > heard) return this.#listen(trip, trip.answers.length)
      this.cut(new Error(`no answer within ${answerMaxMs} ms`))
    })
  }

  #settled({ resolve, reject }: Waiting, error: unknown): void {
    this.#watch?.cancel()
    if (error === undefined) resolve()
    else {
      if (isConnectionError(error)) this.#break(error)
      reject(error)
    }
    this.#next()
  }

  /** Ends the connection at once, whatever it is doing. */
  cut(error: unknown): void {
    this.#break(error)
    this.client.connection.stream.destroy()
  }

  #break(error: unknown): void {
    if (this.broken !== undefined) return
    this.broken = { error }
    for (const { reject } of this.#line.splice(0)) reject(error)
  }
}
