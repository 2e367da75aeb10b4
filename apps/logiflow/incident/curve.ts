import type { Sample } from './load.ts'

/** A night second by second, as the charts draw it. */
export type Curve = {
  /** Share of the customers of each second who got an answer, 0 to 1; null when nobody asked. */
  readonly answered: readonly (number | null)[]
  /** Orders dispatched by the end of each second that had no invoice by then; goes on until nothing changes any more. */
  readonly uninvoiced: readonly number[]
}

export const shareOf = (samples: readonly Sample[]): number =>
  samples.length === 0 ? 1 : Math.round((samples.filter(({ ok }) => ok).length / samples.length) * 10_000) / 10_000

/** The samples of one kind, by the second in which each was meant to start. */
export const bySecond = (samples: readonly Sample[], kind: Sample['kind']): ReadonlyMap<number, readonly Sample[]> =>
  Map.groupBy(
    samples.filter((sample) => sample.kind === kind),
    ({ atMs }) => Math.floor(atMs / 1000),
  )

export type Invoicing = {
  /** Wall time of the night's first second. */
  readonly startedAtMs: number
  /** Order -> wall time. */
  readonly dispatchedAtMs: ReadonlyMap<string, number>
  readonly invoicedAtMs: ReadonlyMap<string, number>
}

const uninvoicedOf = (lastsS: number, { startedAtMs, dispatchedAtMs, invoicedAtMs }: Invoicing): readonly number[] => {
  const changes: (readonly [second: number, by: number])[] = []
  for (const [orderId, fromMs] of dispatchedAtMs) {
    const toMs = invoicedAtMs.get(orderId)
    changes.push([Math.ceil((fromMs - startedAtMs) / 1000), 1])
    if (toMs !== undefined) changes.push([Math.ceil((toMs - startedAtMs) / 1000), -1])
  }
  const endS = Math.max(lastsS, ...changes.map(([second]) => second))
  const bySecond = Map.groupBy(changes, ([second]) => Math.max(0, second))
  let waiting = 0
  return Array.from({ length: endS + 1 }, (_, second) => {
    for (const [, by] of bySecond.get(second) ?? []) waiting += by
    return waiting
  })
}

export const curveOf = (samples: readonly Sample[], lastsS: number, invoicing: Invoicing): Curve => {
  const views = bySecond(samples, 'view')
  return {
    answered: Array.from({ length: lastsS }, (_, second) => {
      const asked = views.get(second)
      return asked === undefined ? null : shareOf(asked)
    }),
    uninvoiced: uninvoicedOf(lastsS, invoicing),
  }
}
