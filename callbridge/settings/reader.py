"""From YAML files to one tree of text. Every mistake becomes a fault with file and line; nothing else is raised.

A configuration is one file, or a folder (all its ``*.yaml`` files), and any file may ``include`` others. A section
may be spread over files as long as no name is given twice. Each file is read once.
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from callbridge.core.model.sentence import Sentence
from callbridge.settings.document import Document, Path, SourcePlace, Tree, where
from callbridge.settings.environment import EnvironmentFault, expand
from callbridge.settings.faults import Fault
from callbridge.settings.yaml_errors import ODD_SPACES, in_words, odd_sign

LARGEST_CONFIGURATION = 4_000_000
MAX_VALUES = 200_000
MAX_DEPTH = 40
MAX_FILES = 200

_TAG = "tag:yaml.org,2002:"
_TAGS = {_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "map", "seq", "merge")}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""They look like a space, come from word processors and web pages, and are part of the name to YAML."""
_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Wrong(Exception):
    """This file cannot be read further."""

    def __init__(self, problem: str, line: int = 0, column: int = 0, hint: str = "") -> None:
        super().__init__(problem)
        self.problem, self.line, self.column, self.hint = problem, line, column, hint


def read(path: pathlib.Path, env: Mapping[str, str]) -> Document:
    """Everything below ``path``, joined; the faults are in the document."""
    document = Document(str(path))
    seen: set[str] = set()
    for file in _files(document, path, SourcePlace(str(path), 0, 0), ()):
        _add_file(document, file, env, seen)
    return document


def _files(document: Document, path: pathlib.Path, named: SourcePlace, at: Path) -> Iterator[pathlib.Path]:
    """The file itself, or a folder's YAML files; ``named`` is where it was asked for."""
    try:
        if path.is_dir():
            found = sorted(item for item in path.iterdir() if item.suffix in (".yaml", ".yml") and item.name[0] != ".")
            if not found:
                raise OSError(None, "no *.yaml file in this folder")
            yield from found
        else:
            os.stat(path)
            yield path
    except (OSError, ValueError) as error:
        problem = f"cannot read {str(path)!r}: {_reason(error)}" if at else _reason(error)
        document.faults.append(Fault(named.file, named.line, named.column, where(at), problem))
        document.complete = False


def _add_file(document: Document, path: pathlib.Path, env: Mapping[str, str], seen: set[str]) -> None:
    identity = os.path.realpath(path)
    if identity in seen:
        return
    seen.add(identity)
    try:
        if len(seen) > MAX_FILES:
            raise _Wrong(f"more than {MAX_FILES} files")
        node = _compose(_text(path))
        tree = _Tree(document, str(path), env)
        sections = tree.sections(node) if node is not None else {}
    except _Wrong as wrong:
        document.faults.append(Fault(str(path), wrong.line, wrong.column, "", wrong.problem, wrong.hint))
        document.complete = False
        return
    includes = sections.pop("include", None)
    tree.join(sections)
    for index, name in enumerate(includes if isinstance(includes, list) else [includes] if includes else []):
        at: Path = ("include", index)
        named = tree.keys.get(at) or tree.keys["include",]
        if isinstance(name, str):
            for file in _files(document, path.parent / name, named, at):
                if os.path.realpath(file) in seen:
                    document.warnings.append(
                        _place_fault(named, at, Sentence("{file} is read already: this line changes nothing", file=repr(name)))
                    )
                _add_file(document, file, env, seen)
        else:
            document.faults.append(Fault(named.file, named.line, named.column, where(at), "expected the name of a file"))


def _place_fault(place: SourcePlace, path: Path, problem: str) -> Fault:
    return Fault(place.file, place.line, place.column, where(path), problem)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or "cannot be read").lower() if isinstance(error, OSError) else str(error)


def _text(path: pathlib.Path) -> str:
    try:
        if not path.is_file():
            raise _Wrong("is not a regular file")
        with path.open("rb") as file:
            raw = file.read(LARGEST_CONFIGURATION + 1)
    except OSError as error:
        raise _Wrong(_reason(error)) from None
    if len(raw) > LARGEST_CONFIGURATION:
        raise _Wrong(f"larger than {LARGEST_CONFIGURATION // 1_000_000} MB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise _Wrong(f"not UTF-8 text (byte 0x{raw[error.start]:02x})", line, column, "save the file as UTF-8") from None
    odd = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        column = odd.start() - text.rfind("\n", 0, odd.start())
        raise _Wrong(f"the character U+{ord(odd.group()):04X} is not allowed in YAML", line, column)
    return text


def _compose(text: str) -> yaml.Node | None:
    """The YAML nodes; nesting is measured first, because composing is recursive."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise _Wrong(f"nested deeper than {MAX_DEPTH} levels", *_position(event.start_mark))
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
        return node
    except yaml.MarkedYAMLError as error:
        problem = " ".join(filter(None, (error.context, error.problem))) or "cannot be read"
        line, column = _position(error.problem_mark or error.context_mark)
        begin = min(line, _position(error.context_mark or error.problem_mark)[0])
        raise _Wrong(*_worded(problem, text.splitlines(), begin, line, column)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _Wrong(f"not valid YAML: {str(error).splitlines()[0] if str(error) else 'too deep'}") from None


def _worded(problem: str, lines: list[str], begin: int, line: int, column: int) -> tuple[str, int, int, str]:
    """The parser stops where it is lost, which may be a line after the mistake: of a variable in braces, for one. ``begin``: the
    line in which it began to read what it could not end."""
    for number in range(max(begin - 1, 1), min(line, len(lines)) + 1):
        if odd := odd_sign(lines[number - 1]):
            return odd[0], number, odd[1], odd[2]
    at = lines[line - 1] if 0 < line <= len(lines) else ""
    before = lines[line - 2] if 1 < line <= len(lines) + 1 else ""
    if "node content" in problem and not "".join([at[column - 1 :], *lines[line:]]).strip():
        problem = "unexpected end of stream"  # a bracket is open, and nothing follows
    wrong, hint = in_words(problem, at if at.strip() else before, column, before)
    return wrong, line, column, hint


def _position(mark: Any) -> tuple[int, int]:
    """Line and column from 1; the C parser and the Python one have marks of different classes."""
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


class _Tree:
    """Turns one file's nodes into text values, and remembers where each began."""

    def __init__(self, document: Document, file: str, env: Mapping[str, str]) -> None:
        self.document = document
        self.file = file
        self.env = env
        self.keys: dict[Path, SourcePlace] = {}
        self.scalars: dict[Path, SourcePlace] = {}
        self.open: set[int] = set()
        self.count = 0

    def sections(self, node: yaml.Node) -> dict[str, Tree]:
        """The file's top level."""
        value = self._value(node, ())
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _Wrong("expected sections such as 'queues:'", *_position(node.start_mark))
        return value

    def join(self, sections: dict[str, Tree]) -> None:
        """Add the file to the document; what another file already gave is a fault."""
        twice: set[Path] = set()
        for section, value in sections.items():
            if value is None:
                continue
            mine = self.document.values.get(section)
            if mine is None:
                self.document.values[section] = value
            elif isinstance(mine, dict) and isinstance(value, dict):
                twice |= {(section, name) for name in mine.keys() & value.keys()}
                mine.update({name: item for name, item in value.items() if name not in mine})
            else:
                twice.add((section,))
        for path in sorted(twice):
            other = self.document.place(path, key=True)
            self._fault(self.keys[path], path, f"is already given in {other.file}:{other.line}")
        kept = [path for path in self.keys if path[:1] not in twice and path[:2] not in twice]
        for path in kept:
            self.document.keys.setdefault(path, self.keys[path])
            if path in self.scalars:
                self.document.scalars.setdefault(path, self.scalars[path])

    def _fault(self, place: SourcePlace, path: Path, problem: str, hint: str = "") -> None:
        self.document.faults.append(Fault(place.file, place.line, place.column, where(path), problem, hint))

    def _place(self, node: yaml.Node) -> SourcePlace:
        return SourcePlace(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _value(self, node: yaml.Node, path: Path) -> Tree:
        self.count += 1
        place = self._place(node)
        if self.count > MAX_VALUES:
            raise _Wrong(f"more than {MAX_VALUES} values", place.line, place.column, "an alias (*name) repeats all that it names")
        if id(node) in self.open:
            raise _Wrong("an alias that contains itself", place.line, place.column)
        if node.tag not in _TAGS:
            self._fault(place, path, f"the tag {node.tag.replace(_TAG, '!!')!r} is not supported", "remove it")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self.open.add(id(node))
        value: Tree
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node, path)
        else:
            value = []
            for index, item in enumerate(node.value):
                self.keys[*path, index] = self._place(item)
                value.append(self._value(item, (*path, index)))
        self.open.discard(id(node))
        return value

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> str | None:
        place = self.scalars[path] = self._place(node)
        if node.tag == _TAG + "null" and not node.style:
            return None
        try:
            text = expand(node.value, self.env)
        except EnvironmentFault as fault:
            self._fault(place, path, str(fault), fault.hint)
            return str(node.value)
        return self._plain(text, place, path)

    def _plain(self, text: str, place: SourcePlace, path: Path) -> str:
        if _CONTROL.search(text):
            self._fault(place, path, "contains a control character")
        return _CONTROL.sub("", text)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Tree]:
        values: dict[str, Tree] = {}
        merged: list[yaml.Node] = []
        for key, item in node.value:
            place = self._place(key)
            if not isinstance(key, yaml.ScalarNode):
                self._fault(place, path, "a key must be plain text")
                continue
            if key.tag == _TAG + "merge":
                merged += item.value if isinstance(item, yaml.SequenceNode) else [item]
                continue
            name = self._plain(key.value, place, path)
            if odd := odd_sign(name):
                raise _Wrong(odd[0], place.line, place.column + odd[1] - 1, odd[2])
            if name[:1] and name[0] in ODD_SPACES:
                code = f"U+{ord(name[0]):04X}"
                raise _Wrong(f"the line is indented by an invisible character ({code})", place.line, place.column, "use spaces")
            if name in values:
                first = self.keys[*path, name]
                self._fault(place, (*path, name), f"is given twice (first in line {first.line})")
                continue
            self.keys[*path, name] = place
            values[name] = self._value(item, (*path, name))
        for source in merged:
            self._merge(source, path, values)
        return values

    def _merge(self, source: yaml.Node, path: Path, values: dict[str, Tree]) -> None:
        """YAML's ``<<: *name``: the source fills in what the mapping itself leaves out."""
        if not isinstance(source, yaml.MappingNode) or id(source) in self.open:
            self._fault(self._place(source), path, "'<<' takes a mapping (or a list of mappings)")
            return
        known = [(key, item) for key, item in source.value if not (isinstance(key, yaml.ScalarNode) and key.value in values)]
        fresh = yaml.MappingNode(source.tag, known, source.start_mark, source.end_mark)
        self.open.add(id(source))
        self.count += 1
        values.update(self._mapping(fresh, path))
        self.open.discard(id(source))
