import { permanent } from 'firebreak'

export interface Wish {
  readonly do: 'add' | 'throw' | 'refuse' | 'leak' | 'buffers' | 'exit' | 'hang' | 'function'
  readonly numbers?: readonly number[]
}

/** What is isolated in the tests. */
export async function run({ do: what, numbers = [] }: Wish): Promise<unknown> {
  if (what === 'add') return { sum: numbers.reduce((sum, n) => sum + n, 0), pid: process.pid }
  if (what === 'throw') throw new RangeError('beyond the range')
  if (what === 'refuse') throw permanent('it can never work')
  if (what === 'exit') process.exit(3)
  if (what === 'function') return () => 1
  if (what === 'hang') while (true);
  const kept: unknown[] = []
  for (;;) {
    kept.push(what === 'leak' ? Array.from({ length: 10_000 }, (_, i) => `${i}`) : Buffer.alloc(4 * 2 ** 20, 1))
    if (kept.length % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}
