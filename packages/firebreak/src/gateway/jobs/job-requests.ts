import { inTransaction } from '../../contracts/sql/in-transaction.ts'
import { cancelJob } from '../../ledger/jobs/change-job.ts'
import { type JobView, readJob } from '../../ledger/jobs/read-jobs.ts'
import { isOfScope, isSharedWithOthers } from '../../ledger/requests.ts'
import { problemAnswer, responseOf } from '../problem.ts'
import { type GatewayParts, jsonAnswer } from './accept-request.ts'
import { documentOf, isDone, retryAfter, statusOf } from './job-document.ts'

export type JobAction = 'status' | 'result' | 'cancel'

/** A request about a job that a caller has the id of. */
interface Asked {
  readonly parts: GatewayParts
  readonly id: string
  readonly action: JobAction
  readonly scope: string
}

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export async function answerJob(asked: Asked): Promise<Response> {
  const { database } = asked.parts.inside.instance
  const { id, scope } = asked
  if (!idPattern.test(id) || !(await isOfScope(database, id, scope))) return refused(404, 'there is no such job')
  if (asked.action === 'cancel') return answerCancel(asked)
  const view = await readJob(database, id)
  if (view === undefined) return refused(410, 'the job has ended, and how is not kept any more')
  return asked.action === 'status' ? documentAnswer(asked, view, 200) : resultAnswer(asked, view)
}

function documentAnswer({ parts, id }: Asked, view: JobView, status: 200 | 202): Response {
  const document = documentOf(view, `${parts.jobsPath}/${id}`)
  return jsonAnswer(status, JSON.stringify(document), retryAfter(view, parts.inside.instance.clock.now()))
}

function resultAnswer({ parts }: Asked, view: JobView): Response {
  if (view.result !== null) return jsonAnswer(200, view.result, {})
  if (isDone(view)) return refused(404, 'the job has no result', { status: statusOf(view) })
  const more = { status: statusOf(view) }
  const headers = retryAfter(view, parts.inside.instance.clock.now())
  return responseOf(problemAnswer(409, 'the job has not ended', { headers, more }))
}

async function answerCancel(asked: Asked): Promise<Response> {
  const { parts, id, scope } = asked
  const { database, clock, name } = parts.inside.instance
  const done = await inTransaction(database, async (ledger) => {
    if (await isSharedWithOthers(ledger, id, scope)) return 'shared'
    return cancelJob(ledger, id, clock.now(), name)
  })
  if (done === 'shared') return refused(409, 'others wait for this job too')
  const view = await readJob(database, id)
  if (view === undefined) return refused(410, 'the job has ended, and how is not kept any more')
  if (statusOf(view) === 'cancelled') return documentAnswer(asked, view, 200)
  if (!isDone(view)) return documentAnswer(asked, view, 202)
  return refused(409, 'the job has ended', { status: statusOf(view) })
}

const refused = (status: 404 | 409 | 410, detail: string, more: Readonly<Record<string, unknown>> = {}): Response =>
  responseOf(problemAnswer(status, detail, { more }))
