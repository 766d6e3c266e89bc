// The whole site: calendars, the bypass, and the configuration, which is looked at before it is applied.

import { useEffect, useState } from "preact/hooks";
import { get, post, segment } from "../net/api.js";
import { sentenceIn } from "../pure/explanation.js";
import { moment } from "../pure/format.js";
import { closureOf, mayClose, whyClosed } from "../pure/hours.js";
import { may } from "../pure/routes.js";
import { Closures } from "./closures.js";
import { ActDialog, Dialog, problemText, sentenceOf } from "./dialog.js";
import { html } from "./html.js";
import { attempt, say } from "./notices.js";
import { useRegion, useText } from "./preferences.js";
import { useNow } from "./time.js";

const EVERY = 15_000;

/** `named(id)`: an agent or a user with the name. */
export function Site({ session, named }) {
  const t = useText();
  const [hours, setHours] = useState([]);
  const [closures, setClosures] = useState([]);
  const [closing, setClosing] = useState(null);
  const [bypass, setBypass] = useState(null);
  const [walls, setWalls] = useState([]);
  const [asked, setAsked] = useState("");
  const look = () => {
    get("/api/hours").then(setHours, () => {});
    get("/api/closures").then(setClosures, () => {});
    get("/api/bypass").then(setBypass, () => {});
  };
  useEffect(() => {
    look();
    get("/api/walls").then(setWalls, () => {});
    const again = setInterval(look, EVERY);
    return () => clearInterval(again);
  }, []);
  const close = (row, closed) => post(`/api/hours/${segment(row.name)}`, { closed }).then(look);
  return html`<section class="card" aria-label=${t("site")}>
    <h2>${t("site")}</h2>
    <ul class="plain">
      ${hours.map(
        (row) => html`<li key=${row.name} class="row"><${Calendar} row=${row} closures=${closures} named=${named} />
          ${may.supervise(session) &&
          mayClose(session, `calendar:${row.name}`) &&
          (row.closed
            ? html`<button type="button" class="small" onClick=${() => attempt(() => close(row, false))}>${t("site.follow_hours")}</button>`
            : html`<button type="button" class="small" onClick=${() => setClosing(row)}>${t("site.close_now")}</button>`)}</li>`,
      )}
    </ul>
    <${Closures} session=${session} rows=${closures} named=${named} changed=${look} />
    <div class="row">
      ${bypass && html`<span>${t(bypass.on ? "bypass.is_on" : "bypass.is_off")}</span>`}
      ${bypass &&
      may.administer(session) &&
      html`<button type="button" class=${bypass.on ? "" : "danger"} onClick=${() => setAsked("bypass")}>${t(bypass.on ? "bypass.off" : "bypass.on")}</button>`}
      ${may.administer(session) && html`<button type="button" onClick=${() => setAsked("reload")}>${t("reload")}</button>`}
    </div>
    ${walls.length > 0 &&
    html`<nav class="row" aria-label=${t("walls")}><span>${t("labelled", { label: t("walls"), value: "" })}</span>
      ${walls.map((one) => html`<a key=${one.name} href=${`/wall/${segment(one.name)}`}>${one.title || one.name}</a>`)}</nav>`}
    ${closing &&
    html`<${ActDialog} title=${`${t("site.close_now")} – ${closing.name}`} verb=${t("site.close_now")} danger close=${() => setClosing(null)}
      send=${() => close(closing, true)}><p>${t("site.close_now.sure")}</p><//>`}
    ${asked === "reload" && html`<${ReloadDialog} close=${() => setAsked("")} />`}
    ${asked === "bypass" &&
    html`<${ActDialog} title=${t(bypass.on ? "bypass.off" : "bypass.on")} verb=${t(bypass.on ? "bypass.off" : "bypass.on")} danger
      close=${() => setAsked("")}
      send=${async () => setBypass(await post("/api/bypass", { on: !bypass.on }))}><p>${t("bypass.what")}</p><//>`}
  </section>`;
}

/** Whether a calendar is open; if not, why, and when it opens. */
function Calendar({ row, closures, named }) {
  const t = useText();
  const now = useNow();
  const speaks = useRegion();
  const why = whyClosed(row, closures);
  const said = [
    row.closed && t(row.by ? "site.by_hand" : "site.by_hand.nobody", { by: named(row.by) }),
    why === "closure" && t("site.by_closure", { by: named(closureOf(row, closures).by) }),
    why === "hours" && t("site.by_hours"),
    why && row.opens !== "" && t("site.opens", { at: moment(row.opens, now, speaks) }),
  ];
  return html`<span>${t("labelled", { label: row.name, value: "" })}<strong>${t(row.open ? "site.open" : "site.closed")}</strong>${said.filter(Boolean).map((one) => ` · ${one}`)}</span>`;
}

/** Shows what a reload would change, or every fault that keeps it from being applied. */
function ReloadDialog({ close }) {
  const t = useText();
  const [report, setReport] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    post("/api/reload", { dry_run: true }).then(setReport, setProblem);
  }, []);
  async function apply(force) {
    setBusy(true);
    try {
      await post("/api/reload", { force });
      say({ key: "reload.done" });
      close();
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
    }
  }
  const faults = problem?.body?.faults || [];
  return html`<${Dialog} title=${t("reload")} close=${close} wide>
    ${problem && faults.length === 0 && html`<p class="problem" role="alert">${problemText(t, problem)}</p>`}
    ${faults.length > 0 &&
    html`<p class="problem" role="alert">${sentenceOf(t, problem)}</p><p>${t("reload.why")}</p>
      <ol class="lines faults">${saidIn(t, faults, problem.body.faults_parts).map((one) => html`<li key=${one}>${one}</li>`)}</ol>`}
    ${!report && !problem && html`<p>${t("reload.looking")}</p>`}
    ${report && !faults.length && html`<${Changes} report=${report} />`}
    <footer class="row end">
      <button type="button" onClick=${close}>${t("cancel")}</button>
      ${report && !faults.length && (report.refused.length
        ? html`<button type="button" class="danger" disabled=${busy} onClick=${() => apply(true)}>${t("reload.force")}</button>`
        : html`<button type="button" class="primary" disabled=${busy || !report.changes.length} onClick=${() => apply(false)}>${t("reload.apply")}</button>`)}
    </footer>
  <//>`;
}

/** Sentences of the server in the reader's language; `parts`: the template and the values of each. */
const saidIn = (t, texts, parts) => texts.map((text, index) => sentenceIn(t.language, { text, ...parts[index] }));

function Changes({ report }) {
  const t = useText();
  if (!report.changes.length) return html`<p>${t("reload.nothing")}</p>`;
  const affected = (row) => ["callers", "callbacks", "talks", "attempts"].filter((key) => row[key].length).map((key) => t("labelled", { label: t(`reload.${key}`), value: row[key].length }));
  return html`${saidIn(t, report.refused, report.refused_parts).map((line) => html`<p class="problem" key=${line}>${line}</p>`)}
    ${report.warnings.length > 0 && html`<details><summary>${t("reload.warnings", { count: report.warnings.length })}</summary>
      <ul class="plain lines">${saidIn(t, report.warnings, report.warnings_parts).map((line) => html`<li key=${line}>${line}</li>`)}</ul></details>`}
    <table><thead><tr><th scope="col">${t("reload.what")}</th><th scope="col">${t("reload.change")}</th><th scope="col">${t("reload.affects")}</th></tr></thead>
      <tbody>${report.changes.map(
        (row) => html`<tr key=${`${row.kind}${row.name}`}><th scope="row">${t(`reload.kind.${row.kind}`)} ${row.name}</th>
          <td>${t(`change.${row.change}`)} ${row.renamed_from} <small>${row.settings.join(", ")}</small></td>
          <td>${[...affected(row), ...saidIn(t, [row.note], [row.note_parts])].filter(Boolean).join(" · ")}</td></tr>`,
      )}</tbody></table>
    <${ChangedKeys} keys=${report.keys} />`;
}

/** Every key with its old and new value, as the server tells them: without secrets. */
function ChangedKeys({ keys }) {
  const t = useText();
  if (!keys.length) return null;
  return html`<table><caption>${t("reload.keys")}</caption>
    <thead><tr><th scope="col">${t("reload.key")}</th><th scope="col">${t("reload.old")}</th><th scope="col">${t("reload.new")}</th></tr></thead>
    <tbody>${keys.map((row) => html`<tr key=${row.key}><th scope="row">${row.key}</th><td>${row.old || "–"}</td><td>${row.new || "–"}</td></tr>`)}</tbody></table>`;
}
