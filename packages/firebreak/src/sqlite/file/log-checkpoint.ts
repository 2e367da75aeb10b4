import type { DatabaseSync } from 'node:sqlite'
import type { Clock, Timer } from '../../contracts/clock.ts'

export interface Checkpointer {
  /** A commit of about `bytes` was written. */
  committed(bytes: number): void
  /** A commit failed: if the disk is full, emptying the write-ahead log is what makes room in it. */
  failed(): void
  /** `alone`: nobody reads the file, so the write-ahead log can go as a whole. */
  close(alone: boolean): void
}

// In pages of the write-ahead log, estimated: it need not be exact, SQLite's own limit stands behind it.
const idlePages = 1000
const urgentPages = 4000
const idleMs = 20
const pageBytes = 4096

/**
 * Moves committed pages from the write-ahead log into the file: when nobody has written for a moment, or, under a steady
 * load, right after the answers of a commit have left. Never inside a commit, where a publisher would wait for it.
 */
export function createCheckpointer(db: DatabaseSync, clock: Clock): Checkpointer {
  const passive = db.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  let pages = 0
  let timer: Timer | undefined
  let commits = 0
  let closed = false

  const checkpoint = (): void => {
    pages = 0
    try {
      passive.all()
    } catch {
      // A full disk: the pages stay in the write-ahead log, readable, and a later checkpoint moves them.
    }
  }
  const whenIdle = (seen: number): void => {
    timer = clock.schedule(idleMs, () => {
      timer = undefined
      if (commits !== seen) whenIdle(commits)
      else checkpoint()
    })
  }
  return {
    committed(bytes) {
      commits++
      pages += 3 + Math.ceil((bytes * 1.2) / pageBytes)
      if (pages >= urgentPages) {
        setImmediate(() => {
          if (!closed && pages >= urgentPages) checkpoint()
        })
      } else if (pages >= idlePages && timer === undefined) whenIdle(commits)
    },
    failed: checkpoint,
    close(alone) {
      closed = true
      timer?.cancel()
      if (!alone) return
      try {
        db.exec('PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)')
      } catch {
        // Somebody reads: the next owner does it.
      }
    },
  }
}
