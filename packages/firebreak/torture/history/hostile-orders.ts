/** What becomes of orders that ask for hostility: acts of `firebreak/testing`, played by the first service. */
import { type Database, event, type Handler, handle, type Runtime } from 'firebreak'
import { actsOn, Hostility } from 'firebreak/testing'
import { systemClock } from '../../src/node/clock.ts'
import { systemEntropy } from '../../src/node/entropy.ts'
import { type HostileOrder, hostileSchema, OrderFollowed, OrderHostile } from './events.ts'
import type { History } from './history.ts'

/** So short that those which never end do not keep a run. */
const deadlineMs = 500
/** How long a unit may hold the transaction in a hostile run. */
export const hostileTransactionMaxMs = 1500
const retry = { attemptsMax: 3, baseMs: 20, capMs: 300, laneWaitMaxMs: 30, ageMaxMs: 4000 } as const

export interface HostileOptions {
  readonly database: Database
  readonly history: History
  readonly runtime: () => Runtime
}

const insertEffect = 'INSERT INTO effects (event_id, uid, lane, seq) VALUES ($1, $2, $3, $4)'

/** One for each instance of the service. Every act that is played stands in the history. */
export function hostilityOf({ database, history, runtime }: HostileOptions): Hostility<HostileOrder> {
  return new Hostility<HostileOrder>({
    acts: actsOn(database.capabilities.dialect),
    clock: systemClock,
    entropy: systemEntropy,
    deadlineMs,
    transactionMaxMs: hostileTransactionMaxMs,
    ports: () => ({ database, runtime: runtime() }),
    leave: (sql, { uid, key, seq }, ctx) => sql.query(insertEffect, [ctx.envelope.id, uid, key, seq]),
    event: OrderFollowed,
    payloadOf: ({ uid, key, seq }) => ({ uid, key, seq }),
    onPlay: ({ name }, { uid }) => history.note({ f: 'act', type: 'info', group: 'first', value: { act: name, uid } }),
  })
}

export function hostileHandler(hostility: Hostility<HostileOrder>): Handler {
  const { type, topic } = OrderHostile
  const schema = hostility.schema(hostileSchema)
  const ours = event({ type, topic, key: 'key', version: 2, schema, upcast: { 1: hostility.upcast } })
  return handle(ours, hostility.handler, { retry, deadlineMs })
}
