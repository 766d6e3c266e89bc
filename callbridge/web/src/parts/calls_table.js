// Calls that somebody talks to: listen, whisper, barge in, take over, at a phone of the supervisor's choice.

import { useState } from "preact/hooks";
import { post, segment } from "../net/api.js";
import { agentNamed } from "../pure/agent.js";
import { numberOf } from "../pure/format.js";
import { ownPhone } from "../pure/phone.js";
import { may } from "../pure/routes.js";
import { supervises, supervisorText } from "../pure/supervision.js";
import { rowsOf } from "../pure/views.js";
import { ActDialog } from "./dialog.js";
import { html } from "./html.js";
import { keep } from "./keep.js";
import { keepChoice, kept } from "./kept.js";
import { Empty } from "./marks.js";
import { attempt } from "./notices.js";
import { useText } from "./preferences.js";
import { Since } from "./time.js";

const MOST = 100;
/** People who share a browser do not share a phone. */
const keyOf = (session) => `callbridge.supervision_phone.${session.user}`;
const AT_PHONE = ["listen", "whisper", "barge", "take-over"];

export function CallsTable({ known, session, queue, explain }) {
  const t = useText();
  const [asked, setAsked] = useState(null);
  const [chosen, setChosen] = useState(kept(keyOf(session)));
  const rows = rowsOf(known, "calls", "arrived_at").filter((row) => row.state !== "waiting" && (!queue || row.queue === queue));
  return html`<section class="card" aria-label=${t("calls")}>
    <h2>${t("calls")} <small>${rows.length}</small></h2>
    ${rows.length === 0 && html`<${Empty}>${t("calls.none")}<//>`}
    ${rows.length > 0 &&
    html`<div class="scroll" tabindex="0" role="group" aria-label=${t("calls")}><table>
      <thead><tr><th scope="col">${t("caller")}</th><th scope="col">${t("call.state")}</th><th scope="col">${t("agent")}</th>
        <th scope="col">${t("queue")}</th><th scope="col">${t("call.since")}</th><th scope="col"><span class="unseen">${t("acts")}</span></th></tr></thead>
      <tbody>${rows.slice(0, MOST).map(
        (row) => html`<${CallRow} key=${row.id} row=${row} user=${session.user} acts=${may.supervise(session)}
          ask=${setAsked} explain=${explain} />`,
      )}</tbody></table></div>`}
    ${rows.length > MOST && html`<${Empty}>${t("agents.more", { count: rows.length - MOST })}<//>`}
    ${asked &&
    html`<${ActDialog} title=${`${t(`act.${asked.verb}`)} – ${numberOf(asked.row, t("withheld"))}`} verb=${t(`act.${asked.verb}`)}
      close=${() => setAsked(null)}
      send=${async (form) => {
        const phone = form.phone.trim();
        await post(`/api/calls/${segment(asked.row.id)}/${asked.verb}`, { phone });
        setChosen(phone);
        keepChoice(keyOf(session), phone);
      }}>
      <label>${t("act.at_phone")}<input name="phone" defaultValue=${ownPhone(session, known.parts.agents, chosen)} maxlength="145" required
        placeholder=${t("act.at_phone.example", { phone: "PJSIP/1001" })} /></label>
    <//>`}
  </section>`;
}

const CallRow = keep(({ row, user, acts, ask, explain }) => {
  const t = useText();
  const number = numberOf(row, t("withheld"));
  return html`<tr><th scope="row">${number}</th><td>${t(`phase.${row.state}`)}</td><td>${agentNamed(row)}
      ${(row.supervisors || []).map((one) => html`<small class="supervisor" key=${one.by}>${supervisorText(t, one)}</small>`)}</td><td>${row.queue}</td>
    <td><${Since} at=${row.arrived_at} /></td>
    <td class="acts">${acts && row.state === "talking" && html`<${Supervision} row=${row} user=${user} ask=${ask} />`}
      <button type="button" class="small" onClick=${() => explain("calls", row.id, number)}>${t("explain")}</button></td></tr>`;
});

/** Everybody ends the own supervision: another one's is none that the server would end. */
function Supervision({ row, user, ask }) {
  const t = useText();
  return html`${AT_PHONE.map(
      (verb) => html`<button type="button" class="small" key=${verb} onClick=${() => ask({ verb, row })}>${t(`act.${verb}`)}</button>`,
    )}
    ${supervises(row, user) &&
    html`<button type="button" class="small" onClick=${() => attempt(() => post(`/api/calls/${segment(row.id)}/release`))}>${t("act.release")}</button>`}`;
}
