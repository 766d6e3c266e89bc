// The queues; choosing one limits the tables below to it.

import { LongestWait } from "../pages/wall.js";
import { clock, count, levelGrade, percent } from "../pure/format.js";
import { rowsOf } from "../pure/views.js";
import { FIGURES } from "../pure/wall.js";
import { html } from "./html.js";
import { keep } from "./keep.js";
import { Empty, Graded } from "./marks.js";
import { useText } from "./preferences.js";

export function QueuesTable({ known, queue, choose, explain }) {
  const t = useText();
  const rows = rowsOf(known, "queues");
  const heads = ["waiting", "longest_wait", "ewt", "service_level", "answered", "abandoned"];
  heads.push("agents_ready", "agents_talking", "agents_wrap_up", "agents_not_ready", "callbacks");
  if (!rows.length) return html`<section class="card"><h2>${t("queues")}</h2><${Empty}>${t("wall.no_queues")}<//></section>`;
  return html`<section class="card" aria-label=${t("queues")}>
    <header class="row"><h2>${t("queues")}</h2>
      ${queue && html`<button type="button" class="quiet" onClick=${() => choose("")}>${t("queues.all")}</button>`}</header>
    <div class="scroll" tabindex="0" role="group" aria-label=${t("queues")}><table class="queues">
      <thead><tr><th scope="col">${t("queue")}</th>
        ${heads.map((head) => html`<th scope="col" key=${head}>${t(`figure.${head}`)}</th>`)}<th scope="col"><span class="unseen">${t("acts")}</span></th></tr></thead>
      <tbody>${rows.map(
        (row) => html`<${QueueRow} key=${row.name} row=${row} chosen=${row.name === queue} choose=${choose} explain=${explain} />`,
      )}</tbody></table></div>
  </section>`;
}

const QueueRow = keep(({ row, chosen, choose, explain }) => {
  const t = useText();
  return html`<tr class=${chosen ? "chosen" : ""}>
    <th scope="row"><button type="button" class="link" aria-pressed=${chosen ? "true" : "false"}
      onClick=${() => choose(chosen ? "" : row.name)}>${row.name}</button></th>
    <td>${count(row.waiting)}</td><td><${LongestWait} row=${row} /></td><td>${clock(row.ewt_seconds)}</td>
    <td><${Graded} grade=${levelGrade(row.sl, row.sl_target)}>${percent(row.sl)}<//></td>
    <td>${count(row.answered)}</td><td>${count(row.abandoned)}</td><td>${count(row.agents_ready)}</td>
    <td>${FIGURES.agents_talking(row)}</td><td>${count(row.agents_wrap_up)}</td><td>${FIGURES.agents_not_ready(row)}</td>
    <td>${count(row.callbacks_waiting)}</td>
    <td><button type="button" class="small" onClick=${() => explain("queues", row.name)}>${t("explain")}</button></td>
  </tr>`;
});
