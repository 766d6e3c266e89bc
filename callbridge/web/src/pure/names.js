// Names of agents, of which the history has only the ids; and fields that take names for ids. Pure.

import { nameWithId } from "./agent.js";

const MOST_COMMAS = 3;
/** In one name that is typed among others. */

/** `listed`: what there is, each `{ value, name, label }`. Returns `named(id)`: its label, or the id itself of what is not listed. */
export function namerOf(listed = []) {
  const labels = new Map(listed.map((one) => [one.value, one.label]));
  return (id) => labels.get(id) ?? id;
}

/** Everybody who has a name, as `listed`, by the answer of the server. */
export const directoryOf = ({ agents = {}, users = {} }) =>
  Object.entries({ ...users, ...agents }).map(([value, name]) => ({ value, name, label: nameWithId(value, name) }));

/** `listed`, and the agents of `directory`, the answer of the server, who are not: those of other teams. They are found, not suggested. */
export function withOthers(listed, { agents = {} }) {
  const there = new Set(listed.map((one) => one.value));
  return [...listed, ...directoryOf({ agents }).filter((one) => !there.has(one.value)).map((one) => ({ ...one, other: true }))];
}

/** Several agents in one cell, as the server joins them. */
export const namedAll = (named, ids) => (ids || "").split(", ").map(named).join(", ");

const COLUMNS = ["agent", "agents", "reached_agent"];

/** Rows of a report with the names of agents, also where one is the other party of a transfer. */
export function namedRows(rows, named) {
  const party = (row) => {
    const [kind, ...id] = row.party.split(":");
    const label = kind === "agent" ? named(id.join(":")) : "";
    return label && label !== id.join(":") ? label : row.party;
  };
  return rows.map((row) => {
    const shown = { ...row };
    for (const key of COLUMNS) if (typeof row[key] === "string") shown[key] = namedAll(named, row[key]);
    if (typeof row.party === "string") shown.party = party(row);
    return shown;
  });
}

/** What a field shows for the ids of an address, `1001,1002`. */
export function labelsIn(listed, ids) {
  if (!listed) return ids;
  const named = namerOf(listed);
  return ids.split(",").map((one) => named(one.trim())).join(", ");
}

/**
 * The ids that were typed: as such, as labels, or as names that only one has, several with commas, of which a name may have some
 * itself. What is not listed stays as it is: the server says that it does not exist. `parts`: also a part of the name of one alone.
 */
export function idsIn(listed, text, parts = false) {
  if (!listed) return text;
  const known = idsByText(listed);
  const pieces = text.split(",");
  const found = [];
  while (pieces.length) {
    let length = Math.min(pieces.length, MOST_COMMAS + 1);
    while (length > 1 && !known(pieces.slice(0, length).join(","))) length -= 1;
    const piece = pieces.splice(0, length).join(",").trim();
    if (piece) found.push(known(piece) || (parts && onlyOne(listed, piece)) || piece);
  }
  return found.join(",");
}

/** The same of every field that has names: `listed` by field. */
export const idsOf = (typed, listed, parts = false) => Object.fromEntries(Object.entries(typed).map(([key, text]) => [key, idsIn(listed[key], text, parts)]));

/** The id of the only one who has this in a name of their own, or "". A part of an id is not looked for: it may be somebody's of the past. */
function onlyOne(listed, text) {
  const fitting = listed.filter((one) => one.name !== one.value && one.name.toLowerCase().includes(text.toLowerCase()));
  return fitting.length === 1 ? fitting[0].value : "";
}

function idsByText(listed) {
  const found = new Map();
  const plain = (text) => text.trim().toLowerCase();
  for (const { name, value } of listed) found.set(plain(name), found.has(plain(name)) ? "" : value);
  for (const { label, value } of listed) found.set(plain(label), value);
  const ids = new Set(listed.map((one) => one.value));
  return (text) => (ids.has(text.trim()) ? text.trim() : found.get(plain(text)) || "");
}
