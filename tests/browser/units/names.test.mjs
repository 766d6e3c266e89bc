import assert from "node:assert/strict";
import { test } from "node:test";
import { directoryOf, idsIn, idsOf, labelsIn, namedAll, namedRows, namerOf, withOthers } from "../../../callbridge/web/src/pure/names.js";

const of = (value, name) => ({ value, name, label: name === value ? value : `${name} (${value})` });
const LISTED = [of("1001", "Maria Lopez"), of("1002", "Weber, Jonas"), of("1003", "Wei Chen"), of("1004", "Wei Chen"), of("eve", "eve"), of("1005", "1001")];
const named = namerOf(LISTED);

test("an agent who is not listed, as one who has left or is of another team, is an id", () => {
  assert.deepEqual(["1001", "eve", "1999", "", "constructor"].map(named), ["Maria Lopez (1001)", "eve", "1999", "", "constructor"]);
  assert.equal(namerOf()("1001"), "1001");
  assert.equal(namedAll(named, "1001, 1999, 1002"), "Maria Lopez (1001), 1999, Weber, Jonas (1002)");
  assert.equal(namedAll(named, null), "");
});

test("rows of reports have names where they have agents, and nowhere else", () => {
  const rows = [
    { agent: "1001", queue: "1001", agents: 7, party: "agent:1002" },
    { agent: "1001, 1999", agents: "1002", reached_agent: "1003", party: "queue:1001" },
    { agent: null, party: "agent:1999", "not_ready: 1001": 5 },
  ];
  assert.deepEqual(namedRows(rows, named), [
    { agent: "Maria Lopez (1001)", queue: "1001", agents: 7, party: "Weber, Jonas (1002)" },
    { agent: "Maria Lopez (1001), 1999", agents: "Weber, Jonas (1002)", reached_agent: "Wei Chen (1003)", party: "queue:1001" },
    { agent: null, party: "agent:1999", "not_ready: 1001": 5 },
  ]);
  assert.equal(rows[0].agent, "1001");
});

test("a field shows names for ids and takes either back, several with commas", () => {
  for (const ids of ["", "1001", "1001,1002,1999", "eve,1004", "1005"]) assert.equal(idsIn(LISTED, labelsIn(LISTED, ids)), ids, ids);
  assert.equal(labelsIn(LISTED, "1001, 1002"), "Maria Lopez (1001), Weber, Jonas (1002)");
  assert.equal(idsIn(LISTED, " maria lopez ,weber, jonas,, 1003 "), "1001,1002,1003");
  assert.equal(idsIn(LISTED, "1001"), "1001"); // an id before a name
  assert.equal(idsIn(LISTED, "Wei Chen, Nobody"), "Wei Chen,Nobody"); // two have this name: the server refuses it
  assert.deepEqual([idsIn(undefined, "a, b"), labelsIn(undefined, "a, b")], ["a, b", "a, b"]);
  assert.equal(idsIn(LISTED, `${"x,".repeat(5000)}1001`).split(",").length, 5001);
});

test("an address with names asks for ids, and for what it says where nothing is listed", () => {
  const typed = { agent: "maria lopez, 1002", queue: "sales", outcome: "" };
  assert.deepEqual(idsOf(typed, { agent: LISTED }), { agent: "1001,1002", queue: "sales", outcome: "" });
  assert.deepEqual(idsOf(typed, {}), typed);
});

test("the directory has agents and users; who is both, as an agent", () => {
  const named = namerOf(directoryOf({ agents: { 1001: "Maria Lopez", mia: "Mia Agent" }, users: { boss: "Olga Boss", mia: "Mia Kern" } }));
  assert.deepEqual(["1001", "boss", "mia", "ops"].map(named), ["Maria Lopez (1001)", "Olga Boss (boss)", "Mia Agent (mia)", "ops"]);
  assert.equal(namerOf(directoryOf({}))("1001"), "1001");
});

test("a part of a name that only one agent has is found where it is typed, also of another team", () => {
  const all = withOthers(LISTED, { agents: { 1001: "Other", 2001: "Alice Smith" } });
  assert.deepEqual(all.slice(LISTED.length), [{ ...of("2001", "Alice Smith"), other: true }]);
  assert.equal(idsIn(all, "alice, LOPEZ, Alice Smith", true), "2001,1001,2001");
  for (const text of ["Wei", "Nobody", "200", "ev"]) assert.equal(idsIn(all, text, true), text, "several, nobody, or a part of an id");
  assert.equal(idsIn(all, "alice"), "alice", "an address means what it says");
  assert.equal(idsOf({ agent: "smith" }, { agent: all }, true).agent, "2001");
});
