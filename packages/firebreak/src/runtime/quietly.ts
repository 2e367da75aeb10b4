import type { Observer } from '../contracts/journal.ts'

/** Keeps what a listener throws to itself: it would turn a record that is done into one that failed. */
export function quietly(observe: Observer): Observer {
  return (fact) => {
    try {
      observe(fact)
    } catch {}
  }
}
