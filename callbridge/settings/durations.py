"""Durations as people write them, for configurations and command lines alike."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h|d))+|\d{1,9}(?:\.\d{1,6})?", re.ASCII)
_LONGEST_DURATION = 30 * 86400.0


def seconds(value: object) -> float:
    """``90``, ``1.5``, ``500ms``, ``20s``, ``1h30m`` as seconds. Raises ValueError."""
    text = str(value).strip().replace(" ", "") if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"expected a duration such as 20s, 10m, 1h30m, 500ms or a number of seconds, not {value!r:.60}")
    parts = _PART.findall(text)
    total = sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else float(text)
    if total > _LONGEST_DURATION:
        raise ValueError(f"{text} is longer than 30 days")
    return round(total, 6)


def duration_text(value: float) -> str:
    """The shortest text that ``seconds`` reads back: ``2m8s``."""
    if value < 1:
        return f"{round(value * 1000)}ms" if value else "0s"
    whole, text = round(value * 1000), ""
    for unit, size in (("h", 3_600_000), ("m", 60_000)):
        count, whole = divmod(whole, size)
        text += f"{count}{unit}" if count else ""
    return text + (f"{whole / 1000:g}s" if whole else "")
