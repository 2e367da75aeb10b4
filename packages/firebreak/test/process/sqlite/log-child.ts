/** A process of its own that does what its parent says over IPC: `{ do, ... }` in, `{ ... }` out. */
import type { Cursor, Log, LogEntry } from '../../../src/contracts/log.ts'
import { sqliteLog } from '../../../src/sqlite/sqlite-log.ts'

export interface Order {
  readonly do: 'append' | 'flood' | 'open' | 'consume' | 'block' | 'close' | 'assignment'
  readonly group?: string
  readonly values?: readonly string[]
  readonly prefix?: string
  readonly ms?: number
}

const log: Log = sqliteLog({ path: String(process.argv[2]) })
let cursor: Cursor | undefined
const stop = new AbortController()
const tell = (news: object): void => {
  process.send?.(news)
}
const text = (entry: LogEntry): string => Buffer.from(entry.value ?? []).toString()

const orders: Record<Order['do'], (order: Order) => Promise<void>> = {
  async append({ values = [] }) {
    const records = values.map((value) => ({ topic: 'orders', key: value, value: Buffer.from(value), headers: {} }))
    tell({ appended: await log.append(records) })
  },
  // Appends without end, one after the other in ten lines; every acknowledgement is reported at once.
  async flood({ prefix = '' }) {
    const line = async (name: string): Promise<void> => {
      for (let n = 0; !stop.signal.aborted; n++) {
        const value = `${prefix}${name}-${n}`
        await log.append([
          { topic: 'orders', key: `${prefix}${name}`, value: Buffer.from(value), headers: { n: String(n) } },
        ])
        tell({ acked: value })
      }
    }
    tell({ flooding: true })
    await Promise.all(Array.from({ length: 10 }, (_, i) => line(`line${i}`)))
  },
  async open({ group = 'g' }) {
    cursor = await log.open(group, ['orders'])
    tell({ opened: true })
  },
  async consume() {
    tell({ consuming: true })
    let held = ''
    while (cursor !== undefined && !stop.signal.aborted) {
      const entries = await cursor.poll({ recordsMax: 100, waitMs: 5000, signal: stop.signal })
      if (entries.length > 0) {
        tell({ consumed: entries.map(text) })
        const ends = new Map(entries.map((entry) => [entry.partition, entry]))
        await cursor.commit([...ends.values()].map((entry) => ({ ...entry, offset: entry.offset + 1 })))
      }
      const now = cursor
        .assignment()
        .map(({ partition }) => partition)
        .join()
      if (now !== held) tell({ assignment: cursor.assignment().map(({ partition }) => partition) })
      held = now
    }
    tell({ stopped: true })
  },
  async block({ ms = 0 }) {
    tell({ blocking: true })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    tell({ unblocked: true })
  },
  async assignment() {
    tell({ assignment: cursor?.assignment().map(({ partition }) => partition) })
  },
  async close() {
    stop.abort()
    await log.close()
    tell({ closed: true })
    process.disconnect?.()
  },
}

process.on('message', (order: Order) => {
  orders[order.do](order).catch((error) => tell({ error: String(error?.code ?? error), message: String(error) }))
})
tell({ ready: true })
