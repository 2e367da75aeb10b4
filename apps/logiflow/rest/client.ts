import { Problem } from '../platform/http.ts'
import { elapsedMs, pause } from '../platform/machine.ts'
import { exchange } from './exchange.ts'

const RETRY_AFTER_MS = [1_000, 2_000, 4_000]

export type Ask = (method: 'GET' | 'POST', url: string, body?: unknown) => Promise<unknown>

const once = async (...[method, url, body, timeoutMs]: [...Parameters<Ask>, timeoutMs?: number]): Promise<unknown> => {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const answer = await exchange({
    method,
    url,
    ...(text === undefined ? {} : { body: text }),
    timeoutMs: timeoutMs ?? 0,
  })
  if (answer.status >= 500) throw new Error(`${url} answered ${answer.status}`)
  if (answer.status >= 400) throw new Problem(answer.status, `${url} answered ${answer.status}`)
  return JSON.parse(answer.body)
}

/** Tries again after 1, 2 and 4 s. No deadline, no jitter, no idempotency key: the retry loop everybody has written. */
export const askPatiently: Ask = async (method, url, body) => {
  for (const waitMs of [...RETRY_AFTER_MS, undefined]) {
    try {
      return await once(method, url, body)
    } catch (error) {
      if (error instanceof Problem || waitMs === undefined) throw error
      await pause(waitMs)
    }
  }
}

const TIMEOUT_MS = 1_000
const CALLS_MAX = 5
const FAILURES_MAX = 5
const OPEN_MS = 5_000

/** What one adds after such a night: a timeout, a bulkhead and a circuit breaker per dependency. */
export const guardedAsk = (): Ask => {
  let running = 0
  let failuresInRow = 0
  let openUntilMs = 0
  return async (method, url, body) => {
    if (elapsedMs() < openUntilMs) throw new Problem(503, 'the circuit is open')
    if (running >= CALLS_MAX) throw new Problem(503, 'the bulkhead is full')
    running++
    try {
      const answer = await once(method, url, body, TIMEOUT_MS)
      failuresInRow = 0
      return answer
    } catch (error) {
      if (error instanceof Problem && error.status < 500) throw error
      if (++failuresInRow >= FAILURES_MAX) openUntilMs = elapsedMs() + OPEN_MS
      throw new Problem(503, 'the dependency does not answer')
    } finally {
      running--
    }
  }
}
