// Keyboard shortcuts: each part of a page says which of them do something at present, and only these are listed.

import { useEffect, useRef } from "preact/hooks";
import { pressed, SHORTCUTS } from "../pure/shortcuts.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";
import { store, useStore } from "./store.js";

const parts = new Set();
const offered = store([]);

const actOf = (name) => [...parts].map((part) => part.current[name]).find(Boolean);

function offer() {
  const now = Object.keys(SHORTCUTS).filter(actOf);
  if (now.join() !== offered.get().join()) offered.set(now);
}

window.addEventListener("keydown", (event) => {
  if (event.repeat || event.isComposing || document.querySelector("dialog[open]")) return; // behind a dialog nothing is to happen
  const act = actOf(pressed(event));
  if (!act) return;
  event.preventDefault();
  act();
});

/** `acts`: what shortcuts do at present, by name; one without an act can do nothing now. */
export function useShortcuts(acts) {
  const now = useRef(acts);
  now.current = acts;
  useEffect(() => {
    parts.add(now);
    return () => {
      parts.delete(now);
      offer();
    };
  }, []);
  useEffect(offer);
}

export function ShortcutList() {
  const t = useText();
  return html`<details class="shortcuts"><summary>${t("shortcuts")}</summary>
    <dl class="pairs">${useStore(offered).map(
      (one) => html`<div key=${one}><dt>${SHORTCUTS[one].map((key, index) => html`${index ? " + " : ""}<kbd>${key}</kbd>`)}</dt>
        <dd>${t(`shortcut.${one}`)}</dd></div>`,
    )}</dl></details>`;
}
