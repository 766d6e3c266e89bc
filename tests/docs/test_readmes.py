"""What the READMEs say about the code is true of the code: ``python -m tests.docs`` makes the generated parts again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.diagrams import BLOCKS, ROOT
from tests.docs.readmes import (
    READMES,
    exists,
    is_known,
    is_of_python,
    names,
    names_in_docstring,
    paths,
    prose,
    rewritten,
)

pytestmark = pytest.mark.slow

BY_FOLDER = pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.parent.name)


@BY_FOLDER
def test_what_is_made_from_the_code_is_current(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    assert rewritten(text) == text, "run `python -m tests.docs`"


def test_every_diagram_is_shown() -> None:
    shown = {name for readme in READMES for name in re.findall(r"made from the code: ([a-z ]+) -->", readme.read_text("utf-8"))}
    assert shown == set(BLOCKS)


def test_a_diagram_that_is_out_of_date_is_noticed() -> None:
    text = READMES[0].read_text(encoding="utf-8")
    old = text.replace("    waiting --> offered: offer\n", "")
    assert old != text
    assert rewritten(old) == text


@BY_FOLDER
def test_every_file_that_is_named_exists(readme: Path) -> None:
    named = paths(readme.read_text(encoding="utf-8"))
    assert named
    assert [path for path in named if not exists(path, readme)] == []


@BY_FOLDER
def test_every_function_that_is_named_exists(readme: Path) -> None:
    assert [name for name in names(readme.read_text(encoding="utf-8")) if not is_known(name)] == []


@pytest.mark.parametrize("name", ["offers.make", "Runtime.post", "core.engine.step", "tests.core.traces"])
def test_names_are_found_by_module_or_class(name: str) -> None:
    assert is_known(name)


@pytest.mark.parametrize("name", ["offers.made_up", "nowhere.make", "Runtime.made_up"])
def test_a_name_that_is_nowhere_is_noticed(name: str) -> None:
    assert not is_known(name)


def test_every_name_in_the_docstring_of_a_module_exists() -> None:
    named = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in sorted((ROOT / "callbridge").rglob("*.py"))
        for name in names_in_docstring(path.read_text(encoding="utf-8"))
    ]
    assert len(named) > 10
    assert [(path, name) for path, name in named if not is_known(name) and not is_of_python(name)] == []


def test_names_in_docstrings_are_dotted_or_of_classes() -> None:
    docstring = "The ``world.gone`` of ``BadRow``: ``after``, ``asyncio.wait_for``, ``World``, ``call.py``, as ``{x.y}``."
    found = names_in_docstring(f'"""{docstring}"""')
    assert found == ["world.gone", "BadRow", "asyncio.wait_for"]
    assert [is_of_python(name) for name in found] == [False, False, True]
    assert [is_known(name) for name in (*found, "World.unfinished")] == [False, False, False, True]


def test_every_folder_of_tests_is_on_their_map() -> None:
    text = READMES[-1].read_text(encoding="utf-8")
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.iterdir())} - {"__pycache__"}
    assert [name for name in sorted(folders) if f"| `{name}/`" not in text] == []


def test_every_package_is_on_the_map() -> None:
    text = prose(READMES[0].read_text(encoding="utf-8"))
    packages = {path.parent.relative_to(ROOT / "callbridge").as_posix() for path in ROOT.glob("callbridge/**/__init__.py")} - {
        "."
    }
    assert [name for name in sorted(packages) if f"`{name}/`" not in text] == []


def test_every_context_and_feature_code_of_the_dialplan_is_explained() -> None:
    dialplan = (ROOT / "dialplan" / "callbridge.conf").read_text(encoding="utf-8")
    text = (ROOT / "dialplan" / "README.md").read_text(encoding="utf-8")
    contexts = re.findall(r"^\[([a-z-]+)\]", dialplan, re.MULTILINE)
    assert len(contexts) > 5
    assert [name for name in contexts if f"| `{name}` |" not in text] == []
    codes = set(re.findall(r"^exten => _?(\*\d\d)", dialplan, re.MULTILINE))
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []
