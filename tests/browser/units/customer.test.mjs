import assert from "node:assert/strict";
import test from "node:test";
import { firstTime } from "../../../callbridge/web/src/pure/customer.js";

function storage(first = {}) {
  const kept = { ...first };
  return { getItem: (key) => kept[key] ?? null, setItem: (key, value) => (kept[key] = value), kept };
}

test("the link of a call is opened once, in all tabs together", () => {
  const one = storage();
  assert.equal(firstTime(() => one, "c1"), true);
  assert.equal(firstTime(() => one, "c1"), false);
  assert.equal(firstTime(() => one, "c2"), true);
  assert.equal(firstTime(() => one, "c1"), false);
});

test("only the last calls are remembered", () => {
  const one = storage();
  for (let number = 0; number < 60; number++) firstTime(() => one, `c${number}`);
  assert.equal(JSON.parse(one.kept["callbridge.crm"]).length, 50);
  assert.equal(firstTime(() => one, "c59"), false);
});

test("storage that is forbidden, full or someone else's does no harm", () => {
  const refuses = () => {
    throw new Error("SecurityError");
  };
  assert.equal(firstTime(refuses, "c1"), true);
  assert.equal(firstTime(() => storage({ "callbridge.crm": "{" }), "c1"), true);
  assert.equal(firstTime(() => storage({ "callbridge.crm": '{"a":1}' }), "c1"), true);
});
