// The call of an agent: who it is, what is known, and what can be done with it.

import { useEffect, useState } from "preact/hooks";
import { get, post, segment } from "../net/api.js";
import { actsOf, targetsFor } from "../pure/agent.js";
import { clock, matches, numberOf, numberTarget } from "../pure/format.js";
import { rowsOf } from "../pure/views.js";
import { ActDialog, Dialog } from "./dialog.js";
import { html } from "./html.js";
import { Empty, State } from "./marks.js";
import { Contacts } from "./contacts.js";
import { CrmLink, KnownValues } from "./customer.js";
import { attempt } from "./notices.js";
import { useText } from "./preferences.js";
import { useShortcuts } from "./shortcuts.js";
import { Since } from "./time.js";

const TALKING = ["talking", "transferring"];

export function CallCard({ call, agent, known, asking, setAsking }) {
  const t = useText();
  const acts = actsOf(call, agent);
  const ask = (verb, body) => attempt(() => post(`/api/calls/${segment(call.id)}/${verb}`, body));
  const act = (verb) => (verb === "transfer" || verb === "consult" ? setAsking(verb) : ask(verb));
  const on = (verb) => () => acts.includes(verb) && act(verb);
  useShortcuts(
    asking ? {} : { KeyT: on("transfer"), KeyC: on("consult"), KeyG: on("complete"), KeyB: on("return"), KeyM: on("conference") },
  );
  const wrapUp = agent.state === "wrap_up";
  return html`<section class=${`card call ${call ? "live" : ""}`} aria-label=${t("call")}>
    ${!call && html`<${Empty}>${t(wrapUp ? "agent.wrapping_up" : "agent.no_call")}<//>`}
    ${call && html`<${CallFacts} call=${call} />`}
    <div class="row">
      ${acts.map((verb) => html`<button type="button" key=${verb} onClick=${() => act(verb)}>${t(`act.${verb}`)}</button>`)}
      ${(TALKING.includes(call?.state) || wrapUp) && html`<${Disposition} agent=${agent} />`}
    </div>
    ${asking &&
    call &&
    html`<${TargetDialog} verb=${asking} known=${known} own=${agent.id} close=${() => setAsking("")}
      send=${(to) => post(`/api/calls/${segment(call.id)}/${asking}`, { to })} />`}
  </section>`;
}

function CallFacts({ call }) {
  const t = useText();
  return html`<header>
      <p class="number">${numberOf(call, t("withheld"))}</p>
      ${call.name && html`<p class="name">${call.name}</p>`}
    </header>
    <dl class="pairs">
      <div><dt>${t("queue")}</dt><dd>${call.queue || "–"}</dd></div>
      <div><dt>${t("tier")}</dt><dd>${call.tier || "–"}</dd></div>
      <div><dt>${t("call.state")}</dt><dd>${t(`phase.${call.state}`)}</dd></div>
      ${call.transfer && html`<div><dt>${t("call.transfer")}</dt><dd>${t(`transfer.${call.transfer}`)}</dd></div>`}
      ${call.recording && html`<div><dt>${t("call.recording")}</dt><dd>${t(`recording.${call.recording}`)}</dd></div>`}
      <div><dt>${t("call.since")}</dt><dd><${Since} at=${call.arrived_at} /></dd></div>
      <${KnownValues} call=${call} />
    </dl>
    <${CrmLink} call=${call} />
    <${Contacts} call=${call.id} />`;
}

/** Search and choose: arrows go through the list from the search field, Enter takes the marked one. */
export function TargetDialog({ verb, known, own, close, send }) {
  const t = useText();
  const [search, setSearch] = useState("");
  const [marked, setMarked] = useState(0);
  const [problem, setProblem] = useState(null);
  const listed = useTargets(known);
  const found = targetsFor(listed, own, search, matches, numberTarget).slice(0, 50);
  const at = Math.min(marked, found.length - 1);

  async function take(one) {
    try {
      await send(one.to);
      close();
    } catch (refused) {
      setProblem(refused);
    }
  }

  function key(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves && found.length) {
      event.preventDefault();
      setMarked((at + moves[event.key] + found.length) % found.length);
    } else if (event.key === "Enter" && found[at]) {
      event.preventDefault();
      take(found[at]);
    }
  }

  return html`<${Dialog} title=${t(`act.${verb}`)} close=${close}>
    <label>${t("target.search")}
      <input type="search" autofocus value=${search} onKeyDown=${key} role="combobox" aria-expanded="true" aria-controls="targets"
        aria-activedescendant=${found.length ? `target-${at}` : undefined}
        onInput=${(event) => {
          setSearch(event.target.value);
          setMarked(0);
        }} /></label>
    ${problem && html`<p class="problem" role="alert">${problem.message || t("problem.refused")}</p>`}
    <ul id="targets" class="targets" role="listbox" aria-label=${t("target.list")}>
      ${found.map(
        (one, index) => html`<li key=${one.to} id=${`target-${index}`} role="option" aria-selected=${index === at ? "true" : "false"}
          onClick=${() => take(one)}><span>${one.label}</span> <${TargetState} one=${one} /></li>`,
      )}
    </ul>
    ${found.length === 0 && html`<${Empty}>${t("target.none")}<//>`}
  <//>`;
}

const TARGETS_EVERY = 3000;

/** Queues and colleagues as they are now; until the server has answered, what the page knows itself. */
function useTargets(known) {
  const [listed, setListed] = useState(null);
  useEffect(() => {
    const look = () => get("/api/targets").then(setListed, () => {});
    look();
    const again = setInterval(look, TARGETS_EVERY);
    return () => clearInterval(again);
  }, []);
  return listed || { queues: rowsOf(known, "queues"), agents: rowsOf(known, "agents") };
}

function TargetState({ one }) {
  const t = useText();
  if (one.kind === "agent") return html`<${State} state=${one.row.state} reason=${one.row.reason} />`;
  if (one.kind === "number") return html`<span class="state">${t("target.number")}</span>`;
  return html`<span class="state">${t("target.queue", { waiting: one.row.waiting, wait: clock(one.row.ewt_seconds) })}</span>`;
}

/** Of a campaign's call: the code or its digit, as the agent knows it. */
function Disposition({ agent }) {
  const t = useText();
  const [asked, setAsked] = useState(false);
  const send = ({ code, at, own }) =>
    post(`/api/agents/${segment(agent.id)}/disposition`, {
      code,
      ...(at ? { call_back_at: new Date(at).getTime() / 1000, own: own === "on" } : {}),
    });
  return html`<button type="button" onClick=${() => setAsked(true)}>${t("disposition")}</button>
    ${asked &&
    html`<${ActDialog} title=${t("disposition")} verb=${t("save")} close=${() => setAsked(false)} send=${send}>
      <label>${t("disposition.code")}<input name="code" required maxlength="64" autocomplete="off" /></label>
      <label>${t("disposition.call_back_at")}<input type="datetime-local" name="at" /></label>
      <label class="check"><input type="checkbox" name="own" /> ${t("disposition.own")}</label>
    <//>`}`;
}
