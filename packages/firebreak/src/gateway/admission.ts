/**
 * Who may work at a server, and who is turned away. The signals are its own: how long requests wait and how many are under
 * way. The delay of the event loop says too little: it stays low while a queue grows, and is high when one request computes.
 *
 * I1 At most `concurrency` requests work; a place is given back when the work has ended, not when its caller has gone.
 * I2 A request is told once: admitted, or refused with the reason. What is refused has not started.
 * I3 Nothing starts when its caller has stopped waiting.
 */
import type { Clock } from '../contracts/clock.ts'
import type { Entropy } from '../contracts/entropy.ts'
import { FirebreakError } from '../contracts/errors.ts'
import { choice, count, ms, type OptionTable, optionProblems, other, type Problems } from '../contracts/option.ts'
import { fieldOf } from '../contracts/text/text-of.ts'
import { systemClock } from '../node/clock.ts'
import { systemEntropy } from '../node/entropy.ts'
import type { CodelSpec } from '../policy/codel.ts'
import { ServerQueue, type ServerQueueSpec } from '../policy/server-queue.ts'
import { TimeoutLine } from '../policy/timeout-line.ts'
import { type AdmissionListener, AdmissionRequest, type AdmissionState, type Refusal } from './admission-request.ts'
import { type HeaderOf, readCallHeaders } from './request-headers.ts'
import { RequestScope } from './server-context.ts'

export interface AdmissionOptions {
  /** Requests that work at the same time. */
  readonly concurrency: number
  /** Requests that may wait; default half of `concurrency`. */
  readonly queueMax?: number
  /** Default `adaptive-lifo`: the oldest first, but the newest while the queue lasts, because its caller still waits. */
  readonly order?: ServerQueueSpec['order']
  /** Default 5 ms once the queue has lasted for 100 ms; null: only `waitMaxMs` counts. */
  readonly codel?: CodelSpec | null
  /** Default 500 ms. */
  readonly waitMaxMs?: number
  /** The longest time that a request is given, and that of a request that says none; default 30 s. */
  readonly timeoutMaxMs?: number
  readonly clock?: Clock
  readonly entropy?: Entropy
}

/** offered = started + all that were refused + waiting. */
export interface AdmissionStats {
  readonly working: number
  readonly waiting: number
  readonly started: number
  /** `full`: no room to wait. `shed`: waited too long. `expired`: its time was over. `gone`: its caller left the queue. */
  readonly refused: Readonly<Record<Refusal, number>>
}

/** One queue before the handlers of a server; all that share what is scarce share one. */
export interface Admission {
  /** A request has come; it asks for a place with `enter` of what this returns, and learns of it through `listener`. */
  prepare(header: HeaderOf, listener: AdmissionListener): AdmissionRequest
  readonly stats: AdmissionStats
}

/**
 * Makes an admission. **Errors** `FB_CONFIG` with every mistake at once.
 *
 * @example
 * ```ts
 * import { createAdmission, fastifyAdmission } from 'firebreak/http'
 * import Fastify from 'fastify'
 *
 * const app = Fastify()
 * await app.register(fastifyAdmission(createAdmission({ concurrency: 20 })))
 * ```
 */
export function createAdmission(options: AdmissionOptions): Admission {
  const problems = problemsOf(options)
  if (problems.length > 0) throw new FirebreakError('FB_CONFIG', { problems: problems.join('\n') })
  const { clock = systemClock, entropy = systemEntropy, concurrency, timeoutMaxMs = 30_000 } = options
  const spec: ServerQueueSpec = {
    concurrency,
    queueMax: options.queueMax ?? Math.ceil(concurrency / 2),
    order: options.order ?? 'adaptive-lifo',
    codel: options.codel === undefined ? { targetMs: 5, intervalMs: 100 } : options.codel,
    waitMaxMs: options.waitMaxMs ?? 500,
  }
  const state: AdmissionState = {
    queue: new ServerQueue<AdmissionRequest>(spec, (entry) => entry.expire()),
    clock,
    waitMaxMs: spec.waitMaxMs,
    waits: new TimeoutLine(clock),
    deadlines: new TimeoutLine(clock),
    counts: { started: 0, refused: { full: 0, shed: 0, expired: 0, gone: 0 } },
  }
  return {
    prepare: (header, listener) =>
      new AdmissionRequest(
        state,
        new RequestScope(readCallHeaders(header), timeoutMaxMs, { clock, entropy }),
        listener,
      ),
    get stats() {
      const { queue, counts } = state
      return { working: queue.busy, waiting: queue.queued, started: counts.started, refused: { ...counts.refused } }
    },
  }
}

/** An admission that is there already, or one of its own. */
export const admissionOf = (given: Admission | AdmissionOptions): Admission =>
  typeof fieldOf(given, 'prepare') === 'function' ? (given as Admission) : createAdmission(given as AdmissionOptions)

function problemsOf(options: AdmissionOptions): Problems {
  const codel = fieldOf(options, 'codel')
  const found = [
    ...optionProblems(admissionOptions, options ?? null, 'admission: '),
    ...(codel === null ? [] : optionProblems(codelOptions, codel, 'admission: codel.')),
  ]
  const { targetMs, intervalMs } = (codel ?? {}) as Partial<CodelSpec>
  if (found.length > 0 || targetMs === undefined || intervalMs === undefined || targetMs <= intervalMs) return found
  return [`admission: codel.targetMs ${targetMs} is above codel.intervalMs ${intervalMs}`]
}

export const admissionOptions: OptionTable<AdmissionOptions> = {
  concurrency: count('requests', { least: 1, most: 10_000_000, meaning: 'requests that work at the same time' }),
  queueMax: count('requests', {
    least: 0,
    most: 10_000_000,
    default: 'half of `concurrency`',
    meaning: 'requests that may wait',
  }),
  order: choice({
    choices: ['fifo', 'lifo', 'adaptive-lifo'],
    default: 'adaptive-lifo',
    meaning: 'which of those that wait starts next',
  }),
  codel: other,
  waitMaxMs: ms({ least: 1, default: 500, meaning: 'how long a request may wait' }),
  timeoutMaxMs: ms({ least: 1, default: 30_000, meaning: 'the longest time that a request is given' }),
  clock: other,
  entropy: other,
}

export const codelOptions: OptionTable<CodelSpec> = {
  targetMs: ms({ least: 1, meaning: 'how long a request may wait while the queue stands' }),
  intervalMs: ms({ least: 1, meaning: 'how long it may wait otherwise' }),
}
