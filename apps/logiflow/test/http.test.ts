import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { sqliteDatabase } from 'firebreak'
import type { InvoiceGenerated } from '../contracts/payloads.ts'
import { createTables } from '../platform/engines.ts'
import { type Routes, serve } from '../platform/http.ts'
import { portalRoutes } from '../services/portal/api.ts'
import { cardInvoiced, portalTables } from '../services/portal/store.ts'

let server: { port: number; close: () => void }
const seen: string[] = []
const routes: Routes = {
  'GET /things/:name': ({ params }) => {
    seen.push(params['name'] ?? '')
    return { status: 200, json: params }
  },
  'GET /broken': () => {
    throw new Error("ENOENT: no such file or directory, open '/srv/secret/place.db'")
  },
}

before(async () => {
  server = await serve(routes, 0)
})
after(() => server.close())

/** The answer to a request line that no client of HTTP would send. */
const ask = (port: number, target: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text
    })
    socket.on('error', reject).on('close', () => resolve(answer))
    socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`)
  })

const statusOf = (answer: string): number => Number(answer.split(' ')[1])

test('a path that cannot be read is 400, whatever is wrong with it, and the server goes on', async () => {
  const bad = [
    '/things/%',
    '/things/%zz',
    '/things/%ff',
    '/things/%c0%af',
    '/things/%00',
    '/things/%1b%5B2J',
    '//',
    '//evil.example/x',
    'http://[',
    '*',
  ]
  for (const target of bad) assert.equal(statusOf(await ask(server.port, target)), 400, target)
  assert.deepEqual(seen, [])
  assert.equal(statusOf(await ask(server.port, '/things/K%C3%B6ln')), 200)
  assert.deepEqual(seen, ['Köln'])
  assert.equal(statusOf(await ask(server.port, '/things/a/b')), 404)
  assert.equal(statusOf(await ask(server.port, '/../etc/passwd')), 404)
})

test('what fails inside is 500 without a path of the machine', async () => {
  const answer = await ask(server.port, '/broken')
  assert.equal(statusOf(answer), 500)
  assert.doesNotMatch(answer, /secret|ENOENT/)
})

test('an invoice whose PDF was removed is 404 without a path of the machine', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'logiflow-http-'))
  const database = sqliteDatabase({ path: ':memory:' })
  await createTables(database, portalTables)
  const invoice = { orderId: 'o', invoiceNumber: '2026-1', pdf: { key: 'gone.pdf' } } as InvoiceGenerated
  await database.transaction((sql) => cardInvoiced(sql, invoice))
  const parts = { database, engines: { settings: { dataDir } } } as unknown as Parameters<typeof portalRoutes>[0]
  const portal = await serve(portalRoutes(parts), 0)
  const answer = await ask(portal.port, '/api/invoices/2026-1/pdf')
  assert.equal(statusOf(answer), 404)
  assert.doesNotMatch(answer, /logiflow-http|gone\.pdf/)
  assert.match(answer, /not there any more/)
  assert.equal(statusOf(await ask(portal.port, '/api/invoices/..%2F..%2Fetc%2Fpasswd/pdf')), 404)
  portal.close()
  await database.close()
  rmSync(dataDir, { recursive: true })
})
