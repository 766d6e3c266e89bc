// The address in the browser, as a value.

import { store } from "./store.js";

/** Without the query. */
export const pathname = store(location.pathname);

window.addEventListener("popstate", () => pathname.set(location.pathname));

export function go(to, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  pathname.set(to.split("?")[0]);
}
