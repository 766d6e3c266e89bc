// Callbacks that are owed: make one; have one made now, at another time or to another number; cancel one.

import { useState } from "preact/hooks";
import { get, post, segment } from "../net/api.js";
import { count, moment } from "../pure/format.js";
import { may } from "../pure/routes.js";
import { rowsOf } from "../pure/views.js";
import { ActDialog, Dialog } from "./dialog.js";
import { html } from "./html.js";
import { Empty } from "./marks.js";
import { attempt } from "./notices.js";
import { useRegion, useText } from "./preferences.js";
import { useNow } from "./time.js";

/** `named(id)`: an agent with the name, also of another team. */
export function Callbacks({ known, session, queue, named }) {
  const t = useText();
  const [asked, setAsked] = useState(null);
  const close = () => setAsked(null);
  const now = useNow();
  const speaks = useRegion();
  async function askNew() {
    const queues = await attempt(() => get("/api/callbacks/queues"));
    if (queues) setAsked({ queues });
  }
  if (!known.parts.callbacks) return null;
  const rows = rowsOf(known, "callbacks", "made_at").filter((row) => !queue || row.queue === queue);
  return html`<section class="card" aria-label=${t("callbacks")}>
    <header class="row"><h2>${t("callbacks")} <small>${rows.length}</small></h2>
      ${may.supervise(session) && html`<button type="button" onClick=${askNew}>${t("callbacks.make")}</button>`}</header>
    ${rows.length === 0 && html`<${Empty}>${t("callbacks.none")}<//>`}
    ${rows.length > 0 &&
    html`<div class="scroll" tabindex="0" role="group" aria-label=${t("callbacks")}><table>
      <thead><tr><th scope="col">${t("caller")}</th><th scope="col">${t("queue")}</th><th scope="col">${t("call.state")}</th>
        <th scope="col">${t("callbacks.made")}</th><th scope="col">${t("callbacks.due")}</th><th scope="col">${t("callbacks.attempts")}</th>
        <th scope="col">${t("agent")}</th><th scope="col"><span class="unseen">${t("acts")}</span></th></tr></thead>
      <tbody>${rows.map(
        (row) => html`<tr key=${row.id}><th scope="row">${row.number} ${row.name && html`<small class="whom">${row.name}</small>`}</th><td>${row.queue}</td><td>${t(`callback.${row.state}`)}</td>
          <td>${moment(row.made_at, now, speaks)}</td><td>${moment(row.due, now, speaks)}</td><td>${count(row.attempts)}</td><td>${named(row.agent)}</td>
          <td class="acts">${may.supervise(session) && html`<${Acts} row=${row} ask=${(verb) => setAsked({ verb, row })} />`}</td></tr>`,
      )}</tbody></table></div>`}
    ${asked?.queues?.length === 0 && html`<${Dialog} title=${t("callbacks.make")} close=${close}><p>${t("callbacks.no_queues")}</p><//>`}
    ${asked?.queues?.length > 0 && html`<${NewCallback} known=${known} queues=${asked.queues} queue=${queue} close=${close} />`}
    ${asked?.row && html`<${Change} ...${asked} close=${close} />`}
  </section>`;
}

/** Nothing but cancelling is possible while the customer is being called. */
function Acts({ row, ask }) {
  const t = useText();
  const now = () => attempt(() => post(`/api/callbacks/${segment(row.id)}/call-now`), "callbacks.call_now.done");
  const open = row.state !== "active";
  return html`${open && html`<button type="button" class="small" onClick=${now}>${t("callbacks.call_now")}</button>`}
    ${open && ["reschedule", "number"].map((verb) => html`<button type="button" class="small" key=${verb} onClick=${() => ask(verb)}>${t(`callbacks.act.${verb}`)}</button>`)}
    <button type="button" class="small" onClick=${() => ask("cancel")}>${t("callbacks.act.cancel")}</button>`;
}

function Change({ verb, row, close }) {
  const t = useText();
  const send = ({ at, number }) =>
    post(`/api/callbacks/${segment(row.id)}/${verb}`, { reschedule: { not_before: new Date(at).getTime() / 1000 }, number: { number } }[verb]);
  return html`<${ActDialog} title=${t(`callbacks.act.${verb}`)} verb=${t(verb === "cancel" ? "callbacks.act.cancel" : "save")}
    danger=${verb === "cancel"} close=${close} send=${send}>
    <p>${[row.name, row.number, row.queue].filter(Boolean).join(" · ")}</p>
    ${verb === "reschedule" && html`<label>${t("callbacks.not_before")}<input type="datetime-local" name="at" required /></label>`}
    ${verb === "number" && html`<label>${t("callbacks.number")}<input name="number" type="tel" required autocomplete="off" /></label>`}
  <//>`;
}

/** Only for the queues that offer callbacks. */
function NewCallback({ known, queues, queue, close }) {
  const t = useText();
  const send = ({ at, agent, name, ...form }) =>
    post("/api/callbacks", {
      ...form,
      ...(agent ? { agent } : {}),
      ...(name ? { name } : {}),
      ...(at ? { not_before: new Date(at).getTime() / 1000 } : {}),
    });
  return html`<${ActDialog} title=${t("callbacks.make")} verb=${t("save")} close=${close} send=${send}>
    <label>${t("callbacks.number")}<input name="number" type="tel" required autocomplete="off" /></label>
    <label>${t("callbacks.name")}<input name="name" maxlength="80" autocomplete="off" /></label>
    <label>${t("queue")}<select name="queue" required value=${queues.includes(queue) ? queue : undefined}>
      ${queues.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
    <label>${t("callbacks.agent")}<select name="agent"><option value="">${t("callbacks.anybody")}</option>
      ${rowsOf(known, "agents").map((row) => html`<option key=${row.id} value=${row.id}>${row.name || row.id}</option>`)}</select></label>
    <label>${t("callbacks.not_before")}<input type="datetime-local" name="at" /></label>
  <//>`;
}
