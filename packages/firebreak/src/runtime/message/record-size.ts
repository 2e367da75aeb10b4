import type { LogRecord } from '../../contracts/log.ts'
import { originalParts } from '../../contracts/original.ts'

const encoder = new TextEncoder()
const bytesOf = (text: string): number => encoder.encode(text).length

/** Key + value + headers in bytes of UTF-8: what `recordBytesMax` counts. */
export function recordSize(record: Pick<LogRecord, 'key' | 'value' | 'headers' | 'original'>): number {
  const { key, value, headers, original } = record
  const parts = original === undefined ? {} : originalParts(original)
  let bytes = value?.length ?? 0
  if (key !== null) bytes += parts.key ?? bytesOf(key)
  if (parts.headers !== undefined) return bytes + parts.headers
  for (const name in headers) bytes += bytesOf(name + headers[name])
  return bytes
}
