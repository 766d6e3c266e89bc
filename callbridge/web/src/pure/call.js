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

export const OUTCOMES = ["answered", "abandoned", "short_abandoned", "overflowed", "failed", "voicemail", "callback", "flow", "left_flow", "diverted", "lost", "busy", "machine", "no_answer"];

/** The query of a page of the search. `page` counts from 0. */
export function searchOf(asked, page, size) {
  const query = new URLSearchParams({ newest: "true", limit: String(size + 1), offset: String(page * size) });
  for (const key of ["from", "to", "number", "queue", "agent", "tier", "outcome", "score"]) {
    if ((asked[key] || "").trim()) query.set(key, asked[key].trim());
  }
  return query;
}

/** A key of the texts made of the history's own word. */
export const keyOf = (word) => word.replace(/[^a-z]+/g, "_");
