// Campaigns: how they run, why nobody is dialled, and the abandon rate beside what is allowed.

import { post, segment } from "../net/api.js";
import { sentenceIn } from "../pure/explanation.js";
import { count, percent } from "../pure/format.js";
import { may } from "../pure/routes.js";
import { rowsOf } from "../pure/views.js";
import { html } from "./html.js";
import { Graded } from "./marks.js";
import { attempt } from "./notices.js";
import { useText } from "./preferences.js";

const VERBS = { running: ["pause", "stop"], paused: ["start", "stop"], stopped: ["start"] };

export function Campaigns({ known, session, queue }) {
  const t = useText();
  const rows = rowsOf(known, "campaigns").filter((row) => !queue || row.queue === queue);
  if (!rows.length) return null;
  return html`<section class="card" aria-label=${t("campaigns")}>
    <h2>${t("campaigns")}</h2>
    <div class="scroll" tabindex="0" role="group" aria-label=${t("campaigns")}><table>
      <thead><tr><th scope="col">${t("campaign")}</th><th scope="col">${t("call.state")}</th><th scope="col">${t("campaigns.leads")}</th>
        <th scope="col">${t("campaigns.lines")}</th><th scope="col">${t("campaigns.talking")}</th><th scope="col">${t("campaigns.abandoned")}</th>
        <th scope="col">${t("campaigns.why")}</th><th scope="col"><span class="unseen">${t("acts")}</span></th></tr></thead>
      <tbody>${rows.map(
        (row) => html`<tr key=${row.name}><th scope="row">${row.name} <small>${t(`mode.${row.mode}`)} · ${row.queue}</small></th>
          <td>${t(`campaign.${row.state}`)}</td><td>${count(row.leads_ready)}</td><td>${count(row.outstanding)}</td><td>${count(row.talking)}</td>
          <td><${Graded} grade=${row.abandon_rate > row.cap ? "missed" : "met"}>${percent(row.abandon_rate)} / ${percent(row.cap)}<//></td>
          <td>${row.why_not ? sentenceIn(t.language, { text: row.why_not, ...row.why_not_parts }) : row.why && t(`pacing.${row.why}`)}</td>
          <td class="acts">${may.supervise(session) &&
          (VERBS[row.state] || []).map(
            (verb) => html`<button type="button" class="small" key=${verb}
              onClick=${() => attempt(() => post(`/api/campaigns/${segment(row.name)}/${verb}`))}>${t(`campaign.${verb}`)}</button>`,
          )}</td></tr>`,
      )}</tbody></table></div>
  </section>`;
}
