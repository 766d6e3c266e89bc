// The callbacks and leads that only this agent is to call, with their times; each can be called before it is due.

import { useEffect, useState } from "preact/hooks";
import { get, post, segment } from "../net/api.js";
import { moment } from "../pure/format.js";
import { html } from "./html.js";
import { attempt } from "./notices.js";
import { useRegion, useText } from "./preferences.js";
import { useNow } from "./time.js";

const EVERY = 20_000;

export function OwnCalls({ agent }) {
  const t = useText();
  const now = useNow();
  const speaks = useRegion();
  const [found, setFound] = useState(null);
  const [turn, setTurn] = useState(0);
  const place = `/api/agents/${segment(agent.id)}/own-calls`;
  useEffect(() => {
    let gone = false;
    const look = () => get(place).then((known) => gone || setFound(known), () => {});
    look();
    const again = setInterval(look, EVERY);
    return () => {
      gone = true;
      clearInterval(again);
    };
  }, [place, agent.state, turn]);
  if (!found || (!found.callbacks.length && !found.leads.length && !found.missing)) return null;

  async function call(kind, id) {
    await attempt(() => post(`${place}/${kind}/${segment(id)}`), "own.call_now.done");
    setTurn(turn + 1);
  }

  const button = (kind, id, name, busy) =>
    html`<button type="button" class="small" disabled=${busy} aria-label=${t("labelled", { label: t("own.call_now"), value: name })}
      onClick=${() => call(kind, id)}>${t("own.call_now")}</button>`;
  return html`<section class="card" aria-label=${t("own.calls")}><h2>${t("own.calls")}</h2>
    ${found.missing && html`<p role="status">${t("own.missing")}</p>`}
    <ul class="plain">
      ${found.callbacks.map(
        (one) => html`<li key=${one.id} class="row"><strong>${[one.name, one.number].filter(Boolean).join(" · ")}</strong><span>${t("own.callback")} · ${one.queue}</span>
          <span>${moment(one.due, now, speaks)}</span>${button("callbacks", one.id, one.number, one.state === "active")}</li>`,
      )}
      ${found.leads.map(
        (one) => html`<li key=${one.id} class="row"><strong>${[one.name, one.number].filter(Boolean).join(" · ")}</strong>
          <span>${t("own.lead")} · ${one.campaign}</span><span>${moment(one.due_at, now, speaks)}</span>
          ${button("leads", one.id, one.number, false)}</li>`,
      )}
    </ul></section>`;
}
