import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { record, take, texts } from '../../../src/testing/conformance/log-scene.ts'
import type { Told } from './member-child.ts'
import { brokers, mortalLog, noKafka, sessionHasPassed, unique, until } from './scene.ts'

interface Member {
  readonly process: ChildProcess
  readonly told: Told[]
}

function start(t: TestContext, group: string, topic: string): Member {
  const child = fork(join(import.meta.dirname, 'member-child.ts'), [brokers[0] ?? '', group, topic])
  t.after(() => child.kill('SIGKILL'))
  const told: Told[] = []
  child.on('message', (news: Told) => told.push(news))
  return { process: child, told }
}

const holding = ({ told }: Member): readonly number[] =>
  told.findLast((news): news is Extract<Told, { holds: unknown }> => 'holds' in news)?.holds ?? []

const commits = ({ told }: Member): readonly string[] =>
  told.flatMap((news) => ('committed' in news ? [news.committed] : []))

test('kafka processes: a member that is killed leaves its share to the others, from what it had committed', {
  skip: noKafka,
  timeout: 90_000,
}, async (t) => {
  const { log } = mortalLog()
  t.after(() => log.close())
  const topic = unique('orders')
  const group = unique('readers')
  await log.ensureTopics([{ name: topic, partitions: 2 }])
  await log.append([0, 0, 0, 1, 1, 1].map((partition, i) => record(topic, 'k', String(i), partition)))
  const doomed = start(t, group, topic)
  await until('it has read all', () => doomed.told.flatMap((news) => ('read' in news ? news.read : [])).length === 6)
  doomed.process.send({ commit: 0, offset: 2 })
  await until('it has committed', () => commits(doomed).length === 1)
  doomed.process.kill('SIGKILL')
  const heir = await log.open(group, [topic])
  const got: string[] = []
  await until('the rest has come', async () => got.push(...texts(await take(heir))) >= 4)
  assert.deepEqual(got.sort(), ['2', '3', '4', '5'])
})

test('kafka processes: a member that was stopped for longer than its session is fenced, and takes part again', {
  skip: noKafka,
  timeout: 90_000,
}, async (t) => {
  const { log } = mortalLog({ sessionTimeoutMs: 2000 })
  t.after(() => log.close())
  const topic = unique('orders')
  const group = unique('readers')
  await log.ensureTopics([{ name: topic, partitions: 2 }])
  const sleeper = start(t, group, topic)
  await until('it holds both', () => holding(sleeper).length === 2)
  const other = await log.open(group, [topic])
  await until('they share', async () => {
    await take(other)
    return other.assignment().length === 1 && holding(sleeper).length === 1
  })
  const [partition = -1] = holding(sleeper)
  sleeper.process.kill('SIGSTOP')
  await sessionHasPassed(2000)
  await until('the other has taken over', async () => {
    await take(other)
    return other.assignment().length === 2
  })
  sleeper.process.send({ commit: partition, offset: 1 })
  sleeper.process.kill('SIGCONT')
  await until('its commit is answered', () => commits(sleeper).length === 1)
  assert.deepEqual(commits(sleeper), ['FB_FENCED'])
  await until('they share again', async () => {
    await take(other)
    return other.assignment().length === 1 && holding(sleeper).length === 1
  })
  assert.ok(
    sleeper.told.some((news) => 'holds' in news && news.holds.length === 0),
    'it has seen that it had lost all',
  )
})
