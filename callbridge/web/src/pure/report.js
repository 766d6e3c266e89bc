// Reports as a page shows them: what is asked for, values as people read them, and what is plotted. Pure.

import { ABSENT, clock } from "./format.js";
import { known, outcomeText, targetText } from "./words.js";

/** Options of reports that name something, in the order of the form. */
export const NAMES = ["queue", "agent", "tier", "entry", "campaign"];
const TEXTS = ["number", "outcome", "score"];
export const INTERVALS = ["whole", "15m", "30m", "1h", "day", "week", "month", "quarter", "year", "hour-of-day", "weekday"];
export const MOST_SERIES = 8;
/** Lines in one plot: with more nobody can tell them apart. */

/** The query of a request: what the report takes of what was typed. */
export function queryOf(options, asked) {
  const query = new URLSearchParams();
  for (const key of ["from", "to"]) if (asked[key]) query.set(key, asked[key]);
  for (const key of ["by", ...NAMES, ...TEXTS]) {
    const value = (asked[key] || "").trim();
    if (value && options.includes(key)) query.set(key, value);
  }
  if (asked.together && options.includes("together")) query.set("together", "true");
  return query;
}

const FIELDS = ["from", "to", "by", ...NAMES, ...TEXTS];

/** What the page shows by its address: the name of a report, "" for none, and what it is asked for. A field that is not there is `usual`. */
export function askedBy(query, usual) {
  const there = new URLSearchParams(query);
  const typed = Object.fromEntries(FIELDS.map((key) => [key, there.get(key) || usual[key] || ""]));
  return { name: there.get("report") || "", typed: { ...typed, together: there.get("together") === "true" ? "true" : "" } };
}

/** The address of a report, with its period: it shows the same tomorrow. */
export const reportAddress = (report, typed) => `/reports?${new URLSearchParams([["report", report.name], ...queryOf(report.options, typed)])}`;

const two = (value) => String(value).padStart(2, "0");
const dayOf = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

export const PERIODS = ["today", "yesterday", "last_7_days", "week", "month", "last_month"];

/** First and last day of a period that ends today, or before. `now`: a Date. */
export function periodOf(name, now) {
  const day = (shift) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + shift);
  const begins = {
    today: [day(0), day(0)],
    yesterday: [day(-1), day(-1)],
    last_7_days: [day(-6), day(0)],
    week: [day(-((now.getDay() + 6) % 7)), day(0)],
    month: [new Date(now.getFullYear(), now.getMonth(), 1), day(0)],
    last_month: [new Date(now.getFullYear(), now.getMonth() - 1, 1), new Date(now.getFullYear(), now.getMonth(), 0)],
  }[name];
  return { from: dayOf(begins[0]), to: dayOf(begins[1]) };
}

/** Whether a field for dates can show it: what it cannot, browsers complain about. */
export function isDay(text) {
  const day = new Date(`${text}T00:00:00Z`);
  return text.length === 10 && !Number.isNaN(day.valueOf()) && day.toISOString().startsWith(text);
}

/** The period that has these days now, or "". */
export const periodNamed = ({ from, to }, now) =>
  PERIODS.find((name) => {
    const days = periodOf(name, now);
    return days.from === from && days.to === to;
  }) || "";

/** A value as people read it, by the kind of its column. */
export function valueOf(value, kind, language) {
  if (value === null || value === undefined || value === "") return ABSENT;
  if (typeof value !== "number") return String(value);
  if (kind === "share") return `${(value * 100).toLocaleString(language, { maximumFractionDigits: 1 })}%`;
  if (kind === "seconds") return clock(Math.round(value)); // as in files
  if (kind === "moment") return new Date(value * 1000).toLocaleString(language, { dateStyle: "short", timeStyle: "medium", hourCycle: "h23" });
  return value.toLocaleString(language, { maximumFractionDigits: 2 });
}

const WORDED = ["ended_by", "kind", "outcome", "party", "result"];
/** Columns whose values are words of callbridge. */
const OWN_WORDS = { reached_by: (t, value) => known(t(`reached_by.${value}`), `reached_by.${value}`), what: (t, value) => known(t(`what.${value}`), `what.${value}`) };
/** Columns whose values have words of their own: a callback by which a caller was reached is no outcome. */
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** A value of this column as a table shows it. `t`: the texts of the page; `language`: for numbers and dates. */
export function cellText(t, column, value, language) {
  if (column.kind !== "text" || typeof value !== "string") return valueOf(value, column.kind, language);
  if (column.name === "direction" && ["in", "out"].includes(value)) return directionText(t, column.of, value);
  if (column.name === "weekday" && WEEKDAYS.includes(value)) return weekdayIn(t.language, WEEKDAYS.indexOf(value));
  if (Object.hasOwn(OWN_WORDS, column.name)) return OWN_WORDS[column.name](t, value) || value || ABSENT;
  if (WORDED.includes(column.name) && /^[a-z_]+$/.test(value)) return outcomeText(t, value);
  if (column.name === "party") return targetText(t, value) || ABSENT;
  return valueOf(value, column.kind, language);
}

/** A transfer goes out and in by other words than a call. */
const directionText = (t, report, value) => known(t(`direction.${report}.${value}`), `direction.${report}.${value}`) || t(`direction.${value}`);

/** 2023-01-01 was a Sunday. */
const weekdayIn = (language, day) => new Date(Date.UTC(2023, 0, 1 + day)).toLocaleDateString(language, { weekday: "short", timeZone: "UTC" });

/** The columns of these rows, each `of` its report: those that the report is known to have, and those that are named after the site's own reasons. */
export function columnsOf(report, rows) {
  const there = new Map(report.columns.map((one) => [one.name, { ...one, of: report.name }]));
  const names = rows.length ? Object.keys(rows[0]) : [...there.keys()];
  return names.map((name) => there.get(name) || { name, kind: kindOf(name), heading: name.replace(/^not_ready: /, ""), definition: "" });
}

const kindOf = (name) => (name.startsWith("not_ready: ") ? "seconds" : "count");

export const figuresOf = (columns) => columns.filter((one) => !["text", "moment"].includes(one.kind));

/**
 * What is plotted of a figure: over the intervals, or the hours, a line for each name; without them a bar for each name, whose label on the
 * axis, in `parts`, has only what differs between the bars. Null: nothing. `textOf(column, value)`: a value as the table shows it.
 */
export function plotOf(columns, rows, figure, textOf = (_, value) => value) {
  const texts = columns.filter((one) => one.kind === "text").map((one) => one.name);
  const along = ["interval", "hour"].find((name) => texts.includes(name) && new Set(rows.map((row) => row[name])).size > 1);
  const named = columns.filter((one) => texts.includes(one.name) && one.name !== "interval" && one.name !== "hour");
  const names = named.map((one) => one.name);
  const partsOf = (row, of = named) => of.filter((one) => row[one.name]).map((one) => textOf(one, row[one.name]));
  const nameOf = (row) => partsOf(row).join(" · ");
  if (!along) {
    if (rows.length < 2 || !names.length) return null;
    const differing = named.filter((one) => new Set(rows.map((row) => row[one.name])).size > 1);
    const parts = rows.map((row) => partsOf(row, differing.length ? differing : named));
    return { labels: rows.map(nameOf), parts, series: [{ name: "", values: rows.map((row) => row[figure]) }], bars: true };
  }
  const labels = [...new Set(rows.map((row) => row[along]))];
  const found = new Map();
  for (const row of rows) {
    const key = JSON.stringify(names.map((name) => row[name]));
    if (names.length && names.every((one) => !row[one])) continue; // an interval in which nothing happened
    if (!found.has(key)) found.set(key, { name: nameOf(row), values: Array(labels.length).fill(null) });
    found.get(key).values[labels.indexOf(row[along])] = row[figure];
  }
  const total = (values) => values.reduce((sum, value) => sum + (value || 0), 0);
  const series = [...found.values()].sort((a, b) => total(b.values) - total(a.values));
  return { labels, series: series.slice(0, MOST_SERIES), bars: series.length === 1, left: Math.max(0, series.length - MOST_SERIES) };
}

/** The label of a bar on the axis: a line for each part, cut to `room`, in pixels. */
export const axisLabel = (parts, room) => parts.map((part) => cut(part, Math.max(2, Math.floor(room / LETTER) - 1))).join("\n");

const LETTER = 7;
/** Pixels of a letter on the axis; a Chinese one is twice as wide. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;

function cut(text, most) {
  let kept = "";
  let width = 0;
  for (const letter of text.replace(/\s+/g, " ")) {
    width += WIDE.test(letter) ? 2 : 1;
    if (width > most) return `${kept}…`;
    kept += letter;
  }
  return kept;
}
