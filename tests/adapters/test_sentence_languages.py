"""Every sentence with which the server refuses a request has a Chinese text with the same blanks to fill in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import callbridge
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.views.phrasing import in_parts
from callbridge.core.model.sentence import Sentence, Unknown, Word
from callbridge.wire import phone_numbers

PACKAGE = Path(callbridge.__file__).parent
SHOWN = frozenset(
    {
        "BadMark",
        "BadPeriod",
        "BadReportRequest",
        "HistoryNotConfigured",
        "LedgerNotConfigured",
        "NoHistory",
        "NoLedger",
        "NoPerson",
        "NoRecording",
        "NoReview",
        "NoSuchName",
        "NoStandby",
        "PersonHeld",
        "PersonsAway",
        "QualityAway",
        "QualityNotConfigured",
        "RecordingsAway",
        "RecordingsNotConfigured",
        "UnknownCall",
        "UnknownName",
        "UnknownReview",
        "UnknownSample",
    }
)
"""Exceptions whose text an answer of the API has."""
_FAULTS_OF_NUMBERS = (
    "IMPOSSIBLE",
    "LETTERS",
    "NO_NUMBER",
    "NO_REGION",
    "ONE_OR_TWO",
    "ONLY_AN_EXTENSION",
    "PREMIUM",
    "SPREADSHEET",
    "TWO_NUMBERS",
)
_TEXT = re.compile(r'^  "((?:[^"\\]|\\.)*)":\s+"((?:[^"\\]|\\.)*)",$', re.MULTILINE)


def _chinese() -> dict[str, str]:
    written = (PACKAGE / "web/src/texts/zh.js").read_text(encoding="utf-8").split("export const sentences")[1].split("\n};")[0]
    return {english.replace('\\"', '"'): chinese for english, chinese in _TEXT.findall(written)}


def _sentences() -> Iterator[tuple[str, str]]:
    """Where each is, and its template."""
    for source in PACKAGE.rglob("*.py"):
        if "cli" in source.relative_to(PACKAGE).parts:
            continue  # it reads the same exceptions, and is in English
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            where = f"{source.relative_to(PACKAGE)}:{node.lineno}"
            match node.func.id, node.args:
                case "Sentence" | "Unknown", [ast.Constant(value=str(template))] if template:
                    yield where, template
                case "Problem", [_, said] | [_, said, *_]:
                    yield from ((where, text) for text in _written(said, where))
                case name, [said] if name in SHOWN:
                    yield from ((where, text) for text in _written(said, where))
    for name in _FAULTS_OF_NUMBERS:
        yield "wire/phone_numbers.py", getattr(phone_numbers, name)


def _written(said: ast.expr, where: str) -> Iterator[str]:
    """A sentence that stands there itself; one with values must be a Sentence, which keeps them apart."""
    parts = [said.body, said.orelse] if isinstance(said, ast.IfExp) else [said]
    for part in parts:
        assert not isinstance(part, ast.JoinedStr), f"{where}: write Sentence(template, name=value) instead of an f-string"
        loses = isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "str"
        assert not loses, f"{where}: str() loses the template: pass the exception itself"
        if isinstance(part, ast.Constant) and part.value:
            yield str(part.value)


def test_every_refusal_has_a_chinese_text_with_the_same_blanks() -> None:
    chinese, said = _chinese(), {template: where for where, template in _sentences()}
    assert len(said) > 150
    missing = {template: where for template, where in said.items() if template not in chinese}
    assert not missing, "add them to `refusals` in web/src/texts/zh.js"
    assert chinese.keys() - said.keys() == set(), "no longer in the sources"
    for template, text in chinese.items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", template)), template


def test_a_refusal_is_its_english_sentence_and_keeps_its_parts() -> None:
    reason = Unknown("no such agent: {agent} ({state})", agent="{x}", state=Word("state.wrap_up"))
    assert reason == "no such agent: {x} (wrap up)"
    assert in_parts(reason) == {
        "template": "no such agent: {agent} ({state})",
        "values": {"agent": "{x}", "state": {"key": "state.wrap_up", "text": "wrap up", "values": {}}},
    }


def test_a_text_without_values_is_its_own_template_whatever_it_contains() -> None:
    assert Sentence("50 % {of} it {") == "50 % {of} it {"
    assert in_parts(Sentence("not {this}")) == {} == in_parts("not {this}")


def test_the_parts_survive_an_exception() -> None:
    inner = Sentence("cannot be called back: {fault}", fault=Sentence("two numbers"))
    body = Problem(400, ValueError(inner), queue="support").body
    assert body["detail"] == "cannot be called back: two numbers"
    assert body["template"] == "cannot be called back: {fault}"
    assert body["values"] == {"fault": {"text": "two numbers", "template": "two numbers", "values": {}}}
    assert body["queue"] == "support"


@pytest.mark.parametrize("trouble", [ValueError("plain"), ValueError("plain", "and more"), ValueError()])
def test_other_exceptions_are_their_text(trouble: ValueError) -> None:
    assert Problem(400, trouble).body["detail"] == str(trouble)
