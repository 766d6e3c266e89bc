// Opening hours: why a calendar is closed, and what a supervisor may close. Pure.

/** Why a calendar is closed: `hand` by somebody, `closure` for a time, `hours` by its own hours; "" while it is open. */
export function whyClosed(calendar, closures) {
  if (calendar.open) return "";
  if (calendar.closed) return "hand";
  return closureOf(calendar, closures) ? "closure" : "hours";
}

/** The closure that keeps this calendar closed now, the last to end. */
export function closureOf(calendar, closures) {
  const holding = closures.filter((one) => one.closed && one.target === `calendar:${calendar.name}`);
  return holding.sort((a, b) => b.ends - a.ends)[0];
}

/** A calendar and an entry concern the whole floor; a supervisor of a team closes the team's queues, and sees no other queues. */
export function mayClose(session, target) {
  return !session.teams?.length || target.startsWith("queue:");
}
