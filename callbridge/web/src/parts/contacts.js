// The last contacts with the customer of a call, and whether the customer calls again soon after a talk.

import { useEffect, useState } from "preact/hooks";
import { get, segment } from "../net/api.js";
import { agentNamed } from "../pure/agent.js";
import { outcomeText } from "../pure/words.js";
import { clock, moment } from "../pure/format.js";
import { span } from "../pure/explanation.js";
import { html } from "./html.js";
import { useRegion, useText } from "./preferences.js";
import { useNow } from "./time.js";

const WITHOUT_HISTORY = 501;

/** `call`: its id. Asked once for each call: it is the past. */
export function Contacts({ call }) {
  const t = useText();
  const [found, setFound] = useState(null);
  useEffect(() => {
    let gone = false;
    setFound(null);
    get(`/api/calls/${segment(call)}/contacts`).then(
      (known) => gone || setFound(known),
      (problem) => gone || setFound({ problem }),
    );
    return () => {
      gone = true;
    };
  }, [call]);
  if (!found || found.problem?.status === WITHOUT_HISTORY) return null;
  return html`<section class="contacts" aria-label=${t("contacts")}>
    <h2>${t("contacts")}</h2>
    ${found.problem ? html`<p class="soft">${t("contact.unknown")}</p>` : html`<${Earlier} found=${found} />`}
  </section>`;
}

function Earlier({ found }) {
  const t = useText();
  const now = useNow();
  const speaks = useRegion();
  const { repeated, contacts } = found;
  return html`
    ${repeated &&
    html`<p class="repeated"><strong>${repeatedText(t, repeated)}</strong></p>`}
    ${contacts.length === 0 && html`<p class="soft">${t("contact.none")}</p>`}
    ${contacts.length > 0 &&
    html`<div class="scroll" tabindex="0" role="group" aria-label=${t("contacts")}><table>
      <thead><tr><th scope="col">${t("contact.when")}</th><th scope="col">${t("queue")}</th><th scope="col">${t("agent")}</th>
        <th scope="col">${t("contact.outcome")}</th><th scope="col">${t("contact.talked")}</th></tr></thead>
      <tbody>${contacts.map(
        (one) => html`<tr key=${one.call}><th scope="row">${one.direction === "out" ? "↗ " : ""}${moment(one.at, now, speaks)}</th>
          <td>${one.queue || "–"}</td><td>${agentNamed(one) || "–"}</td>
          <td>${[outcomeOf(t, one), one.disposition_label].filter(Boolean).join(" · ")}
            ${one.note && html`<p class="note">${one.note}</p>`}</td><td>${clock(one.talked)}</td></tr>`,
      )}</tbody></table></div>`}`;
}

/** `agent` is missing where the reader may not know who it was. */
function repeatedText(t, repeated) {
  const agent = agentNamed(repeated);
  return t(agent ? "contact.repeated" : "contact.repeated.unnamed", { agent, ago: span(t.language, repeated.after) });
}

/** What became of it, what an agent said of it; of a call that goes on, or whose end nobody knows, that. */
function outcomeOf(t, one) {
  if (one.outcome) return outcomeText(t, one.outcome);
  return t(one.live ? "contact.live" : "contact.no_outcome");
}
