// A review as it is written: the marks of a form, and whether it is complete. Pure.

export const PASS = "pass";
export const FAIL = "fail";
/** Of a fatal criterion; any may be... */
export const NOT_APPLICABLE = "na";
/** ... this, where the form says that it is optional. */

/** What may be marked for a criterion, the best first. */
export function choicesOf(criterion) {
  const marks = criterion.fatal ? [PASS, FAIL] : Array.from({ length: Math.floor(criterion.points) + 1 }, (_, at) => String(criterion.points - at));
  return criterion.optional ? [...marks, NOT_APPLICABLE] : marks;
}

/** The body of the request. `written`: criterion -> { mark, remark, heard }. */
export function bodyOf(criteria, written, comment) {
  const of = (key, form = (value) => value) =>
    Object.fromEntries(criteria.map((one) => [one.name, written[one.name]?.[key]]).filter(([, value]) => value !== undefined && value !== "").map(([name, value]) => [name, form(value)]));
  const points = (mark) => (Number.isNaN(Number(mark)) ? mark : Number(mark));
  return { marks: of("mark", points), remarks: of("remark"), heard_at: of("heard"), comment };
}

/** What is still to be marked. */
export const missingOf = (criteria, written) => criteria.filter((one) => !written[one.name]?.mark);

/** A review that is scored again begins with what was written. */
export function writtenOf(marks) {
  return Object.fromEntries(
    marks.map((one) => [one.criterion, { mark: markOf(one), remark: one.comment, heard: one.heard_at === "" ? undefined : one.heard_at }]),
  );
}

function markOf(one) {
  if (one.mark === "") return NOT_APPLICABLE;
  if (one.fatal) return one.mark ? PASS : FAIL;
  return String(one.mark);
}
