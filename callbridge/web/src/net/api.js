// Requests to callbridge's HTTP API, with the session's cookie. What is refused is an ApiProblem with the server's own words.

const ANSWER_WITHIN = 15_000;
/** Milliseconds. */
const AGAIN_AFTER = [300, 1500];
/** Milliseconds before a reading request that did not reach the server is made again: a browser that changes its network ends all. */

export class ApiProblem extends Error {
  constructor(status, detail, body = {}, retryAfter = null) {
    super(detail);
    this.status = status;
    this.body = body;
    this.retryAfter = retryAfter;
  }
}

let whenEnded = () => {};
/** `follower()` is called when an action was refused because nobody is logged in any more. */
export const onSessionEnd = (follower) => {
  whenEnded = follower;
};

/** `patience`: milliseconds within which the answer must be complete. */
export async function request(method, path, body, patience = ANSWER_WITHIN) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), patience);
  const options = { method, credentials: "same-origin", cache: "no-store", redirect: "error", signal: stop.signal };
  if (method !== "GET") {
    options.headers = { "Content-Type": "application/json" };
    if (method !== "DELETE") options.body = JSON.stringify(body ?? {});
  }
  try {
    const answer = await fetch(path, options);
    const text = await answer.text();
    if (answer.status === 401 && method !== "GET" && path !== "/api/session") whenEnded();
    if (!answer.ok) throw problemOf(answer, text);
    return text ? JSON.parse(text) : null;
  } catch (error) {
    if (error instanceof ApiProblem) throw error;
    throw new ApiProblem(0, "");
  } finally {
    clearTimeout(timer);
  }
}

function problemOf(answer, text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // a proxy's page: its status says enough
  }
  return new ApiProblem(answer.status, body.detail || body.title || "", body, Number(answer.headers.get("Retry-After")) || null);
}

export async function get(path, patience = ANSWER_WITHIN) {
  for (const pause of AGAIN_AFTER) {
    const began = performance.now();
    try {
      return await request("GET", path, undefined, patience);
    } catch (problem) {
      if (problem.status !== 0 || performance.now() - began > ANSWER_WITHIN / 2) throw problem;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return request("GET", path, undefined, patience);
}

/** Why a file cannot be had, in the server's words; null: it can. Only its first byte is asked for. */
export async function refusal(path) {
  try {
    const answer = await fetch(path, { credentials: "same-origin", cache: "no-store", redirect: "error", headers: { Range: "bytes=0-0" } });
    return answer.ok ? null : problemOf(answer, await answer.text());
  } catch {
    return new ApiProblem(0, "");
  }
}

export const post = (path, body) => request("POST", path, body);

/** One segment of a path. */
export const segment = encodeURIComponent;
