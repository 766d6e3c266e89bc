import assert from "node:assert/strict";
import { test } from "node:test";
import { closureOf, mayClose, whyClosed } from "../../../callbridge/web/src/pure/hours.js";

const closed = { name: "office", open: false, closed: false };
const closure = { target: "calendar:office", closed: true, ends: 100, by: "maria" };

test("a calendar is closed by hand, for a time, or by its own hours", () => {
  assert.equal(whyClosed({ ...closed, open: true }, [closure]), "");
  assert.equal(whyClosed({ ...closed, closed: true }, [closure]), "hand");
  assert.equal(whyClosed(closed, [closure]), "closure");
  assert.equal(whyClosed(closed, []), "hours");
});

test("a closure of something else, or one that has not begun, closes no calendar", () => {
  assert.equal(whyClosed(closed, [{ ...closure, target: "queue:office" }, { ...closure, closed: false }]), "hours");
});

test("of several closures the last to end counts", () => {
  assert.equal(closureOf(closed, [closure, { ...closure, ends: 300, by: "zoe" }, { ...closure, ends: 200 }]).by, "zoe");
});

test("a supervisor of a team closes queues only, one of the whole floor everything", () => {
  for (const target of ["calendar:office", "entry:main", "queue:support"]) {
    assert.equal(mayClose({ teams: [] }, target), true);
    assert.equal(mayClose({ teams: ["front"] }, target), target === "queue:support");
  }
});
