// An agent's own figures of today, from the history: nothing is shown where callbridge has no database.

import { useEffect, useState } from "preact/hooks";
import { get, segment } from "../net/api.js";
import { clock, count, percent } from "../pure/format.js";
import { html } from "./html.js";
import { useText } from "./preferences.js";

const EVERY = 60_000;
const AFTER_A_CHANGE = 4_000;
/** Milliseconds: the history is written a moment after it happens. */

const SHOWN = { handled: count, missed: count, talking: clock, wrap_up: clock, aht: clock, occupancy: percent, logged_in: clock };

export function Today({ agent }) {
  const t = useText();
  const [row, setRow] = useState(null);
  useEffect(() => {
    let gone = false;
    const look = () =>
      get(`/api/reports/agents?agent=${segment(agent.id)}`).then(
        (rows) => gone || setRow(rows.find((one) => one.agent === agent.id) || null),
        () => {},
      );
    if (!row) look();
    const soon = setTimeout(look, AFTER_A_CHANGE);
    const again = setInterval(look, EVERY);
    return () => {
      gone = true;
      clearTimeout(soon);
      clearInterval(again);
    };
  }, [agent.id, agent.state]);
  if (!row) return null;
  return html`<section class="card" aria-label=${t("agent.today")}><h2>${t("agent.today")}</h2>
    <dl class="pairs">${Object.entries(SHOWN).map(
      ([key, form]) => html`<div key=${key}><dt>${t(`today.${key}`)}</dt><dd>${form(row[key])}</dd></div>`,
    )}</dl></section>`;
}
