// Keys of the agent's page: always with Alt, so that no letter typed somewhere does anything.

import { useEffect, useRef } from "preact/hooks";
import { html } from "./html.js";
import { useText } from "./preferences.js";

export const SHORTCUTS = { KeyR: "ready", KeyN: "not_ready", KeyW: "end_wrap_up", KeyT: "transfer", KeyC: "consult", KeyG: "complete", KeyB: "return", KeyM: "conference", KeyH: "hold", KeyP: "recording", KeyS: "survey", KeyO: "note", KeyI: "disposition" };

/** `acts`: what the keys of SHORTCUTS do at present. By place on the keyboard, whatever the layout. */
export function useShortcuts(acts) {
  const now = useRef(acts);
  now.current = acts;
  useEffect(() => {
    function press(event) {
      const act = event.altKey && !event.ctrlKey && !event.metaKey && !event.repeat ? now.current[event.code] : null;
      if (!act) return;
      event.preventDefault();
      act();
    }
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}

export function ShortcutList() {
  const t = useText();
  return html`<details class="shortcuts"><summary>${t("shortcuts")}</summary>
    <dl class="pairs">${Object.entries(SHORTCUTS).map(
      ([key, act]) => html`<div key=${key}><dt><kbd>Alt</kbd> + <kbd>${key.slice(3)}</kbd></dt><dd>${t(`shortcut.${act}`)}</dd></div>`,
    )}</dl></details>`;
}
