import type { ErrorCode } from '../../contracts/error-catalogue.ts'
import { FirebreakError } from '../../contracts/errors.ts'

/** Where things are that people name by id. */
export interface Named<T> {
  find(id: string): Promise<T | undefined>
  /** The ids that begin like this, `max` at most. */
  like(start: string, max: number): Promise<readonly string[]>
  readonly notFound: ErrorCode
  readonly ambiguous: ErrorCode
}

const candidatesMax = 10

/** What has this id, or the only one that begins like it. **Errors** `notFound`, `ambiguous` with `candidates`. */
export async function named<T>(id: string, among: Named<T>): Promise<T> {
  const found = await among.find(id)
  if (found !== undefined) return found
  const [only, ...others] = await among.like(id, candidatesMax + 1)
  if (only === undefined) throw new FirebreakError(among.notFound, { id })
  if (others.length === 0) return named(only, among)
  const candidates = [only, ...others].slice(0, candidatesMax)
  const more = others.length === candidatesMax ? ' and more' : ''
  throw new FirebreakError(among.ambiguous, { id, candidates, shown: `${candidates.join(', ')}${more}` })
}
