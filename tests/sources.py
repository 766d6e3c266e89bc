"""Source for the tests that read it: parsed once in each test process, however many of them there are."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from callbridge import core

SOURCE = Path(core.__file__).parent


@cache
def parsed(source: str) -> ast.Module:
    """Nobody changes it."""
    return ast.parse(source)


@cache
def functions() -> tuple[ast.FunctionDef, ...]:
    """Every function of the core."""
    return tuple(
        node
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(parsed(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    )


@cache
def calls(owner: ast.FunctionDef) -> tuple[ast.Call, ...]:
    """Every call in it."""
    return tuple(node for node in ast.walk(owner) if isinstance(node, ast.Call))


def name_of(called: ast.Call) -> str:
    """The name of the function or method that is called, without what stands before it."""
    return str(getattr(called.func, "id", getattr(called.func, "attr", "")))
