import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z as zod4 } from 'zod'
import { z as zod3 } from 'zod-3'
import { event } from '../../../src/define/event.ts'
import { handle } from '../../../src/define/handle.ts'
import { service } from '../../../src/define/service.ts'
import { createTestRuntime } from '../../../src/testing/test-runtime.ts'

const schemas = {
  'zod 3.25': zod3.object({ id: zod3.string(), n: zod3.number().int() }),
  'zod 4': zod4.object({ id: zod4.string(), n: zod4.int() }),
}

for (const [name, schema] of Object.entries(schemas)) {
  test(`an event with a schema of ${name} is published, checked and handled`, async () => {
    const Happened = event({ type: 'thing.happened', topic: 'things', key: 'id', schema })
    const seen: { id: string; n: number }[] = []
    const run = (it: { id: string; n: number }): void => void seen.push(it)
    const things = service({ name: 'things', publishes: [Happened], handlers: [handle(Happened, run)] })
    await using runtime = await createTestRuntime({ services: [things] })
    await runtime.publish(Happened, { id: 'a', n: 1 })
    await runtime.settle()
    assert.deepEqual(seen, [{ id: 'a', n: 1 }])
    await assert.rejects(runtime.publish(Happened, { id: 'a', n: 1.5 }), { code: 'FB_CONTRACT_VIOLATED' })
  })
}
