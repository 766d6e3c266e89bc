// What an agent's page takes from the views. Pure.

import { outcomeText, targetText } from "./words.js";

/** The own rows: from the part `me`, or found in the lists where the server sends no `me`. */
export function mineOf(known, id) {
  const me = known.parts.me?.me;
  if (me?.agent) return { agent: me.agent, call: me.call || null, after: me.after || null, codes: me.dispositions || [], can: me.can || {} };
  const agent = known.parts.agents?.[id] || null;
  return { agent, call: (agent && known.parts.calls?.[agent.call]) || null, after: null, codes: [], can: {} };
}

/** Whether a call has just begun to come. */
export function newCall(before, agent) {
  const coming = agent.state === "ringing" || agent.state === "connecting" || (agent.state === "talking" && Boolean(agent.call));
  return before !== null && coming && Boolean(agent.call) && before.call !== agent.call;
}

/** What the tab of the browser says: the state first, for a tab is narrow. */
export function titleOf(agent, page, named) {
  if (!agent) return `${page} – callbridge`;
  const sign = agent.state === "ringing" ? "☎ " : "";
  return `${sign}${named(agent.state)}${agent.queue ? ` · ${agent.queue}` : ""} – callbridge`;
}

/**
 * What can be done with a call now, by the agent who has it: not by one who is consulted. `can`: what its queue has, a survey and
 * recordings. The server decides in the end.
 */
export function actsOf(call, agent, can = {}) {
  if (!call || call.state !== "talking" || call.agent !== agent.id || agent.state !== "talking") return [];
  const record = can.record ? ["record"] : [];
  const recording = { on: ["pause-recording"], paused: ["resume-recording"] }[call.recording] || record;
  const hold = { request: ["unhold"], phone: [] }[call.held_by] || ["hold"];
  if (call.transfer === "returning") return [];
  if (!call.transfer) return ["transfer", "consult", ...hold, ...recording, ...(can.survey ? ["survey"] : [])];
  return ["complete", "return", ...(call.transfer === "consulting" ? ["conference"] : []), ...recording];
}

/** How the last transfer or consult failed, while the agent has the caller; "" if it did not. */
export function failedTransfer(t, call, named) {
  if (!call.transfer_failed) return "";
  return t("transfer.failed", { to: targetText(t, call.transfer_failed_to, named), result: outcomeText(t, call.transfer_failed) });
}

/** An agent as the server's refusals name one: "Ben Carter (1003)", or the id where no name is known. */
export const nameWithId = (id, name) => (name && name !== id ? `${name} (${id})` : id);

/** The agent of a row that is about something else. */
export const agentNamed = (row) => nameWithId(row.agent, row.agent_name);

/**
 * Who a call may be given to, by what was typed: colleagues and queues that fit, and last an outside number, which what was typed may
 * be, too.
 */
export function targetsFor(listed, own, search, fits, numberTarget) {
  const queues = listed.queues
    .filter((row) => fits(row.name, search))
    .map((row) => ({ to: `queue:${row.name}`, kind: "queue", label: row.name, row }));
  const agents = listed.agents
    .filter((row) => row.id !== own && row.state !== "logged_out" && fits(`${row.id} ${row.name}`, search))
    .sort((a, b) => Number(b.state === "ready") - Number(a.state === "ready") || a.name.localeCompare(b.name))
    .map((row) => ({ to: `agent:${row.id}`, kind: "agent", label: nameWithId(row.id, row.name), row }));
  const number = numberTarget(search);
  return [...queues, ...agents, ...(number ? [{ to: number, kind: "number", label: search.trim(), row: null }] : [])];
}
