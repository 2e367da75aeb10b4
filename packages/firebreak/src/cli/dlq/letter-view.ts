import { toRfc3339 } from '../../node/clock.ts'
import { attemptDocuments } from '../program/attempts.ts'
import { originalFields, payloadFields } from '../program/payload.ts'
import { isOfJob, type Pick } from './letter-pick.ts'

type Json = Readonly<Record<string, unknown>>

/** A letter as one row of `--json`. */
export function letterSummary({ ledger, letter }: Pick): Json {
  const { topic, partition, offset, key } = letter.entry
  return {
    id: letter.id,
    service: ledger.service.name,
    state: letter.state,
    reason: letter.reason,
    hold: letter.hold,
    of: isOfJob(letter) ? 'job' : 'event',
    eventType: letter.eventType,
    eventId: letter.eventId,
    correlationId: letter.correlationId,
    key,
    // Of a job it says nothing.
    position: isOfJob(letter) ? null : { topic, partition, offset },
    at: toRfc3339(letter.atMs),
    errorClass: letter.errorClass,
    message: letter.message,
    fingerprint: letter.fingerprint,
    attempts: letter.attempts.length,
    replays: letter.replays,
  }
}

/** All that is known of a letter. The payload is text, exactly as it was published. */
export function letterDetail(pick: Pick): Json {
  const { letter } = pick
  return {
    ...letterSummary(pick),
    lane: letter.lane,
    publishedAt: toRfc3339(letter.entry.atMs),
    headers: letter.entry.headers,
    ...originalFields(letter.entry.original),
    ...payloadFields(letter.entry.value),
    attempts: attemptDocuments(letter.attempts),
    history: letter.history.map((action) => ({ ...action, at: toRfc3339(action.atMs) })),
  }
}
