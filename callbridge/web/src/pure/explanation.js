// What the server explains, and why it refuses, in the reader's language. English is the server's own text, and what a language has no template for
// stays English. Pure.

import { LANGUAGES } from "./language.js";

const BETWEEN = { ",": "、", ";": "；", "; or": "；或 ", and: " 且 ", or: " 或 " };
/** How the parts of a list are joined where there is a template: all such languages so far write as Chinese does. */

/** `said`: a line or a part of one, with `text`, and `key` and `values` if it can be said in other languages. */
export function explained(language, said) {
  const { explanations, texts } = LANGUAGES[language] || LANGUAGES.en;
  if (!explanations || !said.key) return said.text;
  const known = [explanations, texts].find((one) => Object.hasOwn(one, said.key));
  if (!known) return said.text;
  return filled(known[said.key], shownAll(language, said.values));
}

/** `said`: a refusal, a warning or the like with its `text`, and with `template` and `values` if something was filled into it. */
export function sentenceIn(language, said) {
  const { sentences } = LANGUAGES[language] || LANGUAGES.en;
  const template = said.template ?? said.text;
  if (!sentences || !Object.hasOwn(sentences, template)) return said.text;
  return filled(sentences[template], shownAll(language, said.values || {}));
}

const shownAll = (language, values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, shown(language, value)]));

/** A value is never read as a template. */
function filled(template, values) {
  const pieces = template.split(/\{(\w+)\}/);
  return pieces.map((piece, index) => (index % 2 ? (values[piece] ?? `{${piece}}`) : piece)).reduce(joined);
}

/** Templates have a space between Chinese and a value, as it belongs there beside names and numbers, but not beside Chinese. */
function joined(before, after) {
  const close = /\p{Script=Han} $/u.test(before) && /^\p{Script=Han}/u.test(after);
  if (close) return before.slice(0, -1) + after;
  return /\p{Script=Han}$/u.test(before) && /^ \p{Script=Han}/u.test(after) ? before + after.slice(1) : before + after;
}

function shown(language, value) {
  if (typeof value !== "object") return String(value);
  if ("seconds" in value) return span(language, value.seconds);
  if ("parts" in value) return value.parts.map((part) => shown(language, part)).join(BETWEEN[value.between] ?? value.between);
  return "template" in value ? sentenceIn(language, value) : explained(language, value);
}

/** `4 s`, `2 min 5 s`, `1 h 3 min`: as the server's English, with the units of the language. */
export function span(language, seconds) {
  const { explanations } = LANGUAGES[language];
  const unit = (name, n) => (explanations ? filled(explanations[`span.${name}`], { n }) : `${n} ${name}`);
  if (seconds < 9.95) return unit("s", String(Math.max(0, Math.round(seconds * 10) / 10)));
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours >= 48) return [unit("d", Math.floor(hours / 24)), hours % 24 && unit("h", hours % 24)].filter(Boolean).join(" ");
  if (hours) return [unit("h", hours), minutes && unit("min", minutes)].filter(Boolean).join(" ");
  if (minutes) return [unit("min", minutes), rest && unit("s", rest)].filter(Boolean).join(" ");
  return unit("s", rest);
}
