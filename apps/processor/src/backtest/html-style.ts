/** The look of the report: one sheet, light and dark, nothing loaded. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f5f6f4; --panel: #ffffff; --line: #d9ddd8; --text: #1b211f; --dim: #56605c;
  --accent: #0b6e6e; --critical: #b3152b; --error: #b23c07; --warning: #855900; --info: #1f5fa8; --good: #23703c;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #121615; --panel: #1a201e; --line: #313a37; --text: #e7ecea; --dim: #a2aeaa;
    --accent: #59c4bf; --critical: #ff8a8f; --error: #ff9f6b; --warning: #e8b84a; --info: #8abcf5; --good: #7fce97;
  }
}
* { box-sizing: border-box; }
html { background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 72rem; padding: 2rem clamp(1rem, 3vw, 2rem) 3rem; }
h1, h2, h3, p, dl, dd, ul, figure { margin: 0; }
h1 { font-size: clamp(1.6rem, 4vw, 2.2rem); line-height: 1.2; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1.05rem; overflow-wrap: anywhere; }
h4 { margin: 0; font-size: .9rem; font-weight: 600; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
.brand { color: var(--accent); font-weight: 600; font-size: .9rem; margin-bottom: .25rem; }
.dim, .lede { color: var(--dim); }
.lede { margin-top: .4rem; }
.small { font-size: .9rem; }
.num { font-variant-numeric: tabular-nums; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin-top: 1.5rem; }
.figures div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
.figures dt { color: var(--dim); font-size: .85rem; }
.figures dd { font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; }
.scroll { overflow-x: auto; }
.scroll table { min-width: 46rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--dim); padding: .6rem .9rem 0; font-size: .85rem; }
th, td { text-align: left; padding: .45rem .9rem; border-top: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--dim); font-weight: 500; border-top: 0; white-space: nowrap; }
td.num, th.num { text-align: right; white-space: nowrap; }
td.when { white-space: nowrap; font-variant-numeric: tabular-nums; }
.service { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; margin-top: 1rem; }
.service > summary, .service > header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; justify-content: space-between; padding: .8rem 1.1rem; }
.service > summary { cursor: pointer; list-style-position: outside; }
.service > summary::before { content: "+"; color: var(--dim); width: .8em; font-weight: 600; }
.service[open] > summary::before { content: "\\2212"; }
.service > summary::-webkit-details-marker { display: none; }
.service .facts { margin-right: auto; font-size: .9rem; }
.service .inside { padding: 0 1.1rem 1.1rem; }
.alert { border-left: 4px solid var(--tone); background: var(--ground); border-radius: .25rem; padding: .6rem .9rem; margin-bottom: .75rem; }
.alert .what { font-weight: 600; }
.alert p + p { margin-top: .2rem; }
.alert .spark { font-family: var(--mono); color: var(--tone); letter-spacing: 0; white-space: pre; overflow-x: auto; overflow-y: hidden; line-height: 1.3; }
.chip { color: var(--tone); border: 1px solid var(--tone); border-radius: 1rem; padding: 0 .55rem; font-size: .8rem; font-weight: 600; white-space: nowrap; }
.chip.quiet { --tone: var(--good); }
.critical, .band-chart-critical { --tone: var(--critical); }
.error, .band-chart-error { --tone: var(--error); }
.warning, .band-chart-warning { --tone: var(--warning); }
.info, .band-chart-info { --tone: var(--info); }
pre { font: .82rem/1.5 var(--mono); margin: .4rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; color: var(--dim); }
figure { margin-top: 1rem; }
figcaption { font-size: .85rem; color: var(--dim); }
.chart { overflow-x: auto; }
.band-chart { display: block; width: 100%; min-width: 40rem; height: auto; color: var(--text); margin-top: .3rem; }
.band-chart-label { fill: var(--dim); }
.band-chart-band { fill: var(--accent); fill-opacity: .16; }
.band-chart-expected { stroke: var(--accent); stroke-opacity: .8; }
.band-chart-value { stroke: var(--text); }
.band-chart-mark { fill: var(--tone); }
details.data { margin-top: .5rem; font-size: .9rem; }
details.data > summary { color: var(--accent); cursor: pointer; width: fit-content; }
details.data table { margin-top: .3rem; }
ul.why { margin-top: 1rem; padding-left: 1.2rem; font-size: .9rem; color: var(--dim); }
ul.why li::first-letter { text-transform: uppercase; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; color: var(--dim); font-size: .85rem; }
@media print { body { max-width: none; } .service, .alert { break-inside: avoid; } }
`;
