import { runInNewContext } from 'node:vm'
import { FirebreakError } from '../../contracts/errors.ts'

/** A value that code of others may throw, reject with, return or pass, and that is hard to look at. */
export interface OddValue {
  /** Unique, in kebab-case. */
  readonly name: string
  /** Makes a new one each time: the receiver may change it. */
  make(random: () => number): unknown
}

const refuse = (..._given: readonly unknown[]): never => {
  throw new Error('this must not be touched')
}
const allTraps = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((name) => [name, refuse]),
) as ProxyHandler<object>
const brand = Symbol.for('firebreak.error')
const branded = (fields: object): object => Object.assign(new Error('not what it says'), { [brand]: true, ...fields })
const withFields = (fields: PropertyDescriptorMap): Error => Object.defineProperties(new Error('an odd error'), fields)

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function chain(depth: number): Error {
  let error = new Error('the first cause')
  for (let i = 0; i < depth; i++) error = new Error(`because of ${i}`, { cause: error })
  return error
}

function ring(): Error {
  const first: Error & { cause?: unknown } = new Error('around')
  first.cause = new Error('and around', { cause: first })
  return first
}

function cyclic(): object {
  const value: Record<string, unknown> = { name: 'cyclic' }
  value['self'] = value
  return value
}

class Untold {
  readonly id = 7
  toString(): string {
    return refuse()
  }
  toJSON(): string {
    return refuse()
  }
  [Symbol.toPrimitive](): string {
    return refuse()
  }
}

class OtherError extends Error {
  override name = 'OtherError'
}

class Overridden extends FirebreakError {
  // Another library may extend what it was given, and mean something else by the same names.
  override readonly code = 14 as never
  override readonly kind = {} as never
  override readonly detail = null as never
}

const odd = (name: string, make: OddValue['make']): OddValue => ({ name, make })

const plain: readonly OddValue[] = [
  odd('undefined', () => undefined),
  odd('null', () => null),
  odd('false', () => false),
  odd('nan', () => Number.NaN),
  odd('bigint', () => 10n ** 20n),
  odd('huge-bigint', () => 1n << 200_000n),
  odd('empty-text', () => ''),
  odd('text', () => 'something went wrong'),
  odd('long-text', () => 'long '.repeat(100_000)),
  odd('text-with-nul', () => 'before\0after'),
  odd('text-with-half-a-pair', () => 'half \ud800 of it'),
  odd('symbol', () => Symbol('odd')),
  odd('symbol-without-text', () => Symbol()),
  odd('function', () => refuse),
  odd('class', () => Untold),
  odd('date-that-is-none', () => runInNewContext('new Date(NaN)')),
  odd('bytes', () => new Uint8Array(100_000)),
  odd('array', () => [1, 'two', { three: 3 }]),
  odd('array-with-holes', () => new Array(2 ** 32 - 1)),
  odd('map', () => new Map([[{}, 1]])),
  odd('object', () => ({ status: 503, error: 'away' })),
  odd('without-prototype', () => Object.assign(Object.create(null), { id: 'bad', n: 1 })),
  odd('cyclic', cyclic),
  odd('frozen', () => Object.freeze({ frozen: true })),
  odd('cannot-be-told', () => new Untold()),
  odd('throwing-to-primitive', () => ({ [Symbol.toPrimitive]: refuse })),
  odd('throwing-getters', () => Object.defineProperty({}, 'message', { get: refuse, enumerable: true })),
  odd('proxy', () => new Proxy({}, allTraps)),
  odd('proxy-of-a-function', () => new Proxy(refuse, allTraps)),
  odd('revoked-proxy', revoked),
]

const errors: readonly OddValue[] = [
  odd('error', () => new Error('as usual')),
  odd('error-without-text', () => new Error()),
  odd('error-of-a-library', () => new OtherError('of a library')),
  odd('error-of-another-realm', () => runInNewContext('new TypeError("elsewhere")')),
  odd('object-of-another-realm', () => runInNewContext('({ message: "elsewhere", code: 14 })')),
  odd('error-with-a-row-as-cause', () => new Error('there already', { cause: Object.create(null) })),
  odd('error-with-a-symbol-as-cause', () => new Error('odd', { cause: Symbol('cause') })),
  odd('error-with-a-proxy-as-cause', () => new Error('odd', { cause: new Proxy({}, allTraps) })),
  odd('error-with-itself-as-cause', ring),
  odd('error-with-a-thousand-causes', () => chain(1000)),
  odd('errors-together', () => new AggregateError([new Error('one'), 'two', null], '')),
  odd('ten-thousand-errors-together', () => new AggregateError(new Array(10_000).fill(new Error('one')))),
  odd('errors-that-are-no-list', () => withFields({ errors: { get: refuse } })),
  odd('error-with-throwing-fields', () =>
    withFields({ message: { get: refuse }, stack: { get: refuse }, name: { get: refuse }, cause: { get: refuse } }),
  ),
  odd('error-with-fields-of-other-types', () =>
    withFields({
      message: { value: 7 },
      stack: { value: {} },
      name: { value: Symbol('name') },
      cause: { value: null },
    }),
  ),
  odd('error-with-a-huge-message', () => withFields({ message: { get: () => 'm'.repeat(2 ** 20) } })),
  odd('error-with-a-huge-name', () => withFields({ name: { value: 'N'.repeat(2 ** 20) } })),
  odd('error-with-a-huge-stack', () => withFields({ stack: { get: () => '    at (a (b'.repeat(2 ** 16) } })),
  odd('error-with-nul-in-all-fields', () =>
    withFields({ message: { value: 'a\0b\udfff' }, stack: { value: 's\0\ud800' }, name: { value: 'N\0' } }),
  ),
  odd('error-without-constructor', () => withFields({ constructor: { value: null } })),
  odd('error-whose-class-has-no-name', () => withFields({ constructor: { value: { name: 7 } } })),
  odd('error-without-prototype', () => Object.setPrototypeOf(new Error('alone'), null)),
  odd('proxy-of-an-error', () => new Proxy(new Error('behind'), allTraps)),
  odd('frozen-error', () => Object.freeze(new Error('frozen'))),
  odd('error-with-the-name-of-ours', () => withFields({ name: { value: 'FB_HANDLER_THROTTLED' } })),
]

const ours: readonly OddValue[] = [
  odd('ours-config', () => new FirebreakError('FB_CONFIG', { problems: 'a definition made too late' })),
  odd('ours-invariant', () => new FirebreakError('FB_INVARIANT', { claim: 'somebody else' })),
  odd('ours-fenced', () => new FirebreakError('FB_FENCED', { partition: 'another/0' })),
  odd('ours-closed', () => new FirebreakError('FB_CLOSED', { what: 'another runtime' })),
  odd('ours-not-started', () => new FirebreakError('FB_NOT_STARTED', { afterMs: 10 })),
  odd('ours-crash-suspect', () => new FirebreakError('FB_CRASH_SUSPECT', { deaths: 3 })),
  odd('ours-outbox-full', () => new FirebreakError('FB_OUTBOX_FULL', { rows: 1 })),
  odd('ours-behind', () => new FirebreakError('FB_DATABASE_BEHIND', { what: 'x', committed: 2, found: 1 })),
  odd('ours-unavailable', () => new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'other', reason: 'away' })),
  odd('ours-unavailable-ledger', () => {
    const cause = new FirebreakError('FB_INVARIANT', { claim: 'forged' })
    return new FirebreakError('FB_DATABASE_UNAVAILABLE', { path: 'ledger', reason: 'forged' }, cause)
  }),
  odd('ours-readonly', () => new FirebreakError('FB_DATABASE_READONLY', { path: 'other', reason: 'x' })),
  odd('ours-corrupt', () => new FirebreakError('FB_DATABASE_CORRUPT', { path: 'other', reason: 'x' })),
  odd('ours-unknown-commit', () => new FirebreakError('FB_COMMIT_UNKNOWN', { path: 'other', reason: 'x' })),
  odd('ours-log-unavailable', () => new FirebreakError('FB_LOG_UNAVAILABLE', { path: 'other', reason: 'x' })),
  odd('ours-permanent-with-a-proxy', () => new FirebreakError('FB_HANDLER_PERMANENT', { message: revoked() })),
  odd('ours-throttled-without-number', () => new FirebreakError('FB_HANDLER_THROTTLED', { afterMs: Symbol('soon') })),
  odd('ours-throttled-nan', () => new FirebreakError('FB_HANDLER_THROTTLED', { afterMs: Number.NaN })),
  odd('ours-overridden', () => new Overridden('FB_HANDLER_PERMANENT', { message: 'overridden' })),
  odd('branded-without-fields', () => ({ [brand]: true })),
  odd('branded-with-a-number-as-code', () => branded({ code: 7, kind: 'config', detail: {} })),
  odd('branded-without-detail', () => branded({ code: 'FB_CALL_OPEN', kind: 'transient', detail: null })),
  odd('branded-with-a-proxy-as-detail', () =>
    branded({ code: 'FB_HANDLER_THROTTLED', kind: 'transient', detail: new Proxy({}, allTraps) }),
  ),
  odd('branded-with-an-unknown-code', () => branded({ code: 'FB_OF_TOMORROW', kind: 'config', detail: {} })),
  odd('branded-once', () => {
    let reads = 0
    const code = (): unknown => (reads++ === 0 ? 'FB_INVARIANT' : refuse())
    return Object.defineProperty(branded({ kind: 'bug', detail: {} }), 'code', { get: code })
  }),
]

/** Everything that is worth throwing at a runtime, apart from thenables. */
export const oddValues: readonly OddValue[] = [...plain, ...errors, ...ours]

type Settle = (value?: unknown) => void
type Then = (resolve: Settle, reject: Settle) => void

const thenable = (then: Then): object => Object.fromEntries([['then', then]])

function toItself(): object {
  const value = thenable((resolve) => resolve(value))
  return value
}

/**
 * What looks like a promise and is none. To be returned by a function that is not `async`: the language itself takes what an
 * async function returns, and goes round forever with the one that resolves to itself.
 */
export const oddThenables: readonly OddValue[] = [
  odd('then-throws', () => thenable(refuse)),
  odd('then-is-a-getter-that-throws', () => Object.defineProperty({}, 'then', { get: refuse })),
  odd('then-calls-twice', () => thenable((resolve, reject) => reject(resolve(1)))),
  odd('then-rejects-and-throws', () => thenable((_, reject) => refuse(reject()))),
  odd('then-never-calls', () => thenable(() => {})),
  odd('then-resolves-to-itself', toItself),
  odd('promise-of-another-realm', () => runInNewContext('Promise.resolve(1)')),
  odd('rejection-of-another-realm', () => runInNewContext('Promise.reject(1)')),
]

/** Draws a value, and now and then hides it where its description has to look deeper. */
export function drawOddValue(random: () => number): { readonly name: string; readonly value: unknown } {
  const { name, make } = oddValues[Math.floor(random() * oddValues.length)] as OddValue
  const value = make(random)
  const way = Math.floor(random() * 12)
  if (way === 0) return { name: `cause-${name}`, value: new Error('caused', { cause: value }) }
  if (way === 1) return { name: `list-${name}`, value: [value, value] }
  if (way === 2) return { name: `message-${name}`, value: withFields({ message: { value } }) }
  if (way === 3) return { name: `together-${name}`, value: new AggregateError([value, value], 'together') }
  if (way === 4) return { name: `field-${name}`, value: { wrapped: value } }
  return { name, value }
}
