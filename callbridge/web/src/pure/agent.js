// What an agent's page takes from the views. Pure.

const EMPTY = { agent: null, call: null, reasons: [], dispositions: [] };

/** The own rows: from the part `me`, or found in the lists where the server sends no `me`. */
export function mineOf(known, id) {
  const me = known.parts.me?.me;
  if (me?.agent) return { ...EMPTY, ...me, call: me.call || null, reasons: names(me.reasons), dispositions: me.dispositions || [] };
  const agent = known.parts.agents?.[id];
  if (!agent) return EMPTY;
  return { ...EMPTY, agent, call: known.parts.calls?.[agent.call] || null };
}

const names = (reasons) => (reasons || []).map((one) => (typeof one === "string" ? one : one.reason));

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

const TALK = ["talking", "transferring", "outside"];

/** The acts that make sense for a call in this state; the server decides in the end. */
export function actsOf(call, agent) {
  if (!call || !TALK.includes(call.state)) return [];
  const consulting = call.state === "transferring" || Boolean(call.transfer);
  const acts = consulting ? ["complete", "return", "conference"] : ["transfer", "consult"];
  if (agent.state !== "talking") return consulting ? acts : [];
  if (call.recording === undefined) acts.push("record", "pause-recording", "resume-recording");
  else if (call.recording === "on") acts.push("pause-recording");
  else if (call.recording === "paused") acts.push("resume-recording");
  else acts.push("record");
  return consulting ? acts : [...acts, "survey"];
}

/** Who a call may be given to, by what was typed: queues with their waits, agents with their states, a number. */
export function targetsFor(known, own, search, fits, numberTarget) {
  const queues = Object.values(known.parts.queues || {})
    .filter((row) => fits(row.name, search))
    .map((row) => ({ to: `queue:${row.name}`, kind: "queue", label: row.name, row }));
  const agents = Object.values(known.parts.agents || {})
    .filter((row) => row.id !== own && row.state !== "logged_out" && fits(`${row.id} ${row.name}`, search))
    .sort((a, b) => Number(b.state === "ready") - Number(a.state === "ready") || a.name.localeCompare(b.name))
    .map((row) => ({ to: `agent:${row.id}`, kind: "agent", label: row.name || row.id, row }));
  const number = numberTarget(search);
  return [...(number ? [{ to: number, kind: "number", label: search.trim(), row: null }] : []), ...queues, ...agents];
}
