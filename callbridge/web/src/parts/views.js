// The stream of a page as a hook.

import { useEffect, useState } from "preact/hooks";
import { follow } from "../net/live.js";
import { NOTHING } from "../pure/views.js";
import { setOffset } from "./time.js";

/** `{ known, status, code }`; `refused(code)` is called when the server does not let us in. */
export function useViews(url, refused) {
  const [known, setKnown] = useState(NOTHING);
  const [state, setState] = useState({ status: "connecting", code: 0 });
  useEffect(
    () =>
      follow(
        url,
        (next) => {
          setOffset(next.offset);
          setKnown(next);
        },
        (status, code = 0) => {
          setState((now) => (now.status === status && now.code === code ? now : { status, code }));
          if (status === "refused") refused?.(code);
        },
      ),
    [url],
  );
  return { known, ...state };
}
