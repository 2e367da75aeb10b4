import type { LogRecord } from '../../contracts/log.ts'

const encoder = new TextEncoder()
const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/** A record as its bytes: key, value and all headers in their order, each byte a character. */
export interface ExactRecord {
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [name: string, value: string | null])[]
}

/** What a record is byte for byte, whether text says it or not: two of them that are equal are the same record. */
export function exactOf({ key, value, headers, original }: Omit<LogRecord, 'topic'>): ExactRecord {
  const keyBytes = original?.key ?? (key === null ? null : encoder.encode(key))
  const text = (one: string): string => latin1(encoder.encode(one))
  return {
    key: keyBytes === null ? null : latin1(keyBytes),
    value: value === null ? null : latin1(value),
    headers:
      original?.headers?.map((one) => [latin1(one.name), one.value === null ? null : latin1(one.value)]) ??
      Object.entries(headers).map(([name, header]) => [text(name), text(header)]),
  }
}
