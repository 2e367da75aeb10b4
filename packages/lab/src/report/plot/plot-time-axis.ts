import type * as Plot from '@observablehq/plot'
import { faultName, faultSpan } from '../../analysis/report-moments.ts'
import type { LabResult } from '../../model/result.ts'
import type { Arm, Fault, Scenario } from '../../model/scenario.ts'
import type { Canvas } from './plot-canvas.ts'
import type { LegendEntry } from './plot-figure.ts'

/** The time of a run along the x axis, with its faults and the end of the arrivals. */
export interface TimeAxis {
  readonly x: Plot.ScaleOptions
  readonly at: (ms: number) => number
  /** Marks to lie below the data. */
  readonly below: (arm: Arm) => readonly Plot.Markish[]
  /** Labels of the faults: within the frame, or over it where data fills it. */
  readonly labels: (arm: Arm, place: 'within' | 'over') => readonly Plot.Markish[]
  /** Lines of labels that `over` needs. */
  readonly labelLines: (arm: Arm) => number
  readonly legend: readonly LegendEntry[]
  /** Sentence for captions. */
  readonly caption: string
}

/** Windows that a drawing of 420 units can tell apart. */
export const windowsMax = 140

/** Lays out the time of a run; every plot over time takes the same. */
export function timeAxis({ plot }: Canvas, scenario: Scenario, { arms }: Pick<LabResult, 'arms'>): TimeAxis {
  const ends = Object.values(arms).flatMap(({ windows }) => windows.at(-1)?.toMs ?? [])
  const endMs = Math.max(scenario.durationMs, ...ends)
  const [unit, size] = endMs <= 600_000 ? ['s', 1000] : endMs <= 14_400_000 ? ['min', 60_000] : ['h', 3_600_000]
  const at = (ms: number): number => Math.min(ms, endMs) / size
  const known = knownFaults(scenario)
  const edges = [
    ...(scenario.warmupMs > 0 ? [scenario.warmupMs] : []),
    ...(endMs > scenario.durationMs ? [scenario.durationMs] : []),
  ]
  const bands = (arm: Arm): readonly Fault[] =>
    arm.faults.filter(({ atMs }) => atMs < endMs).toSorted((a, b) => a.atMs - b.atMs)
  const numberOf = (fault: Fault): number => known.findIndex((one) => same(one, fault)) + 1
  const lineOf = (arm: Arm, fault: Fault): number => linesOf(bands(arm), endMs)[bands(arm).indexOf(fault)] ?? 0
  return {
    at,
    x: {
      label: `time (${unit})`,
      domain: [0, at(endMs)],
      ticks: 6,
      nice: false,
    } as Plot.ScaleOptions,
    below: (arm) => [
      plot.rect(bands(arm), {
        x1: ({ atMs }: Fault) => at(atMs),
        x2: ({ atMs, forMs }: Fault) => at(atMs + forMs),
        fill: 'var(--fault)',
        fillOpacity: 0.16,
      }),
      plot.ruleX(edges, { x: at, stroke: 'currentColor', strokeOpacity: 0.6, strokeDasharray: '1 3' }),
    ],
    labels: (arm, place) =>
      bands(arm).map((fault) =>
        plot.text([fault], {
          x: ({ atMs }: Fault) => at(atMs),
          text: () => `F${numberOf(fault)}`,
          frameAnchor: 'top',
          textAnchor: 'start',
          dx: 3,
          ...(place === 'within'
            ? { dy: 3 + lineOf(arm, fault) * lineHeight }
            : { lineAnchor: 'bottom', dy: -2 - lineOf(arm, fault) * lineHeight }),
          fontWeight: 'bold',
          fill: 'var(--fault)',
          stroke: 'var(--panel)',
          strokeWidth: 3,
        } as Plot.TextOptions),
      ),
    labelLines: (arm) => Math.max(0, ...bands(arm).map((fault) => lineOf(arm, fault) + 1)),
    legend: known.map((fault, index) => ({
      label: `F${index + 1}: ${faultName(fault)}, ${faultSpan(fault)}`,
      sample: 'band',
      color: 'var(--fault)',
    })),
    caption: edgeWords(scenario, endMs),
  }
}

// Part of the axis that a label takes.
const labelShare = 0.08
export const lineHeight = 14

/** The line for the label of each fault, so that those that begin close to each other do not lie on each other. */
function linesOf(faults: readonly Fault[], endMs: number): readonly number[] {
  const freeFromMs: number[] = []
  return faults.map(({ atMs }) => {
    const free = freeFromMs.findIndex((ms) => ms <= atMs)
    const line = free < 0 ? freeFromMs.length : free
    freeFromMs[line] = atMs + endMs * labelShare
    return line
  })
}

function edgeWords({ warmupMs, durationMs }: Scenario, endMs: number): string {
  const words = [...(warmupMs > 0 ? ['end of the warm-up'] : []), ...(endMs > durationMs ? ['last arrival'] : [])]
  return words.length === 0 ? '' : ` Dotted: ${words.join(', ')}.`
}

function knownFaults({ arms }: Scenario): readonly Fault[] {
  const faults: Fault[] = []
  for (const fault of arms.flatMap((arm) => arm.faults)) if (!faults.some((one) => same(one, fault))) faults.push(fault)
  return faults.toSorted((a, b) => a.atMs - b.atMs)
}

const same = (one: Fault, other: Fault): boolean =>
  faultName(one) === faultName(other) && faultSpan(one) === faultSpan(other)
