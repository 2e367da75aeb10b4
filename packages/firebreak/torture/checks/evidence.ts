import { existsSync } from 'node:fs'
import type { Log } from 'firebreak'
import { partitionId } from '../../src/contracts/log.ts'
import { verifyLedger } from '../../src/ledger/verify/verify.ts'
import { actOf, followedTopic, identityOf, ignoredType, isInnocent, ordersTopic } from '../history/events.ts'
import { historyFolder, type Op, readHistory } from '../history/history.ts'
import { sendIdOf } from '../history/recorded-log.ts'
import { unfinished } from '../process/drain.ts'
import type { ServiceName } from '../process/services.ts'
import type { Stores } from '../process/stores.ts'
import type { GroupEnd, Observed, Stored } from './anomaly.ts'
import { sendsIn } from './sends.ts'

export interface Effect {
  readonly uid: string
  readonly eventId: string
  readonly key: string
  readonly seq: number
  readonly run: string | null
}

/** What one service left behind. */
export interface ServiceEvidence {
  /** In commit order. */
  readonly effects: readonly Effect[]
  /** Identities of records in open dead letters. */
  readonly dead: ReadonlySet<string>
  /** Event ids, those of records in open dead letters and those of parked records. */
  readonly letterEvents: readonly string[]
  readonly parkedEvents: readonly string[]
  readonly crashLetters: number
  /** Identities of records in open dead letters that nobody has anything against. */
  readonly innocentLetters: readonly string[]
  readonly letters: number
  /** How far the conservation ledger is from balance, and where, in words. */
  readonly ledger: { readonly imbalance: number; readonly problems: readonly string[] }
}

/** Everything the checkers judge, read from the files and servers after all processes have ended. */
export interface Evidence {
  /** Identities that a producer was told are durable, or that its own database says it has published. */
  readonly promised: ReadonlySet<string>
  /** Identities in the log that a service has to account for. */
  readonly orders: ReadonlySet<string>
  readonly followed: ReadonlySet<string>
  /** Identities that a producer appended straight to the log with an unknown outcome: nothing says when they got there. */
  readonly uncertain: ReadonlySet<string>
  readonly first: ServiceEvidence
  readonly second: ServiceEvidence
  /** Follow-ups in the log: what each is, and the record whose unit of work has published it. */
  readonly causes: readonly { readonly event: string; readonly cause: string }[]
  /** Identity of every order in the log that asks for hostility -> name of the act. */
  readonly hostile: ReadonlyMap<string, string>
  /** Whose runtime has halted, and why. */
  readonly halts: readonly string[]
  /** What has not come to rest, in words. */
  readonly unsettled: readonly string[]
  /** For the checker of anomalies. */
  readonly observed: Observed
}

export async function readEvidence(stores: Stores, folder: string, acked: Iterable<string>): Promise<Evidence> {
  const { log, databases } = stores
  const promised = new Set(acked)
  for (const [name, database] of databases) {
    if (!name.startsWith('producer')) continue
    for (const { uid } of await database.query<{ uid: string }>('SELECT uid FROM sent')) promised.add(uid)
  }
  const orders = await recordsIn(log, ordersTopic)
  const followed = await recordsIn(log, followedTopic)
  const first = await serviceEvidence(stores, 'first')
  const second = await serviceEvidence(stores, 'second')
  const ops = existsSync(historyFolder(folder)) ? readHistory(historyFolder(folder)) : []
  return {
    promised,
    orders: accountable(orders),
    followed: accountable(followed),
    uncertain: uncertainIn(ops, orders),
    first,
    second,
    causes: followed.flatMap(({ event, cause, isIgnored }) => (isIgnored ? [] : [{ event, cause }])),
    hostile: new Map(orders.flatMap(({ uid, act }) => (act === null ? [] : [[uid, act]]))),
    halts: ops.flatMap((op) => (op.f === 'halt' ? [`${op.group} in ${op.process}: ${op.value}`] : [])),
    unsettled: await unfinished(stores),
    observed: {
      ops,
      log: [...orders, ...followed].map(({ uid, act, cause, ...stored }) => stored),
      groups: [endOf('first', ordersTopic, first), endOf('second', followedTopic, second)],
    },
  }
}

interface Found extends Stored {
  readonly uid: string
  readonly act: string | null
  readonly cause: string
}

async function recordsIn(log: Log, topic: string): Promise<readonly Found[]> {
  const found: Found[] = []
  const info = (await log.inspect().topics()).find(({ name }) => name === topic)
  for (const { partition, first, next } of info?.ends ?? []) {
    for (let offset = first; offset < next; ) {
      const entries = await log.inspect().read({ topic, partition, offset }, 1000)
      for (const entry of entries) {
        found.push({
          partition: partitionId(entry),
          offset: entry.offset,
          id: sendIdOf(entry),
          event: entry.headers['ce_id'] ?? 'nameless',
          isIgnored: entry.headers['ce_type'] === ignoredType,
          uid: identityOf(entry),
          act: actOf(entry),
          cause: entry.headers['ce_causationid'] ?? 'nothing',
        })
      }
      offset = (entries.at(-1)?.offset ?? next) + 1
    }
  }
  return found
}

const accountable = (records: readonly Found[]): ReadonlySet<string> =>
  new Set(records.filter(({ isIgnored }) => !isIgnored).map(({ uid }) => uid))

// Relays repeat what they do not know the outcome of before they go on; a producer goes on.
function uncertainIn(ops: readonly Op[], orders: readonly Found[]): ReadonlySet<string> {
  const events = new Set<string | null>()
  for (const { outcome, process, topic, event } of sendsIn(ops).values())
    if (outcome === 'info' && topic === ordersTopic && process.startsWith('producer')) events.add(event)
  return new Set(orders.filter(({ event, uid }) => events.has(event) && uid.includes('-direct-')).map(({ uid }) => uid))
}

function endOf(group: ServiceName, topic: string, service: ServiceEvidence): GroupEnd {
  const effects = service.effects.map(({ eventId, run }) => ({ event: eventId, run }))
  return { group, topic, effects, letters: service.letterEvents, pending: service.parkedEvents }
}

async function serviceEvidence({ log, databases }: Stores, name: ServiceName): Promise<ServiceEvidence> {
  const database = databases.get(name)
  if (database === undefined) throw new Error('the database of a service is missing')
  const effects = 'SELECT uid, event_id AS "eventId", lane AS "key", seq, run FROM effects ORDER BY id'
  const letters = "SELECT value, headers, crash FROM fb_dead_letters WHERE state = 'open'"
  const dead = await database.query<{ value: Uint8Array | null; headers: string; crash: number }>(letters)
  const records = dead.map(({ value, headers }) => ({ value, headers: JSON.parse(headers) }))
  const parked = await database.query<{ headers: string }>('SELECT headers FROM fb_parked')
  return {
    effects: await database.query<Effect>(effects),
    dead: new Set(records.map(identityOf)),
    letterEvents: records.map(({ headers }) => headers['ce_id'] ?? 'nameless'),
    parkedEvents: parked.map(({ headers }) => JSON.parse(headers)['ce_id'] ?? 'nameless'),
    letters: dead.length,
    innocentLetters: records.filter(isInnocent).map(identityOf),
    crashLetters: dead.filter(({ crash }) => crash === 1).length,
    ledger: await verifyLedger(database, { inspection: log.inspect(), group: name }),
  }
}
