import { nearestName } from '../../contracts/text/nearest-name.ts'

/** ` Did you mean "replay"?`, or nothing. */
export function didYouMean(typed: string, known: readonly string[], prefix = ''): string {
  const word = nearestName(typed, known)
  return word === undefined ? '' : ` Did you mean "${prefix}${word}"?`
}
