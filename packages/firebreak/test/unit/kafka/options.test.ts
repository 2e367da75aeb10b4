import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { type KafkaOptions, settingsOf } from '../../../src/kafka/cluster/kafka-options.ts'

const problemsOf = (options: KafkaOptions): string[] => {
  try {
    settingsOf(options)
  } catch (error) {
    assert.ok(isFirebreakError(error, 'FB_CONFIG'))
    return String(error.detail['problems']).split('\n')
  }
  return []
}

test('brokers are all that has to be given', () => {
  const settings = settingsOf({ brokers: ['127.0.0.1:9092', '[::1]:9093'] })
  assert.deepEqual(settings.brokers, [
    { host: '127.0.0.1', port: 9092 },
    { host: '::1', port: 9093 },
  ])
  assert.equal(settings.sessionTimeoutMs, 30_000)
  assert.equal(settings.heartbeatMs, 1000)
  assert.equal(settings.drainTimeoutMs, 20_000)
  assert.equal(settings.recordBytesMax, 1_000_000)
})

test('everything that is wrong is told together', () => {
  const problems = problemsOf({
    brokers: ['localhost'],
    clientId: 'two words',
    compression: 'brotli' as never,
    replication: 0,
    sessionTimeoutMs: 1000,
    heartbeatMs: 900,
    drainTimeoutMs: 1000,
    instanceId: 'no spaces here',
    recordBytesMax: 0,
    tls: { cert: 'only half' },
    sasl: { mechanism: 'plain', username: 'me', password: '' },
    fetch: { partitionBytes: 10, waitMs: Number.NaN },
  })
  assert.equal(problems.length, 12)
})

test('no secret is in a message or in the name of the log', () => {
  const secret = 'hunter2'
  const bad = problemsOf({
    brokers: [`user:${secret}@host:9092`],
    sasl: { mechanism: 'digest' as never, username: secret, password: secret },
    tls: { key: secret },
  })
  assert.equal(bad.length, 3)
  assert.ok(!bad.join().includes(secret))
  const good = settingsOf({
    brokers: ['host:9092'],
    sasl: { mechanism: 'plain', username: secret, password: secret },
    tls: { cert: secret, key: secret },
  })
  assert.ok(!good.path.includes(secret))
})
