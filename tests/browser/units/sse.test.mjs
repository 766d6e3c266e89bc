import assert from "node:assert/strict";
import { test } from "node:test";
import { sseParser } from "../../../callbridge/web/src/pure/sse.js";

const STREAM = 'retry: 3000\n: still here\n\nid: 7\nevent: whole\ndata: {"a":\ndata: 1}\n\nevent: delta\r\ndata:x\r\n\r\ndata: plain\n\n: beat\n\n';
const EVENTS = [
  { event: "comment", data: "" },
  { event: "whole", data: '{"a":\n1}' },
  { event: "delta", data: "x" },
  { event: "message", data: "plain" },
  { event: "comment", data: "" },
];

for (const size of [1, 2, 3, 7, 1000]) {
  test(`the slicing of a stream does not matter: ${size}`, () => {
    const feed = sseParser();
    const found = [];
    for (let at = 0; at < STREAM.length; at += size) found.push(...feed(STREAM.slice(at, at + size)));
    assert.deepEqual(found, EVENTS);
  });
}

test("an event is told only when it is complete", () => {
  const feed = sseParser();
  assert.deepEqual(feed("event: whole\ndata: 1\n"), []);
  assert.deepEqual(feed("\n"), [{ event: "whole", data: "1" }]);
});
