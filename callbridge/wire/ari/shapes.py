"""Careful looks into JSON that others wrote: the expected shape, or ``Malformed``."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

ID_LIMIT = 256
"""Asterisk's own limit for ids is 149 characters (AST_MAX_PUBLIC_UNIQUEID); Local halves and names add a little."""


OLDEST_TIMESTAMP = 86400.0
"""Seconds before now beyond which no caller can have arrived."""
CLOCK_STEP = 1.0
"""Seconds by which two clocks differ at least when one of them has been set."""
SKEW = 5.0
"""Seconds by which the PBX's clock may be ahead of ours."""
_EPOCH = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})?")


class Malformed(ValueError):
    """A message has not the shape that ARI documents."""


def parse(frame: str | bytes) -> Any:
    """The JSON value in ``frame``; Malformed for anything else, however deep or odd."""
    try:
        return json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise Malformed(type(error).__name__) from error


def part(value: Any, key: str) -> dict[str, Any]:
    """The object that ``value`` has under ``key``."""
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise Malformed(f"{key} is not an object")
    return found


def optional_part(value: Any, key: str) -> dict[str, Any]:
    """Like ``part``; empty when there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def text(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str):
        raise Malformed(f"{key} is not text")
    return found


def identity(value: Any) -> str:
    """An ID: short printable text, because it is used in URLs, keys and logs."""
    if not isinstance(value, str) or not value or len(value) > ID_LIMIT or not value.isprintable():
        raise Malformed("bad id")
    return value


def whole(value: Any) -> int | None:
    """An integer, also when spelt as text (AMI habits show in some versions); None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return None


def epoch(value: Any, now: float, ahead: float = 0.0) -> float | None:
    """Epoch seconds written as digits, perhaps with milliseconds, no later than ``now``; None for anything implausible.
    ``ahead``: seconds by which the clock that wrote them is ahead of ours, which steps with no wall clock."""
    if not isinstance(value, str) or not _EPOCH.fullmatch(value):
        return None
    ours = float(value) - stepped(ahead)
    return min(ours, now) if now - OLDEST_TIMESTAMP <= ours <= now + SKEW else None


def stepped(ahead: float) -> float:
    """The difference of two clocks where one was set; less is the time that a message takes, and counts for nothing."""
    return ahead if abs(ahead) > CLOCK_STEP else 0.0


def moment(written: Any) -> float | None:
    """Epoch seconds of ``2026-11-21T21:06:00.000+0000``; None for anything else."""
    try:
        return datetime.fromisoformat(written).timestamp() if isinstance(written, str) else None
    except (ValueError, OverflowError):
        return None
