/** Colours are the Okabe-Ito palette, darkened on light ground and lightened on dark, with a contrast of 4.5:1 where they are text. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #101317); --panel: light-dark(#ffffff, #181c22);
  --text: light-dark(#16191d, #e8eaed); --muted: light-dark(#59616b, #a3acb8); --edge: light-dark(#d5dae0, #333b45);
  --rest: light-dark(#b8480a, #f0884a); --rest-hardened: light-dark(#7c3aa8, #c39be8); --events: light-dark(#0068a3, #56b4e9);
  --lost: light-dark(#f6c9cb, #6b2529); --fail: light-dark(#a8161e, #ff8f8a); --ok: light-dark(#17663a, #6fd08c);
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums;
}
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.65rem; line-height: 1.25; letter-spacing: -0.02em; margin: 0 0 0.6rem; }
h2 { font-size: 1.1rem; margin: 0 0 0.2rem; }
p { margin: 0 0 0.6rem; max-width: 58rem; }
.lead { font-size: 1.15rem; font-weight: 550; max-width: none; text-wrap: pretty; }
.muted { color: var(--muted); }
.nights { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; margin: 1.2rem 0 1rem; padding: 0; list-style: none; }
.nights li, figure, .table { background: var(--panel); border: 1px solid var(--edge); border-radius: 10px; }
.nights li { display: grid; grid-template-rows: subgrid; grid-row: span 3; gap: 0; padding: 0.9rem 1.1rem; border-top: 4px solid var(--own); }
.nights p { font-size: 0.9rem; }
.nights dl { display: grid; grid-template-columns: minmax(2.6rem, auto) 1fr; gap: 0.15rem 0.7rem; margin: 0; align-items: baseline; }
.nights dt { grid-column: 2; grid-row: var(--row); }
.nights dd { grid-column: 1; margin: 0; text-align: right; font-size: 1.35rem; font-weight: 680; letter-spacing: -0.02em; }
.nights dd.bad { color: var(--fail); }
.nights dd.good { color: var(--ok); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1rem; align-items: start; }
figure { margin: 0; padding: 0.9rem 1.1rem 1rem; }
figcaption { color: var(--muted); font-size: 0.9rem; margin-bottom: 0.6rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.1rem 1.1rem; margin: 0 0 0.3rem; padding: 0; font-size: 0.9rem; }
.legend svg { width: 1.8rem; height: 0.7rem; margin-right: 0.35rem; }
.plot { display: block; width: 100%; height: auto; font-size: 13px; fill: var(--text); }
@media (min-width: 50rem) { .plot { font-size: 11px; } }
.title { font-weight: 650; }
.axis { fill: var(--muted); }
.lost { fill: var(--lost); }
.under.rest { fill: var(--rest); } .under.rest-hardened { fill: var(--rest-hardened); } .under.events { fill: var(--events); }
.frame, .base { fill: none; stroke: var(--edge); }
.broken { fill: var(--fail); }
.crash { fill: none; stroke: var(--fail); stroke-width: 1.6; }
.grid { stroke: var(--edge); stroke-width: 0.7; }
.fixed { stroke: var(--muted); stroke-dasharray: 3 3; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.line.rest { stroke: var(--rest); } .line.rest-hardened { stroke: var(--rest-hardened); stroke-dasharray: 7 3; }
.line.events { stroke: var(--events); stroke-width: 3; }
.rest { --own: var(--rest); } .rest-hardened { --own: var(--rest-hardened); } .events { --own: var(--events); }
.table { overflow-x: auto; margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
th, td { padding: 0.32rem 0.9rem; border-top: 1px solid var(--edge); text-align: right; white-space: nowrap; }
thead th { border-top: 0; white-space: normal; vertical-align: bottom; }
.foot { margin-top: 1.2rem; }
tbody th { text-align: left; font-weight: 400; white-space: normal; }
caption { text-align: left; padding: 0.7rem 0.9rem 0.4rem; font-weight: 650; }
details { margin-top: 1rem; }
summary { cursor: pointer; padding: 0.3rem 0; }
code { font-size: 0.92em; }
:focus-visible { outline: 2px solid var(--events); outline-offset: 2px; }
@media (max-width: 40rem) { th, td { padding-inline: 0.35rem; } table { font-size: 0.82rem; } main { padding-inline: 0.75rem; } }
`
