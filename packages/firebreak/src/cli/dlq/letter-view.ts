import { toRfc3339 } from '../../node/clock.ts'
import { originalFields, payloadFields } from '../program/payload.ts'
import type { Pick } from './letter-pick.ts'

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
    eventType: letter.eventType,
    eventId: letter.eventId,
    correlationId: letter.correlationId,
    key,
    position: { topic, partition, offset },
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
    attempts: [...letter.attempts]
      .reverse()
      .map((attempt) => ({ ...attempt, startedAt: toRfc3339(attempt.startedAtMs) })),
    history: letter.history.map((action) => ({ ...action, at: toRfc3339(action.atMs) })),
  }
}

const shownLeast = 18

/** Beginnings of ids, as short as they can be without two of these letters sharing one. */
export function shortIds(picks: readonly Pick[]): readonly string[] {
  const ids = picks.map(({ letter }) => letter.id)
  // The first 18 characters of a version 7 UUID are its time and 12 random bits.
  for (let length = shownLeast; length < 36; length++) {
    const short = ids.map((id) => id.slice(0, length))
    if (new Set(short).size === new Set(ids).size) return short
  }
  return ids
}
