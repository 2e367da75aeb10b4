/** What a caller says about its request; whatever is not sound counts as not said. */
export interface CallerWords {
  /** Time that the caller still waits; 0: it has stopped waiting. */
  readonly timeoutMs: number | undefined
  readonly correlationId: string | undefined
  readonly traceparent: string | undefined
  readonly isCritical: boolean
}

/** Reads one header; null when it is not there. */
export type HeaderOf = (name: string) => string | null

// Digits enough for a year; more says nothing that a server could use.
const timePattern = /^-?\d{1,11}$/
const idPattern = /^[\x21-\x7e]{1,200}$/
const tracePattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** **Source** W3C Trace Context level 2, section 3.2, for `traceparent` */
export function readCallHeaders(header: HeaderOf): CallerWords {
  const time = header('x-request-timeout-ms')
  return {
    timeoutMs: time !== null && timePattern.test(time) ? Math.max(0, Number(time)) : undefined,
    correlationId: matching(header('x-correlation-id'), idPattern),
    traceparent: matching(header('traceparent'), tracePattern),
    isCritical: header('x-priority') === 'critical',
  }
}

const matching = (text: string | null, pattern: RegExp): string | undefined =>
  text !== null && pattern.test(text) ? text : undefined
