import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import { together } from '../../../torture/faults/together.ts'

test('when one part fails the others are told, and its error comes after they have ended', async () => {
  const ended: string[] = []
  const failing = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    throw new Error('does not come back')
  }
  const patient = async (signal: AbortSignal): Promise<void> => {
    await once(signal, 'abort')
    ended.push('patient')
    throw new Error('was told to end')
  }
  await assert.rejects(together(new AbortController().signal, [patient, failing]), /does not come back/)
  assert.deepEqual(ended, ['patient'])
})

test('parts that are interrupted end without an error of their own', async () => {
  const interrupted = new AbortController()
  const waiting = together(interrupted.signal, [async (signal) => void (await once(signal, 'abort'))])
  interrupted.abort()
  await waiting
})
