/** Figures of the pages that follow from defaults: computed here, so that neither can change alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retriesOf } from '../../src/cli/describe.ts'
import { isFinalAnswer } from '../../src/define/final-answers.ts'
import { handle } from '../../src/define/handle.ts'
import { manifestOf } from '../../src/define/manifest-of.ts'
import { service } from '../../src/define/service.ts'
import { topicDefaults } from '../../src/define/topic.ts'
import { kafkaOptions } from '../../src/kafka/cluster/kafka-options.ts'
import { backoffMs } from '../../src/policy/definition/backoff.ts'
import { retryDefaults, retryTime } from '../../src/policy/definition/retry.ts'
import { postgresOptions } from '../../src/postgres/connection-settings.ts'
import { blocksOf, readDoc, tableOf } from './markdown.ts'

const guide = readDoc('docs/guides/02-errors-retries-dead-letters.md')
const calls = readDoc('docs/guides/07-calls.md')
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ')
const tenths = (value: number): string => String(Math.round(value * 10) / 10)

const { attemptsMax, ageMaxMs, laneWaitMaxMs } = retryDefaults
const waits = Array.from({ length: attemptsMax - 1 }, (_, index) => index + 1)
/** The shortest and the longest wait after so many failures. */
const rangeMs = (failures: number): readonly [number, number] => [
  backoffMs(retryDefaults, failures, 0, () => 0),
  backoffMs(retryDefaults, failures, 0, () => 1),
]
const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0)

test('guide 2: how long retries last is what the defaults come to', () => {
  const { averageMs, maxMs } = retryTime(retryDefaults)
  const leastMs = sum(waits.map((n) => rangeMs(n)[0]))
  const quickMs = sum([1, 2, 3].map((n) => rangeMs(n)[1]))
  const minutes = (ms: number): string => tenths(ms / 60_000)
  const says =
    `Without options a handler gets ${attemptsMax} attempts. They last ${minutes(averageMs)} minutes on average, ` +
    `${minutes(maxMs)} at most and ${minutes(leastMs)} at least, and none starts more than ${ageMaxMs / 3_600_000} hours after ` +
    `the first failure. The first three retries come within ${tenths(quickMs / 1000)} seconds:`
  assert.ok(oneLine(guide).includes(says), says)
})

test('guide 2: the table has the range and the place of every wait', () => {
  const told = tableOf(guide, '## 1. Choose the policy')
  const expected = waits.map((n) => {
    const [least, most] = rangeMs(n)
    const range = most < 1000 ? `${least} to ${most} ms` : `${least / 1000} to ${most / 1000} s`
    const place =
      most <= laneWaitMaxMs
        ? 'in the lane'
        : least > laneWaitMaxMs
          ? 'parked'
          : `in the lane up to ${laneWaitMaxMs / 1000} s, else parked`
    return [range, place]
  })
  const rows = told.flatMap(([failures = '', ...rest]) => {
    const [from = 0, to = from] = failures.split(' to ').map(Number)
    return Array.from({ length: to - from + 1 }, () => rest)
  })
  assert.deepEqual(rows, expected)
})

test('guide 2: what describe says of a handler without options is what it prints', () => {
  const one = service({ name: 'one', handlers: [handle({ type: 'a.b' } as never, () => {})] })
  const lines = retriesOf(manifestOf([one]).services[0]?.handles[0] ?? assert.fail())
  assert.ok(
    blocksOf(guide).some(({ text }) => text === `${lines.join('\n')}\n`),
    lines.join('\n'),
  )
})

test('guide 4: the table of options has the defaults of the code', () => {
  const said = new Map(
    readDoc('docs/guides/04-kafka-and-postgresql.md')
      .split('\n')
      .map((line) => /^\| `(\w+)` \| (.*) \|$/.exec(line) ?? [])
      .map(([, name = '', what = '']) => [name, what]),
  )
  const { compression, sessionTimeoutMs, recordBytesMax } = kafkaOptions
  const begins = {
    compression: `\`${defaultOf(compression)}\` by default;`,
    sessionTimeoutMs: `${Number(defaultOf(sessionTimeoutMs)) / 1000} s:`,
    recordBytesMax: `${Number(defaultOf(recordBytesMax)).toLocaleString('en')};`,
    transactionMaxMs: `${Number(defaultOf(postgresOptions.transactionMaxMs)) / 1000} s:`,
  }
  for (const [name, begin] of Object.entries(begins))
    assert.ok(said.get(name)?.startsWith(begin), `${name}: ${said.get(name)}, not ${begin}`)
})

const defaultOf = (option: object): unknown => ('default' in option ? option.default : undefined)

test('sizing: the partitions of the example are the default', () => {
  const rows = tableOf(`\n## all\n${readDoc('docs/sizing.md')}`, '## all')
  assert.equal(rows.find(([what]) => what === 'partitions')?.[2], `${topicDefaults.partitions}, the default`)
})

test('guide 7: the table says of each status whether it is final', () => {
  const rows = tableOf(calls, '### Which answers are final')
  const told = rows.flatMap(([statuses = '', without = '']) =>
    statuses.split(', ').map((status): [number, string] => [Number(status), without]),
  )
  for (const [status, without] of told)
    assert.equal(without, isFinalAnswer({}, status) ? 'final' : 'tried again', String(status))
  const named = new Set(told.map(([status]) => status))
  for (let status = 400; status < 500; status++)
    if (!isFinalAnswer({}, status))
      assert.ok(named.has(status), `${status} is tried again, and the table does not say so`)
})

test('no page tells another number of minutes that retries last without options', () => {
  const average = Math.floor(retryTime(retryDefaults).averageMs / 60_000)
  assert.equal(average, 40, 'README.md says forty minutes')
  assert.match(readDoc('README.md'), /forty minutes of retries/)
  assert.match(readDoc('docs/guides/03-testing-in-virtual-time.md'), new RegExp(`Retries that take ${average} minutes`))
  assert.match(readDoc('CHANGELOG.md'), new RegExp(`they last ${average} minutes on average`))
})
