import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { AclOperations, AclPermissionTypes, Admin, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { KafkaSasl } from '../../../src/kafka/cluster/kafka-options.ts'
import { kafkaLog } from '../../../src/kafka/kafka-log.ts'
import { record, take, texts } from '../../../src/testing/conformance/log-scene.ts'
import { secureKafka, skipReason } from '../servers.ts'
import { brokers as plainBrokers, unique, until } from './scene.ts'

const found = secureKafka()
const skip = found === undefined && skipReason.secureKafka
const { brokers, caPath, username, password, stranger } = found ?? {
  brokers: [],
  caPath: '',
  username: '',
  password: '',
  stranger: { username: '', password: '' },
}
const tls = found === undefined ? {} : { ca: readFileSync(caPath, 'utf8') }

const part = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString('base64url')
/** As an identity provider would make it, but for the signature. */
const tokenFor = (sub: string): string => {
  const second = Math.floor(performance.timeOrigin / 1000)
  return `${part({ alg: 'none' })}.${part({ sub, iat: second - 60, exp: second + 3600 })}.`
}

const waysIn: readonly KafkaSasl[] = [
  { mechanism: 'plain', username, password },
  { mechanism: 'scram-sha-256', username, password },
  { mechanism: 'scram-sha-512', username, password },
  { mechanism: 'oauthbearer', token: async () => tokenFor(username) },
]

for (const sasl of waysIn) {
  test(`kafka security: records go out and come in with ${sasl.mechanism} over TLS`, {
    skip,
    timeout: 60_000,
  }, async () => {
    const log = kafkaLog({ brokers, tls, sasl, heartbeatMs: 100 })
    try {
      const topic = unique('orders')
      await log.ensureTopics([{ name: topic, partitions: 1 }])
      await log.append([record(topic, 'k', 'x')])
      const cursor = await log.open(unique('readers'), [topic])
      const got: string[] = []
      await until('it has come', async () => got.push(...texts(await take(cursor))) > 0)
      assert.deepEqual(got, ['x'])
      await cursor.commit([{ topic, partition: 0, offset: 1 }])
    } finally {
      await log.close()
    }
  })
}

/** Every way to use the log ends at once with what to fix, and says no secret. */
async function refused(options: Parameters<typeof kafkaLog>[0], reason: RegExp): Promise<void> {
  const log = kafkaLog({ appendTimeoutMs: 50_000, ...options })
  try {
    for (const call of [
      () => log.append([record('t', 'k', 'x')]),
      () => log.open('g', ['t']),
      () => log.inspect().topics(),
    ]) {
      await assert.rejects(call, (error) => {
        assert.ok(isFirebreakError(error, 'FB_LOG_REFUSED'), String(error))
        assert.match(error.message, reason)
        for (let at: unknown = error; at instanceof Error; at = at.cause)
          assert.ok(!`${at.message} ${at.stack}`.includes('hunter2'))
        return true
      })
    }
  } finally {
    await log.close()
  }
}

for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
  test(`kafka security: a wrong password with ${mechanism} is refused at once`, { skip, timeout: 30_000 }, () =>
    refused({ brokers, tls, sasl: { mechanism, username, password: 'hunter2' } }, /authentication failed/i),
  )
}

test('kafka security: a token that the broker does not take is refused at once', { skip, timeout: 30_000 }, () =>
  refused({ brokers, tls, sasl: { mechanism: 'oauthbearer', token: () => 'hunter2' } }, /token/i),
)

test(
  'kafka security: a broker whose certificate nobody vouches for is refused at once',
  { skip, timeout: 30_000 },
  () => refused({ brokers, tls: true, sasl: { mechanism: 'plain', username, password } }, /certificate/i),
)

for (const sasl of [undefined, { mechanism: 'plain', username, password } as const])
  test(
    `kafka security: a listener that wants TLS says so, ${sasl === undefined ? 'without' : 'with'} SASL`,
    {
      skip,
      timeout: 30_000,
    },
    () => refused({ brokers, ...(sasl === undefined ? {} : { sasl }) }, /requires TLS/),
  )

test('kafka security: a user who may not touch a topic gets an error', { skip, timeout: 60_000 }, async () => {
  const owner = kafkaLog({ brokers, tls, sasl: { mechanism: 'plain', username, password } })
  const guest = kafkaLog({ brokers, tls, sasl: { mechanism: 'plain', ...stranger } })
  try {
    const topic = unique('orders')
    await owner.ensureTopics([{ name: topic, partitions: 1 }])
    for (const call of [
      () => guest.append([record(topic, 'k', 'x')]),
      () => guest.open(unique('readers'), [topic]),
      () => guest.ensureTopics([{ name: `${topic}-2` }]),
    ]) {
      await assert.rejects(call, (error) => {
        assert.ok(isFirebreakError(error, 'FB_LOG_REFUSED'), String(error))
        assert.match(error.message, /AUTHORIZATION_FAILED/)
        return true
      })
    }
  } finally {
    await owner.close()
    await guest.close()
  }
})

/** Through the plain listener, where everybody may do everything. */
async function allowStranger(
  may: readonly (readonly [type: number, name: string, operation: number])[],
): Promise<void> {
  const admin = new Admin({ clientId: 'operator', bootstrapBrokers: [...plainBrokers] })
  const creations = may.map(([resourceType, resourceName, operation]) => ({
    resourceType,
    resourceName,
    operation,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: `User:${stranger.username}`,
    host: '*',
    permissionType: AclPermissionTypes.ALLOW,
  }))
  await admin.createAcls({ creations } as never)
  await admin.close()
}

test('kafka security: a user who may look at a topic, and neither write nor read it, gets an error', {
  skip,
  timeout: 60_000,
}, async () => {
  const owner = kafkaLog({ brokers, tls, sasl: { mechanism: 'plain', username, password } })
  const guest = kafkaLog({ brokers, tls, sasl: { mechanism: 'plain', ...stranger } })
  try {
    const topic = unique('orders')
    const group = unique('readers')
    await owner.ensureTopics([{ name: topic, partitions: 1 }])
    await owner.append([record(topic, 'k', 'x')])
    await allowStranger([
      [ResourceTypes.TOPIC, topic, AclOperations.DESCRIBE],
      [ResourceTypes.GROUP, group, AclOperations.READ],
      [ResourceTypes.CLUSTER, 'kafka-cluster', AclOperations.IDEMPOTENT_WRITE],
    ])
    const sees = async (): Promise<boolean> => (await guest.inspect().topics([topic])).length === 1
    await until('the stranger sees the topic', () => sees().catch(() => false))
    const told = (error: unknown): boolean => {
      assert.ok(isFirebreakError(error, 'FB_LOG_REFUSED'), String(error))
      assert.match(error.message, new RegExp(`TOPIC_AUTHORIZATION_FAILED.*\\(topic ${topic}\\)`))
      return true
    }
    await assert.rejects(guest.append([record(topic, 'k', 'x')]), told)
    const cursor = await guest.open(group, [topic])
    await assert.rejects(take(cursor, 1, 20_000), told)
  } finally {
    await owner.close()
    await guest.close()
  }
})

test('kafka security: the source of the tokens is away for a moment, and is asked again', {
  skip,
  timeout: 30_000,
}, async () => {
  let asked = 0
  const token = (): string => {
    if (asked++ < 2) throw new Error('no token now')
    return tokenFor(username)
  }
  const log = kafkaLog({ brokers, tls, sasl: { mechanism: 'oauthbearer', token } })
  try {
    await log.ensureTopics([{ name: unique('orders'), partitions: 1 }])
    assert.ok(asked > 2)
  } finally {
    await log.close()
  }
})
