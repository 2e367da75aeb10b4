import { FirebreakError } from '../../contracts/errors.ts'
import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import { bumpDecisions } from '../../ledger/change-counters.ts'
import { inLedger } from '../../ledger/ledger-place.ts'
import { type DeadLetter, type DeadLetterPage, findLetter, letterIdsLike, listLetters } from '../../ledger/letters.ts'
import { checkedFilter, letterFilterOptions } from '../../ledger/list-options.ts'
import { isJobTopic } from '../jobs/job-topic.ts'
import { jobLetters } from './job-letters.ts'
import type { LedgerChange, LetterActions } from './letter-actions.ts'
import { named } from './named.ts'
import type { Decision, OperatorDeps } from './operator-deps.ts'
import { recordLetters } from './record-letters.ts'

/** What a person does about dead letters. Every action is one commit, safe beside the running service. */
export interface DeadLetters {
  /**
   * Newest first; 100 unless `max` says otherwise. The next page is `after` the id of the last letter: each letter that is there
   * all the time comes once, while others are added and decided.
   */
  list(page?: DeadLetterPage): Promise<readonly DeadLetter[]>
  /** By id, or by the beginning of one that no other has. **Errors** `FB_DEAD_LETTER_NOT_FOUND`, `FB_DEAD_LETTER_AMBIGUOUS`. */
  get(id: string): Promise<DeadLetter>
  /**
   * Hands the original bytes to the one service that failed, under their old event id; no other consumer sees them again. A job comes
   * back under its id.
   *
   * **Errors** `FB_DEAD_LETTER_NOT_FOUND`, `FB_DEAD_LETTER_AMBIGUOUS`, `FB_DEAD_LETTER_STATE` when somebody else decided first, `FB_REPLAY_INVALID` when the service
   * has no handler for it any more.
   */
  replay(id: string, decision: Decision): Promise<void>
  /**
   * Replays a changed payload as a new event, or a new job, caused by the old one. **Errors** as replay, and `FB_REPLAY_INVALID`,
   * `FB_SCHEMA_TIMEOUT`.
   */
  edit(id: string, payload: unknown, decision: Decision): Promise<void>
  /** What `edit` would say to this payload. **Errors** as edit, without `FB_DEAD_LETTER_STATE`. */
  check(id: string, payload: unknown): Promise<void>
  /**
   * Gives the record up; also one that is being replayed on a topic that the service reads no more.
   *
   * **Errors** as replay, and `FB_DEAD_LETTER_REASON` when `note`, the reason, is empty.
   */
  discard(id: string, decision: Decision): Promise<void>
}

export function deadLetters(given: OperatorDeps): DeadLetters {
  const deps = { ...given, database: inLedger(given.database) }
  const { database } = deps
  const [ofRecords, ofJobs] = [recordLetters(deps), jobLetters(deps)]
  const actionsOn = ({ entry }: DeadLetter): LetterActions => (isJobTopic(entry.topic) ? ofJobs : ofRecords)
  const get = (id: string): Promise<DeadLetter> =>
    named(id, {
      find: (exact) => findLetter(database, exact, database.capabilities),
      like: (start, max) => letterIdsLike(database, start, max),
      ...{ notFound: 'FB_DEAD_LETTER_NOT_FOUND', ambiguous: 'FB_DEAD_LETTER_AMBIGUOUS' },
    })
  const act = async (id: string, action: (letter: DeadLetter) => Promise<LedgerChange>): Promise<void> => {
    const change = await action(await get(id))
    await inTransaction(database, async (sql) => {
      await change(sql)
      await bumpDecisions(sql)
    })
    deps.onChange()
  }
  return {
    list: async (page) => listLetters(database, checkedFilter(letterFilterOptions, page)),
    get,
    replay: (id, by) => act(id, async (letter) => actionsOn(letter).replay(letter, by)),
    edit: (id, payload, by) => act(id, (letter) => actionsOn(letter).edit(letter, payload, by)),
    async check(id, payload) {
      const letter = await get(id)
      await actionsOn(letter).check(letter, payload)
    },
    discard: (id, by) =>
      act(id, async (letter) => {
        if (by.note.trim() === '') throw new FirebreakError('FB_DEAD_LETTER_REASON', { id: letter.id })
        return actionsOn(letter).discard(letter, by)
      }),
  }
}
