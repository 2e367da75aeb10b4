import { FirebreakError } from '../contracts/errors.ts'
import type { Fact } from '../contracts/journal.ts'
import { textOf } from '../contracts/text/text-of.ts'
import { factLine } from '../runtime/operator/fact-words.ts'

type Letter = Extract<Fact, { readonly kind: 'dead-lettered' }> & { readonly service: string }

const shownMax = 3
const errorMax = 500

/** The dead letters of a test that expects none. Each is reported once. */
export class UnexpectedLetters {
  readonly #unreported: Letter[] = []

  add(fact: Fact, service: string): void {
    if (fact.kind === 'dead-lettered') this.#unreported.push({ ...fact, service })
  }

  /** **Errors** `FB_DEAD_LETTER_UNEXPECTED` for those that have not been reported. */
  refuse(): void {
    const found = this.#unreported.splice(0)
    const [first] = found
    if (first === undefined) return
    const shown = found.slice(0, shownMax).map(described)
    if (found.length > shownMax) shown.push(`and ${found.length - shownMax} more`)
    throw new FirebreakError('FB_DEAD_LETTER_UNEXPECTED', { letters: shown.join('\n') }, first.error)
  }
}

function described({ service, eventType, eventId, key, reason, error }: Letter): string {
  const event = eventType === null ? 'a record' : `${eventType} ${eventId}`
  return factLine(`${service}, handler of ${event}, key "${key}", ${reason}: ${textOf(error, errorMax)}`)
}
