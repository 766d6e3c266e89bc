"""How many random examples a test tries: all of them, or a fifth in `make check`."""

from __future__ import annotations

from hypothesis import settings

ALL = 100
"""What hypothesis tries unless a test says otherwise."""
FEW = 20
"""What it tries in `make check`."""


def examples(number: int) -> int:
    """For ``max_examples``: this number, and in `make check` its fifth."""
    return max(1, number * settings().max_examples // ALL)
