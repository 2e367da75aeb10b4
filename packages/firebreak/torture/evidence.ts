import type { Log } from 'firebreak'
import { verifyLedger } from '../src/ledger/verify.ts'
import type { Stores } from './drain.ts'
import { followedTopic, identityOf, ignoredType, ordersTopic } from './events.ts'
import type { ServiceName } from './services.ts'

export interface Effect {
  readonly uid: string
  readonly eventId: string
  readonly key: string
  readonly seq: number
}

/** What one service left behind. */
export interface ServiceEvidence {
  /** In commit order. */
  readonly effects: readonly Effect[]
  /** Identities of records in open dead letters. */
  readonly dead: ReadonlySet<string>
  readonly crashLetters: number
  readonly letters: number
  /** How far the conservation ledger is from balance, and where, in words. */
  readonly ledger: { readonly imbalance: number; readonly problems: readonly string[] }
}

/** Everything the checkers judge, read from the files after all processes have ended. */
export interface Evidence {
  /** Identities that a producer was told are durable, or that its own database says it has published. */
  readonly promised: ReadonlySet<string>
  /** Identities in the log that a service has to account for. */
  readonly orders: ReadonlySet<string>
  readonly followed: ReadonlySet<string>
  readonly first: ServiceEvidence
  readonly second: ServiceEvidence
}

export async function readEvidence(stores: Stores, acked: Iterable<string>): Promise<Evidence> {
  const { log, databases } = stores
  const promised = new Set(acked)
  for (const [name, database] of databases) {
    if (!name.startsWith('producer')) continue
    for (const { uid } of await database.query<{ uid: string }>('SELECT uid FROM sent')) promised.add(uid)
  }
  return {
    promised,
    orders: await identitiesIn(log, ordersTopic),
    followed: await identitiesIn(log, followedTopic),
    first: await serviceEvidence(stores, 'first'),
    second: await serviceEvidence(stores, 'second'),
  }
}

async function identitiesIn(log: Log, topic: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  const info = (await log.inspect().topics()).find(({ name }) => name === topic)
  for (const { partition, first, next } of info?.ends ?? []) {
    for (let offset = first; offset < next; ) {
      const entries = await log.inspect().read({ topic, partition, offset }, 1000)
      for (const entry of entries) if (entry.headers['ce_type'] !== ignoredType) found.add(identityOf(entry))
      offset = (entries.at(-1)?.offset ?? next) + 1
    }
  }
  return found
}

async function serviceEvidence({ log, databases }: Stores, name: ServiceName): Promise<ServiceEvidence> {
  const database = databases.get(name)
  if (database === undefined) throw new Error('the database of a service is missing')
  const effects = 'SELECT uid, event_id AS "eventId", lane AS "key", seq FROM effects ORDER BY id'
  const letters = "SELECT value, headers, crash FROM fb_dead_letters WHERE state = 'open'"
  const dead = await database.query<{ value: Uint8Array | null; headers: string; crash: number }>(letters)
  const identities = dead.map(({ value, headers }) => identityOf({ value, headers: JSON.parse(headers) }))
  return {
    effects: await database.query<Effect & Record<string, string | number>>(effects),
    dead: new Set(identities),
    letters: dead.length,
    crashLetters: dead.filter(({ crash }) => crash === 1).length,
    ledger: await verifyLedger(database, { inspection: log.inspect(), group: name }),
  }
}
