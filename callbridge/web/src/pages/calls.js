// Calls of the past: searched, and one of them with its recordings and everything that happened.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, segment } from "../net/api.js";
import { problemText } from "../parts/dialog.js";
import { Explanation } from "../parts/explanation.js";
import { html } from "../parts/html.js";
import { Empty } from "../parts/marks.js";
import { NamesField, typedIn, useFilled, useIds, useNamed, useNames } from "../parts/names.js";
import { go, query } from "../parts/navigation.js";
import { Player } from "../parts/player.js";
import { useRegion, useText } from "../parts/preferences.js";
import { useStore } from "../parts/store.js";
import { addressOf, audible, MOST_PAGES, OUTCOMES, searchedBy, searchOf } from "../pure/call.js";
import { detailsOf, happenedText } from "../pure/details.js";
import { sentenceIn } from "../pure/explanation.js";
import { namedRefusal, outcomeText } from "../pure/words.js";
import { clock } from "../pure/format.js";
import { namedAll } from "../pure/names.js";
import { periodOf, valueOf } from "../pure/report.js";

const SIZE = 50;
const CALLS_WITHIN = 60_000;
const NAMED = ["queue", "agent"];

/** The address of the last search, for the way back from a call. */
let last = "/calls";

export default function CallsPage({ name }) {
  const t = useText();
  useEffect(() => {
    document.title = `${name ? `${t("call")} ${name}` : t("page.calls")} – callbridge`;
  });
  return html`<div class="page">
    <h1 class="unseen">${t("page.calls")}</h1>
    ${name ? html`<${OneCall} key=${name} id=${name} />` : html`<${Search} />`}
  </div>`;
}

function Search() {
  const t = useText();
  const names = useNames(NAMED);
  const named = useNamed();
  const form = useRef(null);
  const address = useStore(query);
  const [again, setAgain] = useState(0);
  const asked = useMemo(() => searchedBy(address, periodOf("last_7_days", new Date())), [address, again]);
  useLayoutEffect(() => {
    last = `/calls${address}`;
  }, [asked]);
  const typed = useIds(asked.typed, names);
  useFilled(form, asked.typed, names);
  const submit = (event) => {
    event.preventDefault();
    const to = addressOf(typedIn(event.target, names));
    if (to === last) setAgain(again + 1);
    else go(to);
  };
  return html`<form class="card" ref=${form} onSubmit=${submit} aria-label=${t("search")}>
      <div class="fields">
        <label>${t("callbacks.number")}<input name="number" type="tel" autocomplete="off" /></label>
        <${NamesField} name="queue" names=${names.queue} />
        <${NamesField} name="agent" names=${names.agent} />
        <${NamesField} name="tier" />
        <label>${t("calls.outcome")}<select name="outcome"><option value="">${t("option.all")}</option>
          ${OUTCOMES.map((one) => html`<option key=${one} value=${one}>${outcomeText(t, one)}</option>`)}</select></label>
        <label>${t("reports.from")}<input type="date" name="from" /></label>
        <label>${t("reports.to")}<input type="date" name="to" /></label>
        <label>${t("reports.score")}<input name="score" placeholder="1-2" autocomplete="off" /></label>
      </div>
      <footer class="row"><button type="submit" class="primary">${t("search")}</button></footer>
    </form>
    ${typed && html`<${Found} asked=${asked} typed=${typed} named=${named} />`}`;
}

/** `typed`: what is asked for, with ids. */
function Found({ asked, typed, named }) {
  const t = useText();
  const speaks = useRegion();
  const [rows, setRows] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    let gone = false;
    setRows(null);
    setProblem(null);
    get(`/api/reports/calls?${searchOf(typed, asked.page, SIZE)}`, CALLS_WITHIN).then(
      (found) => gone || setRows(found),
      (refused) => gone || setProblem(refused),
    );
    return () => {
      gone = true;
    };
  }, [asked, typed]);
  if (problem) return html`<p class="problem" role="alert">${problemText(t, namedRefusal(t, problem, named))}</p>`;
  if (!rows) return html`<p role="status">${t("reports.reading")}</p>`;
  const turn = (by) => () => go(addressOf(asked.typed, asked.page + by));
  const more = rows.length > SIZE && asked.page + 1 < MOST_PAGES;
  return html`<section class="card" aria-label=${t("calls")}>
    <header class="row"><h2>${t("calls")}</h2>
      <div class="row"><button type="button" disabled=${asked.page === 0} onClick=${turn(-1)}>${t("calls.newer")}</button>
        <span>${t("calls.page", { page: asked.page + 1 })}</span>
        <button type="button" disabled=${!more} onClick=${turn(1)}>${t("calls.older")}</button></div></header>
    ${rows.length === 0 && html`<${Empty}>${t("calls.not_found")}<//>`}
    ${rows.length > 0 &&
    html`<div class="scroll" tabindex="0" role="group" aria-label=${t("calls")}><table>
      <thead><tr><th scope="col">${t("calls.began")}</th><th scope="col">${t("caller")}</th><th scope="col">${t("tier")}</th>
        <th scope="col">${t("queue")}</th><th scope="col">${t("agent")}</th><th scope="col">${t("calls.waited")}</th>
        <th scope="col">${t("calls.talked")}</th><th scope="col">${t("calls.outcome")}</th><th scope="col">${t("call.recording")}</th></tr></thead>
      <tbody>${rows.slice(0, SIZE).map(
        (row) => html`<tr key=${row.call}><th scope="row"><${CallLink} id=${row.call}>${valueOf(row.began, "moment", speaks)}<//></th>
          <td>${row.number || t("withheld")} <small>${row.name}</small></td><td>${row.tier}</td><td>${row.queues}</td><td>${namedAll(named, row.agents)}</td>
          <td>${clock(row.waited)}</td><td>${clock(row.talked)}</td><td>${row.outcome ? outcomeText(t, row.outcome) : t("contact.live")}</td>
          <td>${row.recording ? t("calls.recorded") : ""}</td></tr>`,
      )}</tbody></table></div>`}
    ${rows.length > SIZE && !more && html`<${Empty}>${t("calls.narrow")}<//>`}
  </section>`;
}

function CallLink({ id, children }) {
  const to = `/calls/${segment(id)}`;
  const follow = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(to);
  };
  return html`<a href=${to} onClick=${follow}>${children}</a>`;
}

/** A note is text that somebody wrote, all others are names with values. */
function Details({ of: { text, ...rest }, named }) {
  const t = useText();
  const said = detailsOf(t, rest, named);
  return html`${text && html`<p class="note">${text}</p>`}
    ${said.length > 0 &&
    html`<dl class="inline">${said.map((one) => html`<div key=${one.name}><dt>${one.label}</dt> <dd>${one.value}</dd></div>`)}</dl>`}`;
}

function OneCall({ id }) {
  const t = useText();
  const named = useNamed();
  const speaks = useRegion();
  const [events, setEvents] = useState([]);
  const [recordings, setRecordings] = useState([]);
  const [state, setState] = useState({ busy: true, problem: null, silent: null });
  const [explained, setExplained] = useState(false);
  useEffect(() => {
    get(`/api/reports/call?call=${encodeURIComponent(id)}`).then(
      (rows) => {
        setEvents(rows);
        setState((now) => ({ ...now, busy: false }));
      },
      (problem) => setState((now) => ({ ...now, busy: false, problem })),
    );
    get(`/api/recordings?call=${encodeURIComponent(id)}`).then(setRecordings, (silent) => setState((now) => ({ ...now, silent })));
  }, [id]);
  const requested = (event) => detailsOf(t, event.details, named).find(({ name }) => name === "request")?.value;
  const marked = (event) => [describe(event), requested(event)].filter(Boolean).join(" · ");
  const describe = (event) => [happenedText(t, event.what), event.queue, named(event.agent)].filter(Boolean).join(" · ");
  const time = (at) => new Date(at * 1000).toLocaleTimeString(speaks, { hourCycle: "h23" });
  const began = events.length ? valueOf(events[0].at, "moment", speaks) : "";
  return html`<section class="card" aria-label=${t("call")}>
      <header class="row"><h2>${t("call")} ${id} <small>${began}</small></h2>
        <div class="row"><button type="button" onClick=${() => setExplained(true)}>${t("explain")}</button>
          <button type="button" onClick=${() => go(last)}>${t("calls.back")}</button></div></header>
      ${state.busy && html`<p role="status">${t("reports.reading")}</p>`}
      ${state.problem && html`<p class="problem" role="alert">${problemText(t, state.problem)}</p>`}
      ${events.length > 0 &&
      html`<ol class="lines">${events.map(
        (one, index) => html`<li key=${index}><time>${time(one.at)}</time> <strong>${describe(one)}</strong>
          ${one.lasted !== null && html` <small>${clock(one.lasted)}</small>`} <${Details} of=${one.details} named=${named} /></li>`,
      )}</ol>`}
    </section>
    <section class="card" aria-label=${t("calls.recordings")}>
      <h2>${t("calls.recordings")}</h2>
      ${state.silent && html`<p class="problem">${problemText(t, state.silent)}</p>`}
      ${!state.silent && recordings.length === 0 && html`<${Empty}>${t("calls.not_recorded")}<//>`}
      ${recordings.map(
        (one) => html`<article key=${one.id}><h3>${[time(one.at - (one.lasted || 0)), one.queue, named(one.agent)].filter(Boolean).join(" · ")}</h3>
          ${audible(one)
            ? html`<${Player} recording=${one} events=${events} describe=${marked} />`
            : html`<p class="soft">${sentenceIn(t.language, { text: one.failure, ...one.failure_parts }) || t(one.deleted_at ? "calls.deleted" : "calls.no_file")}</p>`}</article>`,
      )}
    </section>
    ${explained && html`<${Explanation} kind="calls" name=${id} close=${() => setExplained(false)} />`}`;
}
