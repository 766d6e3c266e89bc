import assert from "node:assert/strict";
import { test } from "node:test";
import { supervises, supervisorText } from "../../../callbridge/web/src/pure/supervision.js";
import { actsFor, isReached, placedText } from "../../../callbridge/web/src/pure/waiting.js";
import { applied, NOTHING, rowsOf } from "../../../callbridge/web/src/pure/views.js";

const whole = { seq: 5, at: 100, parts: { queues: { a: { name: "a", waiting: 1 }, b: { name: "b", waiting: 0 } } } };
const start = applied(NOTHING, "whole", whole, 90);

test("the whole replaces everything and tells the server's clock", () => {
  assert.equal(start.offset, 10);
  const again = applied(start, "whole", { seq: 1, at: 200, parts: { agents: {} } }, 200);
  assert.deepEqual(again.parts, { agents: {} });
  assert.equal(again.seq, 1);
});

test("a delta replaces whole rows, adds and removes them, and leaves the old value as it was", () => {
  const parts = { queues: { a: { name: "a", waiting: 2 }, b: null, c: { name: "c", waiting: 3 } }, calls: { x: { id: "x" } } };
  const next = applied(start, "delta", { seq: 6, at: 101, parts }, 91);
  assert.deepEqual(next.parts, { queues: { a: { name: "a", waiting: 2 }, c: { name: "c", waiting: 3 } }, calls: { x: { id: "x" } } });
  assert.deepEqual(start.parts, whole.parts);
});

test("a delta without a whole, an old one and an unknown event change nothing", () => {
  assert.equal(applied(NOTHING, "delta", { seq: 9, at: 1, parts: { queues: { a: {} } } }, 1), NOTHING);
  assert.equal(applied(start, "delta", { seq: 5, at: 101, parts: { queues: { a: null } } }, 91), start);
  assert.equal(applied(start, "hello", { seq: 9 }, 91), start);
});

test("the parts that did not change stay the same objects", () => {
  const both = applied(NOTHING, "whole", { seq: 1, at: 1, parts: { queues: {}, agents: {} } }, 1);
  const next = applied(both, "delta", { seq: 2, at: 2, parts: { queues: { a: {} } } }, 2);
  assert.equal(next.parts.agents, both.parts.agents);
});

test("rows are ordered by a field, numbers in names as numbers", () => {
  const known = { parts: { agents: { x: { id: "10" }, y: { id: "9" } }, calls: { x: { at: 10 }, y: { at: 9 } } } };
  assert.deepEqual(rowsOf(known, "agents", "id").map((row) => row.id), ["9", "10"]);
  assert.deepEqual(rowsOf(known, "calls", "at").map((row) => row.at), [9, 10]);
  assert.deepEqual(rowsOf(known, "nothing"), []);
});

test("rows keep their order through changes of other fields, and are ordered again when it is touched", () => {
  let known = applied(NOTHING, "whole", { seq: 1, at: 0, parts: { agents: { 1: { name: "b", n: 1 }, 2: { name: "a", n: 1 }, 3: { name: "c", n: 1 } } } }, 0);
  const names = () => rowsOf(known, "agents").map((row) => `${row.name}${row.n}`).join(" ");
  const change = (seq, agents) => {
    known = applied(known, "delta", { seq, at: 0, parts: { agents } }, 0);
    return names();
  };
  assert.equal(names(), "a1 b1 c1");
  assert.equal(change(2, { 1: { name: "b", n: 2 } }), "a1 b2 c1");
  assert.equal(change(3, { 1: { name: "d", n: 3 } }), "a1 c1 d3");
  assert.equal(change(4, { 2: null }), "c1 d3");
  assert.equal(change(5, { 9: { name: "0", n: 5 } }), "05 c1 d3");
  known = applied(known, "delta", { seq: 6, at: 0, parts: { agents: { 9: { name: "z", n: 6 } } } }, 0);
  assert.equal(change(7, { 9: { name: "z", n: 7 } }), "c1 d3 z7"); // a change that nobody had ordered lies between
});

test("a supervisor is named with what is done, and the own supervision is known from another one's", () => {
  const t = (key, { name }) => `${key} ${name}`;
  const [mia, own] = [{ by: "mia", name: "Mia Kern", mode: "barge", connected: true }, { by: "boss", name: "", mode: "listen", connected: false }];
  assert.equal(supervisorText(t, mia), "supervision.barge Mia Kern (mia)");
  assert.equal(supervisorText(t, own), "supervision.rings boss");
  assert.equal(supervises({ supervisors: [mia] }, "boss"), false);
  assert.equal(supervises({ supervisors: [mia, own] }, "boss"), true);
  assert.equal(supervises({}, "boss"), false); // a standby does not know them
});

test("who is being called is told from those who wait, and nothing can be done with the call", () => {
  const t = (key, { campaign }) => `${key} ${campaign}`.trim();
  const [caller, dialled] = [{ state: "waiting", campaign: "", callback: "", reached: true }, { state: "dialling", campaign: "spring", callback: "", reached: false }];
  assert.equal(placedText(t, caller), "");
  assert.equal(placedText(t, dialled), "waiting.campaign.dialling spring");
  assert.equal(placedText(t, { ...dialled, state: "waiting" }), "waiting.campaign.to_call spring");
  assert.equal(placedText(t, { ...dialled, state: "waiting", reached: true }), "waiting.campaign.reached spring");
  assert.equal(placedText(t, { state: "dialling", campaign: "", callback: "cb-1", reached: false }), "waiting.callback.dialling");
  assert.deepEqual(actsFor(dialled), []);
  assert.deepEqual(actsFor({ ...dialled, state: "waiting", reached: true }), []);
  assert.deepEqual(actsFor({ ...dialled, campaign: "", callback: "cb-1" }), []);
  assert.equal(actsFor(caller).length, 4);
  assert.equal(isReached({ state: "waiting" }), true); // a standby does not say
});
