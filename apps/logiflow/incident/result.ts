import { bySecond, type Curve, shareOf } from './curve.ts'
import type { Sample } from './load.ts'

export type Mode = 'rest' | 'rest-hardened' | 'events'
export type Results = Partial<Record<Mode, Result>>

/** What each wiring is called, and what it is. */
export const wirings: Readonly<Record<Mode, { readonly name: string; readonly is: string }>> = {
  rest: {
    name: 'calls',
    is: 'services call each other over HTTP, and try again 1, 2 and 4 s after a failure',
  },
  'rest-hardened': {
    name: 'hardened calls',
    is: 'the same calls with a timeout of 1 s, a circuit breaker and a bulkhead instead of retries',
  },
  events: {
    name: 'events',
    is: 'services publish what happened, and each reads it at its own pace',
  },
}
export type InvoiceCount = {
  readonly expected: number
  readonly issued: number
  readonly lost: number
  readonly duplicated: number
  readonly surplus: number
  readonly surplusMinor: number
}
export type EventFigures = {
  readonly backlogPeak: number
  /** From the hotfix to an empty backlog; null when it was never empty again. */
  readonly drainMs: number | null
  readonly backlogAtEnd: number
  readonly deadLetters: number
  readonly ledgerImbalance: number
  /** From the first try of a dispatch to its invoice. */
  readonly invoiceDelay: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number }
}
export type Result = {
  readonly portal: { readonly offered: number; readonly ok: number; readonly p50Ms: number; readonly p99Ms: number }
  /** Before anything breaks: where direct calls are fine. */
  readonly healthy: { readonly portalP50Ms: number; readonly dispatchP50Ms: number }
  /** From the first crash to the repaired version. */
  readonly duringOutage: {
    readonly portalSuccess: number
    readonly routingSuccess: number
    readonly trackingSuccess: number
  }
  /** Seconds in which fewer than 99 % of the portal's visitors got an answer. */
  readonly badSeconds: number
  /** From the hotfix to the end of the last bad second. */
  readonly recoverMs: number
  /** One character per 5 s: `#` good, `-` some failed, `.` most failed. */
  readonly strip: string
  readonly dispatchersGaveUp: number
  readonly invoices: InvoiceCount
  readonly crashes: number
  readonly crashedAtS: readonly number[]
  /** When the repaired version was up. */
  readonly fixedAtS: number
  readonly curve: Curve
} & Partial<EventFigures>

export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10
}

export type Moments = {
  readonly lastsS: number
  readonly waveFromS: number
  readonly firstCrashMs: number
  readonly hotfixMs: number
}

/** What the outside world saw. */
export const judge = (
  samples: readonly Sample[],
  at: Moments,
): Pick<Result, 'portal' | 'healthy' | 'duringOutage' | 'badSeconds' | 'recoverMs' | 'strip'> => {
  const of = (kind: Sample['kind'], fromMs: number, toMs: number): readonly Sample[] =>
    samples.filter((sample) => sample.kind === kind && sample.atMs >= fromMs && sample.atMs < toMs)
  const outage = (kind: Sample['kind']): number => shareOf(of(kind, at.firstCrashMs, at.hotfixMs))
  const views = of('view', 0, Number.POSITIVE_INFINITY)
  const viewsOf = bySecond(samples, 'view')
  const bad = Array.from({ length: at.lastsS }, (_, second) => second).filter(
    (second) => shareOf(viewsOf.get(second) ?? []) < 0.99,
  )
  const afterFix = bad.filter((second) => second * 1000 + 1000 > at.hotfixMs)
  const healthyMs = at.waveFromS * 1000
  const took = (list: readonly Sample[], share: number): number =>
    quantile(
      list.map((sample) => sample.tookMs),
      share,
    )
  const strip = Array.from({ length: Math.ceil(at.lastsS / 5) }, (_, index) => {
    const success = shareOf(of('view', index * 5000, index * 5000 + 5000))
    return success >= 0.99 ? '#' : success >= 0.5 ? '-' : '.'
  })
  return {
    portal: {
      ...{ offered: views.length, ok: views.filter((view) => view.ok).length },
      ...{ p50Ms: took(views, 0.5), p99Ms: took(views, 0.99) },
    },
    healthy: {
      portalP50Ms: took(of('view', 0, healthyMs), 0.5),
      dispatchP50Ms: took(of('dispatch', 0, healthyMs), 0.5),
    },
    duringOutage: {
      portalSuccess: outage('view'),
      routingSuccess: outage('dispatch'),
      trackingSuccess: outage('ping'),
    },
    badSeconds: bad.length,
    recoverMs: afterFix.length === 0 ? 0 : Math.round(Math.max(0, ((afterFix.at(-1) ?? 0) + 1) * 1000 - at.hotfixMs)),
    strip: strip.join(''),
  }
}
