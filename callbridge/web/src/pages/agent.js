// What an agent works with: the own state, the call, the own figures and callbacks.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { post, segment } from "../net/api.js";
import { CallCard } from "../parts/call_card.js";
import { html } from "../parts/html.js";
import { Empty, StaleBanner, State } from "../parts/marks.js";
import { attempt } from "../parts/notices.js";
import { PhonePanel, usePhone, useQuality } from "../parts/phone.js";
import { useText } from "../parts/preferences.js";
import { ReasonField } from "../parts/reason.js";
import { announce, askPermission, mayNotify } from "../parts/ringing.js";
import { Script } from "../parts/script.js";
import { useShortcuts, ShortcutList } from "../parts/shortcuts.js";
import { Left, Since } from "../parts/time.js";
import { OwnCalls } from "../parts/own_callbacks.js";
import { Today } from "../parts/today.js";
import { useViews } from "../parts/views.js";
import { count } from "../pure/format.js";
import { mineOf, newCall, titleOf } from "../pure/agent.js";
import { rowsOf } from "../pure/views.js";

const BUSY = ["ringing", "connecting", "talking"];

export function AgentPage({ session, expired }) {
  const t = useText();
  const parts = "me,queues,agents,calls";
  const { known, status, code } = useViews(`/api/views?parts=${parts}`, (refused) => refused === 401 && expired());
  const { agent, call, after, codes, can } = mineOf(known, session.agent);
  const pending = useRef(null);
  useRinging(agent, call);
  const phone = usePhone(session.phone);
  useQuality(phone, agent?.state === "talking" ? agent.call : "");

  if (!agent) {
    return html`<${StaleBanner} status=${status} code=${code} />
      ${known.whole && html`<${Empty}>${t("agent.unknown", { agent: session.agent })}<//>`}`;
  }
  const ask = async (verb, body) => {
    await pending.current?.(); // a note that is not saved yet: after the wrap-up it is too late
    return attempt(() => post(`/api/agents/${segment(agent.id)}/${verb}`, body));
  };
  return html`<div class="agent-page">
    <h1 class="unseen">${t("page.agent")}</h1>
    <${StaleBanner} status=${status} code=${code} />
    <${StateBar} agent=${agent} reasons=${session.reasons || []} ask=${ask} />
    <div class=${session.phone ? "beside" : ""}>
      ${session.phone && html`<${PhonePanel} phone=${phone} />`}
      <${CallCard} key=${(call || after)?.id} call=${call} after=${after} codes=${codes} can=${can} pending=${pending} agent=${agent} known=${known} />
    </div>
    <${Script} agent=${agent} call=${call?.script ? call.id : ""} />
    <div class="columns">
      <${OwnCalls} agent=${agent} />
      <${Today} agent=${agent} />
      <${QueuesNow} known=${known} />
    </div>
    <${ShortcutList} />
  </div>`;
}

function useRinging(agent, call) {
  const t = useText();
  const before = useRef(null);
  const rings = agent ? newCall(before.current, agent) : false;
  // In the commit itself: an effect waits for a frame, which a tab in the background does not get.
  useLayoutEffect(() => {
    before.current = agent ? { state: agent.state, call: agent.call } : null;
    document.title = titleOf(agent, t("page.agent"), (state) => t(`state.${state}`));
    if (rings) announce(t("agent.call_comes"), [agent.queue, call?.name].filter(Boolean).join(" · "));
  });
}

function StateBar({ agent, reasons, ask }) {
  const t = useText();
  const reason = useRef(null);
  const out = agent.state === "logged_out";
  useShortcuts({
    ready: agent.state !== "ready" && (() => ask(out ? "login" : "ready")),
    not_ready: !out && (() => reason.current?.focus()),
    end_wrap_up: agent.state === "wrap_up" && (() => ask("end-wrap-up")),
  });
  return html`<section class="card statebar" aria-label=${t("agent.state")}>
    <div class="now">
      <${State} state=${agent.state} reason=${agent.reason} />
      <span class="big"><${Since} at=${agent.since} /></span>
      ${agent.next_state && html`<span class="then">${t("agent.then")} <${State} state=${agent.next_state} reason=${agent.next_reason} /></span>`}
      ${agent.until !== "" && agent.until !== undefined && html`<span class="left">${t("agent.left")} <${Left} at=${agent.until} /></span>`}
    </div>
    <div class="row">
      ${out
        ? html`<button type="button" class="primary" onClick=${() => ask("login")}>${t("agent.login")}</button>`
        : html`
            ${agent.state !== "ready" &&
            html`<button type="button" class=${BUSY.includes(agent.state) ? "" : "primary"} onClick=${() => ask("ready")}>${t("agent.ready")}</button>`}
            <${NotReady} reasons=${reasons} field=${reason} ask=${ask} />
            ${agent.state === "wrap_up" &&
            html`<button type="button" onClick=${() => ask("end-wrap-up")}>${t("agent.end_wrap_up")}</button>
              <button type="button" onClick=${() => ask("extend-wrap-up")}>${t("agent.extend_wrap_up")}</button>`}
            <button type="button" onClick=${() => ask("logout")}>${t("agent.logout")}</button>
          `}
      <${NotificationButton} />
    </div>
  </section>`;
}

function NotReady({ reasons, field, ask }) {
  const t = useText();
  const submit = (event) => {
    event.preventDefault();
    ask("not-ready", { reason: new FormData(event.target).get("reason") || "" });
  };
  return html`<form class="row joined" onSubmit=${submit}>
    <${ReasonField} reasons=${reasons} field=${field} unseen />
    <button type="submit">${t("agent.not_ready")}</button>
  </form>`;
}

function NotificationButton() {
  const t = useText();
  const [state, setState] = useState(mayNotify());
  if (state !== "default") return null;
  return html`<button type="button" class="quiet" onClick=${async () => setState(await askPermission())}>
    ${t("agent.allow_notifications")}</button>`;
}

function QueuesNow({ known }) {
  const t = useText();
  const rows = rowsOf(known, "queues");
  if (!rows.length) return null;
  return html`<section class="card"><h2>${t("queues")}</h2>
    <table><thead><tr><th scope="col">${t("queue")}</th><th scope="col">${t("figure.waiting")}</th>
      <th scope="col">${t("figure.longest_wait")}</th></tr></thead>
      <tbody>${rows.map(
        (row) => html`<tr key=${row.name}><th scope="row">${row.name}</th><td>${count(row.waiting)}</td>
          <td><${Since} at=${row.oldest_arrived_at} /></td></tr>`,
      )}</tbody></table></section>`;
}
