"""What is wrong with a configuration, and exactly where. Messages are for the person who edits the file."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from callbridge.core.model.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake (or, as a warning, one doubt). ``line`` and ``column`` count from 1; 0 means the whole file."""

    file: str
    line: int
    column: int
    where: str
    """The setting, such as ``queues.support.steps[0].skills``; empty for the file itself."""
    problem: str
    hint: str = ""
    picture: str = ""
    """Further lines for a terminal: the offending text with a caret below."""

    def __str__(self) -> str:
        return self.in_parts

    @property
    def in_parts(self) -> Sentence:
        """The whole message. Screens say in other languages where the fault is; ``problem`` and ``hint`` only if they are
        ``Sentence`` themselves."""
        said = printable(self.problem)
        if self.hint:
            said = Sentence("{problem} (hint: {hint})", problem=said, hint=printable(self.hint))
        if self.where:
            said = Sentence("{where}: {problem}", where=printable(self.where), problem=said)
        file = printable(self.file)
        place = Sentence("{file}:{line}", file=file, line=self.line) if self.line else file
        whole = Sentence("{place}: {problem}", place=place, problem=said)
        picture = "".join(f"\n    {printable(line)}" for line in self.picture.splitlines())
        return Sentence("{fault}{picture}", fault=whole, picture=picture) if picture else whole


class ConfigFaults(Exception):
    """A configuration that cannot be used. Holds every fault found, in the order of files and lines."""

    def __init__(self, faults: Iterable[Fault], warnings: Iterable[Fault] = ()) -> None:
        self.faults = in_order(faults)
        self.warnings = in_order(warnings)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Sorted by place, without duplicates."""
    return tuple(sorted(dict.fromkeys(faults), key=lambda fault: (fault.file, fault.line, fault.column, fault.where)))


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was most likely meant; empty when none is near."""
    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known name, or lists them when none is near."""
    names = sorted(known)
    near = nearest(name, names)
    if near:
        return f"did you mean {near!r}?"
    if not names:
        return "none is configured"
    return f"known: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"


def caret(text: str, position: int, problem: str) -> str:
    """``text`` with a caret below character ``position``; Chinese characters are two columns wide."""
    width = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text[:position])
    return f"{text}\n{' ' * width}^ {problem}"


def printable(text: str) -> str:
    """Safe for a terminal: whatever could move the cursor or cannot be encoded is escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
