import type { Clock } from '../../contracts/clock.ts'
import { FirebreakError } from '../../contracts/errors.ts'
import { masked, secretsOf } from '../../contracts/text/masked.ts'
import type { AnyCall } from '../../define/call.ts'
import { isFinalAnswer } from '../../define/final-answers.ts'
import { parseHttpDate } from '../../node/http-date.ts'
import type { AttemptFailure } from '../../policy/attempt.ts'
import { askedPauseMs } from '../../policy/pause.ts'
import { inTime } from '../user-code/in-time.ts'
import { checkResponse, notAsDeclared } from './call-request.ts'

/** What an attempt came to. */
export type Answer = { readonly value: unknown } | { readonly failure: AttemptFailure }

export interface ReadLimits {
  readonly bytesMax: number
  /** Wall time, for a `Retry-After` that is a date. */
  readonly nowMs: number
  /** Nobody waits for it any more: what is left of the body is cancelled. */
  readonly signal: AbortSignal
  readonly clock: Clock
  /** When the attempt is given up, on the clock's monotonic scale. */
  readonly endsAtMs: number
  /** The headers that were sent: an answer that repeats credentials is reported without them. */
  readonly sent: Headers
}

// Of an error only a few words are kept; reading a little more leaves the connection usable.
const errorBytesMax = 16 * 1024
const excerptMax = 200

/**
 * Reads a response to its end, or to its bound. Never throws.
 *
 * An answer that is no success is final where the call says so, or else `isFinalAnswer`: then the request is wrong. All others
 * may be tried again, as a broken connection is; 429 and 503 with `Retry-After` ask for a pause before.
 */
export async function readAnswer(call: AnyCall, response: Response, limits: ReadLimits): Promise<Answer> {
  try {
    if (!response.ok) return { failure: await refusalOf(call, response, limits) }
    const { bytes, isWhole } = await read(response, limits)
    if (!isWhole) throw notAsDeclared(call, 'response', `it is longer than ${limits.bytesMax} bytes`)
    const checked = checkResponse(call, parsed(call, bytes))
    return { value: checked instanceof Promise ? await timely(call, checked, limits) : checked }
  } catch (error) {
    if (error instanceof FirebreakError) return { failure: { kind: 'permanent', error } }
    return { failure: brokenConnection(call, error) }
  }
}

/** Its time ends just before that of the attempt: the dependency has answered, and is not to blame. */
function timely(call: AnyCall, checked: Promise<unknown>, { clock, endsAtMs }: ReadLimits): Promise<unknown> {
  const deadlineMs = Math.max(0, endsAtMs - clock.monotonic() - 1)
  return inTime({ clock, type: `the response of call ${call.name}`, deadlineMs }, checked)
}

/** No answer, or half of one. What the client throws is not passed on: it may hold what was sent. */
export function brokenConnection(call: AnyCall, error: unknown): AttemptFailure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = (cause as { readonly code?: unknown } | null)?.code
  const reason = typeof code === 'string' ? `the connection broke with ${code}` : 'the connection broke'
  const detail = { dependency: call.to, call: call.name, reason }
  return { kind: 'transient', error: new FirebreakError('FB_CALL_FAILED', detail) }
}

async function refusalOf(call: AnyCall, response: Response, limits: ReadLimits): Promise<AttemptFailure> {
  const { status } = response
  const { nowMs, signal, sent } = limits
  const { bytes } = await read(response, { bytesMax: errorBytesMax, signal })
  const about = { dependency: call.to, call: call.name, status }
  const excerpt = excerptOf(bytes, sent)
  if (isFinalAnswer(call.final, status)) {
    const isRedirect = status < 400
    const reason = isRedirect ? 'redirects are not followed' : excerpt === '' ? 'no reason given' : excerpt
    return { kind: 'permanent', error: new FirebreakError('FB_CALL_REJECTED', { ...about, reason }) }
  }
  const afterMs = status === 429 || status === 503 ? pauseOf(response.headers.get('retry-after'), nowMs) : undefined
  if (afterMs !== undefined)
    return { kind: 'throttled', afterMs, error: new FirebreakError('FB_CALL_THROTTLED', { ...about, afterMs }) }
  const reason = `it answered ${status}${excerpt === '' ? '' : `: ${excerpt}`}`
  return { kind: 'transient', error: new FirebreakError('FB_CALL_FAILED', { ...about, reason }) }
}

/** `Retry-After` in ms: seconds or a date. 0 where it asks for no wait, as a date in the past does; then the backoff decides. */
function pauseOf(text: string | null, nowMs: number): number | undefined {
  if (text === null) return undefined
  const atMs = parseHttpDate(text.trim())
  if (atMs !== undefined) return askedPauseMs(atMs - nowMs)
  return /^\d+$/.test(text.trim()) ? askedPauseMs(Number(text) * 1000) : undefined
}

async function read(
  { body }: Response,
  { bytesMax, signal }: Pick<ReadLimits, 'bytesMax' | 'signal'>,
): Promise<{ bytes: Uint8Array; isWhole: boolean }> {
  if (body === null) return { bytes: new Uint8Array(), isWhole: true }
  const reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>
  const chunks: Uint8Array[] = []
  let size = 0
  let isWhole = true
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value)
    size += part.value.length
    if (size <= bytesMax && !signal.aborted) continue
    isWhole = false
    await reader.cancel()
    break
  }
  return { bytes: joined(chunks, size), isWhole }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = chunks
  if (chunks.length === 1 && first !== undefined) return first
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

function parsed(call: AnyCall, bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined
  try {
    return JSON.parse(strictUtf8.decode(bytes))
  } catch {
    throw notAsDeclared(call, 'response', 'it is not JSON in UTF-8')
  }
}

// One line of text, whatever it was.
function excerptOf(bytes: Uint8Array, sent: Headers): string {
  // Before it is cut: half of a secret is found by nobody.
  const text = new TextDecoder().decode(bytes.subarray(0, errorBytesMax))
  return masked(text, secretsOf(sent))
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, excerptMax)
}
