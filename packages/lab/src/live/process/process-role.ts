import type { Ports, Report, Status } from './protocol.ts'
import type { LiveTime } from './time.ts'

/** What one process does in a run. Called in this order; `status` as often as one likes. */
export interface ProcessRole {
  /** Where it listens; null: nowhere. */
  readonly port: number | null
  /** All services listen. */
  connect(ports: Ports): Promise<void>
  /** The run begins at 0 of `time`, which may still be to come. */
  start(time: LiveTime): void
  status(): Status
  /** What it has written down, up to now. */
  report(): Report
  /** Leaves what it shares with others. */
  stop(): Promise<void>
}
