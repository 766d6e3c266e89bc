// Small pieces that every page has: a coloured figure with its sign, a state, the word that data is old.

import { SIGNS, stateTone } from "../pure/format.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";

export function Graded({ grade, children }) {
  const t = useText();
  if (grade === "none") return html`<span>${children}</span>`;
  return html`<span class=${`graded ${grade}`}>
    <span aria-hidden="true">${SIGNS[grade]}</span> ${children}<span class="unseen"> ${t(`grade.${grade}`)}</span>
  </span>`;
}

export function State({ state, reason }) {
  const t = useText();
  return html`<span class=${`state ${stateTone(state)}`}>${t(`state.${state}`)}${reason ? html` · ${reason}` : ""}</span>`;
}

/** Says loudly that what is shown is old, and why. */
export function StaleBanner({ status, code }) {
  const t = useText();
  if (status === "live") return null;
  const said = {
    connecting: () => t("stale.connecting"),
    old: () => t("stale.old"),
    refused: () => t(`stale.refused_${code === 404 ? 404 : 401}`),
  };
  return html`<p class=${`stale ${status}`} role="alert">${said[status]()}</p>`;
}

export function Empty({ children }) {
  return html`<p class="empty">${children}</p>`;
}
