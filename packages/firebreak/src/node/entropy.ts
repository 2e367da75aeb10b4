import * as crypto from 'node:crypto'
import type { Entropy } from '../contracts/entropy.ts'

// Drawing from a pool of 4 KiB costs a tenth of asking the system for each id.
const pool = Buffer.allocUnsafe(4096)
let poolAt = pool.length

// Built in from Node 26 on; before that the time goes in front of a version 4 UUID's random part.
const builtIn = (crypto as { randomUUIDv7?: () => string }).randomUUIDv7

/** The machine's randomness. */
export const systemEntropy: Entropy = {
  random: Math.random,
  uuid: builtIn ?? uuidByHand,
  hex(bytes: number): string {
    if (poolAt + bytes > pool.length) {
      crypto.randomFillSync(pool)
      poolAt = 0
    }
    const hex = pool.toString('hex', poolAt, poolAt + bytes)
    poolAt += bytes
    return /^0+$/.test(hex) ? `${hex.slice(0, -1)}1` : hex
  },
}

function uuidByHand(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`
}
