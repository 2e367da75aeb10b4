import { sleep } from '../../contracts/clock.ts'
import { classify, failedEngine } from './decide.ts'
import type { Instance } from './instance.ts'

/**
 * Does what must be done before anything else can go on, and tries until it works: the database may be away, and a statement
 * of the ledger's own may fail for a reason that passes, such as a lock. Resolves to undefined once `signal` has aborted.
 *
 * **Errors** what no time heals: `FB_FENCED`, a broken invariant, a wrong set-up.
 */
export async function retryUntilDone<T>(
  { clock, emit }: Pick<Instance, 'clock' | 'emit'>,
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T | undefined> {
  for (let failures = 1; !signal?.aborted; failures++) {
    try {
      return await run()
    } catch (error) {
      // Left behind by a stop, or fenced: no caller waits for it, and the database may be closed.
      if (signal?.aborted) return undefined
      const { kind } = classify(error)
      if (kind !== 'infrastructure' && kind !== 'transient') throw error
      emit({ kind: 'infrastructure-error', where: failedEngine(error), error })
      await sleep(clock, Math.min(1000, 50 * failures), signal)
    }
  }
  return undefined
}
