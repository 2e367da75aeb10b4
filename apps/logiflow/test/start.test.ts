import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { nowMs, pause } from '../platform/machine.ts'
import type { OpsSnapshot } from '../platform/messages.ts'
import { type App, isAlive, startApp } from './app.ts'

type Card = {
  readonly orderId: string
  readonly orderNumber: string
  readonly status: string
  readonly route: object | null
  readonly invoice: { readonly number: string } | null
}
type Overview = {
  readonly orders: readonly Card[]
  readonly trucks: readonly object[]
  readonly ops: OpsSnapshot | null
}

let app: App

const overview = async (): Promise<Overview> => (await (await fetch(`${app.url}api/overview`)).json()) as Overview

const post = async (
  path: string,
  body: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: Record<string, unknown> }> => {
  const answer = await fetch(`${app.url}${path}`, {
    ...{ method: 'POST', body: JSON.stringify(body) },
    headers: { 'content-type': 'application/json', ...headers },
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const until = async <T>(what: string, look: () => Promise<T | undefined | false>, maxMs = 20_000): Promise<T> => {
  for (const endMs = nowMs() + maxMs; nowMs() < endMs; await pause(150)) {
    const found = await look()
    if (found) return found
  }
  throw new Error(`never happened: ${what}`)
}

const cardOf = async (orderId: unknown): Promise<Card | undefined> =>
  (await overview()).orders.find((card) => card.orderId === orderId)
const invoicing = async (): Promise<OpsSnapshot['services'][number] | undefined> =>
  (await overview()).ops?.services.find(({ name }) => name === 'invoicing')

const order = { customerId: 'C-0002', toPlaceId: '2751283', goods: 'Tiles', pallets: 26, palletKg: 500, cooled: false }

before(async () => {
  app = await startApp()
})
after(() => app.end())

test('it says in a few lines where the page is, and the page answers', async () => {
  assert.ok(app.output().trim().split('\n').length <= 12)
  const page = await fetch(app.url)
  assert.equal(page.status, 200)
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
})

test('an order becomes a route and an invoice with a PDF', async () => {
  const placed = await post('api/orders', order, { 'idempotency-key': 'first-order' })
  assert.equal(placed.status, 202)
  const card = await until('an invoice', async () => {
    const found = await cardOf(placed.body['orderId'])
    return found?.invoice ? found : undefined
  })
  const pdf = await fetch(`${app.url}api/invoices/${card.invoice?.number}/pdf`)
  assert.equal(pdf.headers.get('content-type'), 'application/pdf')
  assert.equal(
    Buffer.from(await pdf.arrayBuffer())
      .subarray(0, 5)
      .toString(),
    '%PDF-',
  )
})

test('the same key gives the same order; another order under it is refused', async () => {
  const first = await post('api/orders', order, { 'idempotency-key': 'second-order' })
  const again = await post('api/orders', order, { 'idempotency-key': 'second-order' })
  assert.deepEqual(again.body, first.body)
  assert.equal((await post('api/orders', { ...order, pallets: 3 }, { 'idempotency-key': 'second-order' })).status, 422)
  assert.equal((await post('api/orders', { ...order, pallets: 300 }, { 'idempotency-key': 'third-order' })).status, 422)
})

test('pages of other sites reach nothing', async () => {
  assert.equal((await post('api/ops/crash', { service: 'invoicing' }, { origin: 'http://evil.example' })).status, 403)
})

test('trucks move', async () => {
  await until('a truck on the map', async () => (await overview()).trucks.length > 0)
})

test('invoicing crashes: the portal answers every time, orders are routed, and the invoice follows', async () => {
  await until('ops', async () => (await overview()).ops !== null)
  await post('api/ops/crash', { service: 'invoicing' })
  await until('invoicing is down', async () => (await invoicing())?.state === 'waiting')
  const placed = await post('api/orders', order, { 'idempotency-key': 'during-the-crash' })
  const routed = await until('a route', async () => {
    const card = await cardOf(placed.body['orderId'])
    return card?.route ? card : undefined
  })
  assert.equal(routed.invoice, null, 'invoicing is still down')
  await until('the invoice after the restart', async () => (await cardOf(placed.body['orderId']))?.invoice ?? undefined)
  assert.equal((await invoicing())?.crashes, 1)
})

test('a poison order is a dead letter that holds nobody up; fixed and replayed it is invoiced', async () => {
  const poison = await post('api/ops/poison')
  const letter = await until('a dead letter', async () => (await overview()).ops?.letters[0])
  const tariffId = /SPOT-\w+/.exec(letter.message)?.[0]
  const other = await post('api/orders', order, { 'idempotency-key': 'beside-the-poison' })
  await until('an invoice for another order', async () => (await cardOf(other.body['orderId']))?.invoice ?? undefined)
  await post('api/ops/tariffs', { tariffId })
  await until('invoicing knows the tariff', async () => (await overview()).ops?.letters[0]?.fix?.isDone)
  await post(`api/ops/letters/invoicing/${letter.id}/replay`)
  await until('the invoice of the replay', async () => (await cardOf(poison.body['orderId']))?.invoice ?? undefined)
  await until('no dead letter is left', async () => (await overview()).ops?.letters.length === 0)
})

test('a second start on the same data points to the first; a taken port is refused with a hint', async () => {
  const second = await startApp({ dataDir: app.dataDir })
  assert.equal(await second.ended, 2)
  assert.ok(second.output().includes(app.url))
  const third = await startApp({ port: Number(new URL(app.url).port) })
  assert.equal(await third.ended, 2)
  assert.match(third.output(), /is taken/)
  await third.end()
})

test('Ctrl-C ends everything within 2 s; the next start goes on with the same orders and numbers', async () => {
  const before = await overview()
  const numbers = before.orders.flatMap(({ invoice }) => (invoice ? [invoice.number] : []))
  const pids = before.ops?.services.flatMap(({ pid }) => pid ?? []) ?? []
  const beganMs = nowMs()
  process.kill(app.pid, 'SIGINT')
  assert.equal(await app.ended, 0)
  assert.doesNotMatch(app.output(), /stopped on the page/, 'the end of all is no stop by a person')
  assert.ok(nowMs() - beganMs < 3_000, `took ${nowMs() - beganMs} ms`)
  assert.match(app.output(), /are kept in/)
  assert.deepEqual(pids.filter(isAlive), [])
  app = await startApp({ dataDir: app.dataDir })
  const after = await overview()
  const kept = new Set(after.orders.map(({ orderId }) => orderId))
  assert.ok(before.orders.every(({ orderId }) => kept.has(orderId)))
  const placed = await post('api/orders', order, { 'idempotency-key': 'after-the-restart' })
  const card = await until('an invoice', async () => {
    const found = await cardOf(placed.body['orderId'])
    return found?.invoice ? found : undefined
  })
  assert.ok((card.invoice?.number ?? '') > (numbers.toSorted().at(-1) ?? ''))
})

test('children end when their supervisor is killed', async () => {
  const pids = await until('ops', async () => (await overview()).ops?.services.flatMap(({ pid }) => pid ?? []))
  assert.equal(pids.length, 5)
  process.kill(app.pid, 'SIGKILL')
  await until('no child is left', async () => pids.every((pid) => !isAlive(pid)))
})
