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
 * itself. What is not listed stays as it is: the server says that it does not exist.
 */
export function idsIn(listed, text) {
  if (!listed) return text;
  const known = idsByText(listed);
  const parts = text.split(",");
  const found = [];
  while (parts.length) {
    let length = Math.min(parts.length, MOST_COMMAS + 1);
    while (length > 1 && !known(parts.slice(0, length).join(","))) length -= 1;
    const part = parts.splice(0, length).join(",").trim();
    if (part) found.push(known(part) || part);
  }
  return found.join(",");
}

/** The same of every field that has names: `listed` by field. */
export const idsOf = (typed, listed) => Object.fromEntries(Object.entries(typed).map(([key, text]) => [key, idsIn(listed[key], text)]));

function idsByText(listed) {
  const found = new Map();
  const plain = (text) => text.trim().toLowerCase();
  for (const { name, value } of listed) found.set(plain(name), found.has(plain(name)) ? "" : value);
  for (const { label, value } of listed) found.set(plain(label), value);
  const ids = new Set(listed.map((one) => one.value));
  return (text) => (ids.has(text.trim()) ? text.trim() : found.get(plain(text)) || "");
}
