"""A name means one thing: no class name is defined twice in the package, and no public constant and no alias of a type has two
values."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import callbridge
from tests.sources import parsed

PACKAGE = Path(callbridge.__file__).parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def classes(source: str) -> tuple[str, ...]:
    """The name of each class, wherever it stands. A protocol and the class that fits it have different names, too."""
    return tuple(_classes(parsed(source)))


def _classes(node: ast.AST) -> Iterator[str]:
    """In statements only: expressions, which define no class, are most of a tree."""
    for inner in (inner for part in ("body", "orelse", "handlers", "finalbody", "cases") for inner in getattr(node, part, ())):
        if isinstance(inner, ast.ClassDef):
            yield inner.name
        yield from _classes(inner)


def constants(source: str) -> Iterator[tuple[str, ast.expr]]:
    """Each public constant of a module with its value. ``NAME = module.NAME`` is no second value."""
    for node in parsed(source).body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _constants(target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from _constants(node.target, node.value)


def aliases(source: str) -> Iterator[tuple[str, ast.expr]]:
    """Each public alias of a type in a module with its value; what is called, as TypeVar is, makes none."""
    for node in parsed(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if re.fullmatch("[A-Z]+[a-z]\\w*", name):
                if not isinstance(value, ast.Call) and not _passed_on(name, value):
                    yield name, value


def _constants(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for each, part in zip(target.elts, value.elts, strict=True):
            yield from _constants(each, part)
    elif isinstance(target, ast.Name) and re.fullmatch("[A-Z][A-Z0-9_]*", target.id) and not _passed_on(target.id, value):
        yield target.id, value


def _passed_on(name: str, value: ast.expr) -> bool:
    return isinstance(value, ast.Attribute) and value.attr == name


def defined_twice(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Class name -> the files that define it, where there are several definitions."""
    found = defaultdict(list)
    for place, source in sources.items():
        for name in classes(source):
            found[name].append(place)
    return {name: places for name, places in found.items() if len(places) > 1}


def different_values(
    sources: Mapping[str, str], named: Callable[[str], Iterator[tuple[str, ast.expr]]] = constants
) -> dict[str, dict[str, str]]:
    """Constant -> its value in each file, where the values differ."""
    found: dict[str, dict[str, ast.expr]] = defaultdict(dict)
    for place, source in sources.items():
        for name, value in named(source):
            found[name][place] = value
    several = {name: values for name, values in found.items() if len(values) > 1}  # to write a value as text takes longest
    written = {name: {place: ast.unparse(value) for place, value in values.items()} for name, values in several.items()}
    return {name: values for name, values in written.items() if len(set(values.values())) > 1}


def test_no_class_name_has_two_meanings() -> None:
    assert defined_twice(SOURCES) == {}


def test_no_public_constant_has_two_values() -> None:
    assert different_values(SOURCES) == {}


def test_no_alias_of_a_type_has_two_meanings() -> None:
    assert different_values(SOURCES, aliases) == {}
    assert sum(len(list(aliases(source))) for source in SOURCES.values()) > 20


def test_no_alias_of_a_type_has_the_name_of_a_class() -> None:
    of_classes = {name for source in SOURCES.values() for name in classes(source)}
    assert [(place, name) for place, source in SOURCES.items() for name, _ in aliases(source) if name in of_classes] == []


def test_an_alias_with_a_second_meaning_is_found() -> None:
    found = different_values({"a.py": "Row = list[float]", "b.py": "Row = list[str]", "c.py": "Row = TypeVar('Row')"}, aliases)
    assert found == {"Row": {"a.py": "list[float]", "b.py": "list[str]"}}


@pytest.mark.parametrize("second", ["class Agent: ...", "def make():\n    class Agent(Protocol): ..."])
def test_a_class_that_is_defined_twice_is_found(second: str) -> None:
    assert defined_twice({"a.py": "class Agent: ...", "b.py": second}) == {"Agent": ["a.py", "b.py"]}


@pytest.mark.parametrize("second", ["LATE = 2.0", "LATE: float = 2.0", "EARLY, LATE = 1.0, 2.0", "A = LATE = 2.0"])
def test_a_constant_with_a_second_value_is_found(second: str) -> None:
    assert different_values({"a.py": "LATE = 1.0", "b.py": second}) == {"LATE": {"a.py": "1.0", "b.py": "2.0"}}


@pytest.mark.parametrize("second", ["LATE = 1.0", "LATE = a.LATE", "_LATE = 2.0"])
def test_a_constant_with_one_value_is_fine(second: str) -> None:
    assert different_values({"a.py": "LATE = 1.0", "b.py": second}) == {}
