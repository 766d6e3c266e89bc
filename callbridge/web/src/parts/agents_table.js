// The agents: search by name, states with their times, and what a supervisor can set.

import { useState } from "preact/hooks";
import { post, segment } from "../net/api.js";
import { matches } from "../pure/format.js";
import { may } from "../pure/routes.js";
import { rowsOf } from "../pure/views.js";
import { ActDialog } from "./dialog.js";
import { html } from "./html.js";
import { keep } from "./keep.js";
import { Empty, State } from "./marks.js";
import { attempt } from "./notices.js";
import { useText } from "./preferences.js";
import { ReasonField } from "./reason.js";
import { Since } from "./time.js";

const MOST = 200;
/** Rows that are drawn at once; the search finds the others. */

export function AgentsTable({ known, session, queue, explain }) {
  const t = useText();
  const [search, setSearch] = useState("");
  const [asked, setAsked] = useState(null);
  const [all, setAll] = useState(false);
  const found = rowsOf(known, "agents").filter(
    (row) =>
      (all || row.state !== "logged_out") &&
      (!queue || !row.queue || row.queue === queue) &&
      (!search || matches(`${row.id} ${row.name} ${row.queue} ${row.reason} ${t(`state.${row.state}`)}`, search)),
  );
  return html`<section class="card" aria-label=${t("agents")}>
    <header class="row"><h2>${t("agents")} <small>${found.length}</small></h2>
      <label><span class="unseen">${t("search")}</span>
        <input type="search" placeholder=${t("search")} value=${search} onInput=${(event) => setSearch(event.target.value)} /></label>
      <label class="check"><input type="checkbox" checked=${all} onChange=${(event) => setAll(event.target.checked)} /> ${t("agents.logged_out")}</label>
    </header>
    ${found.length === 0 && html`<${Empty}>${t("agents.nobody")}<//>`}
    ${found.length > 0 &&
    html`<div class="scroll" tabindex="0" role="group" aria-label=${t("agents")}><table>
      <thead><tr><th scope="col">${t("agent")}</th><th scope="col">${t("agent.state")}</th><th scope="col">${t("for")}</th>
        <th scope="col">${t("queue")}</th><th scope="col">${t("phone")}</th><th scope="col"><span class="unseen">${t("acts")}</span></th></tr></thead>
      <tbody>${found.slice(0, MOST).map(
        (row) => html`<${AgentRow} key=${row.id} row=${row} acts=${may.supervise(session)} ask=${setAsked} explain=${explain} />`,
      )}</tbody></table></div>`}
    ${found.length > MOST && html`<${Empty}>${t("agents.more", { count: found.length - MOST })}<//>`}
    ${asked && html`<${NotReadyDialog} row=${asked} reasons=${session.reasons} close=${() => setAsked(null)} />`}
  </section>`;
}

const AgentRow = keep(({ row, acts, ask, explain }) => {
  const t = useText();
  return html`<tr><th scope="row">${row.name || row.id} <small>${row.id}</small></th>
    <td><${State} state=${row.state} reason=${row.reason} />
      ${row.next_state && html`<span class="then">${t("agent.then")} <${State} state=${row.next_state} reason=${row.next_reason} /></span>`}</td><td><${Since} at=${row.since} /></td>
    <td>${row.queue}</td><td>${row.phone}</td>
    <td class="acts">${acts && html`<${Acts} row=${row} ask=${ask} />`}
      <button type="button" class="small" onClick=${() => explain("agents", row.id, row.name)}>${t("explain")}</button></td></tr>`;
});

function Acts({ row, ask }) {
  const t = useText();
  const verbs = row.state === "logged_out" ? ["login"] : [...(row.state === "wrap_up" ? ["end-wrap-up"] : []), "ready", "not-ready", "logout"];
  const act = (verb) => (verb === "not-ready" ? ask(row) : attempt(() => post(`/api/agents/${segment(row.id)}/${verb}`)));
  return verbs
    .filter((verb) => verb !== row.state)
    .map((verb) => html`<button type="button" class="small" key=${verb} onClick=${() => act(verb)}>${t(`force.${verb}`)}</button>`);
}

function NotReadyDialog({ row, reasons, close }) {
  const t = useText();
  return html`<${ActDialog} title=${`${t("force.not-ready")} – ${row.name || row.id}`} verb=${t("force.not-ready")} close=${close}
    send=${(form) => post(`/api/agents/${segment(row.id)}/not-ready`, form)}>
    <${ReasonField} reasons=${reasons} />
  <//>`;
}
