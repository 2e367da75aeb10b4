import type { Op } from '../history/history.ts'

export type AnomalyName =
  | 'G1a'
  | 'lost-write'
  | 'duplicate'
  | 'inconsistent-offsets'
  | 'unseen'
  | 'poll-skip'
  | 'nonmonotonic-poll'
  | 'nonmonotonic-send'
  | 'handled-out-of-order'
  | 'handled-concurrently'
  | 'fenced-effect'
  | 'repeated-effect'
  | 'unaccounted'
  | 'phantom'
  | 'cut-history'

/** `says` holds the evidence: which record, where, who. */
export interface Anomaly {
  readonly name: AnomalyName
  readonly says: string
}

/** A record as the log has it once everything has come to rest. */
export interface Stored {
  /** `topic/partition`. */
  readonly partition: string
  readonly offset: number
  readonly id: string
  readonly event: string
  /** Of a type that no service handles: it has to be skipped, and leaves nothing behind. */
  readonly isIgnored: boolean
}

/** What a service left behind. Event ids, one per row. */
export interface GroupEnd {
  readonly group: string
  readonly topic: string
  /** `run` is `process#call` of the handler that made it. */
  readonly effects: readonly { readonly event: string; readonly run: string | null }[]
  readonly letters: readonly string[]
  readonly pending: readonly string[]
}

export interface Observed {
  readonly ops: readonly Op[]
  readonly log: readonly Stored[]
  readonly groups: readonly GroupEnd[]
}
