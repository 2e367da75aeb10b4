/**
 * Chance that repeats, split by purpose, so that all arms see the same arrivals, demands and luck.
 *
 * What belongs to a request is not drawn in the order in which an arm happens to ask: it is a hash of seed, purpose,
 * request and visit. Only what belongs to an arm, such as the jitter of its retries, comes from a stream.
 */

/** A seed for one purpose: equal for equal labels, unrelated for others. */
export function seedFor(seed: number, ...labels: readonly (string | number)[]): number {
  let h = mix(seed | 0)
  for (const label of labels) {
    const text = String(label)
    for (let i = 0; i < text.length; i++) h = mix(h ^ text.charCodeAt(i))
    h = mix(h ^ 0x2f)
  }
  return h >>> 0
}

/**
 * Uniform numbers in (0, 1), one after the other.
 *
 * **Source** D. Blackman and S. Vigna, xoshiro128**, 2018
 */
export function randomStream(seed: number): () => number {
  let a = mix(seed)
  let b = mix(a ^ golden)
  let c = mix(b ^ golden)
  let d = mix(c ^ golden) | 1
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9)
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotate(d, 11)
    return ((result >>> 0) + 0.5) / 2 ** 32
  }
}

/** Draws by their place instead of their order: `seek` goes to a place, `uniform` draws from there on. */
export class PlacedDraws {
  #high = 0
  #low = 0
  #drawn = 0

  /** `n` and `visit` are whole numbers from 0. */
  seek(purpose: number, n: number, visit: number): this {
    this.#high = mix(purpose ^ mix(n ^ golden))
    this.#low = mix(this.#high ^ Math.imul(visit + 1, golden))
    this.#drawn = 0
    return this
  }

  /** In (0, 1). */
  readonly uniform = (): number => {
    this.#drawn = (this.#drawn + golden) | 0
    return ((mix(mix(this.#high + this.#drawn) ^ this.#low) >>> 0) + 0.5) / 2 ** 32
  }
}

const golden = 0x9e3779b9 | 0

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by))

/**
 * A permutation of the 32-bit numbers that leaves no pattern.
 *
 * **Source** C. Wellons, "Prospecting for Hash Functions", triple32, 2018
 */
export function mix(x: number): number {
  let h = x | 0
  h = Math.imul(h ^ (h >>> 17), 0xed5ad4bb)
  h = Math.imul(h ^ (h >>> 11), 0xac4c1b51)
  h = Math.imul(h ^ (h >>> 15), 0x31848bab)
  return h ^ (h >>> 14)
}
