import { isFirebreakError } from '../../contracts/errors.ts'
import { classify } from '../instance/decide.ts'

/**
 * What an error of `append` speaks of: `record`: these bytes will never be taken as they are; `place`: nothing is taken for
 * this partition at the moment; `closed`: nothing is, until somebody changes the set-up; `halt`: the log or the program is
 * broken.
 */
export type AppendFate = 'record' | 'place' | 'closed' | 'halt'

// Wrong for one topic, and none of the others is worse for it.
const closed: ReadonlySet<string> = new Set(['FB_LOG_REFUSED', 'FB_TOPIC_MISMATCH', 'FB_TOPIC_UNKNOWN'])

export function fateOf(error: unknown): AppendFate {
  if (isFirebreakError(error) && closed.has(error.code)) return 'closed'
  // Code that closes the log before its services has not made any record wrong.
  if (isFirebreakError(error, 'FB_CLOSED')) return 'place'
  const { kind } = classify(error)
  if (kind === 'halt') return 'halt'
  return kind === 'permanent' ? 'record' : 'place'
}
