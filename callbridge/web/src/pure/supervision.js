// Who supervises a call, as the supervisors' page shows it. Pure.

import { nameWithId } from "./agent.js";

/** Whether this user, by the name of the log-in, supervises the call, or is about to. */
export const supervises = (row, user) => (row.supervisors || []).some((one) => one.by === user);

/** What a supervisor does in a call now; until the phone was answered, that it rings. */
export function supervisorText(t, one) {
  return t(`supervision.${one.connected ? one.mode : "rings"}`, { name: nameWithId(one.by, one.name) });
}
