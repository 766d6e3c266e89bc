// The stream of a page as a hook.

import { useEffect, useState } from "preact/hooks";
import { follow } from "../net/live.js";
import { NOTHING } from "../pure/views.js";
import { setOffset } from "./time.js";

const [PACE, LARGE_PACE] = [250, 500];
/** Milliseconds between two drawings at least, however many messages come; the second for a page with many rows. */
const MANY_ROWS = 300;

function paceOf(known) {
  const rows = Object.values(known.parts).reduce((sum, part) => sum + Object.keys(part).length, 0);
  return rows > MANY_ROWS ? LARGE_PACE : PACE;
}

/** `{ known, status, code }`; `refused(code)` is called when the server does not let us in. */
export function useViews(url, refused) {
  const [known, setKnown] = useState(NOTHING);
  const [state, setState] = useState({ status: "connecting", code: 0 });
  useEffect(() => {
    const pace = paced((next) => {
      if (next.whole) setOffset(next.offset);
      setKnown(next);
    });
    const end = follow(url, pace.take, (status, code = 0) => {
      setState((now) => (now.status === status && now.code === code ? now : { status, code }));
      if (status === "refused") refused?.(code);
    });
    return () => {
      end();
      pace.end();
    };
  }, [url]);
  return { known, ...state };
}

/** The first value at once, without a timer: a tab in the background has its timers once a minute, and calls come there, too. */
function paced(draw) {
  let [last, timer, latest] = [-LARGE_PACE, 0, null];
  function now() {
    clearTimeout(timer);
    timer = 0;
    last = performance.now();
    draw(latest);
  }
  return {
    take(value) {
      latest = value;
      const left = last + paceOf(value) - performance.now();
      if (left <= 0) now();
      else timer = timer || setTimeout(now, left);
    },
    end: () => clearTimeout(timer),
  };
}
