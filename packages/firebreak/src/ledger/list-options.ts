import { FirebreakError } from '../contracts/errors.ts'
import { count, type OptionTable, optionProblems, other } from '../contracts/option.ts'
import type { BlockedPage } from './blocked-events.ts'
import type { JobPage } from './jobs/find-jobs.ts'
import type { DeadLetterPage } from './letters.ts'

const max = count('rows', { least: 1, default: 100, meaning: 'rows of one list' })

export const letterFilterOptions: OptionTable<DeadLetterPage> = {
  state: other,
  eventType: other,
  fingerprint: other,
  ids: other,
  after: other,
  max,
}
export const blockedFilterOptions: OptionTable<BlockedPage> = {
  state: other,
  topic: other,
  eventType: other,
  after: count('events', {
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
    default: 0,
    meaning: 'the number behind which a page begins',
  }),
  max,
}

export const jobFilterOptions: OptionTable<JobPage> = { type: other, state: other, after: other, max }

/** A filter as it was given; a database would take -1 for everything. **Errors** `FB_CONFIG`. */
export function checkedFilter<T extends object>(table: OptionTable<T>, filter: T | undefined): T | undefined {
  const problems = optionProblems(table, filter, 'filter.')
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  return filter
}
