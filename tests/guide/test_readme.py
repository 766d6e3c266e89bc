"""The README stays short, what it says of the demo is what the demo says, and its pictures are up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callbridge.wire.reports import CATALOGUE
from tests.guide.pages import GUIDE, README, ROOT
from tests.lab import demo
from tests.lab.pictures import pictures


def test_it_is_short() -> None:
    lines = README.text.splitlines()
    assert len(lines) <= 200
    assert [line for line in lines if len(line) > 120] == []


def test_what_it_says_of_the_demo_is_what_the_demo_says() -> None:
    (shown,) = (block.text for block in README.blocks("text") if "it adds up" in block.text)
    others = [name for name in demo.AGENTS if name not in demo.DIALLED]
    for line in (
        f"{len(demo.DIALLED)} agents log in at their phones: *11 and the PIN",
        f"{len(others)} more by command: callbridge agents login {others[0]} ... {others[-1]}",
        f"{demo.CALLS} callers of all tiers within {demo.SECONDS} s; seed 1",
        f"{demo.LUNCHES} goes to lunch: *141 at the phone",
        f"the phone of {demo.MOVES} is unplugged",
    ):
        assert line in shown.splitlines()
    assert f"{demo.CALLS} calls on the wire, {demo.CALLS} in callbridge's books, 0 differences" in shown
    assert f"makes {demo.CALLS} live SIP calls to {len(demo.AGENTS)} agents" in " ".join(README.text.split())


@pytest.mark.parametrize("sentence", ["starting Asterisk 22, Redis and callbridge with config/callbridge.yaml", "it adds up"])
def test_the_demo_says_it(sentence: str) -> None:
    assert sentence in README.text
    assert sentence in Path(demo.__file__).read_text()


@pytest.mark.parametrize("page", [ROOT / "README.md", GUIDE / "commands.md"], ids=lambda page: page.name)
def test_the_number_of_reports_is_that_of_the_catalogue(page: Path) -> None:
    assert re.findall(r"(\d+) reports", page.read_text()) == [str(len(CATALOGUE))]


def test_every_target_of_make_that_it_names_is_one() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make (\w+)`", README.text))
    assert {"demo", "test"} <= named <= targets


def written(svg: str) -> list[str]:
    """What a picture says, without where and how: that is rich's own, and may differ from version to version."""
    return [text for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg) if text.strip("\xa0&#160; ")]


@pytest.mark.parametrize("name", ["wallboard.svg", "overview.svg"])
def test_the_pictures_are_up_to_date(name: str) -> None:
    assert written((GUIDE / name).read_text()) == written(pictures()[name]), "run: .venv/bin/python -m tests.lab.pictures"
    assert len(written(pictures()[name])) > 20


def test_the_pictures_need_nothing_from_the_network() -> None:
    for name, svg in pictures().items():
        assert name in README.text
        assert not re.search(r"url\(['\"]?http|@import|<image|<script", svg)
