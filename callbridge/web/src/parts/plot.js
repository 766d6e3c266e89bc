// A plot by uPlot, in the colours of the page. Loaded with the page of the reports only.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { axisLabel, valueOf } from "../pure/report.js";
import { html } from "./html.js";
import { theme } from "./preferences.js";
import { useStore } from "./store.js";

const LINES = ["--busy", "--met", "--near", "--missed", "--line-5", "--line-6", "--line-7", "--line-8"];
const DASHES = [[], [6, 3], [2, 3], [10, 4, 2, 4]];
/** Lines differ by more than their colour. */
const HEIGHT = 300;

/** `along`: the heading of what the plot goes along. */
export function Plot({ plot, kind, label, along, speaks }) {
  const box = useRef(null);
  const shown = useStore(theme);
  useEffect(() => {
    const place = box.current;
    const data = [plot.labels.map((_, at) => at), ...plot.series.map((one) => one.values)];
    const drawn = new uPlot(optionsOf(plot, kind, along, speaks, place), data, place);
    const fit = new ResizeObserver(() => drawn.setSize({ width: place.clientWidth, height: HEIGHT }));
    fit.observe(place);
    return () => {
      fit.disconnect();
      drawn.destroy();
    };
  }, [plot, kind, speaks, shown]);
  return html`<div class="plot" ref=${box} role="img" aria-label=${label}></div>`;
}

/** Times of one day without the day: there is little room below an axis. */
function shortened(labels) {
  const day = /^\d{4}-\d{2}-\d{2} /;
  const begin = labels[0]?.match(day)?.[0];
  return begin && labels.every((one) => one.startsWith(begin)) ? labels.map((one) => one.slice(begin.length)) : labels;
}

function optionsOf(plot, kind, along, speaks, box) {
  const colours = getComputedStyle(box);
  const colour = (name) => colours.getPropertyValue(name).trim();
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const short = shortened(plot.labels);
  const labelled = (at, room) => (plot.parts?.[at] ? axisLabel(plot.parts[at], room) : (short[at] ?? ""));
  const lines = Math.max(1, ...(plot.parts || []).map((parts) => parts.length));
  const format = (value) => valueOf(value, kind, speaks);
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: plot.series.length > 1 || Boolean(plot.series[0].name) },
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: false, range: (_, low, high) => [low - 0.5, high + 0.5] }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high || 1) * 1.05] } },
    axes: [
      { ...axis, values: (_, at, __, room) => at.map((one) => (Number.isInteger(one) ? labelled(one, room) : "")), size: 35 + 18 * lines, space: 110, incrs: [1, 2, 4, 7, 12, 24, 48, 96, 192, 384] },
      { ...axis, values: (_, at) => at.map(format), size: 70 },
    ],
    series: [
      { label: along, value: (_, at) => plot.labels[at] ?? "" },
      ...plot.series.map((one, at) => ({
        label: one.name || " ",
        stroke: colour(LINES[at]),
        width: 2,
        dash: DASHES[at % DASHES.length],
        value: (_, value) => format(value),
        ...(plot.bars ? { paths: uPlot.paths.bars({ size: [0.7, 60] }), fill: colour("--busy"), dash: [], points: { show: false } } : {}),
      })),
    ],
  };
}
