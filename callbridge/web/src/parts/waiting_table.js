// Waiting callers in the order in which they are served, and what a supervisor can do for one.

import { useState } from "preact/hooks";
import { post, segment } from "../net/api.js";
import { nameWithId } from "../pure/agent.js";
import { ABSENT, numberOf, waitGrade } from "../pure/format.js";
import { may } from "../pure/routes.js";
import { rowsOf } from "../pure/views.js";
import { actsFor, isReached, placedText } from "../pure/waiting.js";
import { ActDialog } from "./dialog.js";
import { html } from "./html.js";
import { Empty, Graded } from "./marks.js";
import { useText } from "./preferences.js";
import { Since, useNow } from "./time.js";

export function WaitingTable({ known, session, queue, waiting, explain }) {
  const t = useText();
  const [asked, setAsked] = useState(null);
  const rows = waiting.waiting.filter((row) => !queue || row.queue === queue);
  const total = queue ? waiting.totals[queue] || 0 : waiting.total || rows.length;
  return html`<section class="card" aria-label=${t("waiting")}>
    <h2>${t("waiting")} ${total > rows.length ? html`<small>${t("waiting.first", { shown: rows.length, total })}</small>` : ""}</h2>
    ${rows.length === 0 && html`<${Empty}>${t("waiting.nobody")}<//>`}
    ${rows.length > 0 &&
    html`<div class="scroll" tabindex="0" role="group" aria-label=${t("waiting")}><table>
      <thead><tr><th scope="col">#</th><th scope="col">${t("queue")}</th><th scope="col">${t("caller")}</th><th scope="col">${t("tier")}</th>
        <th scope="col">${t("waits")}</th><th scope="col">${t("needs")}</th><th scope="col"><span class="unseen">${t("acts")}</span></th></tr></thead>
      <tbody>${rows.map(
        (row) => html`<tr key=${row.id}><td>${row.position}</td><td>${row.queue}</td><th scope="row">${numberOf(row, t("withheld"))}
            ${placedText(t, row) && html`<small class="placed">${placedText(t, row)}</small>`}</th>
          <td>${row.tier}</td><td>${isReached(row) ? html`<${Waited} row=${row} />` : ABSENT}</td><td>${row.needs}</td>
          <td class="acts">
            ${may.supervise(session) &&
            actsFor(row).map(
              (verb) => html`<button type="button" class="small" key=${verb} onClick=${() => setAsked({ verb, row })}>${t(`act.${verb}`)}</button>`,
            )}
            <button type="button" class="small" onClick=${() => explain("calls", row.id, numberOf(row, t("withheld")))}>${t("explain")}</button></td></tr>`,
      )}</tbody></table></div>`}
    ${asked && html`<${WaiterDialog} ...${asked} known=${known} close=${() => setAsked(null)} />`}
  </section>`;
}

function Waited({ row }) {
  const now = useNow();
  return html`<${Graded} grade=${waitGrade(now - row.arrived_at, row.answer_within)}><${Since} at=${row.arrived_at} /><//>`;
}

function WaiterDialog({ verb, row, known, close }) {
  const t = useText();
  const send = (form) => {
    const body = verb === "head-start" ? { seconds: Number(form.seconds) } : form;
    return post(`/api/calls/${segment(row.id)}/${verb}`, body);
  };
  return html`<${ActDialog} title=${`${t(`act.${verb}`)} – ${numberOf(row, t("withheld"))}`} verb=${t(`act.${verb}`)}
    danger=${verb === "hang-up"} close=${close} send=${send}>
    ${verb === "hang-up" && html`<p>${t("act.hang-up.sure")}</p>`}
    ${verb === "head-start" &&
    html`<label>${t("act.head-start.seconds")}<input type="number" name="seconds" min="0" step="10" value="600" required /></label>`}
    ${verb === "move" &&
    html`<label>${t("queue")}<select name="to" required>
      ${rowsOf(known, "queues")
        .filter((one) => one.name !== row.queue)
        .map((one) => html`<option key=${one.name} value=${`queue:${one.name}`}>${one.name}</option>`)}</select></label>`}
    ${verb === "pull" && !rowsOf(known, "agents").some((one) => one.state === "ready") && html`<p>${t("act.pull.nobody")}</p>`}
    ${verb === "pull" &&
    html`<label>${t("agent")}<select name="to" required>
      ${rowsOf(known, "agents")
        .filter((one) => one.state === "ready")
        .map((one) => html`<option key=${one.id} value=${`agent:${one.id}`}>${nameWithId(one.id, one.name)}</option>`)}</select></label>`}
  <//>`;
}
