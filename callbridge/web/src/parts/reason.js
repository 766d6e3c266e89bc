// Why an agent is not ready: one of the reasons that people may choose, or any text where none are configured.

import { html } from "./html.js";
import { useText } from "./preferences.js";

/** `unseen`: the label is for screen readers only. */
export function ReasonField({ reasons = [], field, unseen }) {
  const t = useText();
  return html`<label><span class=${unseen ? "unseen" : ""}>${t("agent.reason")}</span>
    ${reasons.length
      ? html`<select name="reason" ref=${field}><option value="">${t("agent.no_reason")}</option>
          ${reasons.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select>`
      : html`<input name="reason" ref=${field} maxlength="64" placeholder=${unseen ? t("agent.reason") : ""} />`}</label>`;
}
