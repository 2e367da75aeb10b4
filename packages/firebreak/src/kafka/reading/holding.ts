/**
 * What one partition is to the cursor that may read it.
 *
 * ```
 * none --assigned--> given --placed--> placed --taken--> held --revoked--> revoked --shown--> draining --drained--> none
 * revoked --assigned--> held         given, placed --revoked--> none         given --unplaced--> none
 * held, revoked --lost--> fenced --shown--> none         revoked --expired--> fenced         draining --expired, lost--> none
 * ```
 *
 * I1 Only `poll` takes and shows: the caller knows to hold what is held, revoked or fenced.
 * I2 Everything but what is fenced is claimed in every round, so nobody else gets it.
 * I3 Commits are taken for what is held, revoked or draining, under the round that gave it.
 * I4 A partition that comes back while it is drained or fenced is given anew when that is over.
 */
import type { Assigned } from '../group/membership.ts'

/** Where to begin reading. */
export interface Start {
  readonly offset: number
  /** Of the record before, to notice a log that was cut and written anew; -1 when unknown. */
  readonly leaderEpoch: number
}

export type Holding =
  /** It is not known yet where to start. */
  | ({ readonly state: 'given' } & Assigned)
  | ({ readonly state: 'placed'; readonly start: Start } & Assigned)
  | ({ readonly state: 'held' } & Assigned)
  /** The group wants it back since then, and no poll has shown that. */
  | ({ readonly state: 'revoked'; readonly sinceMs: number } & Assigned)
  /** A poll has shown that it is lost; the next one means that nothing of it is worked on any more. */
  | ({ readonly state: 'draining'; readonly sinceMs: number } & Assigned)
  /** Others may have it, and no poll has shown that. */
  | ({ readonly state: 'fenced' } & Assigned)

export type HoldingEvent =
  | ({ readonly kind: 'assigned' } & Assigned)
  | { readonly kind: 'revoked'; readonly atMs: number }
  /** The group has moved on without this member. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'placed'; readonly round: number; readonly start: Start }
  /** Where to start could not be found: to be asked again. */
  | { readonly kind: 'unplaced'; readonly round: number }
  | { readonly kind: 'taken' }
  | { readonly kind: 'shown' }
  | { readonly kind: 'drained' }
  /** It was not drained in time. */
  | { readonly kind: 'expired' }

/** The only place where a holding changes; the same object when it does not. */
export function nextHolding(now: Holding | undefined, event: HoldingEvent): Holding | undefined {
  if (event.kind === 'assigned') return assigned(now, event)
  if (now === undefined) return undefined
  const { partition, round } = now
  switch (event.kind) {
    case 'revoked':
      if (now.state === 'held') return { state: 'revoked', partition, round, sinceMs: event.atMs }
      return now.state === 'given' || now.state === 'placed' ? undefined : now
    case 'lost':
      return isInView(now) ? fenced(now) : undefined
    case 'placed':
      if (now.state !== 'given' || round !== event.round) return now
      return { state: 'placed', partition, round, start: event.start }
    case 'unplaced':
      return now.state === 'given' && round === event.round ? undefined : now
    case 'taken':
      return now.state === 'placed' ? { state: 'held', partition, round } : now
    case 'shown':
      if (now.state === 'revoked') return { ...now, state: 'draining' }
      return now.state === 'fenced' ? undefined : now
    case 'drained':
      return now.state === 'draining' ? undefined : now
    case 'expired':
      if (now.state === 'revoked') return fenced(now)
      return now.state === 'draining' ? undefined : now
  }
}

function assigned(now: Holding | undefined, { partition, round }: Assigned): Holding {
  const given: Holding = { state: 'given', partition, round }
  if (now === undefined) return given
  if (now.state === 'given' || now.state === 'placed') return now.round === round ? now : given
  return now.state === 'revoked' ? { state: 'held', partition: now.partition, round: now.round } : now
}

const fenced = (now: Holding): Holding =>
  now.state === 'fenced' ? now : { state: 'fenced', partition: now.partition, round: now.round }

/** The caller knows to hold it. */
export const isInView = ({ state }: Holding): boolean => state === 'held' || state === 'revoked' || state === 'fenced'

/** The round under which commits are taken; undefined where they are refused. */
export function commitRound(now: Holding | undefined): number | undefined {
  const isOurs = now?.state === 'held' || now?.state === 'revoked' || now?.state === 'draining'
  return isOurs ? now.round : undefined
}
