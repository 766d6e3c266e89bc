import assert from "node:assert/strict";
import test from "node:test";
import { answersItself, ownPhone } from "../../../callbridge/web/src/pure/phone.js";
import { between, gradeOf, mosOf, sampleOf, totals } from "../../../callbridge/web/src/pure/quality.js";

const asked = (headers) => answersItself((name) => headers[name]);

test("the phone answers by itself when callbridge's headers ask for it, whatever the preset", () => {
  assert.ok(asked({ "Call-Info": "<sip:callbridge>;answer-after=0", "Alert-Info": "info=alert-autoanswer" }));
  assert.ok(asked({ "Call-Info": "<sip:callbridge>;answer-after=0" }));
  assert.ok(asked({ "Alert-Info": "<sip:callbridge>;info=alert-autoanswer;delay=0" }));
  assert.ok(asked({ "Alert-Info": "Auto Answer" }));
});

test("an ordinary call rings", () => {
  assert.ok(!asked({}));
  assert.ok(!asked({ "Call-Info": "<sip:x>;answer-after=05", "Alert-Info": "<http://x/ring.wav>" }));
  assert.ok(!asked({ "Call-Info": "<sip:x>;answer-after=10" }));
});

test("the score of a good line, a lossy one and a late one is that of the E-model", () => {
  // R = 93.2 - 0.024 * 20 ms: 4.4, the best that G.711 can have.
  assert.ok(Math.abs(mosOf({ loss: 0, rtt: 0, delay: 0 }) - 4.4) < 0.02);
  // 5 % random loss, G.113 appendix I: Ie,eff = 95 * 5 / (5 + 25.1) = 15.8, R = 77.
  assert.ok(Math.abs(mosOf({ loss: 0.05, rtt: 0, delay: 0 }) - 3.9) < 0.05);
  assert.ok(mosOf({ loss: 0, rtt: 0.8, delay: 0.05 }) < 3.5);
  assert.equal(mosOf({ loss: 1, rtt: 3, delay: 1 }), 1);
  assert.deepEqual([4.4, 3.9, 3].map(gradeOf), ["met", "near", "missed"]);
});

const stats = (received, lost, rtt) =>
  new Map([
    ["in", { type: "inbound-rtp", kind: "audio", codecId: "c", packetsReceived: received, packetsLost: lost, jitter: 0.004, jitterBufferDelay: 8, jitterBufferEmittedCount: 200 }],
    ["there", { type: "remote-inbound-rtp", kind: "audio", roundTripTime: rtt, fractionLost: 0.01 }],
    ["video", { type: "inbound-rtp", kind: "video", packetsReceived: 9 }],
    ["c", { type: "codec", mimeType: "audio/PCMU" }],
  ]);

test("a conversation is the sum of its parts", () => {
  const sum = totals();
  assert.equal(sum.sum(), null);
  const samples = [stats(0, 0, 0.02), stats(250, 0, 0.02), stats(490, 10, 0.04)].map(sampleOf);
  sum.add(between(samples[0], samples[1]));
  sum.add(between(samples[1], samples[2]));
  const { mos, worst_mos: worst, jitter, rtt, ...plain } = sum.sum();
  assert.deepEqual(plain, { received: 490, lost: 10, loss_sent: 0.01, codec: "PCMU" });
  assert.ok(Math.abs(rtt - 0.03) < 1e-9 && Math.abs(jitter - 0.004) < 1e-9);
  assert.ok(worst < mos && mos < 4.4);
});

test("a browser that says nothing is no fault", () => {
  assert.deepEqual(sampleOf(new Map()), { received: 0, lost: 0, jitter: null, delay: 0, rtt: null, lostThere: null, codec: "" });
});

test("a supervisor joins calls at the phone that was chosen last, else at the own one", () => {
  const agents = { 1001: { phone: "PJSIP/1001" } };
  assert.equal(ownPhone({ phone: "PJSIP/boss", agent: "1001" }, agents, "PJSIP/1013"), "PJSIP/1013");
  assert.equal(ownPhone({ phone: "PJSIP/boss", agent: "1001" }, agents, null), "PJSIP/boss");
  assert.equal(ownPhone({ phone: null, agent: "1001" }, agents, null), "PJSIP/1001");
  assert.equal(ownPhone({ phone: null, agent: null }, agents, null), "");
  assert.equal(ownPhone({ phone: null, agent: "1002" }, undefined, null), "");
});
