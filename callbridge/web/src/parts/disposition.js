// What a call came to: one of the codes of its campaign or queue; of a campaign also when to call again.

import { useState } from "preact/hooks";
import { post, segment } from "../net/api.js";
import { ActDialog } from "./dialog.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";

/** `asked` and `ask`: whether the dialog is open; `codes`: what the server offers, as {code, label}. */
export function Disposition({ agent, call, codes, asked, ask }) {
  const t = useText();
  const [said, setSaid] = useState("");
  async function send({ code, at, own }) {
    if (own === "on" && !at) throw new Error(t("disposition.needs_time"));
    const again = at ? { call_back_at: new Date(at).getTime() / 1000, own: own === "on" } : {};
    await post(`/api/agents/${segment(agent.id)}/disposition`, { code, ...again });
    setSaid(codes.find((one) => one.code === code)?.label || code);
  }
  return html`<button type="button" onClick=${() => ask(true)}>${t("disposition")}</button>
    ${said && html`<span class="said" role="status">${t("disposition.said", { code: said })}</span>`}
    ${asked &&
    html`<${ActDialog} title=${t("disposition")} verb=${t("save")} close=${() => ask(false)} send=${send}>
      <fieldset class="choices"><legend>${t("disposition.code")}</legend>
        ${codes.map(
          ({ code, label }, index) => html`<label class="check" key=${code}>
            <input type="radio" name="code" value=${code} required autofocus=${index === 0} /> ${label}</label>`,
        )}
      </fieldset>
      ${call.campaign &&
      html`<label>${t("disposition.call_back_at")}<input type="datetime-local" name="at" /></label>
        <label class="check"><input type="checkbox" name="own" /> ${t("disposition.own")}</label>`}
    <//>`}`;
}
