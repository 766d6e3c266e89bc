"""Asterisk's configuration files: text -> sections, with templates, additions and includes resolved as Asterisk does.

Pure: who calls says how a file is read. What cannot be understood is noted with its place, and the rest is read on.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, field

DEEPEST = 10
"""Includes in includes."""
MOST_INCLUDES = 1000
"""Files that are followed in all: two that include each other several times would be read for ever."""

Read = Callable[[str], "str | None"]
"""The text of the file of this name, as an include names it; None when there is none."""


@dataclass(frozen=True, slots=True)
class ConfEntry:
    """``key = value`` or ``key => value``; ``file`` and ``line`` say where. ``cut``: a ``;`` right behind the value ended it."""

    key: str
    value: str
    file: str
    line: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something that could not be read; the rest was."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(slots=True)
class ConfSection:
    name: str
    template: bool
    entries: list[ConfEntry] = field(default_factory=list)

    def last(self, key: str) -> str | None:
        """The value in force of a key that holds one: the last given. Keys are compared without case."""
        return next((entry.value for entry in reversed(self.entries) if entry.key.lower() == key.lower()), None)

    def all(self, key: str) -> list[ConfEntry]:
        return [entry for entry in self.entries if entry.key.lower() == key.lower()]


@dataclass(slots=True)
class Conf:
    """``sections`` in the order of the file, templates too; ``includes``: the files that were asked for, as they were named."""

    sections: list[ConfSection] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)

    def section(self, name: str) -> ConfSection | None:
        return next((section for section in self.sections if section.name == name and not section.template), None)

    def value(self, section: str, key: str) -> str | None:
        found = self.section(section)
        return None if found is None else found.last(key)


_HEADING = re.compile(r"\[(?P<name>[^\]]+)\]\s*(?:\((?P<how>[^)]*)\))?\s*(?P<rest>.*)")
_INCLUDE = re.compile(r"#\s*(?P<kind>include|tryinclude|exec)\s+(?P<name>.+)", re.IGNORECASE)


_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes) -> tuple[str, str]:
    """Text of a file of unknown encoding, and a word about it when it was not UTF-8."""
    wide = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    if not wide and b"\0" in data[:4]:
        wide = "utf-16-be" if data[0] == 0 else "utf-16-le"
    if wide:
        return data.decode(wide, errors="replace"), f"{wide.upper()}, which Asterisk itself cannot read"
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), "not UTF-8; read as Windows-1252 (Latin)"


def parse(text: str, name: str, read: Read | None = None) -> Conf:
    """Read one file. ``read`` gives included files; without it, includes are noted only."""
    reader = _ConfReader(read)
    reader.file(text, name, 0)
    return reader.conf


class _ConfReader:
    def __init__(self, read: Read | None) -> None:
        self.conf = Conf()
        self._read = read
        self._now: ConfSection | None = None
        self._comment = 0
        """How deep in ``;-- ... --;`` we are."""

    def file(self, text: str, name: str, depth: int) -> None:
        for number, line in enumerate(text.splitlines(), 1):
            content, cut = self._bare(line)
            if content:
                self._line(content, name, number, depth, cut=cut)
        if self._comment and depth == 0:
            self._note(name, len(text.splitlines()), "a comment ';--' is never closed: what follows it was not read")

    def _bare(self, line: str) -> tuple[str, bool]:
        """The line without comments, and whether one began right behind a word, as by a ``;`` that was meant."""
        kept: list[str] = []
        at, cut = 0, False
        while at < len(line):
            if self._comment:
                end = line.find("--;", at)
                if end < 0:
                    break
                self._comment, at = self._comment - 1, end + 3
            elif line.startswith(";--", at) and not line.startswith(";---", at):
                self._comment, at = self._comment + 1, at + 3
            elif line.startswith("\\;", at):
                kept.append(";")
                at += 2
            elif line[at] == ";":
                cut = bool(kept) and not kept[-1].isspace() and not line[at + 1 : at + 2].isspace()
                break
            else:
                kept.append(line[at])
                at += 1
        return "".join(kept).strip().replace("\0", ""), cut

    def _line(self, line: str, file: str, number: int, depth: int, *, cut: bool) -> None:
        if line.startswith("["):
            self._heading(line, file, number)
        elif line.startswith("#"):
            self._directive(line, file, number, depth)
        elif "=" not in line:
            self._note(file, number, f"neither 'key = value' nor a section: {line:.60}")
        elif self._now is None:
            self._note(file, number, f"stands before the first section: {line:.60}")
        else:
            key, _, value = line.partition("=")
            entry = ConfEntry(key.strip(), value.removeprefix(">").strip(), file, number, cut)
            if entry.key:
                self._now.entries.append(entry)
            else:
                self._note(file, number, f"a value without a key: {line:.60}")

    def _heading(self, line: str, file: str, number: int) -> None:
        found = _HEADING.fullmatch(line)
        if found is None:
            self._note(file, number, f"a section whose bracket is never closed: {line:.60}")
            self._now = None
            return
        name, how = found["name"].strip(), [word.strip() for word in (found["how"] or "").split(",") if word.strip()]
        if "+" in how:
            self._now = next((one for one in reversed(self.conf.sections) if one.name == name), None)
            if self._now is None:
                self._note(file, number, f"[{name}](+) adds to a section that there is not")
                self._now = self._new(name, template=False)
        else:
            self._now = self._new(name, template="!" in how)
        for parent in how:
            if parent not in ("!", "+"):
                self._inherit(self._now, parent, file, number)

    def _new(self, name: str, *, template: bool) -> ConfSection:
        section = ConfSection(name, template)
        self.conf.sections.append(section)
        return section

    def _inherit(self, section: ConfSection, parent: str, file: str, number: int) -> None:
        found = next((one for one in reversed(self.conf.sections) if one.name == parent and one is not section), None)
        if found is None:
            self._note(file, number, f"[{section.name}] inherits from {parent}, which there is not")
        else:
            section.entries += found.entries

    def _directive(self, line: str, file: str, number: int, depth: int) -> None:
        found = _INCLUDE.fullmatch(line)
        if found is None:
            self._note(file, number, f"unknown directive: {line:.60}")
            return
        name = found["name"].strip().strip("\"'<>")
        self.conf.includes.append(name)
        if found["kind"].lower() == "exec":
            self._note(file, number, f"#exec was not run: {name:.60}")
        elif len(self.conf.includes) > MOST_INCLUDES:
            if len(self.conf.includes) == MOST_INCLUDES + 1:
                self._note(file, number, f"not followed: #include {name:.60}; there are more than {MOST_INCLUDES} includes")
        elif self._read is None or depth >= DEEPEST:
            why = f"; includes are nested more than {DEEPEST} deep, as where files include each other" if self._read else ""
            self._note(file, number, f"not followed: #include {name:.60}{why}")
        else:
            text = self._read(name)
            if text is not None:
                self.file(text, name, depth + 1)
            elif found["kind"].lower() == "include":
                self._note(file, number, f"the included file cannot be read: {name:.60}")

    def _note(self, file: str, line: int, text: str) -> None:
        self.conf.notes.append(Note(file, line, text))
