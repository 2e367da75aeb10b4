import type { LogRecord } from '../../contracts/log.ts'
import { untyped } from './act.ts'

/**
 * A record as no publisher of firebreak writes it, made of one that it would have written. It ends once, however it ends, and
 * nobody else notices.
 *
 * **Shape** `name` is unique, in kebab-case. `refused`: `append` does not take it, on any log.
 */
export interface OddRecord {
  readonly name: string
  readonly ends: 'done' | 'dead-letter' | 'either' | 'refused'
  /** `good` has a payload that is a JSON object, and the envelope of its event. */
  of(good: LogRecord): LogRecord
}

type Make = OddRecord['of']

const made = (ends: OddRecord['ends'], name: string, of: Make): OddRecord => Object.freeze({ name, ends, of })
const header = (ends: OddRecord['ends'], name: string, headers: Readonly<Record<string, unknown>>): OddRecord =>
  made(ends, name, (good) => ({ ...good, headers: untyped({ ...good.headers, ...headers }) }))
const without = (name: string, header: string): OddRecord =>
  made('dead-letter', name, (good) => {
    const { [header]: _, ...headers } = good.headers
    return { ...good, headers }
  })
const value = (ends: OddRecord['ends'], name: string, bytes: unknown): OddRecord =>
  made(ends, name, (good) => ({ ...good, value: untyped(bytes) }))
const key = (ends: OddRecord['ends'], name: string, of: (key: string) => unknown): OddRecord =>
  made(ends, name, (good) => ({ ...good, key: untyped(of(good.key ?? '')) }))

const text = (json: string): Uint8Array => new TextEncoder().encode(json)
/** The same payload, written in another way. */
const rewritten = (name: string, of: (json: string) => string): OddRecord =>
  made('done', name, (good) => ({ ...good, value: text(of(new TextDecoder().decode(good.value ?? undefined))) }))
const manyHeaders = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x-of-another-${i}`, 'v'.repeat(20)]))

/** What stands in a log beside the records of firebreak: from other producers, older versions, mistakes, and bad will. */
export const oddRecords: readonly OddRecord[] = Object.freeze([
  made('dead-letter', 'headers-none', (good) => ({ ...good, headers: {} })),
  without('id-missing', 'ce_id'),
  without('type-missing', 'ce_type'),
  without('source-missing', 'ce_source'),
  header('dead-letter', 'id-empty', { ce_id: '' }),
  header('dead-letter', 'type-empty', { ce_type: '' }),
  header('dead-letter', 'source-empty', { ce_source: '' }),
  header('dead-letter', 'version-of-text', { ce_schemaversion: 'one' }),
  header('dead-letter', 'version-zero', { ce_schemaversion: '0' }),
  header('dead-letter', 'version-negative', { ce_schemaversion: '-1' }),
  header('dead-letter', 'version-of-a-fraction', { ce_schemaversion: '1.5' }),
  header('dead-letter', 'version-beyond-all', { ce_schemaversion: '1e400' }),
  header('dead-letter', 'version-of-the-future', { ce_schemaversion: '99' }),
  header('done', 'time-of-nonsense', { ce_time: 'yesterday' }),
  header('done', 'trace-of-nonsense', { traceparent: '00-zz-zz-zz' }),
  header('done', 'trace-of-zeros', { traceparent: `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01` }),
  header('done', 'correlation-empty', { ce_correlationid: '' }),
  header('done', 'correlation-endless', { ce_correlationid: 'c'.repeat(10_000) }),
  header('done', 'correlation-with-controls', { ce_correlationid: '\u001b]0;x\u0007\u009b2J\u202e' }),
  header('done', 'headers-of-three-hundred', manyHeaders),
  header('done', 'header-without-a-name', { '': 'v' }),
  header('done', 'header-of-a-prototype', { constructor: 'v', toString: 'v', hasOwnProperty: 'v' }),
  header('done', 'header-in-capitals', { CE_ID: 'another', Ce_Type: 'another' }),
  header('done', 'header-with-controls', { 'x-\u001b[2J': '\u0000\u001b\u009b' }),

  value('dead-letter', 'value-none', null),
  value('dead-letter', 'value-empty', new Uint8Array()),
  value('dead-letter', 'value-no-utf8', Uint8Array.of(0xff, 0xfe, 0)),
  value('dead-letter', 'value-cut', text('{"uid":"cut')),
  value('dead-letter', 'value-of-null', text('null')),
  value('dead-letter', 'value-of-a-number', text('7')),
  value('dead-letter', 'value-of-a-list', text('[]')),
  value('dead-letter', 'value-of-brackets', text('['.repeat(200_000))),
  value('dead-letter', 'value-of-a-prototype', text('{"__proto__":{"uid":"u","key":"k","seq":1}}')),
  rewritten('value-with-space', (json) => `\n\t ${json} \r\n`),
  rewritten('value-with-a-second-key', (json) => json.replace('{', '{"uid":"overwritten",')),
  rewritten('value-with-a-prototype', (json) => json.replace('{', '{"__proto__":{"seq":"text"},')),

  key('done', 'key-none', () => null),
  key('done', 'key-empty', () => ''),
  key('done', 'key-endless', (good) => `${good}${'k'.repeat(9000)}`),
  key('done', 'key-with-controls', (good) => `${good}\u001b[2J\u009b\u202e`),
  key('done', 'key-of-emoji', (good) => `${good}\u{1F469}\u200d\u{1F692}`),
  key('either', 'key-with-nul', (good) => `${good}\u0000`),
  key('done', 'key-of-half-a-pair', (good) => `${good}\ud83d`),

  header('refused', 'header-of-null', { ce_id: null }),
  header('refused', 'header-of-a-number', { ce_schemaversion: 1 }),
  header('refused', 'header-of-a-list', { 'x-list': ['a', 'b'] }),
  header('refused', 'header-of-an-object', { ce_type: Object.create(null) }),
  header('refused', 'header-of-a-symbol', { 'x-odd': Symbol('odd') }),
  header('refused', 'header-of-bytes', { 'x-bytes': Uint8Array.of(1) }),
  made('refused', 'headers-of-null', (good) => ({ ...good, headers: untyped(null) })),
  made('refused', 'headers-of-text', (good) => ({ ...good, headers: untyped('ce_id') })),
  value('refused', 'value-of-text', 'text'),
  value('refused', 'value-of-an-object', { uid: 'u' }),
  value('refused', 'value-missing', undefined),
  key('refused', 'key-of-a-number', () => 7),
  key('refused', 'key-missing', () => undefined),
  key('refused', 'key-of-an-object', () => ({})),
])
