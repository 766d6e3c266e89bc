// Language and theme: what the browser asks for, or what its user chose here.

import { LANGUAGES, languageFor, regionOf, text } from "../pure/language.js";
import { store, useStore } from "./store.js";

const KEYS = { language: "callbridge.language", theme: "callbridge.theme" };
export const THEMES = ["auto", "light", "dark"];

function kept(key) {
  try {
    return localStorage.getItem(KEYS[key]);
  } catch {
    return null; // storage is forbidden: the choice lasts as long as the page
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(KEYS[key], value);
  } catch {
    // see above
  }
}

const asked = new URLSearchParams(location.search);
const first = (key, known, fallback) => [asked.get(key), kept(key)].find((one) => known.includes(one)) || fallback;

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
  keep(key, value);
  (key === "theme" ? theme : language).set(value);
  show();
}

/** The configured language of a user, unless another one was chosen in this browser. */
export function suggestLanguage(value) {
  if (value in LANGUAGES && !kept("language") && !asked.get("language")) {
    language.set(value);
    show();
  }
}

/** For dates and numbers: the present language as it is spoken where the reader is. */
export const useRegion = () => regionOf(useStore(language), navigator.languages || []);

/** `t(key, values)` in the present language. */
export function useText() {
  const now = useStore(language);
  return (key, values) => text(now, key, values);
}
