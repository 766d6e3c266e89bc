// One line at the bottom that says what was done or refused; screen readers read it aloud.

import { html } from "./html.js";
import { problemText } from "./dialog.js";
import { useText } from "./preferences.js";
import { store, useStore } from "./store.js";

const notice = store(null);
let timer = 0;

export function say(next) {
  clearTimeout(timer);
  notice.set(next);
  timer = setTimeout(() => notice.set(null), next.problem ? 12_000 : 5_000);
}

/** Carry out an act of a button; says what was refused. */
export async function attempt(act, done) {
  try {
    const result = await act();
    if (done) say({ key: done });
    return result;
  } catch (problem) {
    say({ problem });
    return undefined;
  }
}

export function Notices() {
  const t = useText();
  const now = useStore(notice);
  return html`<div class="notices" role="status" aria-live="polite">
    ${now && html`<p class=${now.problem ? "problem" : "done"}>${now.problem ? problemText(t, now.problem) : t(now.key)}</p>`}
  </div>`;
}
