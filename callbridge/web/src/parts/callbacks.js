// Callbacks that are owed: make one, cancel one.

import { useState } from "preact/hooks";
import { post, segment } from "../net/api.js";
import { count, moment } from "../pure/format.js";
import { may } from "../pure/routes.js";
import { rowsOf } from "../pure/views.js";
import { ActDialog } from "./dialog.js";
import { html } from "./html.js";
import { Empty } from "./marks.js";
import { language, useText } from "./preferences.js";
import { useStore } from "./store.js";
import { useNow } from "./time.js";

export function Callbacks({ known, session, queue }) {
  const t = useText();
  const [asked, setAsked] = useState(null);
  const now = useNow();
  const speaks = useStore(language);
  if (!known.parts.callbacks) return null;
  const rows = rowsOf(known, "callbacks", "made_at").filter((row) => !queue || row.queue === queue);
  return html`<section class="card" aria-label=${t("callbacks")}>
    <header class="row"><h2>${t("callbacks")} <small>${rows.length}</small></h2>
      ${may.supervise(session) && html`<button type="button" onClick=${() => setAsked("new")}>${t("callbacks.make")}</button>`}</header>
    ${rows.length === 0 && html`<${Empty}>${t("callbacks.none")}<//>`}
    ${rows.length > 0 &&
    html`<div class="scroll" tabindex="0" role="group" aria-label=${t("callbacks")}><table>
      <thead><tr><th scope="col">${t("caller")}</th><th scope="col">${t("queue")}</th><th scope="col">${t("call.state")}</th>
        <th scope="col">${t("callbacks.made")}</th><th scope="col">${t("callbacks.due")}</th><th scope="col">${t("callbacks.attempts")}</th>
        <th scope="col">${t("agent")}</th><th scope="col"><span class="unseen">${t("acts")}</span></th></tr></thead>
      <tbody>${rows.map(
        (row) => html`<tr key=${row.id}><th scope="row">${row.number}</th><td>${row.queue}</td><td>${t(`callback.${row.state}`)}</td>
          <td>${moment(row.made_at, now, speaks)}</td><td>${moment(row.due, now, speaks)}</td><td>${count(row.attempts)}</td><td>${row.agent}</td>
          <td class="acts">${may.supervise(session) &&
          html`<button type="button" class="small" onClick=${() => setAsked(row)}>${t("callbacks.cancel")}</button>`}</td></tr>`,
      )}</tbody></table></div>`}
    ${asked === "new" && html`<${NewCallback} known=${known} queue=${queue} close=${() => setAsked(null)} />`}
    ${asked &&
    asked !== "new" &&
    html`<${ActDialog} title=${t("callbacks.cancel")} verb=${t("callbacks.cancel")} danger close=${() => setAsked(null)}
      send=${() => post(`/api/callbacks/${segment(asked.id)}/cancel`)}><p>${asked.number} · ${asked.queue}</p><//>`}
  </section>`;
}

function NewCallback({ known, queue, close }) {
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
    <label>${t("queue")}<select name="queue" required value=${queue || undefined}>
      ${rowsOf(known, "queues").map((row) => html`<option key=${row.name} value=${row.name}>${row.name}</option>`)}</select></label>
    <label>${t("callbacks.agent")}<select name="agent"><option value="">${t("callbacks.anybody")}</option>
      ${rowsOf(known, "agents").map((row) => html`<option key=${row.id} value=${row.id}>${row.name || row.id}</option>`)}</select></label>
    <label>${t("callbacks.not_before")}<input type="datetime-local" name="at" /></label>
  <//>`;
}
