"""How a report looks as a page: light or dark as the reader's system, and on paper."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --band: #f5f7f9;
  --accent: #2463c5; --good: #18794e; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181e; --ink: #e4e8ee; --soft: #9aa5b3; --line: #2c343f;
  --band: #1b2129; --accent: #6ea8fe; --good: #4cc38a; --bad: #ff8a7a; } }
* { box-sizing: border-box; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
body { margin: 2rem auto; padding: 0 1.5rem; max-width: 104rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC",
  "Microsoft YaHei", sans-serif; }
th::first-letter, dt::first-letter, figcaption::first-letter, .about::first-letter { text-transform: uppercase; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2.2rem 0 .6rem; }
.about { color: var(--soft); margin: .2rem 0 1.6rem; } .about span + span::before { content: " · "; }
figure { margin: 0 0 1.2rem; } figcaption { font-weight: 600; font-size: .9rem; margin-bottom: .2rem; }
figcaption small { color: var(--soft); font-weight: 400; }
svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--line); stroke-width: 1; } .bar { fill: var(--accent); }
.axis { fill: var(--soft); font-size: 12px; } .cell { fill: var(--ink); font-size: 11px; } .strong { fill: var(--paper); }
.heat { fill: color-mix(in srgb, var(--accent) calc(var(--shade) * 100%), var(--band)); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .55rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { background: var(--paper); border-bottom: 2px solid var(--line); color: var(--soft); font-weight: 600;
  vertical-align: bottom; white-space: normal; word-break: keep-all; }
tbody tr:nth-child(even) { background: var(--band); }
.text { text-align: left; } .long { white-space: normal; min-width: 16rem; } .none { color: var(--soft); }
td small { color: var(--soft); font-weight: 400; font-size: .78em; }
.met { color: var(--good); } .missed { color: var(--bad); font-weight: 600; }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .25rem 1.2rem; margin: 0; font-size: .9rem; }
dt { font-weight: 600; } dd { margin: 0; color: var(--soft); }
.notes { color: var(--soft); font-size: .9rem; padding-left: 1.1rem; }
@media (max-width: 40rem) { body { margin: 1rem auto; padding: 0 .8rem; } dl { display: block; } dd { margin-bottom: .5rem; } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --band: #f3f3f3;
  --accent: #2463c5; --good: #18794e; --bad: #b42318; } body { margin: 0; } .wide { overflow: visible; }
  table { font-size: 7pt; } th, td { padding: .15rem .3rem; } figure, tr, dt, dd { break-inside: avoid; }
  @page { size: A4 landscape; margin: 12mm; } }
"""
