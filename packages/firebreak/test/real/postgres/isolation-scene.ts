import type { Database, Sql } from '../../../src/contracts/database.ts'
import type { Committer } from '../../../src/runtime/commit/committer.ts'
import { emptyUnit, type Unit } from '../../../src/runtime/commit/unit.ts'
import { committerOn, isFailed } from '../../commit-scene.ts'
import { PostgresScene } from './scene.ts'

export const groupSize = 200

const session = `coalesce(current_setting('app.tenant', true), ''), current_user, current_setting('search_path'),
  current_setting('transaction_read_only'), current_setting('statement_timeout')`
const probe = `INSERT INTO public.seen SELECT $1, ${session}`
const add = 'INSERT INTO seen (k) VALUES ($1)'

const unit = (id: string, body: (sql: Sql) => Promise<unknown>): Unit => ({
  ...emptyUnit,
  inboxId: id,
  body: async (sql) => void (await body(sql)),
})

/** A service's database on which units that share a commit can be told what they have done to each other. */
export class IsolationScene {
  readonly database: Database
  readonly #scene: PostgresScene
  readonly #committer: Committer
  #groups = 0
  #clean: string | undefined

  private constructor(scene: PostgresScene, database: Database, committer: Committer) {
    this.#scene = scene
    this.database = database
    this.#committer = committer
  }

  static async start(): Promise<IsolationScene> {
    const scene = await PostgresScene.start()
    await scene.rows('CREATE SCHEMA elsewhere')
    await scene.rows('CREATE TABLE seen (k text, tenant text, role text, path text, read_only text, time_limit text)')
    await scene.rows('CREATE TABLE elsewhere.seen (LIKE seen)')
    await scene.rows('CREATE TABLE guarded (k text)')
    await scene.rows(
      `DO $$ BEGIN CREATE ROLE tenant_role; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$`,
    )
    await scene.rows('GRANT INSERT ON seen, elsewhere.seen TO tenant_role')
    const database = scene.open()
    return new IsolationScene(scene, database, await committerOn(database))
  }

  async end(): Promise<void> {
    await this.database.close()
    await this.#scene.end()
  }

  get url(): string {
    return this.#scene.url
  }

  /** As somebody else does it. */
  rows(sql: string): Promise<readonly Record<string, unknown>[]> {
    return this.#scene.rows(sql)
  }

  /** A group of which every tenth unit acts, half of them behind a write of their own. Resolves to what is wrong with others. */
  async neighboursOf(act: (sql: Sql, k: string) => Promise<unknown>): Promise<readonly unknown[]> {
    await this.rows('TRUNCATE seen, elsewhere.seen, guarded')
    const group = ++this.#groups
    const units = Array.from({ length: groupSize }, (_, i) => {
      const k = `${group}-${i}`
      if (i % 10 !== 5) return unit(k, (sql) => sql.query(probe, [k]))
      return unit(k, async (sql) => {
        if (i % 20 === 5) await sql.query(add, [k])
        await act(sql, k)
      })
    })
    const ends = await Promise.all(units.map((one) => this.#committer.commit(one).catch((failed) => ({ failed }))))
    const wrong: unknown[] = []
    for (const [i, end] of ends.entries())
      if (i % 10 !== 5 && end !== 'committed') wrong.push(isFailed(end) ? end.failed : end)
    const innocents = groupSize - groupSize / 10
    const rows = await this.rows(`SELECT * FROM seen WHERE time_limit IS NOT NULL`)
    if (rows.length !== innocents) wrong.push(`${rows.length} rows of ${innocents}`)
    for (const { k: _, ...kind } of rows) if (JSON.stringify(kind) !== (await this.#cleanSession())) wrong.push(kind)
    return [...new Set([...wrong.map((one) => JSON.stringify(one)), ...(await this.#leftInPool())])]
  }

  /** What later statements find in the sessions of the pool. */
  async #leftInPool(): Promise<readonly string[]> {
    const found = await Promise.all(Array.from({ length: 10 }, () => this.database.query(this.#asRow())))
    const clean = await this.#cleanSession()
    return found.map(([row]) => JSON.stringify(row)).filter((row) => row !== clean)
  }

  async #cleanSession(): Promise<string> {
    if (this.#clean === undefined) {
      const fresh = this.#scene.open()
      const [row] = await fresh.query(this.#asRow())
      await fresh.close()
      this.#clean = JSON.stringify(row)
    }
    return this.#clean
  }

  #asRow(): string {
    return `SELECT * FROM (SELECT ${session}) AS now (tenant, role, path, read_only, time_limit)`
  }
}
