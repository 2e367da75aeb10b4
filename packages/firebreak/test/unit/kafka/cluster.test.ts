import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ensureTopics } from '../../../src/kafka/cluster/kafka-topics.ts'
import { Producer } from '../../../src/kafka/producer/kafka-producer.ts'
import { record } from '../../../src/testing/conformance/log-scene.ts'
import { ScriptedBrokers } from './scripted-broker.ts'

const topicId = '00000000-0000-0000-0000-000000000001'
const leaderNotAvailable = 5
const notController = 41

const notAsked = new Error('the request has timed out')

/** Plays against two brokers of which the first answers requests of this kind with `says`. **Shape** the nodes asked. */
async function asked(
  key: number,
  says: unknown,
  play: (brokers: ScriptedBrokers) => Promise<unknown>,
): Promise<readonly number[]> {
  const nodes: number[] = []
  const brokers = new ScriptedBrokers(2)
  brokers.topics.set('t', { id: topicId, partitions: 1, leaders: [2] })
  brokers.onAny = (one, node) => {
    if (one === key) nodes.push(node)
    if (one === key && node === 1) return says
    if (one === 10) return { coordinators: [{ host: 'node', port: 2, errorCode: 0 }] }
    if (one === 19) brokers.topics.set('new', { id: topicId, partitions: 1 })
    if (one === 19) return { topics: [{ name: 'new', errorCode: 0, errorMessage: null }] }
    return undefined
  }
  let isOver = false
  const playing = play(brokers).finally(() => (isOver = true))
  await brokers.clock.advance(10_000)
  assert.ok(isOver, `nodes ${nodes} were asked`)
  await playing
  return nodes
}

const append = ({ cluster }: ScriptedBrokers): Promise<unknown> => new Producer(cluster).append([record('t', 'k', 'x')])

test('a broker that does not tell the settings of a topic is not asked again', async () => {
  assert.deepEqual(await asked(32, notAsked, append), [1, 2])
})

test('a broker that does not give a producer its number is not asked again', async () => {
  assert.deepEqual(await asked(22, notAsked, append), [1, 2])
})

test('a broker that does not tell who leads is not asked again', async () => {
  assert.deepEqual(await asked(3, notAsked, ({ cluster }) => cluster.learn(['t'])), [1, 2])
})

test('a broker that does not find a coordinator is not asked again', async () => {
  const play = async ({ cluster }: ScriptedBrokers): Promise<void> => {
    await assert.rejects(cluster.coordinator('group'))
    await cluster.coordinator('group')
  }
  assert.deepEqual(await asked(10, notAsked, play), [1, 2])
})

test('a broker that is not the controller does not create topics: another one is asked', async () => {
  const says = { topics: [{ name: 'new', errorCode: notController, errorMessage: null }] }
  assert.deepEqual(await asked(19, says, ({ cluster }) => ensureTopics(cluster, [{ name: 'new' }])), [1, 2])
})

test('calls that meet one broker that is away together all go on to the same other one', async () => {
  const play = ({ cluster }: ScriptedBrokers): Promise<unknown> =>
    Promise.all(['a', 'b', 'c', 'd'].map((group) => cluster.coordinator(group).catch(() => cluster.coordinator(group))))
  assert.deepEqual(await asked(10, notAsked, play), [1, 1, 1, 1, 2, 2, 2, 2])
})

test('a topic that a broker cannot tell of now is not taken for one that does not exist', async () => {
  const brokers = new ScriptedBrokers(1)
  brokers.topics.set('t', { id: topicId, partitions: 1 })
  brokers.topicErrors.set('t', leaderNotAvailable)
  const { cluster, clock } = brokers
  const learning = cluster.learn(['t'])
  await clock.advance(5000)
  brokers.topicErrors.clear()
  await clock.advance(5000)
  await learning
  brokers.topicErrors.set('t', leaderNotAvailable)
  assert.equal((await cluster.refresh(['t'])).get('t')?.id, topicId, 'what was known is the best that is known')
})
