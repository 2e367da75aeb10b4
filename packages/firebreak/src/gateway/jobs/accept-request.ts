import { sleep } from '../../contracts/clock.ts'
import type { Sql } from '../../contracts/database.ts'
import { isFirebreakError } from '../../contracts/errors.ts'
import { type JobView, readJob } from '../../ledger/jobs/read-jobs.ts'
import { findRequest, insertRequest, type RequestRecord } from '../../ledger/requests.ts'
import { sha256 } from '../../node/digest.ts'
import type { RuntimeInside } from '../../runtime/runtime.ts'
import { type ProblemAnswer, problemAnswer, responseOf } from '../problem.ts'
import { readCallHeaders } from '../request-headers.ts'
import { documentOf, isDone, retryAfter, statusOf } from './job-document.ts'
import { readJson } from './request-body.ts'
import { idempotencyKeyOf, isJson, type Preferences, preferencesOf } from './request-words.ts'
import type { AcceptRoute } from './routes.ts'
import { pointersOf } from './schema-pointers.ts'

/** What all requests of a gateway share. */
export interface GatewayParts {
  readonly inside: RuntimeInside
  /** Where its callers look for their jobs. */
  readonly jobsPath: string
}

/** A request that may become a job. */
interface Asked {
  readonly parts: GatewayParts
  readonly route: AcceptRoute
  readonly request: Request
  readonly scope: string
}

/** Of the key of a request, and of the request itself. */
type Identity = Pick<RequestRecord, 'scope' | 'key' | 'fingerprint'>

/** The record of a request that was accepted, by this one or by an earlier one. */
interface Acceptance {
  readonly record: RequestRecord
  readonly replayed: boolean
}

/**
 * I1 What is answered with 202 is committed, and the record of the request with it.
 * I2 Whatever fails after that commit, the answer is 202.
 */
export async function answerAccept(asked: Asked): Promise<Response> {
  const accepted = await accepting(asked)
  return 'status' in accepted ? responseOf(accepted) : answerAccepted(asked, accepted)
}

async function accepting({ parts, route, request, scope }: Asked): Promise<Acceptance | ProblemAnswer> {
  const { instance } = parts.inside
  const header = request.headers.get('idempotency-key')
  const given = header === null ? undefined : idempotencyKeyOf(header)
  if (header === null && route.idempotency === 'required')
    return problemAnswer(
      400,
      'an Idempotency-Key is missing: one of your own for each request, and the same for its repetitions',
    )
  if (header !== null && given === undefined)
    return problemAnswer(400, 'the Idempotency-Key must have 1 to 255 visible characters of ASCII')
  if (!isJson(request.headers.get('content-type')))
    return problemAnswer(415, 'the body must be application/json in UTF-8', {
      headers: { 'accept-post': 'application/json' },
    })
  const body = await readJson(request, instance.clock, route.body)
  if ('status' in body) return body
  const place = `${route.method} ${route.path}`
  // No key that is given has a space.
  const key = `${place} ${given ?? ` ${instance.entropy.uuid()}`}`
  const identity = { scope, key, fingerprint: sha256(`${place} ${sha256(body.bytes)}`) }
  const earlier = given === undefined ? undefined : await findRequest(instance.database, scope, key)
  if (earlier !== undefined) return repeated(identity, earlier)
  return enqueued({ parts, route, request, scope }, identity, body.value)
}

function repeated({ fingerprint }: Identity, record: RequestRecord): Acceptance | ProblemAnswer {
  if (record.fingerprint === fingerprint) return { record, replayed: true }
  return problemAnswer(422, 'the Idempotency-Key was used for another request')
}

/** Thrown inside a unit: what it has enqueued must go. */
const taken = Symbol('the key is taken')

async function enqueued(asked: Asked, identity: Identity, input: unknown): Promise<Acceptance | ProblemAnswer> {
  const { inside } = asked.parts
  const { instance } = inside
  const words = readCallHeaders((name) => asked.request.headers.get(name))
  const correlationId = words.correlationId ?? instance.entropy.uuid()
  try {
    const record = await inside.transaction(
      async (tx, ledger) => {
        const { id, joined } = await tx.enqueue(asked.route.job, input as never)
        const there = joined ? await readJob(ledger, id) : undefined
        const answer = JSON.stringify({ ...firstDocument(asked, id, there), correlationId, ...more(asked, input) })
        const made = { ...identity, jobId: id, answer }
        if (await insertRequest(ledger, made, instance.clock.now())) return made
        throw taken
      },
      { correlationId, traceparent: words.traceparent ?? null },
    )
    return { record, replayed: false }
  } catch (error) {
    if (error === taken) return afterRace(asked, identity)
    return (await inputProblem(asked.route, input, error)) ?? Promise.reject(error)
  }
}

/** Another request of the same key was committed meanwhile: it has won, and this one is its repetition. */
async function afterRace({ parts }: Asked, identity: Identity): Promise<Acceptance | ProblemAnswer> {
  const winner = await findRequest(parts.inside.instance.database, identity.scope, identity.key)
  if (winner !== undefined) return repeated(identity, winner)
  return problemAnswer(503, 'try again', { headers: { 'retry-after': '1' } })
}

/** One that was joined may have ended already. */
const firstDocument = ({ parts, route }: Asked, id: string, there: JobView | undefined): object =>
  there === undefined
    ? { id, type: route.job.type, status: 'accepted', done: false }
    : documentOf(there, `${parts.jobsPath}/${id}`)

function more({ route }: Asked, input: unknown): object {
  const own = route.answer?.(input as never)
  const members = ['id', 'type', 'status', 'done', 'progress', 'result', 'error', 'correlationId']
  return Object.fromEntries(Object.entries(own ?? {}).filter(([name]) => !members.includes(name)))
}

/** What the caller did wrong, as far as that is why. */
async function inputProblem(route: AcceptRoute, input: unknown, error: unknown): Promise<ProblemAnswer | undefined> {
  if (isFirebreakError(error, 'FB_RECORD_TOO_LARGE')) return problemAnswer(413, 'the body is larger than a job may be')
  if (!isFirebreakError(error, 'FB_CONTRACT_VIOLATED')) return undefined
  const errors = await pointersOf(route.job.schema, input)
  return problemAnswer(400, 'the body does not fit what this route takes', { more: { errors } })
}

async function answerAccepted({ parts, route, request }: Asked, { record, replayed }: Acceptance): Promise<Response> {
  const { instance } = parts.inside
  const path = `${parts.jobsPath}/${record.jobId}`
  const wants = preferencesOf(request.headers.get('prefer'))
  const waitMs = Math.min((wants.waitSec ?? 0) * 1000, route.waitMaxMs)
  const view = waitMs > 0 ? await ended(parts, request.signal, record.jobId, waitMs) : undefined
  const headers = {
    ...{ location: path, vary: 'Prefer' },
    ...(replayed ? { 'idempotency-replayed': 'true' } : {}),
    ...applied(wants, { waitMs, isAsync: view === undefined || statusOf(view) !== 'succeeded' }),
  }
  if (view === undefined) return jsonAnswer(202, record.answer, { ...headers, 'retry-after': '1' })
  // Only success is a 200: a client must not take a failed job for it.
  if (statusOf(view) === 'succeeded')
    return jsonAnswer(200, view.result ?? JSON.stringify(documentOf(view, path)), headers)
  const first: Readonly<Record<string, unknown>> = JSON.parse(record.answer)
  const body = JSON.stringify({ ...first, ...documentOf(view, path) })
  return jsonAnswer(202, body, { ...headers, ...retryAfter(view, instance.clock.now()) })
}

export const jsonAnswer = (status: number, body: string, headers: Readonly<Record<string, string>>): Response =>
  new Response(body, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })

function applied(
  { respondAsync, waitSec }: Preferences,
  { waitMs, isAsync }: { readonly waitMs: number; readonly isAsync: boolean },
): Readonly<Record<string, string>> {
  const words = [
    ...(respondAsync && isAsync ? ['respond-async'] : []),
    ...(waitSec === undefined ? [] : [`wait=${Math.floor(waitMs / 1000)}`]),
  ]
  return words.length === 0 ? {} : { 'preference-applied': words.join(', ') }
}

const firstPauseMs = 25
const pauseMaxMs = 1000

/**
 * The job when it has ended, or as it is after `waitMs`; undefined where nothing is known of it any more, or nobody could say.
 * Waiting ends early when the client goes and when the runtime stops.
 */
async function ended(
  { inside }: GatewayParts,
  gone: AbortSignal,
  id: string,
  waitMs: number,
): Promise<JobView | undefined> {
  const { clock, database, stopping } = inside.instance
  const over = AbortSignal.any([gone, stopping])
  const endsAtMs = clock.monotonic() + waitMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMaxMs, pauseMs * 1.5)) {
    const view = await looked(database, id)
    const leftMs = endsAtMs - clock.monotonic()
    if (view === undefined || isDone(view) || leftMs <= 0 || over.aborted) return view
    await sleep(clock, Math.min(pauseMs, leftMs), over)
  }
}

// It is accepted: that a look fails changes nothing about it.
const looked = (database: Pick<Sql, 'query'>, id: string): Promise<JobView | undefined> =>
  readJob(database, id).catch(() => undefined)
