"""Every input that was ever found to break a parser, and some ordinary ones: none breaks it. Grown by ``make fuzz``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import CORPUS, TARGETS

FILES = sorted(file for file in CORPUS.rglob("*") if file.is_file())
LARGEST_CORPUS = 100_000
"""Bytes of all files together."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_input_breaks_its_parser(file: Path) -> None:
    TARGETS[file.parent.name](file.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_each_parser_takes_nothing_and_noise(name: str) -> None:
    for data in (b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", bytes(range(256)), b"[" * 3000, b"{" * 3000, b"(" * 3000, b"9" * 4000):
        TARGETS[name](data)


def test_each_parser_has_something_ordinary_to_begin_with_and_all_is_small() -> None:
    assert {file.parent.name for file in FILES} == {*TARGETS}
    assert sum(file.stat().st_size for file in FILES) < LARGEST_CORPUS
