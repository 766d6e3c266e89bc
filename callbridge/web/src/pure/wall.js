// The figures of a wallboard. Pure.

import { clock, count } from "./format.js";

const sum = (row, ...names) => names.reduce((total, name) => total + (row[name] || 0), 0);

/** Figure -> its text, named as `walls` of the configuration names them. Two are drawn with a grade, by pages/wall.js. */
export const FIGURES = {
  waiting: (row) => count(row.waiting),
  longest_wait: null,
  service_level: null,
  ewt: (row) => clock(row.ewt_seconds),
  offered: (row) => count(row.offered),
  answered: (row) => count(row.answered),
  abandoned: (row) => count(row.abandoned),
  overflowed: (row) => count(row.overflowed),
  callbacks: (row) => count(row.callbacks_waiting),
  agents_ready: (row) => count(row.agents_ready),
  agents_talking: (row) => count(sum(row, "agents_talking", "agents_ringing", "agents_connecting")),
  agents_wrap_up: (row) => count(row.agents_wrap_up),
  agents_not_ready: (row) => count(sum(row, "agents_not_ready", "agents_busy_elsewhere", "agents_offline")),
  agents_logged_in: (row) => count(row.agents_logged_in),
};

const USUAL = ["waiting", "longest_wait", "service_level", "answered", "abandoned", "agents_ready", "agents_talking"];

/** The figures that a layout asks for and that exist, else the usual ones. */
export function figuresOf(wanted) {
  const known = (wanted || []).filter((name) => name in FIGURES);
  return known.length ? known : USUAL;
}

/** Only what may be added: an agent of two queues would be counted twice. */
export function totalsOf(rows) {
  const total = (name) => rows.reduce((all, row) => all + (row[name] || 0), 0);
  return { waiting: total("waiting"), answered: total("answered"), abandoned: total("abandoned"), callbacks: total("callbacks_waiting") };
}

const WIDTHS = { longest_wait: 5.4, service_level: 4.2, ewt: 4.2 };
const COUNT_WIDTH = 2.4;
/** The widest that a figure gets, sign included, in the size of its letters: "■ 1:02:03", "● 100%", "1:02:03"; "123". */
const LINE = 1.7;
const NAME = 0.9;
/** The height of a line of figures with their labels, and of a queue's name, in the same unit. */
const PAGE = { wide: 96, high: 72, gap: 1.5, paddingWide: 3, paddingHigh: 2.3 };
/** Hundredths of the screen that the queues have. */
const LARGEST = 20;

/**
 * How queues and their figures are laid out so that the figures are as large as they can be: `boards` beside each other, `tracks` for the
 * figures of each, and their `size` in hundredths of the screen's height. `aspect`: the screen's width by its height.
 */
export function layoutOf(queues, figures, aspect) {
  let best = { boards: 1, tracks: "1fr", size: 0 };
  for (let boards = 1; boards <= queues; boards += 1) {
    const rows = Math.ceil(queues / boards);
    const high = (PAGE.high - PAGE.gap * (rows - 1)) / rows - PAGE.paddingHigh;
    const wide = (PAGE.wide - PAGE.gap * (boards - 1)) / boards - PAGE.paddingWide;
    for (let columns = 1; columns <= figures.length; columns += 1) {
      const lines = Math.ceil(figures.length / columns);
      const widths = widthsOf(figures, columns);
      const room = ((wide - columns + 1) * aspect) / widths.reduce((all, one) => all + one, 0);
      const size = Math.min(LARGEST, (high - lines) / (lines * LINE + NAME), room);
      if (size > best.size) best = { boards, tracks: widths.map((one) => `${one}fr`).join(" "), size };
    }
  }
  return best;
}

function widthsOf(figures, columns) {
  const widths = Array(columns).fill(0);
  figures.forEach((name, index) => {
    widths[index % columns] = Math.max(widths[index % columns], WIDTHS[name] || COUNT_WIDTH);
  });
  return widths;
}
