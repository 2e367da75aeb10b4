import assert from 'node:assert/strict'
import { ConfigResourceTypes, Connection, describeConfigsV4 } from '@platformatic/kafka'
import { hasProgram } from '../../../../../scripts/infra/tools.ts'
import type { Clock } from '../../../src/contracts/clock.ts'
import type { Log } from '../../../src/contracts/log.ts'
import { Connections } from '../../../src/kafka/cluster/kafka-connections.ts'
import { type KafkaOptions, settingsOf } from '../../../src/kafka/cluster/kafka-options.ts'
import { createKafkaLog } from '../../../src/kafka/kafka-log.ts'
import { systemClock } from '../../../src/node/clock.ts'
import { systemEntropy } from '../../../src/node/entropy.ts'
import type { LogHarness } from '../../../src/testing/conformance/log-scene.ts'
import { kafkaBrokers, skipReason } from '../servers.ts'

const found = kafkaBrokers()

/** For the `skip` of a test. */
export const noKafka: string | false = found === undefined && skipReason.kafka
/** For tests that start brokers of their own, to kill them. */
export const noJava: string | false =
  noKafka || (!hasProgram('java', '-version') && 'needs Java to start brokers of its own')

/** Nothing connects where there is no broker: the tests are skipped. */
export const brokers: readonly string[] = found ?? ['127.0.0.1:9092']

/** Quick to notice, so that a rebalance and a takeover take no longer than a test can wait. */
export const quick = { sessionTimeoutMs: 6000, heartbeatMs: 100 } as const

let names = 0
/** A name that no other test and no other run uses. */
export const unique = (base: string): string => `t-${systemEntropy.hex(4)}-${names++}-${base}`

/** A log whose process can die: its connections end, and it does not leave its groups. */
export interface MortalLog {
  readonly log: Log
  die(): Promise<void>
}

export function mortalLog(options: Partial<KafkaOptions> = {}, clock: Clock = systemClock): MortalLog {
  const connections = new Connections(settingsOf({ brokers, ...quick, ...options }))
  const log = createKafkaLog(connections, clock)
  return {
    log,
    async die() {
      await connections.close()
      await log.close()
    },
  }
}

/** For clusters whose brokers are killed: a broker's former life ends soon, and it may come back. */
export const soonGone = { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500' }

/** A segment holds a megabyte at least, unless it is asked for by the name that Kafka keeps for its own tests. */
export const smallSegments = { 'internal.segment.bytes': '400', 'file.delete.delay.ms': '100' }

export function kafkaHarness(options: Partial<KafkaOptions> = {}): LogHarness {
  const prefix = unique('')
  const living = new Map<Log, MortalLog>()
  return {
    clock: systemClock,
    prefix,
    create: async () => {
      const mortal = mortalLog(options)
      living.set(mortal.log, mortal)
      return mortal.log
    },
    crash: async (log) => living.get(log)?.die(),
    takeoverMs: quick.sessionTimeoutMs + 20_000,
  }
}

/** How often the broker looks for records to remove, in ms. */
export async function retentionCheckMs(): Promise<number> {
  const [host = '', port = ''] = (brokers[0] ?? '').split(':')
  const connection = new Connection('test')
  await connection.connect(host, Number(port))
  const key = 'log.retention.check.interval.ms'
  try {
    const { results } = await describeConfigsV4.api.async(connection, [
      { resourceType: ConfigResourceTypes.BROKER, resourceName: '1', configurationKeys: [key] },
    ])
    return Number(results[0]?.configs[0]?.value)
  } finally {
    await connection.close()
  }
}

const waitMaxMs = 30_000

/** Waits until the broker, or somebody else, has done it. */
export async function until(
  claim: string,
  condition: () => boolean | Promise<boolean>,
  limitMs: number = waitMaxMs,
): Promise<void> {
  const endMs = systemClock.now() + limitMs
  while (!(await condition())) {
    if (systemClock.now() >= endMs) assert.fail(`within ${limitMs} ms: ${claim}`)
    await nextTick()
  }
}

const nextTick = (): Promise<void> => new Promise((resolve) => systemClock.schedule(5, resolve))

/** Waits, by the broker's own clock, until a member that does not show that it lives is given up. */
export async function sessionHasPassed(sessionTimeoutMs: number): Promise<void> {
  const { log, die } = mortalLog({ sessionTimeoutMs, heartbeatMs: sessionTimeoutMs / 2 })
  const observer = mortalLog().log
  try {
    const topic = unique('silent')
    await log.ensureTopics([{ name: topic, partitions: 1 }])
    await log.open(topic, [topic])
    await die()
    await until('the silent member is given up', async () => (await observer.inspect().members(topic)).length === 0)
  } finally {
    await observer.close()
  }
}
