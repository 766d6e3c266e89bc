"""What `make check` does not even read holds no fast test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.by_lab import lab_of
from tests.docs.diagrams import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
NOT_READ = [ROOT / path for path in re.findall(r"--ignore=([\w/.]+)", MAKEFILE)]


def _modules() -> list[Path]:
    return [module for path in NOT_READ for module in (path.rglob("test_*.py") if path.is_dir() else [path])]


def _marks(module: Path) -> set[str]:
    """The marks of the whole module."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            return {part.attr for part in ast.walk(node.value) if isinstance(part, ast.Attribute)}
    return set()


@pytest.mark.parametrize("module", _modules(), ids=lambda module: module.name)
def test_a_module_that_is_not_read_is_live_or_slow_as_a_whole(module: Path) -> None:
    assert _marks(module) & {"live", "slow"}


def test_the_live_suite_is_not_read() -> None:
    assert ROOT / "tests" / "live" in NOT_READ
    assert all(path.exists() for path in NOT_READ)


def test_random_tests_try_all_their_examples_in_make_test() -> None:
    (fast,) = re.findall(r"^FAST := .*", MAKEFILE, re.MULTILINE)
    (full,) = re.findall(r"^slow: .*\n(.*)", MAKEFILE, re.MULTILINE)
    assert "--hypothesis-profile few" in fast
    assert "--hypothesis-profile" not in full
    assert "or hypothesis" in full


@pytest.mark.parametrize(
    ("test", "lab"),
    [
        ("tests/live/test_x.py::test_y[22]", "tests/live/test_x.py 22"),
        ("tests/live/test_x.py::test_y[16-kill-3.0]", "tests/live/test_x.py 16"),
        ("tests/live/test_x.py::test_y[soon-16]", "tests/live/test_x.py 16"),
        ("tests/live/test_x.py::test_y", "tests/live/test_x.py"),
        ("tests/core/test_x.py::test_y[16]", "tests/core/test_x.py"),
    ],
)
def test_the_versions_of_a_live_module_are_run_apart(test: str, lab: str) -> None:
    assert lab_of(test) == lab


def test_a_fast_module_would_be_noticed() -> None:
    assert not _marks(Path(__file__)) & {"live", "slow"}
