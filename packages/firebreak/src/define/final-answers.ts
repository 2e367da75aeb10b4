import { type Problems, shown } from '../contracts/option.ts'

/** Which HTTP statuses are final, where that differs from the default: `{ 404: false, 501: true }`. Inert data. */
export type FinalAnswers = Readonly<Record<number, boolean>>

/**
 * Of the statuses from 300 to 499, those that are not about the request itself: the caller has no valid credentials (401,
 * 403, 407), or it is not the time to ask (408, 425, 429). Waiting helps where the request stays the same, and a token that
 * has expired must not make dead letters of everything.
 */
const retriedByDefault: readonly number[] = [401, 403, 407, 408, 425, 429]

/** Whether an answer that is no success ends the call: true, the request is wrong; false, it may be tried again. */
export function isFinalAnswer(final: FinalAnswers, status: number): boolean {
  return final[status] ?? (status < 500 && !retriedByDefault.includes(status))
}

const statusMin = 300
const statusMax = 599

/** Every mistake of the option `final` in words; empty when it is sound. */
export function finalProblems(final: FinalAnswers): Problems {
  if (typeof final !== 'object' || final === null || Array.isArray(final))
    return [`final must be an object like { 404: false }, not ${shown(final)}`]
  return Object.entries(final).flatMap(([status, isFinal]) => {
    const found: string[] = []
    if (!(/^\d{3}$/.test(status) && Number(status) >= statusMin && Number(status) <= statusMax))
      found.push(`final.${status} must be a status from ${statusMin} to ${statusMax}`)
    if (typeof isFinal !== 'boolean') found.push(`final.${status} must be true or false, not ${shown(isFinal)}`)
    return found
  })
}

/** The statuses that may be tried again, for people: `401, 403, 407, 408, 425, 429, 5xx`. */
export function retriedInWords(final: FinalAnswers): string {
  const found: string[] = []
  for (let status = statusMin; status < 500; status++) if (!isFinalAnswer(final, status)) found.push(String(status))
  const ends = Object.keys(final).filter((status) => Number(status) >= 500 && isFinalAnswer(final, Number(status)))
  return [...found, ends.length === 0 ? '5xx' : `5xx but ${ends.join(', ')}`].join(', ')
}
