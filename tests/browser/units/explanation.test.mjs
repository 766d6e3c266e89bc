import assert from "node:assert/strict";
import { test } from "node:test";
import { explained, sentenceIn } from "../../../callbridge/web/src/pure/explanation.js";
import { LANGUAGES } from "../../../callbridge/web/src/pure/language.js";

const line = {
  code: "none_free",
  text: "   not offered: no matching agent is available: Ann (1001) wrap up, lunch, for 2 min 5 s; 3 logged out",
  key: "none_free",
  values: {
    agents: {
      parts: [
        {
          key: "agent_is",
          text: "",
          values: {
            agent: "Ann {state} (1001)",
            state: {
              key: "state_with_reason",
              text: "",
              values: { state: { key: "state.wrap_up", text: "wrap up", values: {} }, reason: "lunch", lasted: { seconds: 125 } },
            },
          },
        },
        { key: "so_many_logged_out", text: "3 logged out", values: { agents: 3 } },
      ],
      between: ";",
    },
  },
};

test("English is the server's own sentence", () => {
  assert.equal(explained("en", line), line.text);
});

test("Chinese is put together from the parts, and a value is never read as a template", () => {
  assert.equal(explained("zh", line), "未分配：没有合适的坐席空闲：Ann {state} (1001) 话后处理（lunch），已 2 分 5 秒；3 个已签出");
});

test("a space stands between Chinese and a name, and none between Chinese and Chinese", () => {
  const to = (to) => explained("zh", { key: "leads_to", text: "", values: { to } });
  assert.equal(to("4711@out"), "转到 4711@out");
  assert.equal(to({ key: "target.queue", text: "queue 售后 二组", values: { name: "售后 二组" } }), "转到队列售后 二组");
  const ended = (agent) => explained("zh", { key: "wrap_up_ended", text: "", values: { agent, lasted: { seconds: 4 } } });
  assert.equal(ended("Ann (ann)"), "Ann (ann) 结束话后处理，历时 4 秒");
  assert.equal(ended({ key: "somebody", text: "somebody", values: {} }), "某人结束话后处理，历时 4 秒");
});

test("lengths of time have the units of the language", () => {
  const waits = (seconds) => explained("zh", { key: "free", text: "", values: { idle: { seconds } } });
  assert.deepEqual([0, 4.2, 59.6, 3600, 3780].map(waits), ["0 秒", "4.2 秒", "1 分", "1 小时", "1 小时 3 分"].map((span) => `可接来电，已空闲 ${span}`));
});

test("what has no key, or none that the language knows, stays English", () => {
  assert.equal(explained("zh", { code: "call_arrived", text: "arrived at entry support" }), "arrived at entry support");
  assert.equal(explained("zh", { key: "toString", text: "new kind", values: {} }), "new kind");
});

test("explanations are in order", () => {
  for (const { explanations } of Object.values(LANGUAGES)) {
    const keys = Object.keys(explanations || {});
    assert.deepEqual(keys, [...keys].sort((a, b) => (a < b ? -1 : 1)));
  }
});

test("a refusal is said in Chinese by its template, with words and inner refusals, and stays English where there is no text", () => {
  const state = { key: "state.wrap_up", text: "wrap up", values: {} };
  const busy = { text: "Ann {x} cannot take the call now: wrap up", template: "{agent} cannot take the call now: {state}", values: { agent: "Ann {state}", state } };
  assert.equal(sentenceIn("zh", busy), "Ann {state} 当前为“话后处理”，不能接听转接");
  assert.equal(sentenceIn("en", busy), busy.text);
  const fault = { text: "a premium-rate number", template: "a premium-rate number", values: {} };
  const inner = { text: "", template: "cannot be called back: {fault}", values: { fault } };
  assert.equal(sentenceIn("zh", inner), "无法回拨：高额收费号码");
  assert.equal(sentenceIn("zh", { text: "no such call" }), "没有此通话");
  assert.equal(sentenceIn("zh", { text: "toString" }), "toString");
});
