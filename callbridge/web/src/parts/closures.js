// What is closed for a time: calendars, queues and entries, with who closed them and why; close and open again.

import { useState } from "preact/hooks";
import { get, post, segment } from "../net/api.js";
import { moment } from "../pure/format.js";
import { mayClose } from "../pure/hours.js";
import { may } from "../pure/routes.js";
import { ActDialog, Dialog } from "./dialog.js";
import { html } from "./html.js";
import { Empty } from "./marks.js";
import { attempt } from "./notices.js";
import { useRegion, useText } from "./preferences.js";
import { useNow } from "./time.js";

/** `named(id)`: an agent or a user with the name. */
export function Closures({ session, rows, named, changed }) {
  const t = useText();
  const now = useNow();
  const speaks = useRegion();
  const [asked, setAsked] = useState(null);
  async function ask() {
    const targets = await attempt(() => get("/api/closures/targets"));
    if (targets) setAsked(targets);
  }
  const reopen = (row) => attempt(() => post(`/api/closures/${segment(row.id)}/reopen`)).then(changed);
  return html`<h3>${t("closures")}</h3>
    ${rows.length === 0 && html`<${Empty}>${t("closures.none")}<//>`}
    <ul class="plain">
      ${rows.map(
        (row) => html`<li key=${row.id} class="row"><span><strong>${targetText(t, row.target)}</strong>
            ${` · ${moment(row.begins, now, speaks)} – ${moment(row.ends, now, speaks)}`}
            ${[row.closed && t("closures.now"), row.reason, row.by && named(row.by)].filter(Boolean).map((one) => ` · ${one}`)}</span>
          ${may.supervise(session) &&
          mayClose(session, row.target) &&
          html`<button type="button" class="small" aria-label=${t("labelled", { label: t("closures.reopen"), value: targetText(t, row.target) })}
            onClick=${() => reopen(row)}>${t("closures.reopen")}</button>`}</li>`,
      )}
    </ul>
    ${may.supervise(session) && html`<div class="row"><button type="button" onClick=${ask}>${t("closures.close")}</button></div>`}
    ${asked?.length === 0 &&
    html`<${Dialog} title=${t("closures.close")} close=${() => setAsked(null)}>
      <p>${t(session.teams?.length ? "closures.nothing.team" : "closures.nothing")}</p><//>`}
    ${asked?.length > 0 && html`<${CloseDialog} targets=${asked} close=${() => setAsked(null)} done=${changed} />`}`;
}

function CloseDialog({ targets, close, done }) {
  const t = useText();
  const epoch = (at) => new Date(at).getTime() / 1000;
  const send = async ({ target, begins, ends, reason }) => {
    await post("/api/closures", { target, ends: epoch(ends), reason, ...(begins ? { begins: epoch(begins) } : {}) });
    done();
  };
  return html`<${ActDialog} title=${t("closures.close")} verb=${t("save")} close=${close} send=${send}>
    <label>${t("closures.target")}<select name="target" required>
      ${targets.map((one) => html`<option key=${one} value=${one}>${targetText(t, one)}</option>`)}</select></label>
    <label>${t("closures.begins")}<input type="datetime-local" name="begins" /></label>
    <label>${t("closures.ends")}<input type="datetime-local" name="ends" required /></label>
    <label>${t("closures.reason")}<input name="reason" maxlength="200" autocomplete="off" /></label>
  <//>`;
}

function targetText(t, target) {
  const kind = target.slice(0, target.indexOf(":"));
  return `${t(`closures.kind.${kind}`)} ${target.slice(kind.length + 1)}`;
}
