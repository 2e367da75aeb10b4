import { minutes } from '../../contracts/duration.ts'
import { event } from '../../define/event.ts'
import { handle } from '../../define/handle.ts'
import { service } from '../../define/service.ts'
import { topic } from '../../define/topic.ts'
import { type Act, actsOf, never, type Setting, thenable, unit, untyped } from './act.ts'

const { done, letter } = actsOf('definition')

function failing(): never {
  throw new Error('the definition fails')
}

type Validate = NonNullable<Act['validate']>
type Upcast = NonNullable<Act['upcast']>

// The handler would do what it should: it is never asked, or only where the act says so.
const validator = (name: string, validate: Validate): Act => letter(`validator-${name}`, (s) => unit(s), { validate })
const upcaster = (name: string, upcast: Upcast): Act => letter(`upcaster-${name}`, (s) => unit(s), { upcast })

/** It must be refused: the unit would be done, and its record no dead letter, if it were not. */
const definition = (name: string, define: (setting: Setting) => unknown): Act =>
  letter(`defines-${name}`, (s) => unit(s, () => define(s)))

const odd: Readonly<Record<string, unknown>> = {
  'not-a-number': Number.NaN,
  'a-negative-one': -1,
  'a-fraction': 1.5,
  'a-text': '5',
  'a-bigint': 5n,
  'a-symbol': Symbol('odd'),
  'an-object': {},
}
const spec = ({ event: { schema } }: Setting): Parameters<typeof event>[0] => {
  return { type: 'thing.defined', topic: 'defined', key: 'key' as never, schema }
}
const anEvent = (name: string, more: (setting: Setting) => object): Act =>
  definition(`an-event-${name}`, (s) => event({ ...spec(s), ...more(s) }))
const aHandler = (name: string, options: object, run: unknown = minutes): Act =>
  definition(`a-handler-${name}`, (s) => handle(s.event, untyped(run), untyped(options)))
const aService = (name: string, more: (setting: Setting) => object): Act =>
  definition(`a-service-${name}`, (s) => service(untyped({ name: 'defined', ...more(s) })))

const definitions: readonly Act[] = [
  ...Object.entries(odd).flatMap(([name, value]) => [
    anEvent(`with-partitions-of-${name}`, () => ({ topic: topic('defined', { partitions: value as never }) })),
    anEvent(`with-a-retention-of-${name}`, () => ({ topic: topic('defined', { retentionMs: value as never }) })),
    anEvent(`with-a-version-of-${name}`, () => ({ version: value })),
    aHandler(`with-a-deadline-of-${name}`, { deadlineMs: value }),
    aHandler(`with-attempts-of-${name}`, { retry: { attemptsMax: value } }),
    aHandler(`with-a-pause-of-${name}`, { retry: { baseMs: value } }),
  ]),
  anEvent('without-a-type', () => ({ type: '' })),
  anEvent('with-a-type-of-controls', () => ({ type: 'thing\u001b[2J' })),
  anEvent('with-a-topic-of-spaces', () => ({ topic: 'a topic' })),
  anEvent('with-a-topic-that-is-a-path', () => ({ topic: '../etc' })),
  anEvent('with-an-upcaster-to-nowhere', () => ({ upcast: { 7: (old: unknown) => old } })),
  aHandler('of-nothing', {}, null),
  aHandler('of-text', {}, 'run'),
  aService('without-a-name', () => ({ name: '' })),
  aService('named-as-a-path', () => ({ name: '../../etc' })),
  aService('with-two-handlers-of-an-event', (s) => {
    return { handlers: [handle(s.event, minutes as never), handle(s.event, minutes as never)] }
  }),
]

/** Schemas and upcasters that throw, reject, never end, or return what they must not. */
export const definitionActs: readonly Act[] = [
  ...definitions,
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
  validator('returns-issues-beside-the-value', (value) => ({ value, issues: [{ message: 'and yet' }] })),
  validator('returns-no-issues-as-issues', () => ({ issues: [] })),
  validator('returns-a-promise-as-the-value', (value) => ({ value: Promise.resolve(value) })),
  validator('returns-a-promise-as-the-value-later', async () => ({ value: thenable(() => {}) })),
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
