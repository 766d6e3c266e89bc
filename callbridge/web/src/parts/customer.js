// What is known of the customer: what was typed and looked up, and the customer's page in another system.

import { useEffect, useState } from "preact/hooks";
import { firstTime } from "../pure/customer.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";

export function KnownValues({ call }) {
  return (call.details || []).map(
    (one) => html`<div key=${one.name}><dt>${one.label}</dt><dd>${String(one.value)}</dd></div>`,
  );
}

/** The link; opened by itself once for each call, whichever tab of this browser is the first to see it answered. */
export function CrmLink({ call }) {
  const t = useText();
  const [blocked, setBlocked] = useState(false);
  const url = call.crm?.url;
  const opens = call.crm?.open === "on_answer" && call.state === "talking";
  useEffect(() => {
    if (!url || !opens || !firstTime(() => localStorage, call.id)) return;
    // A window that is opened with "noopener" is never returned, so that one that was blocked would look the same.
    const tab = window.open("about:blank", "_blank");
    setBlocked(!tab);
    if (!tab) return;
    tab.opener = null;
    tab.location.replace(url);
  }, [call.id, opens]);
  if (!url) return null;
  return html`<p class="row crm"><a href=${url} target="_blank" rel="noopener noreferrer">${t("crm.open")}</a>
    ${blocked && html`<span class="problem" role="status">${t("crm.blocked")}</span>`}</p>`;
}
