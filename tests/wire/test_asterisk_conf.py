"""Asterisk's configuration files as Asterisk reads them, and broken ones as far as they go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.wire.asterisk_conf import MOST_INCLUDES, Conf, decode, parse


def values(conf: Conf, section: str) -> list[tuple[str, str]]:
    found = conf.section(section)
    assert found is not None
    return [(entry.key, entry.value) for entry in found.entries]


def test_both_signs_comments_and_escapes_are_read() -> None:
    conf = parse("[a]\nx = 1 ; one\ny=>2\nz = a\\;b\n ; all of it\n[b] ; b\nv =\n", "f")
    assert values(conf, "a") == [("x", "1"), ("y", "2"), ("z", "a;b")]
    assert values(conf, "b") == [("v", "")]
    assert conf.notes == []


def test_comments_over_several_lines_are_left_out() -> None:
    conf = parse("[a]\n;-- x = 1\ny = 2 --; z = 3\nv = 4 ;-- not --; \n;--- a rule ---\nw = 5\n", "f")
    assert values(conf, "a") == [("z", "3"), ("v", "4"), ("w", "5")]


def test_templates_and_additions_are_resolved() -> None:
    conf = parse("[t](!)\nx = 1\n[a](t)\nx = 2\n[b](t,a)\n[a](+)\ny = 3\n", "f")
    assert values(conf, "a") == [("x", "1"), ("x", "2"), ("y", "3")]
    assert values(conf, "b") == [("x", "1"), ("x", "1"), ("x", "2")]
    assert conf.value("a", "X") == "2"
    assert conf.section("t") is None


def test_included_files_are_read_where_they_stand() -> None:
    files = {"more.conf": "x = 1\n[b]\ny = 2\n"}
    conf = parse('[a]\n#include "more.conf"\nz = 3\n#tryinclude none.conf\n#include none.conf\n#exec ls\n', "f", files.get)
    assert values(conf, "a") == [("x", "1")]
    assert values(conf, "b") == [("y", "2"), ("z", "3")]
    assert [note.text for note in conf.notes] == ["the included file cannot be read: none.conf", "#exec was not run: ls"]


def test_a_file_that_includes_itself_comes_to_an_end() -> None:
    conf = parse("[a]\n#include f\n", "f", {"f": "#include f\n"}.get)
    assert "not followed" in conf.notes[0].text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "stands before the first section"),
        ("[a]\nwords only", "neither 'key = value' nor a section"),
        ("[a\nx = 1", "bracket is never closed"),
        ("[a]\n= 1", "a value without a key"),
        ("[a](none)", "inherits from none, which there is not"),
        ("[a](+)", "adds to a section that there is not"),
        ("[a]\n;-- for ever\nx = 1", "is never closed"),
        ("#what is this", "unknown directive"),
    ],
)
def test_broken_lines_are_noted_with_their_place(text: str, said: str) -> None:
    conf = parse(text, "queues.conf")
    assert any(said in note.text for note in conf.notes)
    assert all(str(note).startswith("queues.conf:") for note in conf.notes)


def test_odd_encodings_are_read_and_told() -> None:
    assert decode("\ufeffZoë".encode()) == ("Zoë", "")
    assert decode("Zoë".encode("cp1252")) == ("Zoë", "not UTF-8; read as Windows-1252 (Latin)")


@given(st.text(alphabet="[]()!+;-#=>\\\n ab", max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    parse(text, "f", {"a": "[b]\n"}.get)


def test_files_that_include_each_other_many_times_are_not_read_for_ever() -> None:
    """Ten in one line each would be read ten thousand million times."""
    text = "[one]\na = 1\n" + "#include both.conf\n" * 10
    conf = parse(text, "both.conf", lambda _name: text)
    assert len(conf.sections) <= MOST_INCLUDES + 1
    assert sum("more than 1000 includes" in note.text for note in conf.notes) == 1
