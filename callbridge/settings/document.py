"""The configuration as read, before it means anything: a tree of text, and where each part of it was written."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from callbridge.settings.faults import Fault

Tree = dict[str, "Tree"] | list["Tree"] | str | None
"""Scalars stay text until a model says what they are: ``0101`` and ``+44...`` are not numbers, ``no`` is a name."""

Path = tuple[str | int, ...]


class AnyNames(dict[str, "Tree"]):
    """Stands for a section that could not be read, whose fault is reported: it may hold any name, so that none of those that
    are used elsewhere seems to be missing."""

    def __contains__(self, key: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return True

    def get(self, key: str, default: object = None) -> AnyNames:
        return self


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Where something is written. ``line`` and ``column`` count from 1; 0 when only the file is known."""

    file: str
    line: int
    column: int


@dataclass(slots=True)
class Document:
    """All files of one configuration, joined."""

    root: str
    values: dict[str, Tree] = field(default_factory=dict)
    keys: dict[Path, SourcePlace] = field(default_factory=dict)
    """Where the key (or the list item) at a path begins."""
    scalars: dict[Path, SourcePlace] = field(default_factory=dict)
    """Where the text at a path begins."""
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    """Warnings about how the files are written."""
    unread: set[Path] = field(default_factory=set)
    """Settings whose file could not be read, which is a fault already: their stand-ins are not checked."""
    unclear: set[Path] = field(default_factory=set)
    """What could not be read as what it should be, which is a fault already."""
    complete: bool = True
    """False when a file could not be read: what seems to be missing may be in there."""
    observed: bool = False
    """For `callbridge observe`: queues and agents are the PBX's own."""
    never_called: pathlib.Path | None = None
    """``callbacks.do_not_call_file``, if there is one."""

    def place(self, path: Path, key: bool = False) -> SourcePlace:
        """Where ``path`` was written; for a path that was not, the nearest part above it that was."""
        if not key and path in self.scalars:
            return self.scalars[path]
        for end in range(len(path), 0, -1):
            if path[:end] in self.keys:
                return self.keys[path[:end]]
        return SourcePlace(self.root, 0, 0)

    def at(self, path: Path, problem: str, hint: str = "", *, picture: str = "", key: bool = False) -> Fault:
        """A fault at ``path``, not yet added."""
        place = self.place(path, key)
        return Fault(place.file, place.line, place.column, where(path), problem, hint, picture)

    def known(self, path: Path, names: Collection[str]) -> Collection[str]:
        """``names``, as they were read from ``path``; any name, if it or the whole section could not be read."""
        return AnyNames() if path in self.unclear or path[:1] in self.unclear else names

    def rename(self, section: str, to: str) -> None:
        """Read a misspelt section as the one that is meant, so that nothing else seems to be missing."""
        self.values[to] = self.values.pop(section)
        for places in (self.keys, self.scalars):
            for path in [path for path in places if path[0] == section]:
                places[to, *path[1:]] = places[path]

    def add(self, path: Path, problem: str, hint: str = "", *, key: bool = False) -> None:
        """Record a fault at ``path``; see ``at``."""
        self.faults.append(self.at(path, problem, hint, key=key))


def where(path: Path) -> str:
    """``queues.support.steps[0].skills``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def mapping(value: object) -> Mapping[str, object]:
    """``value`` when it is a mapping, else an empty one: for looking around in a tree of unknown shape."""
    return value if isinstance(value, Mapping) else {}
