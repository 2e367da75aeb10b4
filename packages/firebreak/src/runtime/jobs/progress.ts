import type { Timer } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { writeProgress } from '../../ledger/jobs/end-jobs.ts'
import type { Instance } from '../instance/instance.ts'
import type { RunningJob } from './running-job.ts'

/** How often the progress of a job is written, at most. */
const everyMs = 250

/**
 * Writes what a handler says of its progress: the newest, in statements of its own. What cannot be written is told and forgotten: the
 * work is worth more than what is said of it. **Errors** `FB_CONTRACT_VIOLATED`, at once, where its schema is synchronous.
 */
export function progressOf(instance: Instance, running: RunningJob): (value: unknown) => void {
  const { clock, database, writer, emit } = instance
  const { kind, claim, signal } = running
  let newest: string | undefined
  let timer: Timer | undefined
  let writtenAtMs = -everyMs
  const write = (): void => {
    timer = undefined
    if (newest === undefined || signal.aborted) return
    writtenAtMs = clock.monotonic()
    const text = newest
    newest = undefined
    const told = (error: unknown): void => emit({ kind: 'infrastructure-error', where: 'database', error })
    database.commit([(sql) => writeProgress(sql, claim, text)]).catch(told)
  }
  return (value) => {
    if (kind.progress === null)
      throw new FirebreakError('FB_CONTRACT_VIOLATED', {
        type: kind.handler.type,
        version: kind.handler.job.version,
        issues: 'it declares no progress: add progress, a schema, to the job',
      })
    const made = writer.write(kind.progress, value)
    if (made instanceof Promise) throw new FirebreakError('FB_CONTRACT_VIOLATED', asynchronous(running))
    newest = made.text
    if (timer === undefined) timer = clock.schedule(Math.max(0, writtenAtMs + everyMs - clock.monotonic()), write)
  }
}

const asynchronous = ({ kind }: RunningJob): Record<string, unknown> => ({
  type: `the progress of ${kind.handler.type}`,
  version: kind.handler.job.version,
  issues: 'its schema is asynchronous, and progress is told at once',
})
