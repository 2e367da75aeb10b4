import type { Clock } from '../../contracts/clock.ts'
import type { Entropy } from '../../contracts/entropy.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { count, type NumberOption, valueProblems } from '../../contracts/option.ts'

export const seedOption: NumberOption = count('', {
  least: Number.MIN_SAFE_INTEGER,
  most: Number.MAX_SAFE_INTEGER,
  default: 1,
  meaning: 'decides every draw',
})

/**
 * Chance that repeats: equal seeds give equal draws.
 *
 * **Shape** `uuid()` has the shape of version 7, carries the time of `clock` (0 without one) and a counter behind it, so
 * ids of one source sort in the order in which they were made.
 * **Source** S. Vigna and D. Blackman, xoshiro128**, 2018; seeded by splitmix32
 */
export function seededEntropy(seed: number, clock?: Pick<Clock, 'now'>): Entropy {
  const problems = valueProblems('seed', seedOption, seed)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const next = xoshiro128(seed)
  let count = 0
  return {
    random: () => next() / 2 ** 32,
    hex(bytes: number): string {
      let text = ''
      while (text.length < bytes * 2) text += word(next())
      text = text.slice(0, bytes * 2)
      return /^0+$/.test(text) ? `${text.slice(0, -1)}1` : text
    },
    uuid(): string {
      const time = (clock?.now() ?? 0).toString(16).padStart(12, '0')
      const n = count++
      const high = ((n >>> 14) & 0xfff).toString(16).padStart(3, '0')
      const low = (0x8000 | (n & 0x3fff)).toString(16)
      const tail = (word(next()) + word(next())).slice(0, 12)
      return `${time.slice(0, 8)}-${time.slice(8)}-7${high}-${low}-${tail}`
    },
  }
}

/** A seed for one part of a seeded whole: equal for equal labels, unrelated for others. */
export function subSeed(seed: number, label: string): number {
  let h = seed | 0
  for (let i = 0; i < label.length; i++) h = Math.imul(h ^ label.charCodeAt(i), 0x9e3779b1) ^ (h >>> 15)
  return h >>> 0
}

const word = (n: number): string => n.toString(16).padStart(8, '0')

function xoshiro128(seed: number): () => number {
  let at = seed | 0
  const split = (): number => {
    at = (at + 0x9e3779b9) | 0
    let z = at ^ (at >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return z ^ (z >>> 15)
  }
  let [a, b, c, d] = [split(), split(), split(), split()]
  const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k))
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9)
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotate(d, 11)
    return result >>> 0
  }
}
