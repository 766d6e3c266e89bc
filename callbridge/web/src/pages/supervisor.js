// What a supervisor sees and does: queues, waiting callers, agents, calls, callbacks, campaigns, alerts, the configuration.

import { useCallback, useEffect, useState } from "preact/hooks";
import { AgentsTable } from "../parts/agents_table.js";
import { Alerts } from "../parts/alerts.js";
import { Callbacks } from "../parts/callbacks.js";
import { Campaigns } from "../parts/campaigns.js";
import { Explanation } from "../parts/explanation.js";
import { html } from "../parts/html.js";
import { StaleBanner } from "../parts/marks.js";
import { useNamed } from "../parts/names.js";
import { PhonePanel, usePhone } from "../parts/phone.js";
import { useText } from "../parts/preferences.js";
import { QueuesTable } from "../parts/queues_table.js";
import { CallsTable } from "../parts/calls_table.js";
import { Site } from "../parts/site.js";
import { useViews } from "../parts/views.js";
import { useWaiting } from "../parts/waiting.js";
import { WaitingTable } from "../parts/waiting_table.js";

export function SupervisorPage({ session, expired }) {
  const t = useText();
  const parts = "queues,agents,calls,callbacks,campaigns,alerts";
  const { known, status, code } = useViews(`/api/views?parts=${parts}`, (refused) => refused === 401 && expired());
  const waiting = useWaiting(known);
  const [queue, setQueue] = useState("");
  const [explained, setExplained] = useState(null);
  useEffect(() => {
    document.title = `${t("page.supervisor")} – callbridge`;
  });
  const explain = useCallback((kind, name, label) => setExplained({ kind, name, label }), []); // the same one, for rows that are kept
  const phone = usePhone(session.phone);
  const named = useNamed();
  const shared = { known, session, queue, explain };
  return html`<div class="supervisor-page">
    <h1 class="unseen">${t("page.supervisor")}</h1>
    <${StaleBanner} status=${status} code=${code} />
    ${known.whole &&
    html`<${Alerts} known=${known} bypass=${waiting.bypass} explain=${explain} />
      ${session.phone && html`<${PhonePanel} phone=${phone} />`}
      <${QueuesTable} ...${shared} choose=${setQueue} />
      <${WaitingTable} ...${shared} waiting=${waiting} />
      <${AgentsTable} ...${shared} />
      <${CallsTable} ...${shared} />
      <${Callbacks} ...${shared} named=${named} />
      <${Campaigns} ...${shared} />
      <${Site} session=${session} named=${named} />`}
    ${explained && html`<${Explanation} ...${explained} close=${() => setExplained(null)} />`}
  </div>`;
}
