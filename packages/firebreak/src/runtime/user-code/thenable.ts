/** What a promise of others came to; boxed, because what is in it may look like a promise again. */
export interface Settled {
  readonly value: unknown
}

/** Builders of queries have a `then` and are no promises. **Errors** what the getter of a `then` throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' && typeof value !== 'function') return false
  return value !== null && typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
}

/**
 * Waits for a promise of any make. Its `then` is called once, and nothing that it resolves to is waited for: the language
 * goes round forever with one that resolves to itself.
 */
export function settled(thenable: PromiseLike<unknown>): Promise<Settled> {
  return new Promise((resolve, reject) => {
    thenable.then((value) => resolve({ value }), reject)
  })
}

/** What code of others resolves to. A promise of a promise is no result: awaiting it would go round forever. */
export async function resultOf<T>(result: T | PromiseLike<T>): Promise<T> {
  if (!isThenable(result)) return result
  const { value } = await settled(result)
  return isThenable(value) ? (undefined as T) : (value as T)
}
