"""How many random examples a test tries: all of them, or a fifth in `make check`; and how many seeds."""

from __future__ import annotations

import pytest
from hypothesis import settings

ALL = 100
"""What hypothesis tries unless a test says otherwise."""
FEW = 20
"""What it tries in `make check`."""


def examples(number: int) -> int:
    """For ``max_examples``: this number, and in `make check` its fifth."""
    return max(1, number * settings().max_examples // ALL)


def seeds(count: int, *, fast: int) -> list[object]:
    """So many seeds of random days for a parameter; those after the first few are slow, for they show the same again."""
    return [*range(fast), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(fast, count))]
