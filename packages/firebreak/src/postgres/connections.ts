/**
 * The connections of one database.
 *
 * I1  The schema of the ledger exists before the first connection is handed out.
 * I2  A broken connection is thrown away; the next one asked for is new.
 * I3  Waiting for a connection is bounded by `connectTimeoutMs`.
 * I4  `effects` is no older than the newest function, trigger, rule, policy, default and constraint that a transaction has
 *     seen, nor than what was defined through this database; what another program changes besides is known a second later.
 * I5  A connection that was used before its statements could be judged as they are now begins a new session.
 */
import pg, { type PoolClient } from 'pg'
import { errorMessage, FirebreakError, invariant, isFirebreakError } from '../contracts/errors.ts'
import { BatchInserts } from './batch-insert.ts'
import { readCatalogue, readState } from './catalogue.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { FunctionEffects } from './function-effects.ts'
import { Link } from './link.ts'
import { postgresError } from './postgres-errors.ts'
import { ensureSchema } from './schema.ts'

const closeMaxMs = 2000
const effectsKeptMs = 1000

export class Connections {
  readonly settings: ConnectionSettings
  readonly inserts: BatchInserts = new BatchInserts()
  /** Equal for two handles on one database; known when one of its connections is. */
  place: string | undefined
  #effects: FunctionEffects = new FunctionEffects({ version: '', functions: [], direct: [], dependences: [] })
  /** Of the catalogue that they were read from. */
  #state = ''
  #effectsAtMs = Number.NEGATIVE_INFINITY
  readonly #pool: pg.Pool
  readonly #judged = new WeakMap<Link, FunctionEffects>()
  readonly #links = new WeakMap<PoolClient, Link>()
  /** Those whose socket is open. */
  readonly #live = new Set<Link>()
  #onLastEnd: (() => void) | undefined
  #prepared: Promise<void> | undefined

  constructor(settings: ConnectionSettings) {
    this.settings = settings
    this.#pool = new pg.Pool(settings.pool)
    // An idle connection that is lost is the pool's to drop; the next call makes a new one.
    this.#pool.on('error', () => {})
    this.#pool.on('connect', (client) => {
      const link = new Link(client, settings)
      this.#links.set(client, link)
      this.#live.add(link)
      client.on('end', () => {
        this.#live.delete(link)
        if (this.#live.size === 0) this.#onLastEnd?.()
      })
    })
  }

  /** What statements can leave behind, with the functions of this database in mind. */
  get effects(): FunctionEffects {
    return this.#effects
  }

  /** Something was defined here that may be a function, or run one. */
  effectsChanged(): void {
    this.#effectsAtMs = Number.NEGATIVE_INFINITY
  }

  /** I4, I5. Not all that changes what statements do changes the version. For a link that is in no transaction. */
  async refreshEffects(link: Link): Promise<void> {
    const isOld = this.settings.clock.monotonic() - this.#effectsAtMs > effectsKeptMs
    if (isOld) await this.readEffects(link)
    if (this.#judged.get(link) === this.#effects) return
    if (this.#judged.has(link)) await link.discard()
    this.#judged.set(link, this.#effects)
  }

  /** As the catalogue is now. **Errors** of the database alone: no unit is to blame for one. */
  async readEffects(link: Link): Promise<void> {
    const { clock, path } = this.settings
    const atMs = clock.monotonic()
    try {
      const state = await readState(link)
      if (state !== this.#state) this.#effects = new FunctionEffects(await readCatalogue(link))
      this.#state = state
      this.#effectsAtMs = atMs
    } catch (error) {
      const mapped = postgresError(error, path)
      if (isFirebreakError(mapped)) throw mapped
      throw new FirebreakError('FB_DATABASE_UNAVAILABLE', { path, reason: errorMessage(error) }, error)
    }
  }

  outOfTime(): FirebreakError {
    return new FirebreakError('FB_TRANSACTION_TIMEOUT', { limitMs: this.settings.transactionMaxMs })
  }

  /** Lends a connection for the time of `use`, whose errors are its own; those of getting one are firebreak errors. */
  async lend<T>(use: (link: Link) => Promise<T>): Promise<T> {
    await this.#prepare()
    return this.#lend(use)
  }

  /** Asks the server to end the statement that `busy` waits for. Best effort: its time limit ends it otherwise. */
  async cancel(busy: Link): Promise<void> {
    try {
      await this.lend((link) =>
        link.answers([{ text: 'SELECT pg_cancel_backend($1)', values: [String(busy.backend)] }]),
      )
    } catch {}
  }

  /** Ends the session, and is done when every socket is closed; a server that does not answer is left without. */
  async close(): Promise<void> {
    await this.#pool.end()
    if (this.#live.size === 0) return
    const timer = this.settings.clock.schedule(closeMaxMs, () => {
      for (const link of this.#live) link.cut(new Error('the server did not end the connection'))
    })
    await new Promise<void>((resolve) => {
      this.#onLastEnd = resolve
    })
    timer.cancel()
  }

  async #lend<T>(use: (link: Link) => Promise<T>): Promise<T> {
    const link = await this.#take()
    try {
      return await use(link)
    } finally {
      link.client.release(link.broken !== undefined)
    }
  }

  async #take(): Promise<Link> {
    let link: Link | undefined
    try {
      const client = await this.#pool.connect()
      link = this.#links.get(client)
      invariant(link !== undefined, 'the pool announces every connection it makes')
      if (link.run === '') await link.askRun()
      this.place = link.place
      return link
    } catch (error) {
      link?.client.release(true)
      throw postgresError(error, this.settings.path)
    }
  }

  #prepare(): Promise<void> {
    this.#prepared ??= this.#lend((link) => ensureSchema(link, this.settings)).catch((error) => {
      // The database was away, or somebody has to set it up: asked again the next time.
      this.#prepared = undefined
      throw postgresError(error, this.settings.path)
    })
    return this.#prepared
  }
}
