/** Records as any program may write them: what a generator draws of keys, values and headers. */
import type { LogRecord } from '../../contracts/log.ts'
import type { OriginalHeader } from '../../contracts/original.ts'

type Random = () => number

const encoder = new TextEncoder()
const below = (random: Random, n: number): number => Math.floor(random() * n)
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T
const noise = (random: Random, max: number): Uint8Array =>
  Uint8Array.from({ length: below(random, max + 1) }, () => below(random, 256))

const texts = [
  ...[
    '',
    ' ',
    '\0',
    'null',
    'undefined',
    'NaN',
    '0',
    '-1',
    '1e999',
    '{}',
    '[]',
    '"',
    '\ud83d',
    '\ufffd',
    '\ufeff',
    '\u202e',
  ],
  ...['\x1b[2J', '../../x', "'; drop table fb_inbox; --", '__proto__', 'constructor', 'toString', '9007199254740993'],
  ...['x'.repeat(3000), '🚚'.repeat(700), 'true', 'ß', '2026-11-30T00:00:00Z', '00-00-00-00'],
]
const attributes = [
  ...['ce_id', 'ce_type', 'ce_source', 'ce_specversion', 'ce_time', 'ce_schemaversion', 'ce_correlationid'],
  ...['ce_causationid', 'traceparent', 'ce_traceparent', 'content-type', '__proto__', 'constructor', '7', '', 'x-own'],
]

function drawBytes(random: Random): Uint8Array {
  return random() < 0.5 ? encoder.encode(pick(random, texts)) : noise(random, 40)
}

function drawHeaders(random: Random, type: string): readonly OriginalHeader[] {
  const headers: OriginalHeader[] = []
  const set = (name: string, value: Uint8Array | null): void => {
    headers.push({ name: encoder.encode(name), value })
  }
  // Most have what an event has, so that what is odd gets far.
  for (const [name, text] of [
    ['ce_specversion', '1.0'],
    ['ce_id', `odd-${random()}`],
    ['ce_type', random() < 0.7 ? type : pick(random, texts)],
    ['ce_source', '/odd'],
  ] as const)
    if (random() < 0.9) set(name, encoder.encode(text))
  for (let more = below(random, 5); more > 0; more--) {
    const name = random() < 0.8 ? pick(random, attributes) : undefined
    const value = random() < 0.2 ? null : drawBytes(random)
    if (name === undefined) headers.push({ name: noise(random, 12), value })
    else set(name, value)
  }
  return random() < 0.3 ? headers.toSorted(() => random() - 0.5) : headers
}

function drawValue(random: Random): Uint8Array | null {
  const way = random()
  if (way < 0.1) return null
  if (way < 0.25) return noise(random, 300)
  if (way < 0.4) return encoder.encode(pick(random, texts))
  if (way < 0.43) return new Uint8Array(60_000).fill(below(random, 256))
  return encoder.encode(
    JSON.stringify(pick(random, [null, 1, 'text', [], {}, { id: pick(random, texts), n: random() }, [[[]]]])),
  )
}

/** A record that may be anything; `type` is one that its reader handles. */
export function drawOddRecord(random: Random, type: string): Omit<LogRecord, 'topic'> {
  const way = random()
  const key = way < 0.15 ? null : way < 0.5 ? pick(random, texts) : `k${below(random, 50)}`
  const value = drawValue(random)
  const headers = drawHeaders(random, type)
  const bytes = key !== null && random() < 0.3 ? { key: noise(random, 12) } : {}
  return { key, value, headers: {}, original: { ...bytes, headers } }
}
