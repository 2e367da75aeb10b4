import type { LogRecord } from '../../contracts/log.ts'
import type { Original } from '../../contracts/original.ts'

/** A record that has more than text: its key, value and headers, as they stand behind its place in a batch. */
export function exactBody({ key, value, headers }: LogRecord, original: Original): Buffer {
  const parts: Uint8Array[] = []
  const put = (bytes: Uint8Array | null): void => {
    parts.push(varint(bytes === null ? -1 : bytes.length))
    if (bytes !== null) parts.push(bytes)
  }
  put(original.key ?? (key === null ? null : Buffer.from(key)))
  put(value)
  const all = original.headers ?? Object.entries(headers).map(([name, text]) => textHeader(name, text))
  parts.push(varint(all.length))
  for (const header of all) {
    put(header.name)
    put(header.value)
  }
  return Buffer.concat(parts)
}

const textHeader = (name: string, text: string) => ({ name: Buffer.from(name), value: Buffer.from(text) })

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let left = value < 0 ? -value * 2 - 1 : value * 2
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
  bytes.push(left)
  return Uint8Array.from(bytes)
}
