"""Checks the figures every few seconds and passes notifications to the channels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from callbridge.adapters.alerts.channels import Channel, Outlet
from callbridge.adapters.alerts.conditions import Figures, Thresholds, conditions
from callbridge.adapters.alerts.episodes import Episodes
from callbridge.adapters.alerts.growth import RecentGrowth
from callbridge.adapters.system.tasks import end

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SECONDS_BETWEEN_LOOKS = 5.0
"""Seconds from one look to the next."""
OFFERS_OF, LOST_OF, VISITS_OF, HOUR, DAY = 300.0, 900.0, 1800.0, 3600.0, 86_400.0
"""Seconds over which offers, lost facts, visits, and answers to surveys are counted."""


class AlertWatch:
    """``look`` returns the figures, in which what is of a period counts from any moment. ``adopt`` may be called at any time."""

    def __init__(self, look: Callable[[], Figures], *, every: float = SECONDS_BETWEEN_LOOKS) -> None:
        self._look, self._every = look, every
        self._thresholds, self._most = Thresholds(), 0
        self._episodes = Episodes()
        self._offers = RecentGrowth[tuple[str, str]](OFFERS_OF)
        self._visits = RecentGrowth[tuple[str, str, str]](VISITS_OF)
        self._lost = RecentGrowth[str](LOST_OF)
        self._answers, self._answers_of_day = (RecentGrowth[tuple[str, str, str]](period) for period in (HOUR, DAY))
        self._outlets: dict[Outlet, asyncio.Task[None]] = {}

    async def adopt(self, thresholds: Thresholds, channels: Sequence[Channel], most_per_hour: int) -> None:
        """Use these from now on; episodes already reported stay reported."""
        self._thresholds, self._most = thresholds, most_per_hour
        await self.close()
        for outlet in map(Outlet, channels):
            self._outlets[outlet] = asyncio.create_task(outlet.run(), name=outlet.channel.name)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self._outlets:
                try:
                    self.step()
                except Exception:  # whatever it is: calls must not end because an alert cannot be worked out
                    log.exception("alerts could not be worked out")
            await asyncio.sleep(self._every)

    def step(self) -> None:
        """One look."""
        figures = self._recent(self._look())
        found = conditions(figures, self._thresholds)
        for notice in self._episodes.step(figures.now, found, self._thresholds.lasting, self._most):
            about = notice.condition
            log.info("alert", state=notice.state, rule=about.rule, about=about.about, text=about.text)
            for outlet in self._outlets:
                outlet.take(notice)

    async def close(self) -> None:
        """Notifications that wait for a channel are dropped: the next start reports the conditions that still hold."""
        outlets, self._outlets = self._outlets, {}
        await end(outlets.values())

    def _recent(self, seen: Figures) -> Figures:
        """With what the counters have grown by lately in place of the counters."""
        return replace(
            seen,
            offers=self._offers.step(seen.now, seen.offers),
            visits=self._visits.step(seen.now, seen.visits),
            facts_lost=self._lost.step(seen.now, seen.facts_lost),
            answers=self._answers.step(seen.now, seen.answers),
            answers_of_day=self._answers_of_day.step(seen.now, seen.answers),
        )
