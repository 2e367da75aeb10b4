import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type KafkaCluster, startKafka } from '../../../../../scripts/infra/kafka-cluster.ts'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import type { Log } from '../../../src/contracts/log.ts'
import { record, take, texts } from '../../../src/testing/conformance/log-scene.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { brokers, mortalLog, noJava, noKafka, soonGone, unique, until } from './scene.ts'

let cluster: KafkaCluster | undefined
let proxy: CuttingProxy | undefined
const folder = mkdtempSync(join(tmpdir(), 'firebreak-kafka-'))
after(async () => {
  await proxy?.stop()
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A broker that tells its clients to come through the proxy. */
async function throughProxy(): Promise<{ proxy: CuttingProxy; log: Log }> {
  if (proxy === undefined || cluster === undefined) {
    const target = { host: '127.0.0.1', port: 0 }
    proxy = new CuttingProxy(target)
    const port = await proxy.start()
    cluster = await startKafka({ folder, nodes: 1, proxyPorts: [port], settings: soonGone })
    target.port = cluster.nodes[0]?.proxiedPort ?? 0
  }
  return { proxy, log: mortalLog({ brokers: cluster.proxiedBrokers }).log }
}

const kafkaTest = (
  name: string,
  play: (scene: { proxy: CuttingProxy; log: Log; topic: string }) => Promise<void>,
): void => {
  test(`kafka network: ${name}`, { skip: noJava, timeout: 120_000 }, async () => {
    const { proxy, log } = await throughProxy()
    proxy.open = true
    try {
      await play({ proxy, log, topic: unique('orders') })
    } finally {
      await log.close()
    }
  })
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

/** Where a sequence is not 0, 1, 2 … `count - 1`: short to read in a report, however long it is. */
function breaks(texts: readonly string[], count: number): readonly string[] {
  const found = texts.flatMap((text, i) => (text === String(i) ? [] : [`${text} at ${i}`])).slice(0, 20)
  return texts.length === count ? found : [...found, `${texts.length} of ${count}`]
}

async function stored(log: Log, topic: string): Promise<string[]> {
  // However many a quick machine has written by now.
  return texts(await log.inspect().read({ topic, partition: 0, offset: 0 }, Number.MAX_SAFE_INTEGER))
}

for (const when of ['before', 'after'] as const) {
  kafkaTest(
    `a connection that ends ${when} the broker has the batch: every record is there once, in order`,
    async (scene) => {
      const { proxy, log, topic } = scene
      await log.ensureTopics([{ name: topic, partitions: 1 }])
      await log.append([record(topic, 'k', '0')])
      proxy.cut = { at: 'the marked one', when }
      const calls = numbers(60).map(async (value, i) => {
        if (i === 0) return
        const text = i === 30 ? 'the marked one' : value
        await log.append([record(topic, 'k', text)])
      })
      await Promise.all(calls)
      assert.equal(proxy.cut, undefined, 'the connection was cut')
      const expected = numbers(60).map((value, i) => (i === 30 ? 'the marked one' : value))
      assert.deepEqual(await stored(log, topic), expected)
    },
  )
}

kafkaTest(
  'a broker that cannot be reached for a while: appends wait, readers go on, nothing is lost or doubled',
  async (scene) => {
    const { proxy, log, topic } = scene
    await log.ensureTopics([{ name: topic, partitions: 1 }])
    const cursor = await log.open(unique('readers'), [topic])
    const got: string[] = []
    await log.append([record(topic, 'k', '0')])
    await until('the first has come', async () => got.push(...texts(await take(cursor))) > 0)
    proxy.open = false
    proxy.cutAll()
    const calls = numbers(20)
      .slice(1)
      .map((value) => log.append([record(topic, 'k', value)]))
    // Long enough for every part to have failed and tried again.
    for (let i = 0; i < 10; i++) assert.deepEqual(await take(cursor), [])
    proxy.open = true
    await Promise.all(calls)
    await until('the rest has come', async () => got.push(...texts(await take(cursor))) >= 20)
    assert.deepEqual(got, numbers(20))
    await cursor.commit([{ topic, partition: 0, offset: 20 }])
  },
)

kafkaTest(
  'a broker that is killed and comes back: appends, readers and the membership outlive it',
  async ({ log, topic }) => {
    const node = cluster?.nodes[0]
    assert.ok(node !== undefined && cluster !== undefined)
    await log.ensureTopics([{ name: topic, partitions: 1 }])
    const cursor = await log.open(unique('readers'), [topic])
    const got: string[] = []
    const read = async (): Promise<void> => {
      // A poll may say that nothing can be reached, and is asked again.
      const entries = await take(cursor).catch((error) => {
        if (!isFirebreakError(error, 'FB_LOG_UNAVAILABLE')) throw error
        return []
      })
      got.push(...texts(entries))
    }
    const readUntil = (count: () => number): Promise<void> =>
      until('it flows', async () => {
        await read()
        return new Set(got).size >= count()
      })
    let sent = 0
    let isOver = false
    const write = async (): Promise<void> => {
      for (; !isOver; sent++) await log.append([record(topic, 'k', String(sent))])
    }
    const writing = write()
    await readUntil(() => 10)
    await node.kill()
    await node.start()
    await cluster.ready()
    const before = got.length
    await readUntil(() => before + 10)
    isOver = true
    await writing
    await readUntil(() => sent)
    assert.deepEqual(breaks(await stored(log, topic), sent), [])
    // A member that lost its membership meanwhile reads again from what is committed: nothing, here.
    assert.deepEqual(breaks([...new Set(got)], sent), [])
  },
)

test('kafka network: a broker that takes connections and answers nothing is passed over', {
  skip: noKafka,
  timeout: 60_000,
}, async () => {
  const [host = '', port = ''] = (brokers[0] ?? '').split(':')
  const proxy = new CuttingProxy({ host, port: Number(port) })
  const through = `127.0.0.1:${await proxy.start()}`
  const { log } = mortalLog({ brokers: [through, ...brokers], appendTimeoutMs: 20_000 })
  try {
    assert.deepEqual(await log.inspect().committed(unique('before')), [])
    assert.ok(proxy.sockets > 0, 'the first broker was asked')
    proxy.frozen = true
    assert.deepEqual(await log.inspect().committed(unique('after')), [])
  } finally {
    proxy.cutAll()
    await log.close()
    await proxy.stop()
  }
})
