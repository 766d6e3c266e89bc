// Who waits for an agent: callers, and people whom a campaign or a callback calls. Pure.

/** Whether somebody is on the line; a standby does not say. */
export const isReached = (row) => row.reached !== false;

/** Why somebody is in line who has not called; empty for callers. */
export function placedText(t, row) {
  if (!row.campaign && !row.callback) return "";
  const stage = isReached(row) ? "reached" : row.state === "dialling" ? "dialling" : "to_call";
  return t(`waiting.${row.campaign ? "campaign" : "callback"}.${stage}`, { campaign: row.campaign });
}

/** What the server accepts: nothing for somebody whom a campaign or a callback calls, until an agent talks to them. */
export const actsFor = (row) => (row.campaign || row.callback ? [] : ["pull", "move", "head-start", "hang-up"]);
