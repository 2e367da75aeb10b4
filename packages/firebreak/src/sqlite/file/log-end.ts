/**
 * How many records a log has acknowledged, in a file beside it. SQLite drops the tail of a damaged write-ahead log and says
 * nothing, and a file that was cut to nothing is an empty one to it: the number tells that what was acknowledged is gone.
 *
 * I1 It is written after the commit that it counts, so it is never more than the log holds, unless the log has lost some.
 * I2 It is not flushed: a process that is killed leaves it exact, a power cut may leave an older one, or none. A damaged one
 *    counts as none.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { FirebreakError } from '../../contracts/errors.ts'
import { checksum } from '../../node/checksum.ts'
import { makePrivateFile } from '../../node/private-files.ts'

const endPath = (database: string): string => `${database.replace(/\.db$/, '')}.end`

/** **Shape** one line of fixed length, for people too. */
function lineOf(records: number): string {
  const text = `records ${String(records).padStart(16, '0')}`
  return `${text} ${(checksum(text) >>> 0).toString(16).padStart(8, '0')}\n`
}

/** Undefined where there is no number to be had. */
function acknowledged(database: string): number | undefined {
  try {
    const text = readFileSync(endPath(database), 'latin1')
    const records = Number(text.slice(8, 24))
    return Number.isSafeInteger(records) && text === lineOf(records) ? records : undefined
  } catch {
    return undefined
  }
}

/** **Errors** `FB_LOG_CORRUPT` where the log holds fewer than it has acknowledged. `held` is asked after the number was read. */
export function refuseLost(database: string, held: () => number): void {
  const known = acknowledged(database)
  if (known === undefined) return
  const found = held()
  if (found >= known) return
  const reason = `${known - found} of the ${known} records that it has acknowledged are gone from its end; where that is accepted, delete ${endPath(database)}`
  throw new FirebreakError('FB_LOG_CORRUPT', { path: database, reason })
}

export interface EndMark {
  write(records: number): void
  close(): void
}

export function openEndMark(database: string): EndMark {
  const path = endPath(database)
  let file: number | undefined
  try {
    makePrivateFile(path)
    file = openSync(path, 'r+')
  } catch {
    // Without it less is noticed, and nothing else is worse.
  }
  const close = (): void => {
    if (file !== undefined) closeSync(file)
    file = undefined
  }
  return {
    write(records) {
      if (file === undefined) return
      try {
        writeSync(file, lineOf(records), 0, 'latin1')
      } catch {
        // A full disk: the number before stays, and is too low.
      }
    },
    close,
  }
}
