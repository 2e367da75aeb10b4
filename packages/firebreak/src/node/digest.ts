import { hash } from 'node:crypto'

/** The SHA-256 of bytes, or of a text in UTF-8, as 64 hexadecimal digits. */
export const sha256 = (content: string | Uint8Array): string => hash('sha256', content)

export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
