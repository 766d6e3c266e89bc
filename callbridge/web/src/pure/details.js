// What the history says about an event of a call, in the reader's words. Pure.
//
// The server sends one line, "outcome no_answer, cause 17": a label and a value each, of which many are identifiers. What has no text
// (names, numbers, a flow's own results) stays as it is.

import { clock } from "./format.js";

const LABELS = [
  "answers", "by", "callback", "campaign", "cause", "codec", "consulted by", "disposition", "diverted", "ended by", "entry", "estimated",
  "expected", "failure", "file", "flow", "from", "granted", "hold", "jitter", "key", "kind", "lost", "name", "needs", "node", "outcome",
  "paused", "reason", "refused", "repeated after", "request", "result", "round trip", "survey", "tier", "to", "trouble", "worst",
];
const IDENTIFIERS = ["diverted", "ended by", "kind", "outcome", "reason", "result", "trouble"];
/** Labels whose values are words of callbridge; a reason may also be somebody's own text. */

/** A key of the texts made of the history's own words. */
const keyOf = (word) => word.replace(/[^a-z]+/g, "_");

const known = (said, key) => (said === key ? "" : said);

/** Words of the history that have a text; others, such as a flow's own results, as they are. */
const wordText = (t, word) => known(t(`word.${word}`), `word.${word}`) || word.replaceAll("_", " ");

export const outcomeText = (t, word) => known(t(`outcome.${word}`), `outcome.${word}`) || wordText(t, word);

export const happenedText = (t, word) => known(t(`happened.${keyOf(word)}`), `happened.${keyOf(word)}`) || word.replaceAll("_", " ");

/** `event`: a row of the report on one call. */
export function detailsText(t, event) {
  if (event.what === "note") return event.details;
  return event.details.split(", ").map((part) => partText(t, part)).join(" · ");
}

function partText(t, part) {
  const label = LABELS.find((one) => part === one || part.startsWith(`${one} `));
  return label ? t(`detail.${keyOf(label)}`, { value: valueText(t, label, part.slice(label.length + 1)) }) : part;
}

function valueText(t, label, value) {
  if (/^\d+(\.\d+)? s$/.test(value)) return clock(parseFloat(value));
  if (label === "cause") return known(t(`cause.${value}`), `cause.${value}`) || value;
  if (label === "request") return requestText(t, value);
  if (label === "to") return targetText(t, value);
  if (!IDENTIFIERS.includes(label) || !/^[a-z_]+$/.test(value)) return value;
  return label === "outcome" || label === "result" ? outcomeText(t, value) : wordText(t, value);
}

/** As the buttons say it. */
function requestText(t, value) {
  const verb = value.replaceAll("_", "-");
  return known(t(`act.${verb}`), `act.${verb}`) || known(t(`force.${verb}`), `force.${verb}`) || value.replaceAll("_", " ");
}

function targetText(t, value) {
  const [kind, ...rest] = value.split(":");
  const named = { agent: "agent", queue: "queue", number: "callbacks.number" }[kind];
  return named && rest.length ? `${t(named)} ${rest.join(":")}` : value;
}
