// What needs a supervisor's attention now: since when, how bad it is, and what helps.

import { alertText, SIGNS } from "../pure/format.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";
import { Since } from "./time.js";

export function Alerts({ known, bypass, explain }) {
  const t = useText();
  const rows = Object.entries(known.parts.alerts || {}).sort(([a, one], [b, other]) => Number(isCritical(other)) - Number(isCritical(one)) || (a < b ? -1 : 1));
  if (!rows.length && !bypass) return null;
  return html`<section class="card alerts" aria-label=${t("alerts")}>
    <h2>${t("alerts")}</h2>
    <ul class="plain">${bypass && html`<li key="bypass"><strong>${t("bypass.is_on")}</strong></li>`}
      ${rows.map(([key, row]) => html`<${Alert} key=${key} row=${row} explain=${explain} />`)}</ul>
  </section>`;
}

const isCritical = (row) => row.severity === "critical";

function Alert({ row, explain }) {
  const t = useText();
  const [kind, name] = row.queue ? ["queues", row.queue] : ["agents", row.agent];
  const help = t(`alert.${row.code}`);
  return html`<li class="row"><span class=${`graded ${isCritical(row) ? "missed" : "near"}`}><span aria-hidden="true">${isCritical(row) ? SIGNS.missed : SIGNS.near}</span> ${t(isCritical(row) ? "alert.critical" : "alert.warning")}</span>
    <span class="grow">${alertText(t, row)} ${row.since !== "" && html`<small>${t("alert.since")} <${Since} at=${row.since} /></small>`}
      ${!help.startsWith("alert.") && html`<small class="soft help">${help}</small>`}</span>
    ${name && html`<button type="button" class="small" onClick=${() => explain(kind, name)}>${t("explain")}</button>`}</li>`;
}
