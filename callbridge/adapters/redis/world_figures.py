"""The figures of a saved world, the hash ``meta``: whose it is, how far it was saved, and whether all of them can be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from callbridge.adapters.facts.codec import check_schema

_MAX_EXACT = 2**53
"""Numbers beyond it are none that a script of Redis can count on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Whose world was found, and its last save; empty where that cannot be read."""

    token: str = ""
    number: str = ""


def whose(meta: Mapping[bytes, bytes]) -> Found:
    return Found(token=meta.get(b"token", b"").decode(errors="replace"), number=meta.get(b"number", b"").decode(errors="replace"))


def unreadable(meta: Mapping[bytes, bytes], *, rows: bool) -> str:
    """What is wrong with the figures; empty when nothing is. ``rows``: has the world any? Raises FutureSchema."""
    if b"number" not in meta and b"schema" not in meta:  # a token alone: taken over, and not saved yet
        return "it is missing, and rows are there" if rows else ""
    for name, read in _FIGURES.items():
        try:
            value = read(meta[name])
        except KeyError:
            return f"it has no {name.decode()}"
        except ValueError:
            return f"its {name.decode()} cannot be read"
        if name == b"schema":
            check_schema(int(value))
    return ""


def _count(text: bytes) -> int:
    value = int(text)
    if not 0 <= value < _MAX_EXACT:
        raise ValueError("out of bounds")
    return value


def _moment(text: bytes) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("no moment")
    return value


_FIGURES: dict[bytes, Callable[[bytes], float | str]] = {
    b"schema": _count,
    b"token": _count,
    b"number": _count,
    b"now": _moment,
    b"seq": _count,
    b"day": bytes.decode,
}
"""How each is read; the schema first, for what a newer version saved is not looked at any further."""
