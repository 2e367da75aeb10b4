/** What a newcomer meets in an empty folder: the library from its tarball, a schema library of their own, and no listener. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Consumer, createConsumer } from './consumer.ts'

let consumer: Consumer
before(() => {
  consumer = createConsumer()
  for (const zod of ['zod', 'zod-3']) consumer.link(zod)
})
after(() => consumer.remove())

interface Program {
  readonly zod?: string
  /** The body of the transaction. */
  readonly does: string
  readonly orderId?: string
  /** When the program has seen enough. */
  readonly until: string
}

/** A first service, as the README has it, without a listener. */
const program = ({ zod = 'zod', does, orderId = "'4711'", until }: Program): string => `
import { createRuntime, event, handle, service, sqliteDatabase, sqliteLog } from 'firebreak'
import { z } from '${zod}'

const schema = z.object({ orderId: z.string() })
const OrderPlaced = event({ type: 'order.placed', topic: 'orders', key: 'orderId', schema })
const OrderBilled = event({ type: 'order.billed', topic: 'bills', key: 'orderId', schema })
const billing = service({
  name: 'billing',
  publishes: [OrderPlaced],
  handlers: [handle(OrderPlaced, (order, ctx) => ctx.transaction(async (tx) => { ${does} }))],
})
const folder = 'data-' + process.pid
await using log = sqliteLog({ path: folder })
await using database = sqliteDatabase({ path: folder + '/billing.db' })
await database.query('CREATE TABLE IF NOT EXISTS invoices (order_id TEXT)')
await using runtime = createRuntime({ service: billing, log, database })
await runtime.start()
const publish = () => runtime.publish(OrderPlaced, { orderId: ${orderId} })
${until}
`

const printed = `
const handled = Promise.withResolvers()
runtime.on('done', () => handled.resolve())
await publish()
await handled.promise
for (const row of await database.query('SELECT order_id FROM invoices')) console.log(row.order_id)`
// Ends when the first warning of a record has been printed, which takes far less.
const warned = `
const write = process.stderr.write.bind(process.stderr)
const seen = Promise.withResolvers()
process.stderr.write = (text, ...rest) => (/order\\.placed/.test(String(text)) && seen.resolve(), write(text, ...rest))
await publish()
await seen.promise
process.exit(3)`

for (const zod of ['zod', 'zod-3'])
  test(`with ${zod} the first event is handled, and nothing is printed on stderr`, () => {
    const does = "await tx.query('INSERT INTO invoices VALUES ($1)', [order.orderId])"
    consumer.write('first.mjs', program({ zod, does, until: printed }))
    assert.equal(consumer.node('first.mjs'), '4711\n')
  })

const mistakes: readonly (Omit<Program, 'until'> & { readonly name: string; readonly says: RegExp })[] = [
  {
    name: 'a table that does not exist',
    does: "await tx.query('INSERT INTO bills VALUES ($1)', [order.orderId])",
    says: /failed order\.placed .*no such table: bills .*Create it before the service starts/,
  },
  {
    name: 'the placeholder of another driver',
    does: "await tx.query('INSERT INTO invoices VALUES (?)', [order.orderId])",
    says: /failed order\.placed .*write \$1, \$2 … instead of \?/,
  },
  {
    name: 'an event that the service does not declare',
    does: 'tx.publish(OrderBilled, order)',
    says: /failed order\.placed .*does not declare that it publishes order\.billed: add it to publishes of service billing/,
  },
  {
    name: 'a key that is no text',
    does: '',
    orderId: '4711',
    says: /order\.placed v1 does not fit its schema: orderId: .*expected string, received number/,
  },
]

for (const { name, says, ...mistake } of mistakes)
  test(`${name} is said on stderr, with its cause and what to do`, () => {
    consumer.write('mistake.mjs', program({ ...mistake, until: warned }))
    // A program that never says it would run until the test's limit.
    assert.throws(() => consumer.node('mistake.mjs'), says)
  })
