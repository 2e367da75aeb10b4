import { randomBytes } from 'node:crypto'
import pg, { type Client } from 'pg'
import type { Database } from '../../../src/contracts/database.ts'
import { systemClock } from '../../../src/node/clock.ts'
import type { PostgresDatabaseOptions } from '../../../src/postgres/connection-settings.ts'
import { postgresDatabase } from '../../../src/postgres/postgres-database.ts'
import type { DatabaseHarness } from '../../../src/testing/conformance/database-scene.ts'
import { databaseUrl, skipReason } from '../servers.ts'

export const needsPostgres: string | false = databaseUrl() === undefined ? skipReason.postgres : false

/** A database of the test file's own on the server, and a connection that looks at it from outside. */
export class PostgresScene {
  readonly url: string
  readonly #admin: Client
  readonly #outside: Client
  readonly #name: string
  readonly #handles = new WeakMap<Database, string>()
  #cases = 0

  private constructor(url: string, name: string) {
    const target = new URL(url)
    target.pathname = `/${name}`
    this.url = target.href
    this.#name = name
    this.#admin = new pg.Client({ connectionString: url })
    this.#outside = new pg.Client({ connectionString: this.url, application_name: 'outside' })
  }

  static async start(): Promise<PostgresScene> {
    const scene = new PostgresScene(databaseUrl() ?? '', `firebreak_test_${randomBytes(4).toString('hex')}`)
    await scene.#admin.connect()
    await scene.#admin.query(`create database ${scene.#name}`)
    await scene.#outside.connect()
    return scene
  }

  async end(): Promise<void> {
    await this.#outside.end()
    await this.#admin.query(`drop database ${this.#name} with (force)`)
    await this.#admin.end()
  }

  /** A handle whose connections can be told from those of all others. */
  open(options: PostgresDatabaseOptions = {}): Database {
    const applicationName = `case-${this.#cases}-${randomBytes(4).toString('hex')}`
    const database = postgresDatabase({ url: this.url, applicationName, ...options })
    this.#handles.set(database, applicationName)
    return database
  }

  nameOf(database: Database): string {
    return this.#handles.get(database) ?? ''
  }

  /** Cuts the connections whose names start so. Other test files on the server have cases of the same number. */
  async cut(names: string): Promise<void> {
    const sql = `select pid, pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = $1 and starts_with(application_name, $2)`
    await this.#outside.query(sql, [this.#name, names])
  }

  async rows(sql: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    return (await this.#outside.query<Record<string, unknown>>(sql, [...values])).rows
  }

  /** Every case works in a schema of its own. */
  async harness(more: Pick<PostgresDatabaseOptions, 'clock'> = {}): Promise<DatabaseHarness> {
    const own = `case_${++this.#cases}`
    await this.#outside.query(`create schema ${own}`)
    return {
      clock: systemClock,
      open: async (settings) => this.open({ searchPath: [own], ...more, ...settings }),
      crash: (database) => this.cut(this.nameOf(database)),
      restart: () => this.cut(`case-${this.#cases}-`),
    }
  }
}
