import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Admin, Consumer, MessagesStreamModes, Producer } from '@platformatic/kafka'
import pg from 'pg'
import { InfraError, messageOf } from './failure.ts'

export interface Deadline {
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** How many brokers the cluster counts; rejects when nobody answers. */
export async function countBrokers(brokers: readonly string[], timeoutMs: number): Promise<number> {
  const admin = new Admin({ ...clientOptions(brokers, timeoutMs), retries: 0 })
  try {
    const { brokers: seen } = await admin.metadata({ topics: [], forceUpdate: true })
    return seen.size
  } finally {
    await admin.close()
  }
}

/**
 * Proves that a cluster works: all brokers are in its metadata, a topic is created on all of them, one record is written
 * with the acknowledgement of all replicas, and a group reads it.
 */
export async function proveKafka(brokers: readonly string[], nodes: number): Promise<void> {
  const seen = await countBrokers(brokers, 3_000)
  if (seen !== nodes) throw new Error(`${seen} of ${nodes} brokers are in the metadata`)
  const name = `infra-ready-${randomBytes(6).toString('hex')}`
  const options = clientOptions(brokers, 10_000)
  const admin = new Admin(options)
  try {
    await admin.createTopics({ topics: [name], partitions: 1, replicas: nodes })
    await passOne(options, name)
  } finally {
    await admin.deleteTopics({ topics: [name] }).catch(() => {})
    await admin.deleteGroups({ groups: [name] }).catch(() => {})
    await admin.close()
  }
}

async function passOne(options: ReturnType<typeof clientOptions>, name: string): Promise<void> {
  const producer = new Producer(options)
  const consumer = new Consumer({ ...options, groupId: name })
  try {
    const value = Buffer.from(name)
    await producer.send({ acks: -1, messages: [{ topic: name, value }] })
    const stream = await consumer.consume({ topics: [name], mode: MessagesStreamModes.EARLIEST, maxWaitTime: 500 })
    const tooLate = setTimeout(() => stream.destroy(new Error('the record was written and does not come back')), 10_000)
    try {
      for await (const record of stream) if (record.value.equals(value)) break
    } finally {
      clearTimeout(tooLate)
    }
  } finally {
    await producer.close().catch(() => {})
    await consumer.close(true).catch(() => {})
  }
}

const clientOptions = (brokers: readonly string[], timeoutMs: number) => ({
  clientId: 'firebreak-infra',
  bootstrapBrokers: [...brokers],
  connectTimeout: Math.min(timeoutMs, 3_000),
  requestTimeout: timeoutMs,
  retries: 3,
  retryDelay: 250,
})

/** The version of the PostgreSQL that answers at this address, from a query over a table; rejects when none does. */
export async function provePostgres(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 10_000 })
  // The server may go while we are connected: the query says so, and nobody else needs to know.
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query("SELECT current_setting('server_version') AS version FROM pg_database LIMIT 1")
    return String(rows[0]?.version).split(' ')[0] ?? ''
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * Tries until it works. Ends early when `fault` names a reason why it never will.
 * **Errors** InfraError with the last error, when the time is over; the signal's reason, when it is aborted.
 */
export async function untilItWorks<T>(
  attempt: () => Promise<T>,
  { deadlineMs = 90_000, signal, fault }: Deadline & { readonly fault: () => string | undefined },
): Promise<T> {
  const untilMs = performance.now() + deadlineMs
  for (;;) {
    signal?.throwIfAborted()
    const broken = fault()
    if (broken !== undefined) throw new InfraError(broken)
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > untilMs)
        throw new InfraError(`not ready after ${deadlineMs / 1000} s: ${messageOf(error)}`)
    }
    await sleep(250, undefined, signal === undefined ? {} : { signal })
  }
}
