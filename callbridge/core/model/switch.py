"""A switch: something that people turn on and off while everything runs; it holds until it is turned back."""

from __future__ import annotations

from dataclasses import dataclass

BYPASS = "bypass"
"""The switch that sends every new call to the fallback at once."""


def closing(calendar: str) -> str:
    """The switch that closes a calendar at once, regardless of its hours."""
    return f"closed:{calendar}"


@dataclass(frozen=True, kw_only=True)
class Switch:
    """``by`` and ``since``: who set it last, and when."""

    id: str
    on: bool
    by: str = ""
    since: float = 0.0
