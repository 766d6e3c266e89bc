"""How many random examples a test tries: all of them, or a fifth in `make check`; and how many seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest
from hypothesis import settings

ALL = 100
"""What hypothesis tries unless a test says otherwise."""
FEW = 20
"""What it tries in `make check`."""


def examples(number: int, *, fast: int = 0) -> int:
    """For ``max_examples``: this number, and in `make check` its fifth, or ``fast`` where each example takes long."""
    few = settings().max_examples < ALL
    return fast if few and fast else max(1, number * settings().max_examples // ALL)


def cases(values: Iterable[object], *, fast: int | Collection[object]) -> list[object]:
    """Values for a parameter, of which only the first ``fast``, or those in it, are fast: the others show the same again."""
    made = list(values)
    quick = made[:fast] if isinstance(fast, int) else fast
    return [value if value in quick else pytest.param(value, marks=pytest.mark.slow) for value in made]


def seeds(count: int, *, fast: int) -> list[object]:
    """So many seeds of random days for a parameter, of which the first few are fast."""
    return cases(range(count), fast=fast)
