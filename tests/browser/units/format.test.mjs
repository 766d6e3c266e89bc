import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../../callbridge/web/src/pure/format.js";
import { regionOf } from "../../../callbridge/web/src/pure/language.js";

test("durations are read as people read them", () => {
  assert.deepEqual([0, 7.9, 59, 60, 754, 3723, -3].map(format.clock), ["0:00", "0:07", "0:59", "1:00", "12:34", "1:02:03", "0:00"]);
  assert.equal(format.clock(""), format.ABSENT);
});

test("a share is 100% only when nothing is missing", () => {
  assert.deepEqual([0, 0.5, 0.996, 1, ""].map(format.percent), ["0%", "50%", "99%", "100%", format.ABSENT]);
});

test("waits and service levels are graded by their target, and by nothing without one", () => {
  assert.deepEqual([5, 15, 20, 20.1].map((wait) => format.waitGrade(wait, 20)), ["met", "near", "near", "missed"]);
  assert.deepEqual([0.8, 0.76, 0.74].map((level) => format.levelGrade(level, 0.8)), ["met", "near", "missed"]);
  assert.deepEqual([format.waitGrade(99, ""), format.waitGrade(99, undefined), format.levelGrade("", 0.8), format.levelGrade(0.1)], Array(4).fill("none"));
});

test("each grade has a sign of its own", () => {
  const signs = ["met", "near", "missed"].map((grade) => format.SIGNS[grade]);
  assert.equal(new Set(signs).size, 3);
  assert.ok(signs.every(Boolean));
});

test("a withheld number is never shown", () => {
  assert.equal(format.numberOf({ number: "+4930123", withheld: true }, "withheld"), "withheld");
  assert.equal(format.numberOf({ number: "" }, "withheld"), "withheld");
  assert.equal(format.numberOf({ number: "+4930123" }, "withheld"), "+4930123");
});

test("a number is dialled without what people write into it, and a word is none", () => {
  assert.equal(format.numberTarget("+49 (30) 123-45"), "number:+493012345");
  for (const text of ["", "maria", "+49;rm", "1".repeat(33)]) assert.equal(format.numberTarget(text), "");
});

test("a search has all of its words in any case", () => {
  assert.ok(format.matches("1001 Maria Lopez", "lopez 10"));
  assert.ok(!format.matches("1001 Maria Lopez", "lopez 20"));
});

test("dates are written as where the reader is", () => {
  const day = Date.UTC(2026, 9, 26, 11) / 1000;
  const written = (wanted, language) => format.moment(day - 86_400 * 24, day, regionOf(language, wanted)).split(" ")[0];
  assert.equal(written(["en-GB", "en"], "en"), "02/10/2026");
  assert.equal(written(["en-US"], "en"), "10/2/2026");
  assert.equal(written(["de-DE"], "en"), "10/2/2026");
});
