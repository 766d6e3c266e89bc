// The stream of a page as a hook.

import { useEffect, useState } from "preact/hooks";
import { follow } from "../net/live.js";
import { NOTHING } from "../pure/views.js";
import { setOffset } from "./time.js";

const PACE = 250;
/** Milliseconds between two drawings at least, however many messages come. */

/** `{ known, status, code }`; `refused(code)` is called when the server does not let us in. */
export function useViews(url, refused) {
  const [known, setKnown] = useState(NOTHING);
  const [state, setState] = useState({ status: "connecting", code: 0 });
  useEffect(() => {
    const pace = paced((next) => {
      if (next.whole) setOffset(next.offset);
      setKnown(next);
    }, PACE);
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
function paced(draw, pace) {
  let [last, timer, latest] = [-pace, 0, null];
  function now() {
    clearTimeout(timer);
    timer = 0;
    last = performance.now();
    draw(latest);
  }
  return {
    take(value) {
      latest = value;
      const left = last + pace - performance.now();
      if (left <= 0) now();
      else timer = timer || setTimeout(now, left);
    },
    end: () => clearTimeout(timer),
  };
}
