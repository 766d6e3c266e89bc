// Reports on the history: chosen, narrowed, read as a table and a plot, printed, and taken along as a file.

import { useEffect, useMemo, useState } from "preact/hooks";
import { get } from "../net/api.js";
import { problemText } from "../parts/dialog.js";
import { html } from "../parts/html.js";
import { Empty } from "../parts/marks.js";
import { NamesField, typedIn, useAgents, useNames } from "../parts/names.js";
import { Plot } from "../parts/plot.js";
import { language, useRegion, useText } from "../parts/preferences.js";
import { useStore } from "../parts/store.js";
import { namedRows } from "../pure/names.js";
import { columnsOf, figuresOf, INTERVALS, NAMES, PERIODS, periodOf, plotOf, queryOf, valueOf } from "../pure/report.js";

const MOST_ROWS = 500;
/** In the table; a file has all of them. */
const PATIENCE = 120_000;
const WITHOUT = ["call"];
/** Reports with a page of their own. */
const FILES = ["csv", "xlsx", "html"];

export default function ReportsPage() {
  const t = useText();
  const speaks = useStore(language);
  const [listed, setListed] = useState(null);
  const [problem, setProblem] = useState(null);
  const [name, setName] = useState("");
  const [asked, setAsked] = useState(null);
  useEffect(() => {
    document.title = `${t("page.reports")} – callbridge`;
  });
  useEffect(() => {
    get(`/api/reports?language=${speaks}`).then((found) => {
      setListed(found.filter((one) => !WITHOUT.includes(one.name)));
      setProblem(null);
    }, setProblem);
  }, [speaks]);
  const report = listed?.find((one) => one.name === name) || listed?.[0];
  return html`<div class="page">
    <h1 class="unseen">${t("page.reports")}</h1>
    ${problem && html`<p class="problem" role="alert">${problemText(t, problem)}</p>`}
    ${report && html`<${ReportForm} listed=${listed} report=${report} choose=${setName} ask=${setAsked} />`}
    ${report && asked && asked.name === report.name && html`<${Result} report=${report} asked=${asked} />`}
  </div>`;
}

function ReportForm({ listed, report, choose, ask }) {
  const t = useText();
  const [period, setPeriod] = useState(periodOf("today", new Date()));
  const names = useNames();
  const has = (option) => report.options.includes(option);
  const submit = (event) => {
    event.preventDefault();
    ask({ name: report.name, query: queryOf(report.options, typedIn(event.target, names)), at: Date.now() });
  };
  const own = (key) => (event) => setPeriod({ ...period, [key]: event.target.value });
  return html`<form class="card no-print" onSubmit=${submit} aria-label=${t("reports.choose")}>
    <div class="fields">
      <label>${t("reports.report")}<select name="report" value=${report.name} onChange=${(event) => choose(event.target.value)}>
        ${listed.map((one) => html`<option key=${one.name} value=${one.name}>${one.title}</option>`)}</select></label>
      <label>${t("reports.period")}<select onChange=${(event) => event.target.value && setPeriod(periodOf(event.target.value, new Date()))}>
        ${PERIODS.map((one) => html`<option key=${one} value=${one}>${t(`period.${one}`)}</option>`)}</select></label>
      <label>${t("reports.from")}<input type="date" name="from" value=${period.from} onInput=${own("from")} /></label>
      <label>${t("reports.to")}<input type="date" name="to" value=${period.to} onInput=${own("to")} /></label>
      ${has("by") &&
      html`<label>${t("reports.by")}<select name="by">
        ${INTERVALS.map((one) => html`<option key=${one} value=${one}>${t(`interval.${one}`)}</option>`)}</select></label>`}
      ${NAMES.filter(has).map((one) => html`<${NamesField} key=${one} name=${one} names=${names[one]} />`)}
      ${has("number") && html`<label>${t("callbacks.number")}<input name="number" type="tel" autocomplete="off" /></label>`}
      ${has("outcome") && html`<label>${t("calls.outcome")}<input name="outcome" autocomplete="off" /></label>`}
      ${has("score") && html`<label>${t("reports.score")}<input name="score" placeholder="1-2" autocomplete="off" /></label>`}
      ${has("together") && html`<label class="check"><input type="checkbox" name="together" /> ${t("reports.together")}</label>`}
    </div>
    <p class="soft">${report.summary}</p>
    <footer class="row"><button type="submit" class="primary">${t("reports.show")}</button></footer>
  </form>`;
}

function Result({ report, asked }) {
  const t = useText();
  const speaks = useStore(language);
  const region = useRegion();
  const named = useAgents();
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState(null);
  const rows = useMemo(() => found && namedRows(found, named), [found, named]);
  const path = `/api/reports/${report.name}?${asked.query}`;
  const join = asked.query.size ? "&" : "";
  useEffect(() => {
    let gone = false;
    setFound(null);
    setProblem(null);
    get(`${path}${join}limit=${MOST_ROWS + 1}`, PATIENCE).then(
      (answer) => gone || setFound(answer),
      (refused) => gone || setProblem(refused),
    );
    return () => {
      gone = true;
    };
  }, [path, asked.at]);
  if (problem) return html`<p class="problem" role="alert">${problemText(t, problem)}</p>`;
  if (!rows) return html`<p role="status">${t("reports.reading")}</p>`;
  const columns = columnsOf(report, rows);
  const period = [asked.query.get("from"), asked.query.get("to")].filter(Boolean).join(" – ");
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
  const plot = figure && plotOf(columns, rows, figure.name);
  if (!plot) return null;
  return html`<div>
    <label class="no-print">${t("reports.plot")}<select value=${figure.name} onChange=${(event) => setChosen(event.target.value)}>
      ${figures.map((one) => html`<option key=${one.name} value=${one.name}>${one.heading}</option>`)}</select></label>
    <${Plot} plot=${plot} kind=${figure.kind} label=${`${report.title}: ${figure.heading}`} along=${columns[0].heading} speaks=${speaks} />
    ${plot.left > 0 && html`<p class="soft">${t("reports.left", { count: plot.left })}</p>`}
  </div>`;
}

function Table({ columns, rows, speaks, label }) {
  const numbers = (kind) => (kind === "text" || kind === "moment" ? "" : "number-cell");
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${label}><table>
    <thead><tr>${columns.map((one) => html`<th scope="col" key=${one.name} class=${numbers(one.kind)} title=${one.definition}>${one.heading}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (row, index) => html`<tr key=${index}>${columns.map((one) => html`<td key=${one.name} class=${numbers(one.kind)}>${valueOf(row[one.name], one.kind, speaks)}</td>`)}</tr>`,
    )}</tbody></table></div>`;
}

function Definitions({ columns }) {
  const t = useText();
  const said = columns.filter((one) => one.definition);
  return html`<details><summary>${t("reports.definitions")}</summary>
    <dl class="definitions">${said.map((one) => html`<div key=${one.name}><dt>${one.heading}</dt><dd>${one.definition}</dd></div>`)}</dl></details>`;
}
