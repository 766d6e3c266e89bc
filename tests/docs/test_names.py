"""A name means one thing: no class name is defined twice in the package."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import callbridge

PACKAGE = Path(callbridge.__file__).parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def classes(source: str) -> Iterator[str]:
    """The name of each class, wherever it stands. A protocol and the class that fits it have different names, too."""
    return (node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))


def defined_twice(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Class name -> the files that define it, where there are several definitions."""
    found = defaultdict(list)
    for place, source in sources.items():
        for name in classes(source):
            found[name].append(place)
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_class_name_has_two_meanings() -> None:
    assert defined_twice(SOURCES) == {}


@pytest.mark.parametrize("second", ["class Agent: ...", "def make():\n    class Agent(Protocol): ..."])
def test_a_class_that_is_defined_twice_is_found(second: str) -> None:
    assert defined_twice({"a.py": "class Agent: ...", "b.py": second}) == {"Agent": ["a.py", "b.py"]}
