import type { Entropy } from '../../contracts/entropy.ts'
import type { Envelope, Headers } from '../../contracts/envelope.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import type { LogEntry } from '../../contracts/log.ts'
import { indexable } from '../partition/indexable.ts'

/** What an event inherits from what caused it. */
export interface Cause {
  readonly correlationId: string
  readonly causationId: string | null
  readonly traceparent: string | null
}

/** The headers of a new event; the grammar is in `contracts/envelope.ts`. */
export function headersOf(e: Envelope): Headers {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: e.id,
    ce_source: e.source,
    ce_type: e.type,
    ce_time: e.time,
    ce_schemaversion: String(e.schemaVersion),
    ce_correlationid: e.correlationId,
    'content-type': 'application/json',
  }
  if (e.causationId !== null) headers['ce_causationid'] = e.causationId
  if (e.traceparent !== null) headers['traceparent'] = e.traceparent
  return headers
}

/** Reads the envelope of a record. **Errors** `FB_UNDECODABLE` when a required attribute is missing or malformed. */
export function envelopeOf(entry: Pick<LogEntry, 'headers'>): Envelope {
  const h = entry.headers
  const version = Number(h['ce_schemaversion'] ?? '1')
  if (!Number.isSafeInteger(version) || version < 1) throw undecodable(`ce_schemaversion is "${h['ce_schemaversion']}"`)
  const id = required(h, 'ce_id')
  return {
    id,
    source: required(h, 'ce_source'),
    type: required(h, 'ce_type'),
    time: h['ce_time'] ?? '',
    schemaVersion: version,
    correlationId: h['ce_correlationid'] ?? id,
    causationId: h['ce_causationid'] ?? null,
    traceparent: h['traceparent'] ?? h['ce_traceparent'] ?? null,
  }
}

/**
 * The identity by which the inbox knows an event; null where a record has none. CloudEvents promises only that source and
 * id together are unique; a UUID is unique alone and keeps the inbox small and in time order.
 */
export function inboxIdOf(entry: LogEntry): string | null {
  const id = entry.headers['ce_id']
  if (id === undefined || id === '') return null
  // A digest has no `#` and is longer than a UUID: no other event can have it.
  return indexable(looksLikeUuid(id) ? id : `${entry.headers['ce_source']}#${id}`)
}

// By its dashes: a regular expression took 4 % of an empty handler's time.
function looksLikeUuid(id: string): boolean {
  const isDash = (at: number): boolean => id.charCodeAt(at) === 45
  return id.length === 36 && isDash(8) && isDash(13) && isDash(18) && isDash(23)
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** Parses the payload. **Errors** `FB_UNDECODABLE`: invalid UTF-8 is an error, never a replacement character. */
export function parsePayload(value: Uint8Array | null): unknown {
  if (value === null) throw undecodable('it has no value: a tombstone, which its event does not declare')
  try {
    return JSON.parse(strictUtf8.decode(value))
  } catch (error) {
    if (error instanceof SyntaxError) throw undecodable(error.message, error)
    if ((error as { code?: string }).code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw undecodable('the bytes are not UTF-8', error)
    throw error
  }
}

const tracePattern = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/

/** A child span of `parent`, or the start of a new trace. **Source** W3C Trace Context level 2, section 3.2 */
export function childTrace(parent: string | null, entropy: Entropy): string {
  const match = parent === null ? null : tracePattern.exec(parent)
  return `00-${match?.[1] ?? entropy.hex(16)}-${entropy.hex(8)}-${match?.[2] ?? '01'}`
}

function required(headers: Headers, name: string): string {
  const value = headers[name]
  if (value === undefined || value === '') throw undecodable(`header ${name} is missing`)
  return value
}

const undecodable = (reason: string, cause?: unknown): FirebreakError =>
  new FirebreakError('FB_UNDECODABLE', { reason }, cause)
