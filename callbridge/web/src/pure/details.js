// What the history says about an event of a call, in the reader's words. Pure.
//
// The server sends names with values, `{outcome: "no_answer", cause: 17}`, of which many are identifiers. What has no text (names, numbers,
// a flow's own results) stays as it is.

import { sentenceIn } from "./explanation.js";
import { clock } from "./format.js";
import { valueOf } from "./report.js";
import { known, outcomeText, targetText, wordText } from "./words.js";

const IDENTIFIERS = ["diverted", "ended_by", "kind", "outcome", "reason", "result", "trouble"];
/** Values that are words of callbridge; a reason may also be somebody's own text. */
const DURATIONS = ["repeated_after", "expected", "hold", "paused"];
const AGENTS = ["by", "consulted_by"];
const SENTENCES = ["failure", "reason"];
/** Of callbridge's own, if they have a text; the server has the template and the values of one beside it. */

/** A key of the texts made of the history's own words. */
const keyOf = (word) => word.replace(/[^a-z]+/g, "_");

export const happenedText = (t, word) => known(t(`happened.${keyOf(word)}`), `happened.${keyOf(word)}`) || word.replaceAll("_", " ");

/** The details of an event as people read them, each `{ name, label, value }`: a code by its `…_label`, if there is one. `named(id)`: an agent with the name. */
export const detailsOf = (t, details, named = (id) => id) =>
  Object.entries(details).filter(([name]) => !/_(parts|label)$/.test(name)).map(([name, value]) => ({
    name,
    label: known(t(`detail.${name}`), `detail.${name}`) || name.replaceAll("_", " "),
    value: SENTENCES.includes(name) && !isWord(value) ? sentenceIn(t.language, { text: value, ...details[`${name}_parts`] }) : (details[`${name}_label`] ?? valueText(t, name, value, named)),
  }));

const isWord = (value) => /^[a-z_]+$/.test(value);

function valueText(t, name, value, named) {
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (DURATIONS.includes(name)) return clock(value);
  if (name === "jitter" || name === "rtt") return `${Math.round(value * 1000)} ms`;
  if (name === "loss") return valueOf(value, "share");
  if (name === "cause") return known(t(`cause.${value}`), `cause.${value}`) || String(value);
  if (name === "request") return requestText(t, value);
  if (name === "to") return targetText(t, value, named);
  if (AGENTS.includes(name)) return named(value);
  if (!IDENTIFIERS.includes(name) || !isWord(value)) return String(value);
  return name === "outcome" || name === "result" ? outcomeText(t, value) : wordText(t, value);
}

/** As the buttons say it. */
function requestText(t, value) {
  const verb = value.replaceAll("_", "-");
  return known(t(`act.${verb}`), `act.${verb}`) || known(t(`force.${verb}`), `force.${verb}`) || value.replaceAll("_", " ");
}
