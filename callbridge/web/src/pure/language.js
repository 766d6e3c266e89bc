// Texts in the reader's language. Pure: which language is chosen is kept by parts/preferences.js.

import en from "../texts/en.js";
import zh, { explanations, sentences } from "../texts/zh.js";

export const LANGUAGES = { en: { name: "English", texts: en }, zh: { name: "中文", texts: zh, explanations, sentences } };
/** `explanations`, `sentences`: templates for what the server explains, and for all else that it says; without them its English is shown. */

/**
 * A text with `{name}` replaced; with a `count` of 1 that of `key.one`, if there is one. A key that does not exist shows itself: tests
 * look for all keys that the sources use.
 */
export function text(language, key, values = {}) {
  const { texts } = LANGUAGES[language] || LANGUAGES.en;
  const found = (values.count === 1 ? texts[`${key}.one`] : undefined) ?? texts[key] ?? en[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The same language as it is spoken where the reader is, `en-GB` for `en`: it decides how dates are written. */
export function regionOf(language, wanted) {
  return wanted.find((one) => one.toLowerCase().split("-")[0] === language) || language;
}

/** The best of our languages for what a browser asks for. */
export function languageFor(wanted) {
  for (const one of wanted) {
    const short = one.toLowerCase().split("-")[0];
    if (short in LANGUAGES) return short;
  }
  return "en";
}
