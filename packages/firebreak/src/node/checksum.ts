import { crc32 } from 'node:zlib'

/** CRC-32 of bytes, or of a text in UTF-8, going on from that of what is before. **Shape** 32 bits, signed: 4 bytes in SQLite. */
export const checksum = (data: Uint8Array | string, before = 0): number => crc32(data as Uint8Array, before >>> 0) | 0

/** Of the values of a row, in their order: of whatever kind, none can be taken for another. */
export const checksumOf = (values: readonly unknown[]): number => checksum(JSON.stringify(values))
