"""Every sentence that explains something, and every part of one, has a Chinese text with the same blanks to fill in."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import callbridge
from callbridge.adapters.views import explain_agent
from callbridge.adapters.views.phrasing import (
    PHONE_FAULTS,
    Number,
    PhraseTable,
    Several,
    TimeSpan,
    line,
    phone_fault,
    plain,
    say,
    word,
)
from callbridge.adapters.views.timeline_parts import outcome, request
from callbridge.core.model.agent import State
from callbridge.core.model.attempt import OUTCOMES
from callbridge.core.model.call import Phase, VisitOutcome
from callbridge.core.model.callback import TRY_RESULTS
from callbridge.core.model.events import CallRequest

PACKAGE = Path(callbridge.__file__).parent
SOURCES = [*(PACKAGE / "adapters" / "views").glob("*.py"), PACKAGE / "adapters" / "http" / "explain_routes.py"]
_TEXT = re.compile(r'^  "?([\w.-]+)"?: "(.*)",$', re.MULTILINE)


def _chinese() -> tuple[dict[str, str], dict[str, str]]:
    """The texts of the pages, and those of explanations."""
    texts, explanations = (PACKAGE / "web/src/texts/zh.js").read_text(encoding="utf-8").split("export const explanations")
    return dict(_TEXT.findall(texts)), dict(_TEXT.findall(explanations))


def _said() -> Iterator[tuple[str, set[str] | None]]:
    """Each key with the names of its values; None where they are not written there."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("line", "say"):
                key = node.args[0]
                if not isinstance(key, ast.Constant) and source.name == "phrasing.py":
                    continue  # `line` itself, and `PhraseTable`
                assert isinstance(key, ast.Constant), f"{source.name}:{node.lineno}: the key must be written there"
                names = [keyword.arg for keyword in node.keywords]
                yield str(key.value), None if None in names else {str(name) for name in names}


def _tables() -> Iterator[tuple[str, set[str]]]:
    """Each text of a table with the blanks of its English."""
    for source in SOURCES:
        module = import_module(".".join(source.relative_to(PACKAGE.parent).with_suffix("").parts))
        for table in vars(module).values():
            if isinstance(table, PhraseTable):
                for name, english in table.english.items():
                    yield f"{table.kind}.{name}", _blanks(english)


def _blanks(template: str) -> set[str]:
    return set(re.findall(r"\{(\w+)[:}]", template))


def test_every_sentence_and_every_part_has_a_chinese_text_with_the_same_blanks() -> None:
    _, explanations = _chinese()
    said = list(_said())
    assert len(said) > 180
    for key, names in said:
        assert key in explanations, f"{key} has no Chinese text: add it to web/src/texts/zh.js"
        assert names is None or _blanks(explanations[key]) == names, key
    tables = dict(_tables())
    assert {table.partition(".")[0] for table in tables} >= {"diversion", "ended_by", "tried", "target"}
    for key, blanks in tables.items():
        assert key in explanations, f"{key} has no Chinese text: add it to web/src/texts/zh.js"
        assert _blanks(explanations[key]) == blanks, key
    faults = {phone_fault(trouble).key for trouble in PHONE_FAULTS}
    assert explanations.keys() == {key for key, _ in said} | tables.keys() | faults | {"span.s", "span.min", "span.h", "span.d"}


def test_every_word_of_a_state_has_a_chinese_text() -> None:
    texts, _ = _chinese()
    words = [word("state", state.value) for state in State] + [word("phase", phase.value) for phase in Phase]
    words += [word("alert.trouble", trouble) for trouble in PHONE_FAULTS]
    words += [word("closures.kind", kind) for kind in ("calendar", "queue", "entry")]
    words += [outcome(name) for name in (*VisitOutcome, *OUTCOMES, *TRY_RESULTS)]
    words += [request({"request": name}) for name in CallRequest]
    assert [one.key for one in words if one.key not in texts] == []


def test_every_alert_of_the_floor_has_a_chinese_text() -> None:
    tree = ast.parse(inspect.getsource(explain_agent.alerting))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "line"]
    codes = [str(node.args[0].value) for node in calls if isinstance(node.args[0], ast.Constant)]
    assert len(codes) == len(calls) >= 5
    texts, _ = _chinese()
    assert [code for code in (*codes, "nobody_fits") if f"alert.says.{code}" not in texts] == []


def test_a_line_has_its_english_sentence_and_what_other_languages_need() -> None:
    agents = Several((say("agent_is", "{agent} {state}", agent="Ann", state=word("state", "wrap_up")), "Bob"), "; ")
    told = line("none_free.x", "{agents}: {callers:caller} for {waited}", agents=agents, callers=Number(2), waited=TimeSpan(125))
    assert told.plain() == {
        "code": "none_free",
        "text": "Ann wrap up; Bob: 2 callers for 2 min 5 s",
        "key": "none_free.x",
        "values": {
            "agents": {"parts": [plain(agents.parts[0]), "Bob"], "between": ";"},
            "callers": 2,
            "waited": {"seconds": 125},
        },
    }


def test_what_people_wrote_is_not_read_as_a_template() -> None:
    assert line("closed_why", ": {reason}", reason="{kind} %s {0}").text == ": {kind} %s {0}"
