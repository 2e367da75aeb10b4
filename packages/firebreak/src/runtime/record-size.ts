import type { LogRecord } from '../contracts/log.ts'

const encoder = new TextEncoder()
const bytesOf = (text: string): number => encoder.encode(text).length

/** Key + value + headers in bytes of UTF-8: what `recordBytesMax` counts. */
export function recordSize({ key, value, headers }: Pick<LogRecord, 'key' | 'value' | 'headers'>): number {
  let bytes = value?.length ?? 0
  if (key !== null) bytes += bytesOf(key)
  for (const name in headers) bytes += bytesOf(name + headers[name])
  return bytes
}
