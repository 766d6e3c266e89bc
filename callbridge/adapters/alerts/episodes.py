"""Episodes: a lasting condition is reported once, and once more when it is over. Pure.

A condition that comes back before the end of its episode was told belongs to it. When too many alerts were sent within an hour,
the others wait: those that still stand when there is room again are told then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from callbridge.adapters.alerts.conditions import AlertCondition
from callbridge.wire.alerts import RuleName

SETTLED = 60.0
"""Seconds for which a condition must be gone before its episode is over."""
HOUR = 3600.0

EpisodeKey = tuple[RuleName, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notification. ``since``: when the condition began. ``at`` of a resolved one: when the end was noticed."""

    state: Literal["raised", "resolved"]
    condition: AlertCondition
    since: float
    at: float


@dataclass(slots=True)
class _Episode:
    since: float
    condition: AlertCondition
    told: bool = False
    gone_since: float | None = None


class Episodes:
    """``step`` is called with everything that is wrong now, every few seconds."""

    def __init__(self) -> None:
        self._open: dict[EpisodeKey, _Episode] = {}
        self._told: deque[float] = deque()

    @property
    def standing(self) -> list[AlertCondition]:
        """What was reported and is not over."""
        return [one.condition for one in self._open.values() if one.told]

    def step(
        self, now: float, found: Iterable[AlertCondition], lasting: Callable[[RuleName], float], most_per_hour: int
    ) -> list[Notice]:
        """What is to be reported now."""
        notices: list[Notice] = []
        present = {(one.rule, one.about): one for one in found}
        for key, condition in present.items():
            episode = self._open.setdefault(key, _Episode(now, condition))
            episode.condition, episode.gone_since = condition, None
            if not episode.told and now - episode.since >= lasting(condition.rule) and self._has_room(now, most_per_hour):
                episode.told = True
                self._told.append(now)
                notices.append(Notice(state="raised", condition=condition, since=episode.since, at=now))
        for key in self._open.keys() - present.keys():
            notices += self._gone(key, now)
        return notices

    def _gone(self, key: EpisodeKey, now: float) -> list[Notice]:
        episode = self._open[key]
        if episode.gone_since is None:
            episode.gone_since = now
        if episode.told and now - episode.gone_since < SETTLED:
            return []
        del self._open[key]
        return [Notice(state="resolved", condition=episode.condition, since=episode.since, at=now)] if episode.told else []

    def _has_room(self, now: float, most: int) -> bool:
        while self._told and self._told[0] <= now - HOUR:
            self._told.popleft()
        return len(self._told) < most
