"""May this number be dialled now? The rules of campaigns, as one pure answer with its reason and the next time to ask.

They are looked at when the attempt is written down, the moment before it is dialled; never only when leads are loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from callbridge.core.model.calendar import Calendar

DAY = 86400.0
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class DialLimits:
    """What a campaign allows for one number. Times in seconds."""

    calendar: Calendar | None = None
    """When people may be called: on the clock of their own wall. None: at any time."""
    per_day: int = 2
    most: int = 6
    retry: Mapping[str, float] = field(default_factory=dict)
    """Outcome -> after how long the number may be dialled again; not given: never again."""
    after_abandoned: float = 72 * 3600.0
    """How long somebody who was left without an agent is not dialled, by any campaign."""


@dataclass(frozen=True, slots=True)
class Frequency:
    """What all campaigns together allow for one number."""

    per_day: int = 3
    gap: float = 3600.0


@dataclass(frozen=True, slots=True)
class Past:
    """An attempt that was made before. ``outcome`` is empty while it is under way."""

    at: float
    campaign: str
    outcome: str
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` is empty when the number may be dialled; else ``again_at`` says when to ask again (NEVER: not at all)."""

    reason: str = ""
    again_at: float = 0.0


MAY_DIAL = Verdict()


def verdict(
    campaign: str,
    limits: DialLimits,
    frequency: Frequency,
    *,
    zones: Sequence[str],
    past: Collection[Past],
    blocked_until: float | None,
    wall: float,
) -> Verdict:
    """``past``: every attempt at this number, by any campaign, of which somebody may have heard. ``blocked_until``: the end of
    its do-not-call entry (NEVER: for good; None: there is none). ``wall``: epoch seconds."""
    if blocked_until is not None and blocked_until > wall:
        return Verdict("do_not_call", blocked_until)
    own = [one for one in past if one.campaign == campaign]
    if sum(one.outcome != "answered" for one in own) >= limits.most:
        return Verdict("attempts", NEVER)
    if any(not one.outcome for one in past):
        return Verdict("under_way", wall + 60.0)
    waits = [
        *_after_outcomes(own, limits, wall),
        *_after_abandoned(past, limits, wall),
        *_of_the_day(own, limits.per_day, zones, wall, "per_day"),
        *_of_the_day(past, frequency.per_day, zones, wall, "frequency"),
        *(Verdict("frequency", one.at + frequency.gap) for one in past if one.at + frequency.gap > wall),
        *_closed(limits.calendar, zones, wall),
    ]
    return max(waits, key=lambda one: one.again_at, default=MAY_DIAL)


def _after_outcomes(own: Collection[Past], limits: DialLimits, wall: float) -> list[Verdict]:
    last = max(own, key=lambda one: one.at, default=None)
    if last is None:
        return []
    if last.outcome == "answered":
        return []  # the agent has said when to call again, else the lead would be done
    delay = limits.retry.get(last.outcome, NEVER)
    return [Verdict("retry", last.at + delay)] if last.at + delay > wall else []


def _after_abandoned(past: Collection[Past], limits: DialLimits, wall: float) -> list[Verdict]:
    alone = [one.at if one.ended_at is None else one.ended_at for one in past if one.outcome in ("abandoned", "unknown")]
    until = max(alone, default=float("-inf")) + limits.after_abandoned
    return [Verdict("after_abandoned", until)] if until > wall else []


def _of_the_day(past: Collection[Past], most: int, zones: Sequence[str], wall: float, reason: str) -> list[Verdict]:
    """So many a day, by the calendar days of every place where the person may be."""
    found = []
    for zone in _zones(zones, None):
        today = datetime.fromtimestamp(wall, zone).replace(hour=0, minute=0, second=0, microsecond=0)
        if sum(one.at >= today.timestamp() for one in past) >= most:
            found.append(Verdict(reason, (today + timedelta(days=1)).timestamp()))
    return found


def _closed(calendar: Calendar | None, zones: Sequence[str], wall: float) -> list[Verdict]:
    """Where the person may be, it must be open everywhere."""
    if calendar is None:
        return []
    found = []
    for zone in _zones(zones, calendar.zone):
        opens = replace(calendar, zone=zone).opens_after(wall)
        if opens is None:
            found.append(Verdict("hours", wall + DAY))
        elif opens > wall:
            found.append(Verdict("hours", opens))
    return found


def is_open(limits: DialLimits, zones: Sequence[str], wall: float) -> bool:
    """Is it a time at which the person may be called, wherever that is?"""
    return not _closed(limits.calendar, zones, wall)


def _zones(names: Sequence[str], own: ZoneInfo | None) -> list[ZoneInfo]:
    return [ZoneInfo(name) for name in names] or [own or ZoneInfo("UTC")]
