// The stream of views: it connects, reads, notices silence and connects again, for days.

import { applied, NOTHING } from "../pure/views.js";
import { sseParser } from "../pure/sse.js";
import { pauseBefore, silent } from "../pure/staleness.js";

const seconds = () => performance.now() / 1000;

/**
 * Follow `url`. `changed(known)` gets the views after each message; `status(word)` gets `live`, `old` or `refused`.
 * Returns a function that ends it.
 */
export function follow(url, changed, status) {
  let known = NOTHING;
  let heardAt = null;
  let attempt = 0;
  let ended = false;
  let current = null;
  let wake = null;

  const watch = setInterval(() => {
    if (current && silent(heardAt, seconds())) {
      status("old");
      current.abort(); // the connection is dead without anybody having said so: begin again
    }
  }, 1000);

  function take(one) {
    heardAt = seconds();
    attempt = 0;
    if (one.event === "whole" || one.event === "delta") {
      known = applied(known, one.event, JSON.parse(one.data), Date.now() / 1000);
      changed(known);
    }
    if (known.whole) status("live");
  }

  async function read() {
    current = new AbortController();
    heardAt = seconds();
    const answer = await fetch(url, { credentials: "same-origin", cache: "no-store", redirect: "error", signal: current.signal });
    if (answer.status === 401 || answer.status === 403 || answer.status === 404) {
      answer.body?.cancel();
      return answer.status;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const parse = sseParser();
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 0;
      for (const one of parse(decoder.decode(value, { stream: true }))) take(one);
    }
  }

  async function run() {
    while (!ended) {
      let code = 0;
      try {
        code = await read();
      } catch {
        // the server is away, or this connection is: both are tried again
      }
      current = null;
      if (ended) return;
      if (code) {
        known = NOTHING; // it is not for us any more
        changed(known);
        status("refused", code); // tried again all the same: the link of a television may be allowed again
      } else {
        status("old");
      }
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, pauseBefore(attempt++, Math.random()) * 1000);
      });
    }
  }

  const hurry = () => {
    attempt = 0;
    wake?.();
  };
  window.addEventListener("online", hurry);
  run();
  return () => {
    ended = true;
    clearInterval(watch);
    window.removeEventListener("online", hurry);
    current?.abort();
    wake?.();
  };
}
