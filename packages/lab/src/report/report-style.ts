/**
 * The style of the page. Colours are the Okabe-Ito palette, darkened on light ground and lightened on dark ground until each
 * has a contrast of 3:1 or more against what lies behind it.
 *
 * **Source** M. Okabe, K. Ito, "Color Universal Design", 2008
 */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --ground: #fbfbfc; --panel: #ffffff; --text: #16191d; --muted: #59616b; --edge: #d5dae0;
  --ok: #17663a; --fail: #a8161e;
  --offered: #16191d; --attempts: #b35900; --goodput: #0072b2; --fault: #a3336b; --saturated: #b8480a;
  --out: #0072b2; --back: #b8480a;
  --arm0: #0072b2; --arm1: #c2500a; --arm2: #007a5a; --arm3: #a8467f;
  --arm4: #7d5c00; --arm5: #1a1a1a; --arm6: #2784b5; --arm7: #7c3aa8;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #101317; --panel: #181c22; --text: #e8eaed; --muted: #a3acb8; --edge: #333b45;
    --ok: #6fd08c; --fail: #ff8f8a;
    --offered: #e8eaed; --attempts: #f0b040; --goodput: #56b4e9; --fault: #e79cc6; --saturated: #f0884a;
    --out: #56b4e9; --back: #f0884a;
    --arm0: #56b4e9; --arm1: #f0884a; --arm2: #2fc49a; --arm3: #e79cc6;
    --arm4: #e6c229; --arm5: #f5f5f5; --arm6: #8fb4ff; --arm7: #c39be8;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: break-word; -webkit-text-size-adjust: 100%;
}
header, main, footer { max-width: 76rem; margin-inline: auto; padding-inline: 0.75rem; }
header { padding-top: 1.25rem; }
footer { padding-block: 1.5rem; color: var(--muted); font-size: 0.875rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 0.25rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; }
h3 { font-size: 1.05rem; line-height: 1.35; margin: 0 0 0.25rem; }
p { margin: 0.25rem 0; max-width: 46rem; }
.muted { color: var(--muted); }
.verdict { margin: 0; padding-left: 1.2rem; max-width: 50rem; }
.verdict li { margin-block: 0.4rem; }
.verdict li:first-child { font-weight: 600; }
.ok, .fail { font-weight: 600; white-space: nowrap; }
.ok { color: var(--ok); }
.fail { color: var(--fail); }
.scroll { overflow-x: auto; width: fit-content; max-width: 100%; border: 1px solid var(--edge); border-radius: 6px; background: var(--panel); }
.scroll.tall { max-height: 24rem; overflow-y: auto; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--goodput); outline-offset: 1px; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0.4rem 0.6rem; color: var(--muted); }
th, td { text-align: left; padding: 0.3rem 0.5rem; border-top: 1px solid var(--edge); vertical-align: top; font-weight: 400; }
thead th { border-top: 0; color: var(--muted); vertical-align: bottom; }
tbody th { font-weight: 600; white-space: nowrap; }
td.n, th.n { text-align: right; }
td.n { white-space: nowrap; }
td.w { min-width: 6rem; max-width: 28rem; }
td.long { min-width: 16rem; }
th.long { white-space: normal; min-width: 12rem; }
.figures { columns: 1; column-gap: 1rem; }
@media (min-width: 62rem) { .figures { columns: 2; } }
figure {
  margin: 0 0 1rem; padding: 0.75rem; break-inside: avoid;
  background: var(--panel); border: 1px solid var(--edge); border-radius: 8px;
}
figcaption { color: var(--muted); font-size: 0.875rem; margin-top: 0.25rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.1rem 1rem; margin: 0 0 0.25rem; padding: 0; font-size: 0.875rem; }
.legend li { display: flex; align-items: flex-start; gap: 0.4rem; min-width: 0; overflow-wrap: anywhere; }
.legend svg { flex: none; margin-top: 0.3rem; }
.panel-title { font-size: 0.875rem; font-weight: 600; margin: 0.5rem 0 0; overflow-wrap: anywhere; }
.plot {
  display: block; width: 100%; height: auto; overflow: visible; fill: currentColor;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-size: 13px; text-anchor: middle;
}
.plot text, .plot tspan { white-space: pre; }
@media (min-width: 30rem) { .plot { font-size: 11px; } }
details { margin-top: 0.5rem; }
summary { cursor: pointer; padding-block: 0.3rem; font-size: 0.875rem; }
.folds > details { margin-bottom: 0.5rem; }
@page { margin: 14mm; }
@media print {
  :root { color-scheme: light; }
  body { background: none; font-size: 10pt; }
  figcaption, .legend, .panel-title, p.muted { font-size: 8pt; }
  td.n, td.w, td.long { white-space: normal; min-width: 0; }
  .figures { columns: 2; }
  figure, .scroll { border-color: #999999; }
  .scroll, .scroll.tall { overflow: visible; max-height: none; }
  table { font-size: 7.5pt; }
  th, td { padding: 0.15rem 0.3rem; }
  details:not([open]), .folds:not(:has(details[open])) { display: none; }
  h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; }
}
`
