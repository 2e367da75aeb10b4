import type { Fact } from '../../contracts/journal.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import { warn } from '../../node/warning.ts'
import { isThenable, settled } from './thenable.ts'

const reasonMax = 500

/**
 * Keeps what a listener throws to itself, now or later: it would turn a record that is done into one that failed, or end the
 * process. The first time it is printed as a warning of the process; a listener that always fails is reported once.
 */
export function swallowErrors(
  observe: (fact: Fact) => unknown,
  print: (text: string, type: string) => void = warn,
): (fact: Fact) => void {
  let isReported = false
  const failed = (error: unknown): void => {
    if (isReported) return
    isReported = true
    print(`An observer failed, and may go on failing without a word: ${textOf(error, reasonMax)}`, 'FirebreakObserver')
  }
  return (fact) => {
    try {
      const result: unknown = observe(fact)
      if (isThenable(result)) settled(result).catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}
