// Who waits, in the order in which the server will serve them: asked for when the stream says that something there changed.

import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../net/api.js";

const NOBODY = { waiting: [], totals: {}, alerts: [], bypass: false };
const APART = 1000;
/** Milliseconds between two questions at least. */
const EVERY = 10_000;
/** And at most: alerts and positions change by time alone. */

export function useWaiting(known) {
  const [waiting, setWaiting] = useState(NOBODY);
  const asked = useRef({ at: -APART, timer: 0, again: false, gone: false });

  function ask() {
    const state = asked.current;
    if (state.timer) {
      state.again = true; // the question may be on its way already
      return;
    }
    state.timer = setTimeout(async () => {
      state.at = performance.now();
      state.again = false;
      try {
        const next = await get("/api/waiting?limit=50");
        if (!state.gone) setWaiting(next);
      } catch {
        // a role that may not see it, or a server that is away: the stream says so
      }
      state.timer = 0;
      if (state.again && !state.gone) ask();
    }, Math.max(0, state.at + APART - performance.now()));
  }

  const sign = JSON.stringify(Object.values(known.parts.queues || {}).map((row) => [row.name, row.waiting, row.oldest_arrived_at]));
  useEffect(() => {
    if (known.whole) ask();
  }, [sign, known.whole, known.parts.calls]);
  useEffect(() => {
    const again = setInterval(ask, EVERY);
    return () => {
      asked.current.gone = true;
      clearInterval(again);
      clearTimeout(asked.current.timer);
    };
  }, []);
  return waiting;
}
