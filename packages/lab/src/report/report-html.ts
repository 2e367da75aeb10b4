import { count, counted } from '../analysis/report-figures.ts'
import type { LabResult } from '../model/result.ts'
import type { Scenario } from '../model/scenario.ts'
import type { Sweep } from '../model/sweep-result.ts'
import { html, type Markup, ready } from './parts/report-markup.ts'
import { sidesOf } from './parts/report-sides.ts'
import type { ReportTable } from './parts/report-table.ts'
import {
  armsTable,
  checksTable,
  expectationsTable,
  failuresTable,
  formsTable,
  servicesTable,
} from './parts/report-tables.ts'
import { backlogFigure } from './plot/plot-backlog.ts'
import { type Canvas, openCanvas } from './plot/plot-canvas.ts'
import { cascadeFigure } from './plot/plot-cascade.ts'
import { differencesFigure } from './plot/plot-differences.ts'
import type { Figure } from './plot/plot-figure.ts'
import { flowFigure } from './plot/plot-flow.ts'
import { latencyFigure } from './plot/plot-latency.ts'
import { loadFigure } from './plot/plot-load.ts'
import { sweepFigure } from './plot/plot-phase.ts'
import { parameterTables } from './report-parameters.ts'
import { figureMarkup, folded, tableMarkup } from './report-parts.ts'
import { pageStyle } from './report-style.ts'

/**
 * A result as one page that holds everything it shows: no script, nothing from a network.
 *
 * **Guarantee** Equal arguments give equal bytes. What the scenario names is escaped.
 * **Errors** `FB_CONFIG` when @observablehq/plot or linkedom is not installed
 */
export async function reportHtml(scenario: Scenario, result: LabResult, sweep?: Sweep): Promise<string> {
  const figures = figuresOf(await openCanvas(), scenario, result, sweep)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${result.scenario} · firebreak lab</title>
<style>${ready(pageStyle)}</style>
</head>
<body>
${heading(result)}
<main>
<section><h2>Verdict</h2>
<ul class="verdict">${result.verdict.map((sentence) => html`<li>${sentence}</li>\n`)}</ul>
</section>
<section><h2>Arms</h2>
${tableMarkup(armsTable(result))}
<p class="muted">Latency is from arrival until success, over what succeeded. Bound: the share that the capacity of the services lets through to a
caller that waits. Recover: from the end of the last fault, or of the highest rate, until goodput is back.</p>
</section>
<section><h2>Plots</h2>
<div class="figures">
${figures.map((figure, at) => figureMarkup(figure, `figure-${at + 1}`))}</div>
</section>
${section('Expectations', expectationsTable(result))}
${section('Self-checks', checksTable(result))}
${section('Failures by reason', failuresTable(result))}
${section('Closed forms', formsTable(result))}
<section class="folds"><h2>Services and parameters</h2>
${folded('What each service did', servicesTable(result))}
${parameterTables(scenario).map((table) => folded(`Parameters: ${table.title}`, table))}
</section>
</main>
<footer><p>Seed ${String(result.seed)}, ${counted(result.replications, 'replication')}, ${modeWords(result)}. Digest <code>${result.digest}</code></p></footer>
</body>
</html>
`
  return page.markup
}

const modeWords = ({ mode }: LabResult): string => (mode === 'sim' ? 'simulated' : 'measured with real processes')

function heading(result: LabResult): Markup {
  const { scenario, description, seed, replications, expect, checks } = result
  const means = replications > 1 ? '; figures are means, with 95 % confidence intervals' : ''
  const held = expect.filter(({ holds }) => holds).length
  const sound = Object.values(checks).filter(({ ok }) => ok).length
  const score = (good: number, of: number, what: string): Markup =>
    good === of
      ? html`<span class="ok">✔ ${count(good)} of ${count(of)}</span> ${what}`
      : html`<span class="fail">✖ ${count(good)} of ${count(of)}</span> ${what}`
  return html`<header>
<h1>${scenario}</h1>
${description === '' ? '' : html`<p>${description}</p>`}
<p class="muted">${modeWords(result)}, seed ${String(seed)}, ${counted(replications, 'replication')}${means}</p>
<p>${expect.length === 0 ? '' : html`${score(held, expect.length, 'expectations hold')} · `}${score(sound, 3, 'self-checks hold')}</p>
</header>`
}

function section(title: string, table: ReportTable | undefined): Markup {
  return table === undefined ? html`` : html`<section><h2>${title}</h2>${tableMarkup(table)}</section>`
}

function figuresOf(canvas: Canvas, scenario: Scenario, result: LabResult, sweep: Sweep | undefined): readonly Figure[] {
  const sides = sidesOf(scenario, result)
  if (sides.length === 0) return []
  const names = sides.map(({ arm }) => arm.name)
  return [
    flowFigure(canvas, scenario, result, sides),
    latencyFigure(canvas, sides),
    loadFigure(canvas, scenario, sides),
    sweep === undefined ? undefined : sweepFigure(canvas, sweep, names),
    cascadeFigure(canvas, scenario, result, sides),
    backlogFigure(canvas, scenario, result, sides),
    differencesFigure(canvas, result.differences),
  ].filter((figure) => figure !== undefined)
}
