import { type Act, actsOf, never, thenable, unit, untyped } from './act.ts'

const { done, letter } = actsOf('definition')

function failing(): never {
  throw new Error('the definition fails')
}

type Validate = NonNullable<Act['validate']>
type Upcast = NonNullable<Act['upcast']>

// The handler would do what it should: it is never asked, or only where the act says so.
const validator = (name: string, validate: Validate): Act => letter(`validator-${name}`, (s) => unit(s), { validate })
const upcaster = (name: string, upcast: Upcast): Act => letter(`upcaster-${name}`, (s) => unit(s), { upcast })

/** Schemas and upcasters that throw, reject, never end, or return what they must not. */
export const definitionActs: readonly Act[] = [
  validator('throws', failing),
  validator('throws-nothing', () => {
    throw undefined
  }),
  validator('throws-a-symbol', () => {
    throw Symbol('odd')
  }),
  validator('rejects', () => Promise.reject(new Error('the definition rejects'))),
  validator('rejects-with-nothing', () => Promise.reject(undefined)),
  validator('never-ends', never),
  validator('returns-nothing', () => undefined),
  validator('returns-a-text', () => 'fine'),
  validator('returns-issues-of-another-type', () => ({ issues: 5 })),
  validator('returns-issues-without-a-message', () => ({ issues: [null, {}, 7] })),
  validator('returns-issues-with-an-odd-path', () => ({
    issues: [{ message: Symbol('odd'), path: [null, Symbol('odd')] }],
  })),
  validator('returns-a-result-that-throws', () => ({
    get issues(): never {
      return failing()
    },
  })),
  validator('returns-a-thenable-that-throws', () => thenable(failing)),
  done('validator-takes-its-time', (s) => unit(s), {
    validate: async (value) => {
      await null
      return { value }
    },
  }),

  upcaster('throws', failing),
  upcaster('throws-a-symbol', () => {
    throw Symbol('odd')
  }),
  upcaster('throws-an-object-without-prototype', () => {
    throw Object.create(null)
  }),
  upcaster('returns-nothing', () => undefined),
  upcaster('returns-a-promise', () => Promise.resolve({})),
  upcaster('returns-a-promise-that-rejects', () => Promise.reject(new Error('the definition rejects'))),
  upcaster('returns-a-proxy-that-throws', () => new Proxy({}, { get: untyped(failing) })),
]
