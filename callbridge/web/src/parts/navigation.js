// The address in the browser, as values.

import { store } from "./store.js";

/** Without the query. */
export const pathname = store(location.pathname);
/** With its question mark; "" for none. */
export const query = store(location.search);

window.addEventListener("popstate", follow);

export function go(to, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  follow();
}

function follow() {
  query.set(location.search);
  pathname.set(location.pathname);
}
