/** Chance as the library sees it: production draws from the system, tests from a seed. */
export interface Entropy {
  /** Uniform in [0, 1). */
  random(): number
  /** A version 7 UUID (RFC 9562): sortable by the time it was made. */
  uuid(): string
  /** `bytes` random bytes in lower-case hex, never all zero: trace and span ids. */
  hex(bytes: number): string
}
