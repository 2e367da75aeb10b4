/**
 * Failures of statements that nobody waits for, as `void sql.query(…)` in the body of a unit. They end no process, and the
 * unit learns of them: without that it would be committed without a statement of its own.
 */
export class Unheard {
  // Made on demand: hardly a unit ever has one.
  #failures: Set<Failure<unknown>> | undefined

  /** The first failure that nobody has waited for so far. */
  get first(): { readonly error: unknown } | undefined {
    return this.#failures?.values().next().value
  }

  /** A rejection for the caller of the statement. */
  add<T>(error: unknown): Promise<T> {
    this.#failures ??= new Set()
    const failures = this.#failures
    const failure = new Failure<T>(error, () => failures.delete(failure))
    failures.add(failure)
    return failure
  }
}

/** The same promise; it ends no process when nobody waits for it. */
export function quieted<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

class Failure<T> extends Promise<T> {
  readonly error: unknown
  readonly #heard: () => void

  constructor(error: unknown, heard: () => void) {
    super((_, reject) => reject(error))
    this.error = error
    this.#heard = heard
    super.then(undefined, () => undefined)
  }

  /** What comes of it is an ordinary promise again. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  // `await`, `catch` and `Promise.all` all come here.
  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#heard()
    return super.then(fulfilled, rejected)
  }
}
