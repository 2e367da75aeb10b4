import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { isFirebreakError } from '../../../src/contracts/errors.ts'
import { connectionSettings } from '../../../src/postgres/connection-settings.ts'

const url = 'postgresql://user:secret@db.example:6432/shop'

test('the server is told its limits and where to look for names when it is connected', () => {
  const { pool, path, schema } = connectionSettings({ url, schema: 'ledger', searchPath: ['shop'], lockTimeoutMs: 7 })
  assert.equal(path, 'db.example:6432/shop')
  assert.equal(schema, 'ledger')
  assert.match(pool.options ?? '', /-c search_path="shop","ledger"/)
  assert.match(pool.options ?? '', /-c lock_timeout=7 -c statement_timeout=30000/)
  assert.match(pool.options ?? '', /-c idle_in_transaction_session_timeout=6000/)
})

test('what the url wants to say to the server is said as well', () => {
  const { pool } = connectionSettings({ url: `${url}?options=-c%20work_mem%3D64MB&sslmode=disable` })
  assert.match(pool.options ?? '', /^-c work_mem=64MB -c search_path=/)
  assert.equal(pool.connectionString, `${url}?sslmode=disable`)
})

const ca = 'of our own'
const tlsUrl = `${url}?sslmode=no-verify&ssl=0&sslcert=a&sslkey=b&sslrootcert=c&sslnegotiation=direct&sslmode=disable`
for (const tls of [true, false, { ca }]) {
  test(`the option wins over all that the url says of TLS: ${JSON.stringify(tls)}`, () => {
    const client = new Client(connectionSettings({ url: tlsUrl, tls }).pool) as Client & { readonly ssl: unknown }
    assert.deepEqual(client.ssl, tls)
  })
}

test('without the option TLS is what the url says', () => {
  const client = new Client(connectionSettings({ url: `${url}?sslmode=no-verify` }).pool) as Client & { ssl: unknown }
  assert.deepEqual(client.ssl, { rejectUnauthorized: false })
})

test('an address in parts is as good as a url', () => {
  const { path, pool } = connectionSettings({ address: { host: 'db', database: 'shop', user: 'me' }, tls: true })
  assert.equal(path, 'db:5432/shop')
  assert.deepEqual([pool.host, pool.database, pool.user, pool.ssl], ['db', 'shop', 'me', true])
})

test('everything that is wrong is said at once, and the password is not', () => {
  const wrong = {
    url: 'mysql://user:secret@host/db',
    schema: 'My Schema',
    searchPath: ['"; drop table x'],
    poolMax: 0,
    lockTimeoutMs: 1.5,
  }
  assert.throws(
    () => connectionSettings(wrong),
    (error) => {
      assert.ok(isFirebreakError(error, 'FB_CONFIG'))
      assert.equal(error.message.split('\n').length, 5)
      assert.doesNotMatch(error.message, /secret/)
      return true
    },
  )
  assert.throws(() => connectionSettings({}), /give `url` or `address`/)
  assert.throws(() => connectionSettings({ url: 'postgresql://[' }), /is not a URL/)
})
