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
  remember(next, rows, Object.keys(news));
  for (const [key, row] of Object.entries(news)) {
    if (row === null) delete next[key];
    else next[key] = row;
  }
  return next;
}

const collator = new Intl.Collator(undefined, { numeric: true });
const ordered = new WeakMap();
/** Rows of a part -> field -> the keys ordered by it: a part that did not change is not ordered again. */
const origins = new WeakMap();
/** Rows of a part -> those that were ordered last, and the keys of all that is not the same any more. */
const MOST_KEYS = 500;

/** Nothing of a part that nobody orders, and never more than one older state: a page is open for days. */
function remember(next, rows, keys) {
  const from = origins.get(rows) || (ordered.has(rows) && { rows, keys: new Set() });
  if (!from || from.keys.size + keys.length > MOST_KEYS) return;
  origins.set(next, { rows: from.rows, keys: new Set([...from.keys, ...keys]) });
}

/** The rows of a part, ordered by one of their fields. */
export function rowsOf(known, part, by = "name") {
  const rows = known.parts[part];
  if (!rows) return [];
  if (!ordered.has(rows)) ordered.set(rows, new Map());
  const found = ordered.get(rows);
  if (!found.has(by)) {
    const keys = keptOrder(rows, by) || Object.keys(rows).sort((a, b) => compared(rows[a][by], rows[b][by]));
    found.set(by, { keys, rows: keys.map((key) => rows[key]) });
    origins.delete(rows);
  }
  return found.get(by).rows;
}

/** The order that the rows had before, if the change did not touch it: ordering a thousand names takes longer than drawing ten. */
function keptOrder(rows, by) {
  const origin = origins.get(rows);
  const before = origin && ordered.get(origin.rows)?.get(by);
  const same = (key) => key in origin.rows && key in rows && origin.rows[key][by] === rows[key][by];
  return before && [...origin.keys].every(same) ? before.keys : null;
}

function compared(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return collator.compare(String(a ?? ""), String(b ?? ""));
}
