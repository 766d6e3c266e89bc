"""The findings of ``callbridge doctor`` and their presentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.table import Table
from rich.text import Text

from callbridge.cli.tables import printable, render


class Level(StrEnum):
    """``not seen``: nothing is known, because our rights do not show it."""

    OK = "ok"
    UNSEEN = "not seen"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``about``: the part examined, such as ``ari user``; ``todo``: what to do about it."""

    level: Level
    about: str
    said: str
    todo: str = ""

    def plain(self) -> dict[str, str]:
        """As it goes into JSON."""
        return {"level": self.level.value, "about": self.about, "said": self.said, "todo": self.todo}


def ok(about: str, said: str) -> Finding:
    return Finding(level=Level.OK, about=about, said=said)


def unseen(about: str, said: str, todo: str = "") -> Finding:
    return Finding(level=Level.UNSEEN, about=about, said=said, todo=todo)


def warning(about: str, said: str, todo: str = "") -> Finding:
    return Finding(level=Level.WARNING, about=about, said=said, todo=todo)


def fault(about: str, said: str, todo: str = "") -> Finding:
    return Finding(level=Level.FAULT, about=about, said=said, todo=todo)


_STYLES = {Level.OK: "green", Level.UNSEEN: "dim", Level.WARNING: "yellow", Level.FAULT: "bold red"}


def findings_table(findings: Sequence[Finding], *, colour: bool | None = None, width: int | None = None) -> str:
    """The findings in the order in which they were made, and their sum."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("about", no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in findings:
        said = Text(printable(finding.said))
        if finding.todo:
            said.append(f"\n-> {printable(finding.todo)}", style="italic")
        table.add_row(Text(finding.level.value, style=_STYLES[finding.level]), Text(printable(finding.about)), said)
    lines = [line.rstrip() for line in render(table, colour=colour, width=width).splitlines()]
    return "\n".join([*lines, summary(findings)])


def summary(findings: Iterable[Finding]) -> str:
    levels = [finding.level for finding in findings]
    faults, warnings = levels.count(Level.FAULT), levels.count(Level.WARNING)
    unseen = levels.count(Level.UNSEEN)
    told = [f"{faults} fault{'' if faults == 1 else 's'}", f"{warnings} warning{'' if warnings == 1 else 's'}"]
    return ", ".join([*told, *([f"{unseen} not seen"] if unseen else [])])
