import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { commandsOfTerminals, type HostileScene, hostileScene, obeyed } from './hostile-text.ts'
import { run, type Setting, scratch } from './scene.ts'

let hostile: HostileScene
before(async () => {
  hostile = await hostileScene(scratch(), 10_000)
})

const withoutColours = { NO_COLOR: '1' }
const places: readonly [string, Setting][] = [
  ['a terminal', { isTty: true, canAsk: true, columns: 120, env: withoutColours }],
  ['a terminal while the input is something else', { isTty: true, canAsk: false, columns: 120, env: withoutColours }],
  ['messages on a terminal and data elsewhere', { isTty: false, canAsk: true }],
]

const evil = commandsOfTerminals.join('')

/** What is shown of one letter and of one event, for each kind of mark. */
const each = (): readonly (readonly string[])[] =>
  commandsOfTerminals.slice(1).flatMap((_, n) => [
    ['dlq', 'show', hostile.letterIds[n + 1] ?? '', '--stack'],
    ['dlq', 'show', hostile.letterIds[n + 1] ?? '', '--json'],
    ['outbox', 'show', String(hostile.numbers[n])],
    ['outbox', 'show', String(hostile.numbers[n]), '--json'],
    ['trace', `${commandsOfTerminals[n + 1]}id`],
  ])

/** What would be changed, about one of them whose payload can be read. */
const changes = (): readonly (readonly string[])[] => {
  const [id, number] = [hostile.letterIds[1] ?? '', String(hostile.numbers[0])]
  return [
    ['dlq', 'edit', id, '--set', `note=${evil}`, '--dry-run'],
    ['dlq', 'edit', id, '--set', `${evil}=1`, '--dry-run', '--json'],
    ['dlq', 'replay', id, '--dry-run', '--json'],
    ['outbox', 'edit', number, '--set', `note=${evil}`, '--dry-run'],
  ]
}

const general: readonly (readonly string[])[] = [
  ['dlq', 'list', '--max', '20000'],
  ['dlq', 'list', '--json', '--max', '20000'],
  ['dlq', 'list', '--group'],
  ['dlq', 'list', '--group', '--json'],
  ['dlq', 'replay', '--all'],
  ['dlq', 'replay', '--all', '--dry-run'],
  ['dlq', 'discard', '--all', '--reason', evil, '--dry-run', '--json'],
  ['outbox', 'list'],
  ['outbox', 'list', '--json'],
  ['outbox', 'retry', '--all'],
  ['outbox', 'discard', '--all', '--reason', evil, '--dry-run'],
  ['tail', 'orders', '--from', 'earliest', '--no-follow'],
  ['tail', 'orders', '--from', 'earliest', '--no-follow', '--json'],
  ['tail', evil],
  ['topics', evil],
  ['trace', evil],
  ['verify'],
  ['verify', '--json'],
  ['dlq', 'show', evil],
  ['dlq', 'list', '--state', evil],
  ['dlq', 'list', `--${evil}`],
  ['dlq', 'list', '--config', evil],
  ['outbox', 'show', evil],
  ['lab', 'run', evil],
  ['lab', 'validate', evil, '--json'],
  [evil],
]

const refuseObeyed = (text: string, line: readonly string[]): void => {
  const at = text.search(obeyed)
  assert.equal(at, -1, `${line.join(' ').slice(0, 60)}: ${JSON.stringify(text.slice(Math.max(0, at - 40), at + 20))}`)
}

for (const [where, setting] of places)
  test(`of 10,000 dead letters full of escape sequences, bidi marks and C1, no control character reaches ${where}`, async () => {
    for (const line of [...general, ...changes(), ...each()]) {
      const { out, err } = await run(hostile.scene, line, setting)
      assert.ok(out.length + err.length > 0)
      refuseObeyed(out, line)
      refuseObeyed(err, line)
    }
  })

test('colours are the program’s own: what is between them is as harmless as without', async () => {
  const setting = { isTty: true, canAsk: true, columns: 200 }
  const ours = new RegExp(`${String.fromCharCode(27)}\\[(1|2|31|32|33|36|22|39)m`, 'g')
  for (const line of [
    ['dlq', 'list'],
    ['dlq', 'show', hostile.letterIds[27] ?? ''],
  ]) {
    const { out } = await run(hostile.scene, line, setting)
    assert.match(out, ours)
    refuseObeyed(out.replace(ours, ''), line)
  }
})

test('JSON that is written out harmlessly says what the data says', async () => {
  const id = hostile.letterIds.find((_, n) => commandsOfTerminals[n % commandsOfTerminals.length] === '\u202e') ?? ''
  const { out } = await run(hostile.scene, ['dlq', 'show', id, '--json'])
  assert.match(JSON.parse(out).key, /^\u202ekey\u202e/)
  assert.match(out, /\\u202ekey\\u202e/)
  const tail = await run(hostile.scene, ['tail', 'orders', '--from', 'earliest', '--no-follow', '--json'])
  const keys = tail.out
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text).key as string)
  for (const mark of commandsOfTerminals.slice(1)) assert.ok(keys.some((key) => key.startsWith(`${mark}key`)))
})

test('a payload goes to a pipe or a file byte for byte, and to a terminal as text that it does not obey', async () => {
  const id = hostile.letterIds[commandsOfTerminals.indexOf('\u009b2J')] ?? ''
  const line = ['dlq', 'show', id, '--payload']
  assert.match((await run(hostile.scene, line)).out, obeyed)
  const shown = (await run(hostile.scene, line, { isTty: true })).out
  assert.match(shown, /\\u009b/)
  refuseObeyed(shown, line)
})
