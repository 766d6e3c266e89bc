import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, inRecording, OUTCOMES, presentOf, searchedBy, searchOf } from "../../../callbridge/web/src/pure/call.js";
import { detailsOf, happenedText } from "../../../callbridge/web/src/pure/details.js";
import { text as translated } from "../../../callbridge/web/src/pure/language.js";
import { bodyOf, choicesOf, missingOf, writtenOf } from "../../../callbridge/web/src/pure/review.js";
import { askedBy, axisLabel, cellText, columnsOf, isDay, MOST_SERIES, periodNamed, periodOf, plotOf, queryOf, reportAddress, valueOf } from "../../../callbridge/web/src/pure/report.js";
import { localPath, pageOf, pagesOf } from "../../../callbridge/web/src/pure/routes.js";
import { namedRefusal, outcomeText } from "../../../callbridge/web/src/pure/words.js";

const text = (name) => ({ name, kind: "text", heading: name, definition: "" });
const COLUMNS = [text("interval"), text("queue"), { ...text("offered"), kind: "count" }];
const rows = (...all) => all.map(([interval, queue, offered]) => ({ interval, queue, offered }));

test("a report is asked only for what it takes", () => {
  const typed = { from: "2026-11-01", to: "", by: "day", queue: " support,sales ", agent: "ann", number: "1", together: "on" };
  assert.equal(String(queryOf(["by", "queue"], typed)), "from=2026-11-01&by=day&queue=support%2Csales");
  assert.equal(String(queryOf(["agent", "together"], typed)), "from=2026-11-01&agent=ann&together=true");
});

test("periods end today, or with the month before; a week begins on Monday", () => {
  const sunday = new Date(2026, 2, 1, 0, 30);
  assert.deepEqual(periodOf("week", sunday), { from: "2026-02-23", to: "2026-03-01" });
  assert.deepEqual(periodOf("yesterday", sunday), { from: "2026-02-28", to: "2026-02-28" });
  assert.deepEqual(periodOf("last_month", sunday), { from: "2026-02-01", to: "2026-02-28" });
});

test("a name that a row does not have is left out of the name of its line", () => {
  const columns = [text("interval"), text("queue"), text("campaign"), text("code"), { ...text("times"), kind: "count" }];
  const of = (interval, queue, campaign, code) => ({ interval, queue, campaign, code, times: 1 });
  const plot = plotOf(columns, [of("8:00", "", "x", "sold"), of("8:00", "x", "", "sold"), of("9:00", "x", "", "")], "times");
  assert.deepEqual(plot.series.map((one) => [one.name, one.values]), [["x · sold", [1, null]], ["x · sold", [1, null]], ["x", [null, 1]]]);
});

test("a plot has a line for each name over the intervals, or a bar for each name without them", () => {
  const over = plotOf(COLUMNS, rows(["8:00", "a", 1], ["8:00", "b", 5], ["9:00", "a", 2]), "offered");
  assert.deepEqual(over.labels, ["8:00", "9:00"]);
  assert.deepEqual(over.series, [{ name: "b", values: [5, null] }, { name: "a", values: [1, 2] }]);
  const quiet = plotOf(COLUMNS, rows(["7:00", null, null], ["8:00", "a", 1]), "offered");
  assert.deepEqual([quiet.labels, quiet.series], [["7:00", "8:00"], [{ name: "a", values: [null, 1] }]]);
  const whole = plotOf(COLUMNS, rows(["x", "a", 1], ["x", "b", 5]), "offered");
  assert.deepEqual([whole.labels, whole.series[0].values, whole.bars], [["a", "b"], [1, 5], true]);
  assert.equal(plotOf(COLUMNS, rows(["x", "a", 1]), "offered"), null);
});

test("a plot of many names shows the largest, and says how many it leaves out", () => {
  const many = Array.from({ length: 20 }, (_, at) => [["1", `q${at}`, at], ["2", `q${at}`, at]]).flat();
  const found = plotOf(COLUMNS, rows(...many), "offered");
  assert.deepEqual([found.series.length, found.left, found.series[0].name], [MOST_SERIES, 20 - MOST_SERIES, "q19"]);
});

test("columns that are named after the site's reasons are times", () => {
  const found = columnsOf({ columns: COLUMNS }, [{ interval: "x", "not_ready: lunch": 60 }]);
  assert.deepEqual(found[1], { name: "not_ready: lunch", kind: "seconds", heading: "lunch", definition: "" });
});

test("the address of a search says all of it, and a broken one is the usual search", () => {
  const usual = { from: "2026-11-24", to: "2026-11-30" };
  const typed = { from: "2026-11-01", to: "2026-11-02", number: "+44 20", queue: "a&b", agent: "", tier: "", outcome: "busy", score: "" };
  const address = addressOf(typed, 2);
  assert.equal(address, "/calls?from=2026-11-01&to=2026-11-02&number=%2B44+20&queue=a%26b&outcome=busy&page=3");
  assert.deepEqual(searchedBy(address.slice("/calls".length), usual), { typed, page: 2 });
  assert.equal(addressOf({ queue: " " }), "/calls");
  const empty = Object.fromEntries(Object.keys(typed).map((key) => [key, ""]));
  for (const broken of ["", "?page=0", "?page=x&colour=red", "?page=1e9", "?page=1.5", "?from="]) {
    assert.deepEqual(searchedBy(broken, usual), { typed: { ...empty, ...usual }, page: 0 }, broken);
  }
});

test("the address of a report says which one, and what it takes of all that is asked for", () => {
  const usual = { from: "2026-11-30", to: "2026-11-30", by: "whole" };
  const report = { name: "agents", options: ["agent", "by"] };
  const typed = { from: "2026-11-01", to: "2026-11-02", by: "1h", agent: "1001,1002", queue: "support" };
  const address = reportAddress(report, typed);
  assert.equal(address, "/reports?report=agents&from=2026-11-01&to=2026-11-02&by=1h&agent=1001%2C1002");
  const asked = askedBy(address.slice("/reports".length), usual);
  assert.deepEqual([asked.name, String(queryOf(report.options, asked.typed))], ["agents", address.split("report=agents&")[1]]);
  assert.equal(reportAddress(report, asked.typed), address);
  const nothing = askedBy("", usual);
  assert.deepEqual([nothing.name, nothing.typed.by, nothing.typed.from, nothing.typed.queue], ["", "whole", "2026-11-30", ""]);
  const together = ["true", "false", "<b>", ""].map((value) => askedBy(`?report=queues&together=${value}`, usual).typed.together);
  assert.deepEqual(together, ["true", "", "", ""]);
  const hostile = askedBy("?report=__proto__&from=&by=%00&toString=x&agent=%FF&agent=b", usual);
  assert.deepEqual([hostile.name, hostile.typed.from, Object.hasOwn(hostile.typed, "toString")], ["__proto__", "2026-11-30", false]);
});

test("a field for dates shows only what is one, and the period says which days it has", () => {
  const days = ["2026-11-30", "2026-02-30", "2026-13-01", "2026-1-1", "20261130", "", "x", "2026-11-30T08:00", "+2026-11-3"];
  assert.deepEqual(days.filter(isDay), ["2026-11-30"]);
  const now = new Date(2026, 10, 30, 9, 0);
  assert.deepEqual([periodNamed(periodOf("last_7_days", now), now), periodNamed({ from: "2026-11-29", to: "2026-11-30" }, now)], ["last_7_days", ""]);
});

test("what the history says is in the reader's words, and what are no words of its own stay as they are", () => {
  const [en, zh] = ["en", "zh"].map((language) => Object.assign((key, values) => translated(language, key, values), { language }));
  const details = (t, told, named) => detailsOf(t, told, named).map((one) => `${one.label}: ${one.value}`).join(" · ");
  assert.equal(details(en, { expected: 198.8 }), "expected wait: 3:18");
  assert.equal(details(en, { result: "no_answer", cause: 19 }), "result: no answer · cause: no answer (19)");
  assert.equal(details(zh, { outcome: "short_abandoned", to: "queue:sales" }), "结果: 立即放弃 · 目标: 队列 sales");
  const named = (id) => (id === "1002" ? "Jonas Weber (1002)" : id);
  const consult = { kind: "consult", to: "agent:1002", result: "nobody_free" };
  assert.equal(details(en, consult, named), "kind: consult · to: Agent Jonas Weber (1002) · result: nobody was free");
  assert.equal(details(en, { to: "number:1002", by: "1002", consulted_by: "1003" }, named), "to: Number 1002 · by: Jonas Weber (1002) · consulted by: 1003");
  assert.equal(details(en, { request: "pause_recording", granted: true, by: "ann" }), "request: Pause recording · granted: yes · by: ann");
  assert.equal(details(en, { request: "logout", granted: false, reason: "no agent" }), "request: Log out · granted: no · reason: no agent");
  const refusal = { granted: false, reason: "no such queue: vip", reason_parts: { template: "no such queue: {queue}", values: { queue: "vip" } } };
  assert.equal(details(en, refusal), "granted: no · reason: no such queue: vip");
  assert.equal(details(zh, refusal), "已执行: 否 · 原因: 没有此队列：vip");
  assert.equal(details(zh, { reason: "not logged in", failure: "not recorded" }), "原因: 尚未签入 · 故障: 没有录音");
  assert.equal(details(zh, { reason: "lunch" }), "原因: lunch");
  assert.equal(details(en, { ended_by: "caller_lost", hold: 65.0, estimated: true }), "ended: the caller's line was lost · on hold: 1:05 · estimated: yes");
  assert.equal(details(en, { mos: 4.3, loss: 0.012, jitter: 0.0042, rtt: 0.038 }), "MOS: 4.3 · packets lost: 1.2% · jitter: 4 ms · round trip: 38 ms");
  assert.equal(details(en, { cause: 77, result: "our_own", key: "1" }), "cause: 77 · result: our own · key: 1");
  assert.equal(details(en, { name: "Hart, Amelia, tier gold", answer: "5 s" }), "name: Hart, Amelia, tier gold · answer: 5 s");
  assert.equal(details(en, { number: "{value}", name: "constructor", new_thing: 5 }), "from: {value} · name: constructor · new thing: 5");
  assert.deepEqual([outcomeText(en, "busy"), outcomeText(en, "unsent"), outcomeText(zh, "my_flow")], ["busy", "not dialled", "my flow"]);
  assert.deepEqual([happenedText(en, "queue left"), happenedText(en, "do_not_call_add")], ["Left the queue", "do not call add"]);
  assert.equal(happenedText(en, "supervision_ended"), "End of the supervision");
});

test("values are read as what they are, and none is a dash", () => {
  assert.deepEqual([valueOf(0.8333, "share", "en"), valueOf(74.6, "seconds"), valueOf(1234.5, "decimal", "en")], ["83.3%", "1:15", "1,234.5"]);
  assert.deepEqual([valueOf(null, "count"), valueOf("", "text"), valueOf("=1+1", "text")], ["–", "–", "=1+1"]);
});

test("what happened has its place in the recording, which ends at its `at`", () => {
  const events = [{ at: 90 }, { at: 99.5 }, { at: 110 }, { at: 130.4 }, { at: 140 }];
  const marks = inRecording({ at: 130, lasted: 30 }, events);
  assert.deepEqual(marks.map((one) => one.second), [0, 10, 30]);
  assert.deepEqual([presentOf(marks, 0), presentOf(marks, 12), presentOf([], 3)], [0, 1, -1]);
});

test("a search asks for one row more than a page", () => {
  assert.equal(String(searchOf({ from: "2026-11-28", queue: "", tier: "gold" }, 2, 50)), "newest=true&limit=51&offset=100&from=2026-11-28&tier=gold");
});

test("a review is complete when each criterion has a mark, and is read back as it was written", () => {
  const criteria = [
    { name: "greeting", points: 2, fatal: false, optional: true },
    { name: "identified", points: "", fatal: true, optional: false },
  ];
  assert.deepEqual(criteria.map(choicesOf), [["2", "1", "0", "na"], ["pass", "fail"]]);
  const written = { greeting: { mark: "1", heard: 3.5, remark: "" } };
  assert.deepEqual(missingOf(criteria, written).map((one) => one.name), ["identified"]);
  written.identified = { mark: "fail", remark: "late" };
  assert.deepEqual(bodyOf(criteria, written, "so"), {
    marks: { greeting: 1, identified: "fail" }, remarks: { identified: "late" }, heard_at: { greeting: 3.5 }, comment: "so",
  });
  const marks = [{ criterion: "greeting", fatal: false, mark: "", comment: "", heard_at: "" }, { criterion: "identified", fatal: true, mark: 0, comment: "x", heard_at: 1 }];
  assert.deepEqual(writtenOf(marks), { greeting: { mark: "na", remark: "", heard: undefined }, identified: { mark: "fail", remark: "x", heard: 1 } });
});

test("each role has its pages, and a link leads to no other server", () => {
  const all = (role, agent) => pagesOf({ role, agent }).join();
  assert.deepEqual([all("agent", "1001"), all("viewer", null), all("supervisor", null)], ["agent,reports,quality", "supervisor,reports", "supervisor,reports,calls,quality"]);
  assert.deepEqual(pageOf("/calls/1795308627%2F44"), { page: "calls", name: "1795308627/44" });
  assert.equal(pageOf("/nothing").page, "home");
  for (const path of ["//evil.example", "https://evil.example", "/\\evil", "javascript:alert(1)", null]) assert.equal(localPath(path), "");
  assert.equal(localPath("/oidc"), "/oidc");
});

test("words in a table of a report are in the language of the page, names are not", () => {
  const zh = Object.assign((key) => translated("zh", key), { language: "zh" });
  const cell = (name, value, kind = "text") => cellText(zh, { name, kind }, value, "zh-CN");
  assert.deepEqual([cell("direction", "in"), cell("outcome", "short_abandoned"), cell("ended_by", "agent")], ["呼入", "立即放弃", "坐席挂机"]);
  assert.deepEqual([cell("weekday", "Mon"), cell("queue", "answered"), cell("outcome", null)], ["周一", "answered", "–"]);
  assert.deepEqual([cell("what", "pause"), cell("reached_by", "callback"), cell("reached_by", "own")], ["小休", "回拨", "own"]);
  assert.deepEqual([cell("outcome", "<b>"), cell("direction", "toString"), cell("share", 0.5, "share")], ["<b>", "toString", "50%"]);
});

test("transfers are told in words of transfers, and their other party as on the page of a call", () => {
  for (const [language, out, into, blind, number] of [["zh", "转出", "转入", "盲转", "号码 +4420"], ["en", "transferred out", "transferred in", "blind transfer", "Number +4420"]]) {
    const t = Object.assign((key) => translated(language, key), { language });
    const row = { direction: "out", kind: "blind", party: "number:+4420", transfers: 2 };
    const report = { name: "transfers", columns: ["direction", "kind", "party"].map(text).concat({ ...text("transfers"), kind: "count" }) };
    const columns = columnsOf(report, [row]);
    const shown = (column, value) => cellText(t, column, value, language);
    assert.deepEqual(columns.slice(0, 3).map((one) => shown(one, row[one.name])), [out, blind, number]);
    const plot = plotOf(columns, [row, { ...row, direction: "in", party: "Maria Lopez (1001)" }], "transfers", shown);
    assert.deepEqual(plot.labels, [`${out} · ${blind} · ${number}`, `${into} · ${blind} · Maria Lopez (1001)`]);
    assert.deepEqual(plot.parts, [[out, number], [into, "Maria Lopez (1001)"]]); // what all bars share is no label
    assert.deepEqual(detailsOf(t, { to: row.party })[0].value, number);
    assert.deepEqual(["queue:sales", "agent:1999", ""].map((one) => shown(columns[2], one)), [`${t("queue")} sales`, `${t("agent")} 1999`, "–"]);
  }
});

test("a label of an axis has a line for each part, none wider than its room", () => {
  assert.equal(axisLabel(["转出", "Maria\nLopez (1001)"], 70), "转出\nMaria Lop…");
  assert.equal(axisLabel(["号码号码号码", "<b>"], 56), "号码号…\n<b>");
  assert.equal(axisLabel(["x".repeat(9999)], 0), "xx…");
});

test("every outcome that can be chosen has its words", () => {
  for (const language of ["en", "zh"]) for (const one of OUTCOMES) assert.notEqual(translated(language, `outcome.${one}`), `outcome.${one}`, one);
});

test("a name that is refused is answered with words for outcomes and with names for agents", () => {
  const refusal = (key, known, message) => ({ status: 404, message, body: { template: "no such {option}: '{name}' (known: {known})", values: { option: { key, text: "x" }, name: "bogus", known } } });
  const named = (id) => ({ 1001: "Maria Lopez (1001)" })[id] || id;
  for (const [language, abandoned] of [["zh", "已放弃"], ["en", "gave up"]]) {
    const t = Object.assign((key) => translated(language, key), { language });
    const outcomes = namedRefusal(t, refusal("option.outcome", "abandoned, odd_one", "no such outcome: 'bogus' (known: abandoned, odd_one)"), named);
    assert.deepEqual([outcomes.body.values.known, outcomes.message], [`${abandoned}, odd one`, `no such outcome: 'bogus' (known: ${abandoned}, odd one)`]);
    const agents = namedRefusal(t, refusal("option.agent", "1001, 1999", "no such agent: 'bogus' (known: 1001, 1999)"), named);
    assert.equal(agents.message, "no such agent: 'bogus' (known: Maria Lopez (1001), 1999)");
    const queue = refusal("option.queue", "abandoned", "no such queue: 'bogus' (known: abandoned)");
    assert.equal(namedRefusal(t, queue, named), queue);
  }
});

test("a disposition is its label, or its code where there is none", () => {
  const t = Object.assign((key) => translated("zh", key), { language: "zh" });
  assert.deepEqual(detailsOf(t, { disposition: "solved", disposition_label: "已解决" }), [{ name: "disposition", label: "处理结果", value: "已解决" }]);
  assert.deepEqual(detailsOf(t, { disposition: "solved" }).map((one) => one.value), ["solved"]);
});
