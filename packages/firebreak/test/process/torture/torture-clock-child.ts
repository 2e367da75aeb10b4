/** Says what time it is, in its own thread and in another one, at its start and whenever its clock has been set. */
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { systemClock } from '../../../src/node/clock.ts'
import { clockChannel } from '../../../torture/history/clock-names.ts'

if (isMainThread) await main()
else parentPort?.on('message', () => parentPort?.postMessage(systemClock.now()))

async function main(): Promise<void> {
  const other = new Worker(import.meta.filename)
  const channel = new BroadcastChannel(clockChannel)
  const inBoth = async (): Promise<readonly number[]> => {
    const answer = new Promise<number>((resolve) => void other.once('message', resolve))
    other.postMessage('?')
    return [systemClock.now(), await answer]
  }
  process.on('message', async ({ aheadMs }: { aheadMs: number }) => {
    const before = await inBoth()
    channel.postMessage(aheadMs)
    // A broadcast says nothing of its arrival.
    let now = before
    while (now.some((nowMs, thread) => nowMs >= (before[thread] ?? 0))) now = await inBoth()
    process.send?.(now)
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.(await inBoth())
}
