// What a page knows of the server's views, and how a message of the stream changes it. Pure: the old value is never changed.

export const NOTHING = Object.freeze({ seq: 0, at: 0, offset: 0, whole: false, parts: Object.freeze({}) });

/** `now`: this browser's clock in epoch seconds; `offset`: the server's clock minus ours. */
export function applied(known, event, message, now) {
  if (event === "whole") {
    return { seq: message.seq, at: message.at, offset: message.at - now, whole: true, parts: message.parts || {} };
  }
  // A row of a delta means nothing without the whole before it, and one that was heard already is old.
  if (event !== "delta" || !known.whole || message.seq <= known.seq) return known;
  const parts = { ...known.parts };
  for (const [name, rows] of Object.entries(message.parts || {})) parts[name] = changed(parts[name] || {}, rows);
  return { ...known, seq: message.seq, at: message.at, offset: message.at - now, parts };
}

function changed(rows, news) {
  const next = { ...rows };
  for (const [key, row] of Object.entries(news)) {
    if (row === null) delete next[key];
    else next[key] = row;
  }
  return next;
}

const collator = new Intl.Collator(undefined, { numeric: true });
const ordered = new WeakMap();
/** Rows of a part -> field -> the rows ordered by it: a part that did not change is not ordered again. */

/** The rows of a part, ordered by one of their fields. */
export function rowsOf(known, part, by = "name") {
  const rows = known.parts[part];
  if (!rows) return [];
  if (!ordered.has(rows)) ordered.set(rows, new Map());
  const found = ordered.get(rows);
  if (!found.has(by)) found.set(by, Object.values(rows).sort((a, b) => compared(a[by], b[by])));
  return found.get(by);
}

function compared(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return collator.compare(String(a ?? ""), String(b ?? ""));
}
