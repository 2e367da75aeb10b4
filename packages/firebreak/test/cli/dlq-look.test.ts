import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { prettyJson } from '../../src/cli/program/payload.ts'
import { emptyScene, filledScene, idOf, invoicing, run, runServices, type Scene, sceneIn, scratch } from './scene.ts'

let scene: Scene
before(async () => {
  scene = await filledScene(scratch())
})

test('dlq list: shows open letters newest first, with what is needed to go on', async () => {
  const { exit, out, err } = await run(scene, ['dlq', 'list'])
  assert.equal(exit, 0)
  const [head, first, second, ...rest] = out.trimEnd().split('\n')
  assert.match(head!, /^ID +AGE +STATE +SERVICE +TYPE +KEY +ERROR$/)
  assert.match(
    first!,
    /^[0-9a-f-]{18} +\d+ m?s +open +invoicing +order\.placed +K-3 +no rate for 30000 kg \(RateError\)$/,
  )
  assert.match(second!, / K-2 +no rate for 90000 kg \(RateError\)$/)
  assert.deepEqual(rest, [])
  assert.match(err, /^2 dead letters\. Next: firebreak dlq show [0-9a-f-]{18}\n$/)
})

test('dlq list: fits the terminal and colours only there', async () => {
  const tty = { isTty: true, columns: 80 }
  const { out } = await run(scene, ['dlq', 'list'], tty)
  const lines = stripVTControlCharacters(out).trimEnd().split('\n')
  assert.ok(out.includes('\u001b[31m'))
  assert.ok(
    lines.every((line) => line.length <= 80),
    lines.join('\n'),
  )
  for (const setting of [{ env: { NO_COLOR: '1' } }, { env: { TERM: 'dumb' } }]) {
    assert.ok(!(await run(scene, ['dlq', 'list'], { ...tty, ...setting })).out.includes('\u001b'))
  }
  assert.ok((await run(scene, ['dlq', 'list'], { env: { FORCE_COLOR: '1' } })).out.includes('\u001b[31m'))
  assert.ok(!(await run(scene, ['dlq', 'list', '--no-color'], tty)).out.includes('\u001b'))
})

test('dlq list: --json is one document with the same letters', async () => {
  const { out, err } = await run(scene, ['dlq', 'list', '--json', '--max', '1'])
  const { total, letters } = JSON.parse(out)
  assert.equal(total, 2)
  assert.equal(err, '')
  const { id: _, eventId: __, correlationId: ___, at: ____, position, ...rest } = letters[0]
  assert.equal(position.topic, 'orders')
  assert.deepEqual(rest, {
    service: 'invoicing',
    state: 'open',
    reason: 'exhausted',
    hold: false,
    of: 'event',
    eventType: 'order.placed',
    key: 'K-3',
    errorClass: 'RateError',
    message: 'no rate for 30000 kg',
    fingerprint: 'RateError@scene.ts:rateOf',
    attempts: 2,
    replays: 0,
  })
})

test('dlq list: --group puts one kind of failure on one entry and names the next command', async () => {
  const { out, err } = await run(scene, ['dlq', 'list', '--group'])
  assert.match(out, /^ {4}2 {2}RateError@scene\.ts:rateOf\n {7}no rate for 30000 kg\n/)
  assert.match(err, /firebreak dlq replay --fingerprint RateError@scene.ts:rateOf --dry-run/)
  const { groups } = JSON.parse((await run(scene, ['dlq', 'list', '--group', '--json'])).out)
  assert.deepEqual([groups.length, groups[0].count, groups[0].eventTypes], [1, 2, ['order.placed']])
})

test('dlq list: filters by state, type, fingerprint and service', async () => {
  const count = async (...filter: string[]): Promise<number> =>
    JSON.parse((await run(scene, ['dlq', 'list', '--json', ...filter])).out).letters.length
  assert.equal(await count('--state', 'resolved'), 0)
  assert.equal(await count('--state', 'all'), 2)
  assert.equal(await count('--type', 'order.placed'), 2)
  assert.equal(await count('--type', 'order.cancelled'), 0)
  assert.equal(await count('--fingerprint', 'RateError@scene.ts:rateOf'), 2)
  assert.equal(await count('--service', 'invoicing'), 2)
})

test('dlq list: an unknown service is 3, an unknown state is 2, each with a suggestion', async () => {
  const unknown = await run(scene, ['dlq', 'list', '--service', 'invoicng'])
  assert.equal(unknown.exit, 3)
  assert.match(unknown.err, /no service "invoicng"\. Did you mean "invoicing"\?/)
  const state = await run(scene, ['dlq', 'list', '--state', 'opne'])
  assert.equal(state.exit, 2)
  assert.match(state.err, /Did you mean "open"\?/)
})

test('dlq show: shows payload as it was published, attempts newest first, position and next steps', async (t) => {
  const scene = await filledScene(t)
  const id = await idOf(scene, 'K-2')
  const { exit, out } = await run(scene, ['dlq', 'show', id.slice(0, 18)])
  assert.equal(exit, 0)
  assert.ok(out.includes('\n{"orderId":"K-2","weightKg":90000,"stops":["Köln"]}\n'))
  assert.match(out, /position +orders partition \d offset \d/)
  assert.match(out, /Attempts \(2, newest first\)\n {2}#2 .*\n.*\n(?: {6}at .*\n)+ {2}#1 /)
  assert.match(out, /ce_type: order\.placed/)
  assert.match(out, /dead-lettered by invoicing-[0-9a-f]{8}: exhausted/)
  assert.ok(out.includes(`firebreak dlq replay ${id}`))
})

test('dlq show: never writes a payload again: large numbers, white space and broken bytes stay', async (t) => {
  const scene = emptyScene(t)
  const odd = '{ "orderId":"K-9",\n  "weightKg": 9007199254740993 }'
  const record = (key: string, value: Uint8Array) => ({
    topic: 'orders',
    key,
    value,
    headers: { ce_specversion: '1.0', ce_id: key, ce_source: '/old', ce_type: 'order.placed' },
  })
  const broken = new Uint8Array([0xff, 0x00, 0x7b])
  await runServices(scene, [record('K-9', new TextEncoder().encode(odd)), record('K-0', broken)])
  const shown = await run(scene, ['dlq', 'show', await idOf(scene, 'K-9')])
  assert.ok(shown.out.includes(`\n${odd}\n`))
  const { payloadText } = JSON.parse((await run(scene, ['dlq', 'show', await idOf(scene, 'K-9'), '--json'])).out)
  assert.equal(payloadText, odd)
  const chunks: (string | Uint8Array)[] = []
  const id = await idOf(scene, 'K-0')
  await run(scene, ['dlq', 'show', id, '--payload'], { out: (data) => void chunks.push(data) })
  assert.deepEqual(
    chunks.map((chunk) => [...(chunk as Uint8Array)]),
    [[...broken]],
  )
  assert.equal(JSON.parse((await run(scene, ['dlq', 'show', id, '--json'])).out).payloadBase64, '/wB7')
})

test('dlq show: a terminal gets the payload with a field a line, each as it was published', async () => {
  const { out } = await run(scene, ['dlq', 'show', await idOf(scene, 'K-2')], { isTty: true, columns: 80 })
  const lines = ['{', '  "orderId": "K-2",', '  "weightKg": 90000,', '  "stops": [', '    "Köln"', '  ]', '}']
  assert.ok(stripVTControlCharacters(out).includes(`\n${lines.join('\n')}\n`))
})

test('a payload is laid out without being parsed: numbers, repeated fields and odd strings stay', () => {
  const odd = '{"n":9007199254740993,"a":1.0,"a":[],"o":{},"s":"x\\"{,:[ é","d":[{"e":null}, true]}'
  const laidOut = prettyJson(odd)
  assert.equal(laidOut.replace(/\n\s*/g, '').replaceAll('": ', '":'), odd.replace(', true', ',true'))
  assert.ok(laidOut.startsWith('{\n  "n": 9007199254740993,\n  "a": 1.0,\n  "a": [],\n  "o": {},\n'))
  const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`
  assert.equal(prettyJson(deep), deep)
  assert.deepEqual(['not json', '7', '"x"', '[]', ''].map(prettyJson), ['not json', '7', '"x"', '[]', ''])
})

test('dlq show: does not let a payload drive the terminal', async (t) => {
  const scene = emptyScene(t)
  const value = new TextEncoder().encode('\u001b[2J not json')
  const headers = { ce_specversion: '1.0', ce_id: 'x', ce_source: '/old', ce_type: 'order.placed' }
  await runServices(scene, [{ topic: 'orders', key: 'K', value, headers }])
  const id = await idOf(scene, 'K')
  const { out } = await run(scene, ['dlq', 'show', id, '--no-color'], { isTty: true, columns: 100 })
  assert.ok(out.includes('\\u001b[2J not json'))
  assert.ok(!out.includes('\u001b'))
})

test('dlq show: an unknown id is 3', async (t) => {
  const { exit, err } = await run(await filledScene(t), ['dlq', 'show', 'nope'])
  assert.equal(exit, 3)
  assert.match(err, /There is no dead letter nope/)
})

test('a service that has never run has no letters, and says so', async (t) => {
  const { exit, out, err } = await run(emptyScene(t), ['dlq', 'list'])
  assert.deepEqual([exit, out], [0, ''])
  assert.match(err, /invoicing has never run/)
  assert.match(err, /There are no dead letters that are open\./)
})

test('a database of another service is refused', async (t) => {
  const scene = await filledScene(t)
  const stolen = { ...sceneIn(scene.folder).config.services[1]!, service: { ...invoicing, name: 'billing' } }
  const { exit, err } = await run({ ...scene, config: { ...scene.config, services: [stolen] } }, ['dlq', 'list'])
  assert.equal(exit, 1)
  assert.match(err, /holds the ledger of "invoicing"/)
})
