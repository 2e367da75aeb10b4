import { z } from 'zod'
import type { Database } from '../../src/contracts/database.ts'
import type { Declared } from '../../src/contracts/event.ts'
import type { Log } from '../../src/contracts/log.ts'
import type { Transaction } from '../../src/contracts/transaction.ts'
import { event, type KeyField } from '../../src/define/event.ts'
import { handle } from '../../src/define/handle.ts'
import { type ServiceDefinition, service } from '../../src/define/service.ts'
import { createRuntime, type Runtime } from '../../src/runtime/runtime.ts'
import { defineConfig } from '../../src/runtime/system/config.ts'

// Checked by tsc, never run: every `@ts-expect-error` is a program that must not compile.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <T extends true>(_proof?: T): void => {}

// A key that cannot be one says why.
const stop = z.object({
  stopId: z.string(),
  km: z.number(),
  note: z.string().optional(),
  truck: z.object({ id: z.string() }),
})
const topic = 'stops'
event({ type: 'stop.made', topic, key: 'stopId', schema: stop })
// @ts-expect-error a number
event({ type: 'stop.made', topic, key: 'km', schema: stop })
// @ts-expect-error a field that may be missing
event({ type: 'stop.made', topic, key: 'note', schema: stop })
// @ts-expect-error a field of a field
event({ type: 'stop.made', topic, key: 'truck.id', schema: stop })
// @ts-expect-error a slip
event({ type: 'stop.made', topic, key: 'stopID', schema: stop })
// @ts-expect-error a payload without text
event({ type: 'stop.made', topic, key: 'n', schema: z.object({ km: z.number() }) })

type Key<K extends string> = KeyField<typeof stop, K>
holds<Same<Key<'stopId'>, 'stopId'>>()
holds<Same<Key<'km'>, 'km is no text, and a key is: make it a string field, or add one'>>()
holds<Same<Key<'truck'>, 'truck is no text, and a key is: make it a string field, or add one'>>()
holds<Same<Key<'note'>, 'note may be missing, and a key is text that is always there'>>()
holds<Same<Key<'truck.id'>, 'truck.id lies within truck, and a key is a field of the payload itself'>>()
holds<Same<Key<'stopID'>, 'stopId'>>()
const onlyNumbers = z.object({ km: z.number() })
holds<Same<KeyField<typeof onlyNumbers, 'n'>, 'this payload has no text field, and its key is one'>>()

// A service publishes what it declares, also where two events have the same payload.
const schema = z.object({ id: z.string() })
const Placed = event({ type: 'order.placed', topic: 'orders', key: 'id', schema })
const Cooked = event({ type: 'order.cooked', topic: 'orders', key: 'id', schema })
const Gone = event({ type: 'order.gone', topic: 'orders', key: 'id', schema, tombstone: true })
const shop = service({ name: 'shop', publishes: [Placed, Gone] })
const kitchen = service({ name: 'kitchen', publishes: [Cooked], handlers: [handle(Placed, () => {})] })
const silent = service({ name: 'silent' })

holds<Same<Declared<typeof Cooked, typeof Placed>, 'add order.cooked to publishes of the service'>>()
holds<Same<Declared<typeof Placed, typeof Placed | typeof Gone>, unknown>>()

void (async (log: Log, database: Database): Promise<void> => {
  const runtime = createRuntime({ service: shop, log })
  await runtime.publish(Placed, { id: '1' })
  await runtime.publish(Gone, null, { key: '1' })
  // @ts-expect-error an event that the service does not declare
  await runtime.publish(Cooked, { id: '1' })
  // @ts-expect-error no tombstone
  await runtime.publish(Placed, null, { key: '1' })
  await runtime.transaction(async (tx) => {
    tx.publish(Placed, { id: '1' })
    // @ts-expect-error an event that the service does not declare
    tx.publish(Cooked, { id: '1' })
    // @ts-expect-error a payload of another kind
    tx.publish(Placed, { id: 1 })
  })
  // @ts-expect-error a service that declares none
  await createRuntime({ service: silent, log }).publish(Placed, { id: '1' })

  // What serves several services knows of none what it declares.
  const place = async (tx: Transaction): Promise<void> => tx.publish(Placed, { id: '1' })
  const anywhere = (one: Runtime): Promise<string> => one.publish(Cooked, { id: '1' })
  await runtime.transaction(place)
  await anywhere(runtime)

  // Handlers need a database.
  createRuntime({ service: kitchen, log, database })
  // @ts-expect-error handlers without a database
  createRuntime({ service: kitchen, log })
  const any: ServiceDefinition = kitchen
  createRuntime({ service: any, log })
  defineConfig({ log: () => log, services: [{ service: shop }, { service: kitchen, database: () => database }] })
  // @ts-expect-error handlers without a database
  defineConfig({ log: () => log, services: [{ service: shop }, { service: kitchen }] })
  holds<Same<(typeof kitchen)['needsDatabase'], true>>()
  holds<Same<(typeof shop)['needsDatabase'], false>>()
  holds<Same<(typeof any)['needsDatabase'], boolean>>()
})
