// The server's time, ticking here: between two messages every clock goes on by itself.

import { useEffect, useRef } from "preact/hooks";
import { clock } from "../pure/format.js";
import { html } from "./html.js";
import { store, useStore } from "./store.js";

const offset = store(0);
/** The server's clock minus ours, in seconds. */
export const setOffset = (value) => offset.set(value);

export const serverNow = () => Date.now() / 1000 + offset.get();

const tick = store(Math.floor(Date.now() / 1000));
setInterval(() => tick.set(Math.floor(Date.now() / 1000)), 1000);

/** The server's time, once a second. */
export function useNow() {
  useStore(tick);
  return serverNow();
}

/** How long until then, counting down; how far over it, with a minus. */
export function Left({ at }) {
  const left = Math.ceil(at - useNow());
  return html`<span class=${`clock ${left < 0 ? "over" : ""}`}>${left < 0 ? "−" : ""}${clock(Math.abs(left))}</span>`;
}

/** How long ago, counting up. Long tables have hundreds of them, so the text alone is changed, without drawing anything again. */
export function Since({ at }) {
  const place = useRef(null);
  const text = () => clock(at === "" || at === undefined ? "" : serverNow() - at);
  useEffect(() => {
    const show = () => {
      const said = text();
      if (place.current && place.current.textContent !== said) place.current.textContent = said;
    };
    show();
    return tick.subscribe(show);
  }, [at]);
  return html`<span class="clock" ref=${place}>${text()}</span>`;
}
