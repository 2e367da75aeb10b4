import { html, type Markup, ready } from './parts/report-markup.ts'
import type { ReportColumn, ReportTable } from './parts/report-table.ts'
import type { Figure, LegendEntry, Panel } from './plot/plot-figure.ts'

const tallFrom = 16
// A cell that holds more than a name takes the width that a sentence needs.
const sentenceFrom = 32

/** A table in a box of its own, which scrolls where the page is too narrow. */
export function tableMarkup({ title, columns, rows }: ReportTable): Markup {
  const kind = ({ align }: ReportColumn): string => (align === 'right' ? 'n' : 'w')
  const head = columns.map((column) => html`<th scope="col" class="${kind(column)}">${column.title}</th>`)
  const body = rows.map((row) => {
    const cells = columns.map((column, at) => {
      const text = row[at] ?? ''
      const cell = cellMarkup(column, text)
      const name = text.length > sentenceFrom ? `${kind(column)} long` : kind(column)
      return at === 0 ? html`<th scope="row" class="${name}">${cell}</th>` : html`<td class="${name}">${cell}</td>`
    })
    return html`<tr>${cells}</tr>\n`
  })
  return html`<div class="scroll${rows.length > tallFrom ? ' tall' : ''}" tabindex="0" role="region" aria-label="${title}"><table>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table></div>`
}

// Sign, word and colour: none of them says it alone.
function cellMarkup({ title }: ReportColumn, text: string): Markup {
  if (title !== 'holds') return html`${text}`
  return text === 'yes' ? html`<span class="ok">✔ yes</span>` : html`<span class="fail">✖ no</span>`
}

/** A table that is opened on demand. */
export function folded(summary: string, table: ReportTable): Markup {
  return html`<details><summary>${summary}</summary>${tableMarkup(table)}</details>`
}

/** A plot with title, legend, caption and its figures as a table. */
export function figureMarkup({ title, caption, legend, panels, table }: Figure, id: string): Markup {
  return html`<figure aria-labelledby="${id}">
<h3 id="${id}">${title}</h3>
${legend.length === 0 ? '' : html`<ul class="legend">${legend.map((entry) => html`<li>${sample(entry)}<span>${entry.label}</span></li>`)}</ul>`}
${panels.map((panel) => panelMarkup(panel, title))}
<figcaption>${caption}</figcaption>
${folded(`${table.title}, as a table`, table)}
</figure>
`
}

function panelMarkup({ title, svg, note }: Panel, figure: string): Markup {
  const name = `${title === null ? figure : `${figure}: ${title}`}. The table below holds the figures.`
  return html`${title === null ? '' : html`<p class="panel-title">${title}</p>`}
${svg === null ? html`<p class="muted">${note ?? ''}</p>` : html`<div role="img" aria-label="${name}">${ready(svg)}</div>`}
`
}

function sample({ sample, color, dash }: LegendEntry): Markup {
  const shapes: Readonly<Record<LegendEntry['sample'], Markup>> = {
    line: html`<line x1="1" x2="27" y1="6" y2="6" stroke="${color}" stroke-width="2.5" stroke-dasharray="${dash ?? ''}" />`,
    area: html`<rect x="1" y="5" width="26" height="7" fill="${color}" fill-opacity="0.25" /><line x1="1" x2="27" y1="5" y2="5" stroke="${color}" stroke-width="2" />`,
    dot: html`<circle cx="14" cy="6" r="4.5" fill="${color}" />`,
    triangle: html`<path d="M14,1L19,10.5L9,10.5Z" fill="none" stroke="${color}" stroke-width="1.8" />`,
    band: html`<rect x="3" y="0" width="22" height="12" fill="${color}" fill-opacity="0.16" /><path d="M3,0V12" stroke="${color}" />`,
    bar: html`<rect x="2" y="1" width="24" height="10" fill="${color}" />`,
    shades: html`${[0.04, 0.22, 0.42, 0.6].map((opacity, at) => html`<rect x="${at * 7}" y="0" width="7" height="12" fill="${color}" fill-opacity="${opacity}" />`)}`,
    cross: html`<path d="M10,2L18,10M18,2L10,10" stroke="${color}" stroke-width="2" />`,
  }
  return html`<svg width="28" height="12" viewBox="0 0 28 12" aria-hidden="true" focusable="false">${shapes[sample]}</svg>`
}
