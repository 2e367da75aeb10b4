/** What an ended attempt tells a limit. Reused by its sender: read it at once, keep nothing of it. */
export interface LimitSample {
  nowMs: number
  /** 0 or more, and finite. */
  rttMs: number
  /** Attempts under way at that moment, this one included. */
  inFlight: number
  /** It timed out or was turned away. */
  dropped: boolean
}
