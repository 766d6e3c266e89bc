// Reports on the history: chosen, narrowed, read as a table and a plot, printed, and taken along as a file.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { get } from "../net/api.js";
import { problemText } from "../parts/dialog.js";
import { html } from "../parts/html.js";
import { Empty } from "../parts/marks.js";
import { NamesField, typedIn, useFilled, useIds, useNamed, useNames } from "../parts/names.js";
import { go, query } from "../parts/navigation.js";
import { Plot } from "../parts/plot.js";
import { language, useRegion, useText } from "../parts/preferences.js";
import { useStore } from "../parts/store.js";
import { OUTCOMES } from "../pure/call.js";
import { namedRows } from "../pure/names.js";
import { askedBy, cellText, columnsOf, figuresOf, INTERVALS, NAMES, periodNamed, periodOf, PERIODS, plotOf, queryOf, reportAddress } from "../pure/report.js";
import { namedRefusal, outcomeText } from "../pure/words.js";

const MOST_ROWS = 500;
/** In the table; a file has all of them. */
const REPORT_WITHIN = 120_000;
const WITHOUT = ["call"];
/** Reports with a page of their own. */
const FILES = ["csv", "xlsx", "html"];

export default function ReportsPage() {
  const t = useText();
  const speaks = useStore(language);
  const address = useStore(query);
  const names = useNames();
  const named = useNamed();
  const [listed, setListed] = useState(null);
  const [problem, setProblem] = useState(null);
  const [again, setAgain] = useState(0);
  const asked = useMemo(() => askedBy(address, { ...periodOf("today", new Date()), by: INTERVALS[0] }), [address, again]);
  const typed = useIds(asked.typed, names);
  const [chosen, setChosen] = useState(null); // in the form, not shown yet
  useEffect(() => {
    document.title = `${t("page.reports")} – callbridge`;
  });
  useEffect(() => {
    get(`/api/reports?language=${speaks}`).then((found) => {
      setListed(found.filter((one) => !WITHOUT.includes(one.name)));
      setProblem(null);
    }, setProblem);
  }, [speaks]);
  const choose = (name) => setChosen({ asked, name });
  const shown = listed?.find((one) => one.name === asked.name);
  const report = (chosen?.asked === asked && listed?.find((one) => one.name === chosen.name)) || shown || listed?.[0];
  const show = (typed) => {
    const to = reportAddress(report, typed);
    if (to === `/reports${address}`) setAgain(again + 1);
    else go(to);
  };
  return html`<div class="page">
    <h1 class="unseen">${t("page.reports")}</h1>
    ${problem && html`<p class="problem" role="alert">${problemText(t, problem)}</p>`}
    ${listed && asked.name && !shown && html`<p class="problem" role="alert">${t("reports.unknown", { name: asked.name })}</p>`}
    ${report && html`<${ReportForm} listed=${listed} report=${report} typed=${asked.typed} names=${names} choose=${choose} show=${show} />`}
    ${shown && report === shown && typed && html`<${Result} key=${shown.name} report=${shown} asked=${asked} typed=${typed} named=${named} />`}
  </div>`;
}

function ReportForm({ listed, report, typed, names, choose, show }) {
  const t = useText();
  const form = useRef(null);
  const [period, setPeriod] = useState("");
  const has = (option) => report.options.includes(option);
  useFilled(form, typed, names);
  const days = () => form.current.elements;
  const look = () => setPeriod(periodNamed({ from: days().from.value, to: days().to.value }, new Date()));
  useLayoutEffect(look, [typed]);
  const take = (name) => {
    const { from, to } = periodOf(name, new Date());
    days().from.value = from;
    days().to.value = to;
    setPeriod(name);
  };
  const submit = (event) => {
    event.preventDefault();
    show(typedIn(event.target, names));
  };
  return html`<form class="card no-print" ref=${form} onSubmit=${submit} aria-label=${t("reports.choose")}>
    <div class="fields">
      <label>${t("reports.report")}<select name="report" value=${report.name} onChange=${(event) => choose(event.target.value)}>
        ${listed.map((one) => html`<option key=${one.name} value=${one.name}>${one.title}</option>`)}</select></label>
      <label>${t("reports.period")}<select value=${period} onChange=${(event) => take(event.target.value)}>
        <option value="" disabled>${t("period.days")}</option>
        ${PERIODS.map((one) => html`<option key=${one} value=${one}>${t(`period.${one}`)}</option>`)}</select></label>
      <label>${t("reports.from")}<input type="date" name="from" onInput=${look} /></label>
      <label>${t("reports.to")}<input type="date" name="to" onInput=${look} /></label>
      ${has("by") &&
      html`<label>${t("reports.by")}<select name="by">
        ${INTERVALS.map((one) => html`<option key=${one} value=${one}>${t(`interval.${one}`)}</option>`)}</select></label>`}
      ${NAMES.filter(has).map((one) => html`<${NamesField} key=${one} name=${one} names=${names[one]} />`)}
      ${has("number") && html`<label>${t("callbacks.number")}<input name="number" type="tel" autocomplete="off" /></label>`}
      ${has("outcome") && html`<label>${t("calls.outcome")}<select name="outcome"><option value="">${t("option.all")}</option>
        ${OUTCOMES.map((one) => html`<option key=${one} value=${one}>${outcomeText(t, one)}</option>`)}</select></label>`}
      ${has("score") && html`<label>${t("reports.score")}<input name="score" placeholder="1-2" autocomplete="off" /></label>`}
      ${has("together") && html`<label class="check"><input type="checkbox" name="together" /> ${t("reports.together")}</label>`}
    </div>
    <p class="soft">${report.summary}</p>
    <footer class="row"><button type="submit" class="primary">${t("reports.show")}</button></footer>
  </form>`;
}

/** `typed`: what is asked for, with ids. */
function Result({ report, asked, typed, named }) {
  const t = useText();
  const speaks = useStore(language);
  const region = useRegion();
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState(null);
  const rows = useMemo(() => found && namedRows(found, named), [found, named]);
  const wanted = queryOf(report.options, typed);
  const path = `/api/reports/${report.name}?${wanted}`;
  const join = wanted.size ? "&" : "";
  useEffect(() => {
    let gone = false;
    setFound(null);
    setProblem(null);
    get(`${path}${join}limit=${MOST_ROWS + 1}`, REPORT_WITHIN).then(
      (answer) => gone || setFound(answer),
      (refused) => gone || setProblem(refused),
    );
    return () => {
      gone = true;
    };
  }, [path, asked]);
  if (problem) return html`<p class="problem" role="alert">${problemText(t, namedRefusal(t, problem, named))}</p>`;
  if (!rows) return html`<p role="status">${t("reports.reading")}</p>`;
  const columns = columnsOf(report, rows);
  const period = [wanted.get("from"), wanted.get("to")].filter(Boolean).join(" – ");
  return html`<section class="card report" aria-label=${report.title}>
    <header class="row"><h2>${report.title} <small>${period}</small></h2>
      <div class="row no-print">
        ${FILES.map((form) => html`<a key=${form} class="button" download href=${`${path}${join}format=${form}&language=${speaks}`}>${form.toUpperCase()}</a>`)}
        <button type="button" onClick=${() => window.print()}>${t("reports.print")}</button>
      </div></header>
    ${rows.length === 0 && html`<${Empty}>${t("reports.nothing")}<//>`}
    ${rows.length > 0 && html`<${Chosen} report=${report} columns=${columns} rows=${rows} speaks=${region} />`}
    ${rows.length > 0 && html`<${Table} columns=${columns} rows=${rows.slice(0, MOST_ROWS)} speaks=${region} label=${report.title} />`}
    ${rows.length > MOST_ROWS && html`<${Empty}>${t("reports.more", { count: MOST_ROWS })}<//>`}
    ${rows.length > 0 && html`<${Definitions} columns=${columns} />`}
  </section>`;
}

/** The plot of a figure that may be chosen. */
function Chosen({ report, columns, rows, speaks }) {
  const t = useText();
  const figures = figuresOf(columns);
  const [chosen, setChosen] = useState(report.charted[0] || "");
  const figure = figures.find((one) => one.name === chosen) || figures[0];
  const plot = figure && plotOf(columns, rows, figure.name, (column, value) => cellText(t, column, value, speaks));
  if (!plot) return null;
  return html`<div>
    <label class="no-print">${t("reports.plot")}<select value=${figure.name} onChange=${(event) => setChosen(event.target.value)}>
      ${figures.map((one) => html`<option key=${one.name} value=${one.name}>${one.heading}</option>`)}</select></label>
    <${Plot} plot=${plot} kind=${figure.kind} label=${t("labelled", { label: report.title, value: figure.heading })} along=${columns[0].heading} speaks=${speaks} />
    ${plot.left > 0 && html`<p class="soft">${t("reports.left", { count: plot.left })}</p>`}
  </div>`;
}

function Table({ columns, rows, speaks, label }) {
  const t = useText();
  const numbers = (kind) => (kind === "text" || kind === "moment" ? "" : "number-cell");
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${label}><table>
    <thead><tr>${columns.map((one) => html`<th scope="col" key=${one.name} class=${numbers(one.kind)} title=${one.definition}>${one.heading}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (row, index) => html`<tr key=${index}>${columns.map((one) => html`<td key=${one.name} class=${numbers(one.kind)}>${cellText(t, one, row[one.name], speaks)}</td>`)}</tr>`,
    )}</tbody></table></div>`;
}

function Definitions({ columns }) {
  const t = useText();
  const said = columns.filter((one) => one.definition);
  return html`<details><summary>${t("reports.definitions")}</summary>
    <dl class="definitions">${said.map((one) => html`<div key=${one.name}><dt>${one.heading}</dt><dd>${one.definition}</dd></div>`)}</dl></details>`;
}
