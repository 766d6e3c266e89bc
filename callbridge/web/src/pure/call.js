// One call of the past: what happened, and where that is in its recordings. Pure.

/** Seconds before the first word in which something may still belong to a recording. */
const MARGIN = 1;

/** What happened while this recording ran, each with its place in it in seconds. `at` of a recording is its end. */
export function inRecording(recording, events) {
  const lasted = recording.lasted || 0;
  const began = recording.at - lasted;
  return events
    .filter((one) => one.at >= began - MARGIN && one.at <= recording.at + MARGIN)
    .map((one) => ({ ...one, second: Math.min(lasted, Math.max(0, one.at - began)) }));
}

/** The index of what happened last at this second of the recording; -1: nothing yet. */
export function presentOf(marks, second) {
  return marks.findLastIndex((one) => one.second <= second + 0.05);
}

/** Whether there is something to be heard. */
export const audible = (recording) => Boolean(recording.file) && !recording.deleted_at;

/** How calls end, as the server knows it: see `CALL_OUTCOMES` of `adapters/reports/names.py`. */
export const OUTCOMES = [
  "answered", "abandoned", "short_abandoned", "overflowed", "failed", "voicemail", "callback", "flow", "left_flow", "diverted", "refused", "lost",
  "busy", "no_answer", "rejected", "invalid", "congestion", "machine", "fax", "cancelled", "called_again", "agent_gone", "unsent", "unknown",
];

const FIELDS = ["from", "to", "number", "queue", "agent", "tier", "outcome", "score"];
export const MOST_PAGES = 200;
/** Of the search: the server skips no more rows. */

/** What a page of the search shows by its address: the fields, and which page, from 0. A field that is not there is `usual`. */
export function searchedBy(query, usual) {
  const there = new URLSearchParams(query);
  const typed = Object.fromEntries(FIELDS.map((key) => [key, there.get(key) || usual[key] || ""]));
  const page = Number(there.get("page")) - 1;
  return { typed, page: Number.isInteger(page) && page >= 0 && page < MOST_PAGES ? page : 0 };
}

/** The address of a page of the search, with its period: it shows the same tomorrow. */
export function addressOf(typed, page = 0) {
  const query = filled(typed, new URLSearchParams());
  if (page) query.set("page", String(page + 1));
  return query.size ? `/calls?${query}` : "/calls";
}

/** The query of a page of the search. `page` counts from 0. */
export function searchOf(asked, page, size) {
  return filled(asked, new URLSearchParams({ newest: "true", limit: String(size + 1), offset: String(page * size) }));
}

function filled(typed, query) {
  for (const key of FIELDS) if ((typed[key] || "").trim()) query.set(key, typed[key].trim());
  return query;
}
