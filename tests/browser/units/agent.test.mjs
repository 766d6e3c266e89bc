import assert from "node:assert/strict";
import { test } from "node:test";
import { actsOf, failedTransfer, mineOf, newCall, targetsFor } from "../../../callbridge/web/src/pure/agent.js";
import { matches, numberTarget } from "../../../callbridge/web/src/pure/format.js";
import { text as translated } from "../../../callbridge/web/src/pure/language.js";
import { homeOf, pageOf } from "../../../callbridge/web/src/pure/routes.js";
import { pressed, SHORTCUTS } from "../../../callbridge/web/src/pure/shortcuts.js";
import { pauseBefore, SILENCE, silent } from "../../../callbridge/web/src/pure/staleness.js";
import { figuresOf, layoutOf, totalsOf } from "../../../callbridge/web/src/pure/wall.js";

test("an agent's rows come from `me`, else from the lists", () => {
  const rows = { agents: { ann: { id: "ann", call: "c1" } }, calls: { c1: { id: "c1" } } };
  assert.deepEqual(mineOf({ parts: rows }, "ann").call, { id: "c1" });
  const me = { agent: { id: "ann" }, call: { id: "c1", name: "Eve" }, after: null, dispositions: [{ code: "sold", label: "Sold" }], can: { survey: true } };
  const { dispositions: codes, ...rest } = me;
  assert.deepEqual(mineOf({ parts: { ...rows, me: { me } } }, "ann"), { ...rest, codes });
  assert.equal(mineOf({ parts: {} }, "ann").agent, null);
});

test("a call rings once, and not because the page was opened during it", () => {
  const ringing = { state: "ringing", call: "c1" };
  assert.equal(newCall(null, ringing), false);
  assert.equal(newCall({ state: "ready", call: "" }, ringing), true);
  assert.equal(newCall(ringing, { state: "talking", call: "c1" }), false);
  assert.equal(newCall({ state: "ready", call: "" }, { state: "talking", call: "c2" }), true);
});

test("only the acts that make sense are offered", () => {
  const [ann, talk] = [{ id: "ann", state: "talking" }, { state: "talking", agent: "ann", transfer: "", recording: "", held_by: "" }];
  const can = { record: true, survey: true };
  assert.deepEqual(actsOf(null, { id: "ann", state: "ready" }), []);
  assert.deepEqual(actsOf({ ...talk, state: "offered" }, { id: "ann", state: "ringing" }), []);
  assert.deepEqual(actsOf(talk, ann), ["transfer", "consult", "hold"]);
  assert.deepEqual(actsOf(talk, ann, can), ["transfer", "consult", "hold", "record", "survey"]);
  assert.deepEqual(actsOf({ ...talk, held_by: "request" }, ann), ["transfer", "consult", "unhold"]);
  assert.deepEqual(actsOf({ ...talk, held_by: "phone" }, ann), ["transfer", "consult"]);
  assert.deepEqual(actsOf({ ...talk, recording: "on" }, ann, can), ["transfer", "consult", "hold", "pause-recording", "survey"]);
  assert.deepEqual(actsOf({ ...talk, recording: "paused" }, ann, can), ["transfer", "consult", "hold", "resume-recording", "survey"]);
  assert.deepEqual(actsOf({ ...talk, transfer: "ringing" }, ann, can), ["complete", "return", "record"]);
  assert.deepEqual(actsOf({ ...talk, transfer: "consulting" }, ann, can), ["complete", "return", "conference", "record"]);
  assert.deepEqual(actsOf({ ...talk, transfer: "conference" }, ann, can), ["complete", "return", "record"]);
  assert.deepEqual(actsOf({ ...talk, transfer: "consulting" }, { id: "ben", state: "talking" }), []); // who is consulted
});

test("transfer targets: queues, agents who are ready first, never oneself, and last a number that was typed", () => {
  const rows = [["a", "Ada", "talking"], ["b", "Bob", "ready"], ["c", "Cy", "logged_out"], ["me", "Me", "talking"]];
  const listed = { queues: [{ name: "sales" }], agents: rows.map(([id, name, state]) => ({ id, name, state })) };
  const found = (search) => targetsFor(listed, "me", search, matches, numberTarget).map((one) => one.to);
  assert.deepEqual(found(""), ["queue:sales", "agent:b", "agent:a"]);
  assert.deepEqual(found("030 1"), ["number:0301"]);
  assert.deepEqual(found("sal"), ["queue:sales"]);
  const ben = { queues: [], agents: [{ id: "1003", name: "Ben Carter", state: "ready" }, { id: "1004", name: "", state: "ready" }] };
  const labels = (search) => targetsFor(ben, "me", search, matches, numberTarget).map((one) => one.label);
  assert.deepEqual(labels("1003"), ["Ben Carter (1003)", "1003"]); // Enter takes the first
  assert.deepEqual(labels("1004"), ["1004", "1004"]);
});

test("a shortcut is its keys and no others, on every layout", () => {
  const NONE = { altKey: false, ctrlKey: false, metaKey: false, shiftKey: false };
  const alt = (code, more = {}) => pressed({ ...NONE, altKey: true, code, ...more });
  assert.deepEqual([alt("KeyN"), alt("KeyO"), alt("Enter"), alt("KeyZ"), alt("KeyEnter")], ["not_ready", "note", "", "", ""]);
  assert.deepEqual(["ctrlKey", "metaKey", "shiftKey"].map((held) => alt("KeyN", { [held]: true })), ["", "", ""]); // AltGr is both
  const control = ["Enter", "NumpadEnter", "KeyN"].map((code) => pressed({ ...NONE, ctrlKey: true, code }));
  assert.deepEqual(control, ["save_note", "save_note", ""]);
  assert.equal(pressed({ ...NONE, code: "KeyN" }), "");
  const keys = Object.values(SHORTCUTS).map((one) => one.join());
  assert.equal(new Set(keys).size, keys.length);
});

test("addresses name pages, and a broken one none", () => {
  assert.deepEqual(pageOf("/wall/a%20b"), { page: "wall", name: "a b" });
  assert.deepEqual(pageOf("/wall/%E0%A4%A"), { page: "wall", name: "%E0%A4%A" });
  assert.deepEqual(["/", "/agent", "/supervisor", "/wall/", "/x"].map((path) => pageOf(path).page), ["home", "agent", "supervisor", "home", "home"]);
  assert.deepEqual(["agent", "supervisor", "admin", "viewer"].map((role) => homeOf({ role })), ["/agent", ...Array(3).fill("/supervisor")]);
});

test("silence is noticed, and browsers do not come back all at once", () => {
  assert.ok(!silent(100, 100 + SILENCE));
  assert.ok(silent(100, 100.1 + SILENCE));
  assert.ok(pauseBefore(0, 0) < pauseBefore(0, 1));
  assert.ok(pauseBefore(50, 1) <= 10);
});

test("a wallboard adds only what may be added, and unknown figures are left out", () => {
  assert.deepEqual(figuresOf(["service_level", "nonsense"]), ["service_level"]);
  assert.ok(figuresOf(undefined).includes("waiting"));
  assert.deepEqual(totalsOf([{ waiting: 1, answered: 2 }, { waiting: 3, abandoned: 1 }]), { waiting: 4, answered: 2, abandoned: 1, callbacks: 0 });
});

test("a wall's figures are as large as the screen allows, however many there are", () => {
  const usual = figuresOf([]);
  const sizes = [1, 2, 3, 4, 6, 9, 20].map((queues) => layoutOf(queues, usual, 16 / 9).size);
  assert.ok(sizes.every((size, index) => index === 0 || size <= sizes[index - 1]), sizes.join());
  assert.ok(sizes[5] > 100 / 32, sizes.join()); // nine queues: read from six metres
  assert.equal(layoutOf(2, usual, 16 / 9).boards, 2);
  assert.ok(layoutOf(4, usual, 9 / 16).size < layoutOf(4, usual, 16 / 9).size); // a screen on its side is narrow
  assert.ok(layoutOf(9, ["waiting"], 16 / 9).size > layoutOf(9, usual, 16 / 9).size);
});

test("a transfer or consult that failed is told with its target and the reason", () => {
  const failed = { transfer_failed: "no_answer", transfer_failed_to: "agent:1003" };
  for (const [language, text] of [["en", "Agent Ben (1003): no answer; the caller is back"], ["zh", "坐席 Ben (1003)：无人接听，来电者已回到您这里"]]) {
    assert.equal(failedTransfer((key, values) => translated(language, key, values), failed, () => "Ben (1003)"), text);
  }
  assert.equal(failedTransfer(String, { transfer_failed: "" }, String), "");
});
