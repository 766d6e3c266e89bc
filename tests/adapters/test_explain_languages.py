"""Every sentence that explains something, and every part of one, has a Chinese text with the same blanks to fill in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import callbridge
from callbridge.adapters.views.phrasing import (
    PHONE_FAULTS,
    Number,
    Several,
    TimeSpan,
    line,
    phone_fault,
    plain,
    say,
    word,
)
from callbridge.core.model.agent import State
from callbridge.core.model.call import Phase

PACKAGE = Path(callbridge.__file__).parent
SOURCES = [*(PACKAGE / "adapters" / "views").glob("*.py"), PACKAGE / "adapters" / "http" / "explain_routes.py"]
_TEXT = re.compile(r'^  "?([\w.]+)"?: "(.*)",$', re.MULTILINE)


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
                if isinstance(key, ast.Name) and source.name == "phrasing.py":
                    continue  # `line` itself
                assert isinstance(key, ast.Constant), f"{source.name}:{node.lineno}: the key must be written there"
                names = [keyword.arg for keyword in node.keywords]
                yield str(key.value), None if None in names else {str(name) for name in names}


def test_every_sentence_and_every_part_has_a_chinese_text_with_the_same_blanks() -> None:
    _, explanations = _chinese()
    said = list(_said())
    assert len(said) > 90
    for key, names in said:
        assert key in explanations, f"{key} has no Chinese text: add it to web/src/texts/zh.js"
        blanks = set(re.findall(r"\{(\w+)\}", explanations[key]))
        assert names is None or blanks == names, key
    faults = {phone_fault(trouble).key for trouble in PHONE_FAULTS}
    assert explanations.keys() == {key for key, _ in said} | faults | {"span.s", "span.min", "span.h"}


def test_every_word_of_a_state_has_a_chinese_text() -> None:
    texts, _ = _chinese()
    words = [word("state", state.value) for state in State] + [word("phase", phase.value) for phase in Phase]
    words += [word("alert.trouble", trouble) for trouble in PHONE_FAULTS]
    words += [word("closures.kind", kind) for kind in ("calendar", "queue", "entry")]
    assert [one.key for one in words if one.key not in texts] == []


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
