import { type Call, type Command, exit, usageError } from 'firebreak/internal'
import { metricOf } from '../analysis/expectations.ts'
import { metricFinding } from '../file/read-metrics.ts'
import type { Scenario } from '../model/scenario.ts'
import type { Sweep } from '../model/sweep-result.ts'
import { writeOut } from './files.ts'
import { failedChecks, formatOf } from './out.ts'
import { cancellable, type ProgressLine, progressLine } from './progress.ts'
import { armsOf, type ScenarioText, scenarioOf, scenarioOptions, scenarioText } from './scenario.ts'
import { combinations, type SweepParam, type SweepValue, sweepParams } from './sweep-params.ts'
import type { LabTools } from './tools.ts'

/** `firebreak lab sweep`: a scenario with many values of one or two parameters. */
export const labSweep = (tools: LabTools): Command => ({
  name: 'lab sweep',
  summary: 'run a scenario again and again with other values of one or two parameters',
  operands: '<file>',
  operandsMin: 1,
  operandsMax: 1,
  examples: [
    { line: 'lab sweep shop.yaml --param traffic.rate=50,100,200', what: 'one row per rate' },
    { line: 'lab sweep shop.yaml --param duration=1m,5m --param seed=1,2,3', what: 'two: a map per arm' },
    { line: 'lab sweep shop.yaml --param traffic.rate=50,100 --out map.html', what: 'a report with a plot' },
  ],
  options: {
    param: { value: 'path=values', many: true, help: 'what changes, and its values with commas between' },
    metric: { value: 'path', help: 'the number that is shown; default successRatio' },
    ...scenarioOptions,
    out: { value: 'file', help: 'write the result to a file too: .html or .json' },
  },
  notes: [
    'A path leads through the file: traffic.rate, services.profile.workers, policies.full.budget.ratio,\nedges.web->profile.calls, arms.event.edges.web->profile.consumers. It changes every arm that has\nit, or the one in front of it.',
  ],
  async run(call) {
    const { io, args, output } = call
    const out = args.text('out')
    const format = formatOf(out, ['.html', '.json'])
    const plan = await planOf(call, sweepParams(args.texts('param')))
    const line = progressLine(output)
    const swept = await cancellable(io, line, () => sweepThrough(plan, { call, tools, line }))
    if (output.json) output.document(swept)
    else show(call, plan, swept)
    if (out !== undefined && format !== undefined) {
      const html =
        format === '.html' ? await cancellable(io, line, () => report(plan, swept, { call, tools, line })) : ''
      await writeOut(io, out, format === '.html' ? html : `${JSON.stringify(swept, null, 2)}\n`)
      output.note(`Wrote ${out}.`)
    }
    for (const where of swept.broken) output.note(`A self-check failed with ${where}: do not trust these figures.`)
    return swept.broken.length > 0 ? exit.failed : exit.ok
  },
})

interface Plan {
  readonly file: ScenarioText
  readonly params: readonly SweepParam[]
  readonly metric: string
  readonly arms: readonly string[] | undefined
  readonly points: readonly { readonly values: readonly SweepValue[]; readonly scenario: Scenario }[]
}

/** What a sweep prints with `--json`. */
interface Swept extends Sweep {
  readonly scenario: string
  readonly metric: string
  readonly points: readonly (Sweep['points'][number] & { readonly value: number | null })[]
  /** Values with which a self-check failed. */
  readonly broken: readonly string[]
}

// All points are read before the first one runs: a mistake in the last value costs no time.
async function planOf({ io, args }: Call, params: readonly SweepParam[]): Promise<Plan> {
  const file = await scenarioText(io, args.operands[0] ?? '')
  const points: { values: readonly SweepValue[]; scenario: Scenario }[] = []
  for (const values of combinations(params)) {
    const set = values.map(({ value }, i) => ({ path: params[i]?.path ?? '', value }))
    points.push({ values, scenario: await scenarioOf(file, args, set) })
  }
  const scenario = points[0]?.scenario as Scenario
  const arms = armsOf(args, scenario)
  const metric = args.text('metric') ?? 'successRatio'
  const services = scenario.arms.flatMap((arm) => arm.services.map(({ name }) => name))
  const finding = metricFinding(metric, services)
  if (finding !== undefined) {
    const { message, suggestion } = finding
    throw usageError(`${message}.`, typeof suggestion === 'function' ? suggestion() : suggestion)
  }
  return { file, params, metric, arms, points }
}

interface Doing {
  readonly call: Call
  readonly tools: LabTools
  readonly line: ProgressLine
}

async function sweepThrough({ params, metric, arms, points }: Plan, { call, tools, line }: Doing): Promise<Swept> {
  const found: Swept['points'][number][] = []
  const broken: string[] = []
  for (const [done, { values, scenario }] of points.entries()) {
    const result = await tools.runScenario(scenario, {
      signal: call.io.signal,
      onProgress: (progress) => line.show(progress, { done, total: points.length }),
      ...(arms !== undefined && { arms }),
    })
    if (failedChecks(result).length > 0)
      broken.push(values.map(({ text }, i) => `${params[i]?.path}=${text}`).join(', '))
    for (const [arm, figures] of Object.entries(result.arms)) {
      const { successRatio, timeToRecoverMs } = figures
      const value = metricOf(figures, metric)
      const shown = value === undefined || !Number.isFinite(value) ? null : value
      found.push({ values: values.map(({ number }) => number), arm, successRatio, timeToRecoverMs, value: shown })
    }
  }
  const name = points[0]?.scenario.name ?? ''
  return { scenario: name, params: params.map(({ path }) => path), metric, points: found, broken }
}

async function report({ file, arms }: Plan, swept: Swept, { call, tools, line }: Doing): Promise<string> {
  const scenario = await scenarioOf(file, call.args)
  const { signal } = call.io
  const onlyThese = arms !== undefined && { arms }
  const result = await tools.runScenario(scenario, { signal, onProgress: line.show, ...onlyThese })
  return tools.reportHtml(scenario, result, { params: swept.params, points: swept.points })
}

function show({ output }: Call, { params, metric }: Plan, { scenario, points }: Swept): void {
  const [rows, columns] = params as readonly [SweepParam, SweepParam?]
  const arms = [...new Set(points.map(({ arm }) => arm))]
  const cell = (arm: string, values: readonly number[]): string => {
    const point = points.find((each) => each.arm === arm && each.values.every((value, i) => value === values[i]))
    return point === undefined ? '-' : figure(metric, point.value)
  }
  const head = (title: string): { title: string; align: 'right' } => ({ title, align: 'right' })
  output.line(output.style.bold(scenario), `  ${metric}`)
  if (columns === undefined) {
    const lines = rows.values.map(({ text, number }) => [text, ...arms.map((arm) => cell(arm, [number]))])
    output.table([rows.path, ...arms].map(head), lines)
    return
  }
  for (const arm of arms) {
    output.line()
    output.line(output.style.bold(arm), `, ${rows.path} down, ${columns.path} across`)
    const lines = rows.values.map(({ text, number: down }) => [
      text,
      ...columns.values.map(({ number: across }) => cell(arm, [down, across])),
    ])
    output.table(['', ...columns.values.map(({ text }) => text)].map(head), lines)
  }
}

function figure(metric: string, value: number | null): string {
  if (value === null) return 'never'
  if (/(Ratio|utilization|Probability)$/.test(metric)) return `${(value * 100).toFixed(1)} %`
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(4)))
}
