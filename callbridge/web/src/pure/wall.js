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

const USUAL = ["waiting", "longest_wait", "service_level", "agents_ready", "agents_talking", "abandoned"];

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
