import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { LANGUAGES, languageFor, text } from "../../../callbridge/web/src/pure/language.js";

const SRC = fileURLToPath(new URL("../../../callbridge/web/src/", import.meta.url));
const english = Object.keys(LANGUAGES.en.texts);

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const place = path.join(folder, entry.name);
    return entry.isDirectory() ? sources(place) : [place];
  });
}

const code = sources(SRC).filter((file) => file.endsWith(".js") && !file.slice(SRC.length).startsWith("texts")).map((file) => [file, readFileSync(file, "utf8")]);

for (const [language, { texts }] of Object.entries(LANGUAGES)) {
  test(`${language} has every text, in order, with the same blanks to fill in`, () => {
    assert.deepEqual(Object.keys(texts), english);
    assert.deepEqual(english, [...english].sort((a, b) => (a < b ? -1 : 1)));
    const blanks = (value) => (value.match(/\{\w+\}/g) || []).sort();
    for (const key of english) {
      assert.ok(texts[key].trim(), key);
      assert.deepEqual(blanks(texts[key]), blanks(LANGUAGES.en.texts[key]), key);
    }
  });
}

test("no text stands twice: the second would silently replace the first", () => {
  for (const file of sources(path.join(SRC, "texts"))) {
    for (const part of readFileSync(file, "utf8").split(/^export /m)) {
      const keys = [...part.matchAll(/^  (?:"((?:[^"\\]|\\.)+)"|(\w+)):/gm)].map((found) => found[1] ?? found[2]);
      assert.deepEqual(keys.filter((key, at) => keys.indexOf(key) !== at), [], file);
    }
  }
});

test("Chinese has one word for each thing, and its own punctuation", () => {
  const folder = fileURLToPath(new URL("../../../callbridge/adapters/report_forms/", import.meta.url));
  const reports = readFileSync(path.join(folder, "chinese.py"), "utf8");
  const { texts, explanations, sentences } = LANGUAGES.zh;
  const all = [texts, explanations, sentences].flatMap((one) => Object.values(one));
  const screens = all.join("\n");
  for (const other of ["外呼活动", "线索", "占线", "座席", "主管", "回呼", "登出", "置忙"]) {
    assert.ok(!screens.includes(other) && !reports.includes(other), other);
  }
  assert.ok(!reports.includes("登录")); // agents 签入, people 登录 to the pages
  const halfWidth = /\p{Script=Han} ?[,:;!?()]|[,;!?()]\p{Script=Han}|\p{Script=Han}\.$|[\p{Script=Han}，。：；（）、] +[，。：；（）、\p{Script=Han}]/u;
  const filledIn = (one) => one.replace(/\{\w+\}/g, "字"); // what is filled in is Chinese more often than not
  assert.deepEqual(all.filter((one) => halfWidth.test(one) || /\p{Script=Han}/u.test(one) && /字 ?[,:;()]/u.test(filledIn(one))), []);
  const quoted = [...reports.matchAll(/: "([^"]*\p{Script=Han}[^"]*)"/gu)].map(([, one]) => one);
  assert.ok(quoted.length > 300);
  assert.deepEqual(quoted.filter((one) => halfWidth.test(one)), []);
});

test("a page joins no label and value with punctuation of one language", () => {
  for (const [file, source] of code) assert.doesNotMatch(source, /\)\}: |\)\}:<|\}: \$\{|\$\{\w+(?:\.\w+)*\}: </, file);
});

test("every text that the sources name exists", () => {
  for (const [file, source] of code) {
    for (const [, key] of source.matchAll(/\bt\("([\w.-]+)"/g)) assert.ok(english.includes(key), `${file}: ${key}`);
    for (const [, start] of source.matchAll(/\bt\(`([\w.-]+)\$\{/g)) {
      assert.ok(english.some((key) => key.startsWith(start)), `${file}: ${start}`);
    }
  }
});

test("every text is used", () => {
  const all = code.map(([, source]) => source).join("\n");
  const begins = [...all.matchAll(/\bt\(`([\w.-]+)\$\{/g)].map(([, start]) => start);
  const unused = english.filter((key) => !all.includes(`"${key.replace(/\.one$/, "")}"`) && !begins.some((start) => key.startsWith(start)));
  assert.deepEqual(unused, []);
});

test("blanks are filled in, and a value is never read as a key", () => {
  assert.equal(text("en", "site.by_hand", { by: "{by}" }), "by hand ({by})");
  assert.equal(text("zh", "site.by_hand", { by: "Li" }), "由 Li 手动关闭");
  const more = (count) => text("en", "alert.says.nobody_fits", { queue: "a", count });
  assert.deepEqual([more(1).includes("1 caller waiting"), more(2).includes("2 callers waiting")], [true, true]);
  assert.equal(text("en", "agents.more", { count: 1 }), "1 more: search for them");
  assert.deepEqual([languageFor(["fr", "zh-CN", "en"]), languageFor([])], ["zh", "en"]);
});

test("no source writes markup from values, evaluates text, or sets style attributes", () => {
  for (const [file, source] of code) {
    for (const word of ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "style="]) {
      assert.ok(!source.includes(word), `${file}: ${word}`);
    }
  }
});
