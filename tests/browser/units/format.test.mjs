import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../../callbridge/web/src/pure/format.js";
import { regionOf, text } from "../../../callbridge/web/src/pure/language.js";

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

test("every kind of alert is said in the reader's language, with the agent's name", () => {
  const said = (language, code, values, queue = "") => format.alertText((key, more) => text(language, key, more), { code, text: "as the server says", queue, values });
  const name = "Chloe Évrard (1005)";
  assert.equal(said("zh", "offers_missed", { name, count: 5 }), "Chloe Évrard (1005)：连续 5 次未接");
  assert.equal(said("en", "offers_missed", { name, count: 5 }), "Chloe Évrard (1005): 5 offers missed in a row");
  assert.equal(said("zh", "nobody_fits", { count: 4 }, "support"), "support：4 个来电在等待，没有合适的坐席就绪");
  assert.equal(said("zh", "reason_limit", { name: "李娜 (1004)", reason: "lunch", lasted: 1260, over: 60 }), "李娜 (1004)：lunch 已持续 21:00，超出上限 1:00");
  assert.equal(said("zh", "phone_misconfigured", { name, trouble: "no_media" }), "Chloe Évrard (1005)：无法呼叫话机（没有可用的媒体描述）");
  assert.equal(said("zh", "phone_misconfigured", { name, trouble: "<b>" }), "Chloe Évrard (1005)：无法呼叫话机（<b>）");
  assert.equal(said("zh", "phone_silent", { name }), "Chloe Évrard (1005)：话机对呼叫没有响应");
  assert.equal(said("zh", "pin_locked", { name, left: 90 }), "Chloe Évrard (1005)：在其他话机的签入已锁定，还剩 1:30：PIN 输错次数过多");
  assert.equal(said("zh", "not_known_here", { name }), "as the server says");
  assert.equal(said("zh", "offers_missed", undefined), "as the server says");
});
