// The call of an agent: who it is, what is known, and what can be done with it.

import { useEffect, useRef, useState } from "preact/hooks";
import { get, post, segment } from "../net/api.js";
import { actsOf, failedTransfer, targetsFor } from "../pure/agent.js";
import { clock, matches, numberOf, numberTarget } from "../pure/format.js";
import { rowsOf } from "../pure/views.js";
import { Dialog, problemText } from "./dialog.js";
import { Disposition } from "./disposition.js";
import { html } from "./html.js";
import { Empty, State } from "./marks.js";
import { Contacts } from "./contacts.js";
import { CrmLink, KnownValues } from "./customer.js";
import { useNamed } from "./names.js";
import { Notes } from "./notes.js";
import { attempt } from "./notices.js";
import { useText } from "./preferences.js";
import { useShortcuts } from "./shortcuts.js";
import { Since } from "./time.js";

/** `after`: the call just ended, in wrap-up; `codes` and `can`: what the server offers for it. */
export function CallCard({ call, after, codes, can, agent, known, pending }) {
  const t = useText();
  const field = useRef(null);
  const [asking, setAsking] = useState("");
  const [coding, setCoding] = useState(false);
  const acts = actsOf(call, agent, can);
  const shown = call || after;
  const ask = (verb, body) => attempt(() => post(`/api/calls/${segment(call.id)}/${verb}`, body));
  const act = (verb) => (verb === "transfer" || verb === "consult" ? setAsking(verb) : ask(verb));
  const on = (...verbs) => {
    const verb = verbs.find((one) => acts.includes(one));
    return verb && (() => act(verb));
  };
  const writes = after || (call && call.agent === agent.id && agent.state === "talking");
  useShortcuts({
    transfer: on("transfer"),
    consult: on("consult"),
    complete: on("complete"),
    return: on("return"),
    conference: on("conference"),
    hold: on("hold", "unhold"),
    recording: on("record", "pause-recording", "resume-recording"),
    survey: on("survey"),
    note: writes && (() => field.current?.focus()),
    disposition: writes && codes.length > 0 && (() => setCoding(true)),
  });
  return html`<section class=${`card call ${call ? "live" : ""}`} aria-label=${t("call")}>
    ${!call && html`<${Empty}>${t(agent.state === "wrap_up" ? "agent.wrapping_up" : "agent.no_call")}<//>`}
    ${shown && html`<${CallFacts} call=${shown} over=${!call} />`}
    <div class="row">
      ${acts.map((verb) => html`<button type="button" key=${verb} onClick=${() => act(verb)}>${t(`act.${verb}`)}</button>`)}
      ${writes &&
      codes.length > 0 &&
      html`<${Disposition} agent=${agent} call=${shown} codes=${codes} asked=${coding} ask=${setCoding} />`}
    </div>
    ${writes && html`<${Notes} agent=${agent} pending=${pending} field=${field} />`}
    ${asking &&
    call &&
    html`<${TargetDialog} verb=${asking} known=${known} own=${agent.id} close=${() => setAsking("")}
      send=${(to) => post(`/api/calls/${segment(call.id)}/${asking}`, { to })} />`}
  </section>`;
}

/** `over`: the agent has no part in it any more, though the caller may be with somebody else: what goes on there is not shown. */
function CallFacts({ call, over }) {
  const t = useText();
  return html`<header>
      <p class="number">${numberOf(call, t("withheld"))}</p>
      ${call.name && html`<p class="name">${call.name}</p>`}
    </header>
    <dl class="pairs">
      <div><dt>${t("queue")}</dt><dd>${call.queue || "–"}</dd></div>
      <div><dt>${t("tier")}</dt><dd>${call.tier || "–"}</dd></div>
      ${!over && html`<${Progress} call=${call} />`}
      <${KnownValues} call=${call} />
    </dl>
    <${CrmLink} call=${call} />
    <${Contacts} call=${call.id} />`;
}

/** How far a call is that goes on. */
function Progress({ call }) {
  const t = useText();
  const named = useNamed();
  const transfer = call.transfer ? t(`transfer.${call.transfer}`) : failedTransfer(t, call, named);
  return html`<div><dt>${t("call.state")}</dt><dd>${t(`phase.${call.state}`)}</dd></div>
    ${transfer && html`<div><dt>${t("call.transfer")}</dt><dd>${transfer}</dd></div>`}
    ${call.recording && html`<div><dt>${t("call.recording")}</dt><dd>${t(`recording.${call.recording}`)}</dd></div>`}
    ${call.held_since !== "" &&
    call.held_since !== undefined &&
    html`<div class="held"><dt>${t("call.on_hold")}</dt><dd><${Since} at=${call.held_since} /></dd></div>`}
    <div><dt>${t("call.since")}</dt><dd><${Since} at=${call.arrived_at} /></dd></div>`;
}

/** Search and choose: arrows go through the list from the search field, Enter takes the marked one, Escape empties the field, then
 * closes. */
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

  function look(text) {
    setSearch(text);
    setMarked(0);
    setProblem(null); // it was about another target
  }

  function key(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves && found.length) {
      event.preventDefault();
      setMarked((at + moves[event.key] + found.length) % found.length);
    } else if (event.key === "Enter" && found[at]) {
      event.preventDefault();
      take(found[at]);
    } else if (event.key === "Escape") {
      event.preventDefault(); // browsers differ in what it does to a search field inside a dialog
      if (search && !problem) look("");
      else close();
    }
  }

  return html`<${Dialog} title=${t(`act.${verb}`)} close=${close}>
    <label>${t("target.search")}
      <input type="search" autofocus value=${search} onKeyDown=${key} role="combobox" aria-expanded="true" aria-controls="targets"
        aria-activedescendant=${found.length ? `target-${at}` : undefined}
        onInput=${(event) => look(event.target.value)} /></label>
    ${problem && html`<p class="problem" role="alert">${problemText(t, problem)}</p>`}
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
