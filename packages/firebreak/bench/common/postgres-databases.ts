import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** A database for one measurement, dropped afterwards. `url` may name any database of the server. */
export async function inDatabase<T>(url: string, run: (url: string) => Promise<T>): Promise<T> {
  const name = `fb_bench_${randomBytes(6).toString('hex')}`
  await onServer(url, `CREATE DATABASE ${name}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  try {
    return await run(own.href)
  } finally {
    await onServer(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  }
}

async function onServer(url: string, statement: string): Promise<void> {
  await connected(url, (client) => client.query(statement))
}

// One connection, closed when this resolves: a pool lets go of its own a little later, when the database is being dropped.
async function connected<T>(url: string, run: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await run(client)
  } finally {
    await client.end()
  }
}

export const insertEffect = 'INSERT INTO effect (n, id) VALUES ($1, $2)'

/** The table of the user's rows. */
export async function createEffects(url: string): Promise<void> {
  await connected(url, (client) => client.query('CREATE TABLE effect (n BIGINT NOT NULL, id TEXT NOT NULL)'))
}

/** A measurement that made fewer or more user rows than events has measured something else. */
export async function expectEffects(url: string, expected: number): Promise<void> {
  const { rows } = await connected(url, (client) => client.query<{ n: string }>('SELECT count(*) AS n FROM effect'))
  if (rows[0]?.n !== String(expected)) throw new Error(`${rows[0]?.n} user rows for ${expected} events`)
}

/** What a figure depends on, as the server has it. */
export async function serverSettings(url: string): Promise<Readonly<Record<string, string>>> {
  const { rows } = await connected(url, (client) => client.query<{ name: string; setting: string }>(listSettings))
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
}

const listSettings = `SELECT name, current_setting(name) AS setting FROM pg_settings
  WHERE name IN ('server_version', 'synchronous_commit', 'fsync', 'shared_buffers', 'max_wal_size')`
