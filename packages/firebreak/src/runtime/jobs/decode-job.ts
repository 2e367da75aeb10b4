import type { Clock } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { textOf } from '../../contracts/text/text-of.ts'
import { readPayload } from '../message/contract.ts'
import { envelopeOf } from '../message/envelope-codec.ts'
import { inTime } from '../user-code/in-time.ts'
import type { Accepted } from '../user-code/validated.ts'
import type { RunningJob } from './running-job.ts'

const issuesMax = 500

/** Reads the input of a job; never throws. A promise only when its schema validates asynchronously. */
export function decodeJob(clock: Clock, running: RunningJob): Promise<void> | undefined {
  const { claimed, kind } = running
  running.broken = undefined
  running.payload = undefined
  try {
    running.envelope = envelopeOf(claimed)
    const { schemaVersion, type } = running.envelope
    const payload = readPayload(kind.handler.job, schemaVersion, JSON.parse(claimed.input))
    if (!(payload instanceof Promise)) running.payload = payload.value
    else return readLate(running, inTime({ clock, type, deadlineMs: kind.handler.deadlineMs }, payload))
  } catch (error) {
    running.broken = asPermanent(error, running)
  }
  return undefined
}

async function readLate(running: RunningJob, payload: Promise<Accepted>): Promise<void> {
  try {
    running.payload = (await payload).value
  } catch (error) {
    running.broken = asPermanent(error, running)
  }
}

function asPermanent(error: unknown, { claimed: { type }, kind }: RunningJob): unknown {
  if (error instanceof FirebreakError) return error
  const { version } = kind.handler.job
  return new FirebreakError('FB_CONTRACT_VIOLATED', { type, version, issues: textOf(error, issuesMax) }, error)
}
