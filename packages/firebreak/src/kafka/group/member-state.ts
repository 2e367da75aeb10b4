/**
 * What one member of a classic group is to its group.
 *
 * ```
 * due --JoinGroup--> joining --SyncGroup--> stable --a rebalance, or something was revoked--> due
 * due, joining, stable --the group goes on without this member--> lost --the owner asks to join--> due
 * any --left, or failed--> ended
 * ```
 *
 * I1 `assignment` changes when a round is finished, and when the membership is lost or has failed; without a membership it is
 *    empty.
 * I2 An answer to a round that a loss has overtaken gives nothing but the member id; an ended member does not change any more.
 */
import type { Assignment } from './membership.ts'

/** What every member that is not over knows. An empty member id and generation -1 mean "none", as in the protocol. */
interface Known {
  readonly memberId: string
  /**
   * When the outcome of a request to join was last unknown: it got no answer, or its coordinator could not do it at that time.
   * The group may work on it all the same, also behind a later one, or find it in its log under another coordinator.
   */
  readonly inDoubtAtMs: number
}

interface Member extends Known {
  readonly assignment: Assignment
  /** Of the newest JoinGroup that was answered: commits carry it. */
  readonly generation: number
  /** Of the newest round that was finished: claims are as old as that. */
  readonly finishedGeneration: number
  /** The id this member had in that round, empty before the first. An id that is newer is known to one coordinator alone. */
  readonly finishedId: string
  /** When it last asked something that the group has answered. */
  readonly aliveAtMs: number
}

export type MemberState =
  /** A round must begin. */
  | ({ readonly state: 'due' } & Member)
  /** JoinGroup was sent; `again` when another round must follow this one. */
  | ({ readonly state: 'joining'; readonly again: boolean } & Member)
  | ({ readonly state: 'stable' } & Member)
  | ({ readonly state: 'lost' } & Known)
  | { readonly state: 'ended'; readonly failed: boolean }

export type MemberEvent =
  /** The owner of the partitions wants to be a member, again after a loss. */
  | { readonly kind: 'wanted'; readonly atMs: number }
  /** The group rebalances, or this member has a reason that it should. */
  | { readonly kind: 'round-due' }
  | { readonly kind: 'join-sent' }
  | { readonly kind: 'join-in-doubt'; readonly atMs: number }
  /** The coordinator has given this member an id, and wants to be asked again. */
  | { readonly kind: 'named'; readonly memberId: string }
  | { readonly kind: 'joined'; readonly memberId: string; readonly generation: number; readonly sentAtMs: number }
  | { readonly kind: 'round-failed' }
  | { readonly kind: 'round-finished'; readonly assignment: Assignment; readonly sentAtMs: number }
  | { readonly kind: 'heartbeat-answered'; readonly sentAtMs: number }
  | { readonly kind: 'lost' }
  | { readonly kind: 'ended'; readonly failed: boolean }

export const noAssignment: Assignment = new Map()
const none = { generation: -1, finishedGeneration: -1, finishedId: '', assignment: noAssignment }

export const newMember: MemberState = {
  state: 'due',
  memberId: '',
  inDoubtAtMs: Number.NEGATIVE_INFINITY,
  aliveAtMs: 0,
  ...none,
}

/** The only place where the state of a member changes. */
export function nextMember(now: MemberState, event: MemberEvent): MemberState {
  if (now.state === 'ended') return now
  switch (event.kind) {
    case 'wanted':
      if (now.state === 'lost') return { ...now, state: 'due', aliveAtMs: event.atMs, ...none }
      return { ...dueAfter(now), aliveAtMs: event.atMs }
    case 'round-due':
      return now.state === 'lost' ? now : dueAfter(now)
    case 'join-sent':
      return now.state === 'due' ? { ...now, state: 'joining', again: false } : now
    case 'join-in-doubt':
      return { ...now, inDoubtAtMs: event.atMs }
    case 'named':
      return { ...(now.state === 'joining' ? roundOver(now, 'due') : now), memberId: event.memberId }
    case 'joined': {
      const { memberId, generation } = event
      if (now.state !== 'joining') return { ...now, memberId }
      return { ...now, memberId, generation, aliveAtMs: Math.max(now.aliveAtMs, event.sentAtMs) }
    }
    case 'round-failed':
      return now.state === 'joining' ? roundOver(now, 'due') : now
    case 'round-finished': {
      if (now.state !== 'joining') return now
      const { assignment, sentAtMs } = event
      const { generation: finishedGeneration, memberId: finishedId } = now
      const aliveAtMs = Math.max(now.aliveAtMs, sentAtMs)
      return roundOver({ ...now, assignment, finishedGeneration, finishedId, aliveAtMs }, 'stable')
    }
    case 'heartbeat-answered':
      return now.state === 'lost' ? now : { ...now, aliveAtMs: Math.max(now.aliveAtMs, event.sentAtMs) }
    case 'lost':
      return now.state === 'lost' ? now : { state: 'lost', memberId: '', inDoubtAtMs: now.inDoubtAtMs }
    case 'ended':
      return { state: 'ended', failed: event.failed }
  }
}

type Active = Extract<MemberState, Member>
type Joining = Extract<MemberState, { state: 'joining' }>

function dueAfter(now: Active): Active {
  return now.state === 'joining' ? { ...now, again: true } : { ...now, state: 'due' }
}

function roundOver({ again, ...member }: Joining, state: 'due' | 'stable'): Active {
  return { ...member, state: again ? 'due' : state }
}

/** Whether nothing was heard for so long that others have the partitions by now. */
export function isSilent(now: MemberState, nowMs: number, sessionTimeoutMs: number): boolean {
  if (now.state === 'lost' || now.state === 'ended' || now.generation < 0) return false
  return nowMs - now.aliveAtMs > sessionTimeoutMs
}

/** How long a request whose connection has ended may lie in a broker that does not run, and be worked on when it does. */
const inDoubtForMs = 60_000

/**
 * Whether a fence may have another reason than a second member with our instance id: a request of our own that was in doubt has
 * made us another member meanwhile, or the coordinator that gave our id has gone before the round was finished, and its
 * successor found in the log the id we had before.
 */
export function explainsFence(now: MemberState, nowMs: number): boolean {
  if (now.state === 'ended') return false
  if (nowMs - now.inDoubtAtMs < inDoubtForMs) return true
  return now.state !== 'lost' && now.memberId !== now.finishedId
}
