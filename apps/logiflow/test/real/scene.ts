import { randomBytes } from 'node:crypto'
import { madeHere } from '../../platform/data-dir.ts'
import type { EngineChoice } from '../../platform/engine-settings.ts'
import { nowMs, pause } from '../../platform/machine.ts'
import type { OpsSnapshot } from '../../platform/messages.ts'
import { discardSpace } from '../../platform/server-space.ts'
import { databaseUrl, kafkaBrokers } from '../../platform/servers.ts'
import { type App, startApp } from '../app.ts'

/** For the `skip` of a test. */
export const noKafka: string | false = kafkaBrokers() === undefined && 'needs Kafka: npm run infra -- up kafka'
export const noPostgres: string | false =
  databaseUrl() === undefined && 'needs PostgreSQL: npm run infra -- up postgres'
export const noServers: string | false = (noKafka || noPostgres) && 'needs Kafka and PostgreSQL: npm run infra -- up'

/** A namespace that no other test and no other run uses. */
export const newNamespace = (): string => `test${randomBytes(4).toString('hex')}`

/** Waits for a fact; fails with its name when it never comes. */
export const until = async <T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  maxMs = 120_000,
): Promise<T> => {
  for (const endMs = nowMs() + maxMs; nowMs() < endMs; await pause(100)) {
    const found = await look()
    if (found) return found
  }
  throw new Error(`never happened: ${what}`)
}

/** For tests that hold what they have made in a variable. */
export const notNoted = (): void => {}

export type RealApp = App & {
  readonly namespace: string
  readonly ops: () => Promise<OpsSnapshot | null>
  readonly placeOrder: (key: string) => Promise<string>
  readonly isInvoiced: (orderId: string) => Promise<boolean>
  /** Ctrl-C; what the test wants to look at afterwards is still there. */
  readonly stop: () => Promise<void>
  /** Everything that this app has made is gone. */
  readonly discard: () => Promise<void>
}

/** `npm start` on servers, under a name of its own. */
export const startOn = async (engines: EngineChoice): Promise<RealApp> => {
  const namespace = newNamespace()
  const flags = ['--log', engines.log, '--database', engines.database, '--namespace', namespace]
  const app = await startApp({ flags })
  const get = async (path: string): Promise<Record<string, unknown>> =>
    (await (await fetch(`${app.url}${path}`)).json()) as Record<string, unknown>
  return {
    ...{ ...app, namespace },
    ops: async () => (await get('api/overview'))['ops'] as OpsSnapshot | null,
    async placeOrder(key) {
      const order = { customerId: 'C-0002', toPlaceId: '2751283', goods: 'Tiles', pallets: 26, palletKg: 500 }
      const answer = await fetch(`${app.url}api/orders`, {
        ...{ method: 'POST', body: JSON.stringify({ ...order, cooled: false }) },
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
      })
      if (answer.status !== 202) throw new Error(`not taken: ${answer.status} ${await answer.text()}`)
      return ((await answer.json()) as { orderId: string }).orderId
    },
    isInvoiced: async (orderId) => Boolean((await get(`api/orders/${orderId}`))['invoice']),
    async stop() {
      process.kill(app.pid, 'SIGINT')
      await app.ended
    },
    async discard() {
      const made = madeHere(app.dataDir)
      await app.end()
      const servers = { brokers: kafkaBrokers() ?? [], databaseUrl: databaseUrl() ?? '' }
      await discardSpace({ ...engines, ...servers, namespace, dataDir: app.dataDir }, made)
    },
  }
}
