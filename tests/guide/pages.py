"""README.md and the pages of deploy/guide, taken apart for tests: blocks of code, words in code, tables, links, headings."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "deploy" / "guide"
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text without the indentation, and where it stands."""

    where: str
    language: str
    text: str


@dataclass(frozen=True)
class Page:
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def name(self) -> str:
        return self.path.name

    def blocks(self, language: str) -> Iterator[Block]:
        for found in _BLOCK.finditer(self.text):
            line = self.text.count("\n", 0, found.start()) + 1
            if found[2] == language:
                yield Block(f"{self.name}:{line}", found[2], textwrap.dedent(found[3]))

    @cached_property
    def prose(self) -> str:
        """Everything but the blocks."""
        return _BLOCK.sub("", self.text)

    def spans(self) -> list[str]:
        """What stands in code within the prose; in a table a bar is written with a backslash."""
        return [span.replace("\\|", "|") for span in _SPAN.findall(self.prose)]

    def rows(self, heading: str) -> list[list[str]]:
        """The rows of every table whose head begins with this word, cell by cell."""
        rows: list[list[str]] = []
        for table in re.findall(rf"^\| {heading} \|.*\n\|[-| :]+\n((?:\|.*\n)+)", self.text, re.MULTILINE):
            rows += [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()]
        assert rows, f"{self.name} has no table {heading!r}"
        return rows

    def links(self) -> list[str]:
        named = re.findall(r"^\[[^\]]+\]: (\S+)$", self.prose, re.MULTILINE)
        return [*re.findall(r"\]\(([^)\s]+)\)", self.prose), *named]

    def anchors(self) -> set[str]:
        """As GitHub makes them of headings."""
        titles = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


README = Page(ROOT / "README.md")
RUNBOOK = Page(ROOT / "deploy" / "README.md")
TOPICS = [Page(path) for path in sorted(GUIDE.glob("*.md"))]
PAGES = [README, *TOPICS]


def page(name: str) -> Page:
    return Page(GUIDE / name)


def spans_of(cell: str) -> list[str]:
    return _SPAN.findall(cell)


def spelled_out(command: str) -> list[str]:
    """``agents login|ready ID`` means two commands."""
    return [" ".join(words) for words in product(*(word.split("|") for word in command.split(" ")))]
