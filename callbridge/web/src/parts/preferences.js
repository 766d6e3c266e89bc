// Language and theme: what the browser asks for, or what its user chose here.

import { LANGUAGES, languageFor, regionOf, text } from "../pure/language.js";
import { keepChoice, kept } from "./kept.js";
import { store, useStore } from "./store.js";

const KEYS = { language: "callbridge.language", theme: "callbridge.theme" };
export const THEMES = ["auto", "light", "dark"];

const asked = new URLSearchParams(location.search);
const first = (key, known, fallback) => [asked.get(key), kept(KEYS[key])].find((one) => known.includes(one)) || fallback;

export const language = store(first("language", Object.keys(LANGUAGES), languageFor(navigator.languages || [])));
export const theme = store(first("theme", THEMES, "auto"));

const device = matchMedia("(prefers-color-scheme: dark)");

function show() {
  document.documentElement.lang = language.get();
  document.documentElement.dataset.theme = theme.get() === "auto" ? (device.matches ? "dark" : "light") : theme.get();
}

device.addEventListener("change", show);

show();

export function choose(key, value) {
  keepChoice(KEYS[key], value);
  (key === "theme" ? theme : language).set(value);
  show();
}

/** The configured language of a user, unless another one was chosen in this browser. */
export function suggestLanguage(value) {
  if (value in LANGUAGES && !kept(KEYS.language) && !asked.get("language")) {
    language.set(value);
    show();
  }
}

/** For dates and numbers: the present language as it is spoken where the reader is. */
export const useRegion = () => regionOf(useStore(language), navigator.languages || []);

/** The present language itself, for what the server says. */
export const useLanguage = () => useStore(language);

/** `t(key, values)` in the present language, which is `t.language`. */
export function useText() {
  const now = useStore(language);
  return Object.assign((key, values) => text(now, key, values), { language: now });
}
