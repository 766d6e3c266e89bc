"""Penalties that a caller's wait changes: `queuerules.conf` and `QUEUE_MAX_PENALTY` as steps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callbridge.wire.asterisk_conf import Conf

_CHANGE = re.compile(r"(?P<sign>[+-]?)(?P<value>\d{1,6})")


@dataclass(frozen=True, slots=True)
class PenaltyChange:
    """After so many seconds members up to another penalty are asked. ``relative``: added to what held before."""

    after: float
    highest: int
    relative: bool = False
    more: bool = False
    """Something besides the highest penalty changes, too."""


@dataclass(frozen=True, slots=True)
class PenaltyStep:
    level: int
    lasts: float | None


def read_rules(conf: Conf) -> dict[str, list[PenaltyChange]]:
    """Rule -> its changes. ``penaltychange => 30,+3`` or ``=> 60,10,5``: seconds, highest, lowest penalty."""
    rules: dict[str, list[PenaltyChange]] = {}
    for section in conf.sections:
        for entry in section.all("penaltychange") if not section.template else ():
            after, highest, *rest = [each.strip() for each in [*entry.value.split(","), ""]]
            found = _CHANGE.fullmatch(highest)
            if re.fullmatch(r"\d{1,6}", after):
                value = int(f"{found['sign']}{found['value']}") if found is not None else 0
                relative = found is None or bool(found["sign"])
                change = PenaltyChange(float(after), value, relative, more=any(rest))
                rules.setdefault(section.name, []).append(change)
    return {name: sorted(changes, key=lambda change: change.after) for name, changes in rules.items()}


def steps(levels: Mapping[int, int], highest: int | None, changes: Sequence[PenaltyChange]) -> list[PenaltyStep]:
    """``levels``: penalty -> level; ``highest``: the penalty up to which members are asked first, None: all."""
    windows = [(0.0, _level(levels, highest))]
    for change in changes:
        highest = _changed(highest, change)
        level = _level(levels, highest)
        if level < windows[-1][1]:
            windows.append((change.after, level))
    ends: list[float | None] = [start for start, _ in windows[1:]]
    return [
        PenaltyStep(level, None if end is None else end - start)
        for (start, level), end in zip(windows, [*ends, None], strict=True)
        if end is None or end > start
    ]


def _changed(highest: int | None, change: PenaltyChange) -> int | None:
    if not change.relative:
        return change.highest
    return None if highest is None else max(0, highest + change.highest)


def _level(levels: Mapping[int, int], highest: int | None) -> int:
    """The level that members up to this penalty have at least."""
    asked = [level for penalty, level in levels.items() if highest is None or penalty <= highest]
    return min(asked, default=max(levels.values(), default=1))
