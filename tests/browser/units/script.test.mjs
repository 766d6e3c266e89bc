import assert from "node:assert/strict";
import test from "node:test";
import { nextStep, open, parts, wayTo } from "../../../callbridge/web/src/pure/script.js";

const field = (name, required = false) => ({ name, required });
const step = (more) => ({ text: "", fields: [], branches: [], next: "", ...more });
const script = {
  start: "greet",
  steps: {
    greet: step({ fields: [field("reached", true), field("note")], branches: [{ when: { reached: ["no"] }, to: "bye" }], next: "offer" }),
    offer: step({ branches: [{ when: { reached: ["yes"], plan: ["monthly", "yearly"] }, to: "order" }], next: "bye" }),
    order: step({ next: "bye" }),
    bye: step({}),
  },
};

test("names in braces are filled in, and what is not known is a gap", () => {
  assert.deepEqual(parts("Hello {name}, {x}{<b>}!", { name: "<i>Ann</i>" }), [
    { text: "Hello ", known: true },
    { text: "<i>Ann</i>", known: true },
    { text: ", ", known: true },
    { text: "…", known: false },
    { text: "{<b>}!", known: true },
  ]);
  assert.deepEqual(parts("{name}", { name: "{name}" }), [{ text: "{name}", known: true }]);
});

test("the first branch whose answers were all given decides, else the next step", () => {
  assert.equal(nextStep(script.steps.greet, {}), "offer");
  assert.equal(nextStep(script.steps.greet, { reached: "no" }), "bye");
  assert.equal(nextStep(script.steps.offer, { reached: "yes", plan: "yearly" }), "order");
  assert.equal(nextStep(script.steps.offer, { plan: "yearly" }), "bye");
  assert.equal(nextStep(script.steps.bye, {}), "");
});

test("required fields without an answer keep the step open", () => {
  assert.deepEqual(open(script.steps.greet, {}), ["reached"]);
  assert.deepEqual(open(script.steps.greet, { reached: "yes" }), []);
});

test("the way back is that of the answers, and none where a step cannot be reached by them", () => {
  assert.deepEqual(wayTo(script, "greet", {}), []);
  assert.deepEqual(wayTo(script, "order", { reached: "yes", plan: "monthly" }), ["greet", "offer"]);
  assert.deepEqual(wayTo(script, "order", {}), []);
  const loop = { start: "a", steps: { a: step({ next: "b" }), b: step({ next: "a" }), c: step({}) } };
  assert.deepEqual(wayTo(loop, "c", {}), []);
});
