"""How many calls came into each queue in the last hour, and how many usually do at this hour of this weekday: from the history.

The same as the recorded rules of ``deploy/prometheus/callbridge.weeks.yml``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.alerts.conditions import UNUSUAL_CALLS, CallVolume
from callbridge.adapters.database import BadDatabase, Database, cause_of
from callbridge.adapters.database.history_tables import visits
from callbridge.adapters.system.threads import Threads, ThreadsBusy

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

HOUR, WEEK = 3600.0, 7 * 86_400.0
FORMER_WEEKS = 4
SECONDS_BETWEEN_COUNTS = 60.0
"""Seconds from one count to the next, and before the first: by then the history has its tables."""
COUNT_WITHIN = 30.0
"""Seconds that the database may take."""


class CallVolumes:
    """``url``: of the history; None: there is none. ``found`` is what the last count found: a database that is away does not
    change it, because nothing is known to be over."""

    def __init__(self, url: str | None, clock: Callable[[], float], *, every: float = SECONDS_BETWEEN_COUNTS) -> None:
        self.found: Mapping[str, CallVolume] = {}
        self._url, self._clock, self._every = url, clock, every
        self._wanted = self._failing = False
        self._threads = Threads("alerts", most_waiting=0)
        self._database: Database | None = None

    def adopt(self, *, wanted: bool) -> None:
        self._wanted = wanted
        if not wanted:
            self.found = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            if self._wanted and self._url is not None:
                await self._count(self._url)

    def close(self) -> None:
        self._threads.close()
        if self._database is not None:
            self._database.close()

    async def _count(self, url: str) -> None:
        why = ""
        try:
            self._database = database = self._database or Database(url, COUNT_WITHIN)
            now = self._clock()
            async with asyncio.timeout(COUNT_WITHIN):
                self.found = await self._threads.run(lambda: call_volumes(database.engine, now), database.cut)
        except (TimeoutError, ThreadsBusy):
            why = "the database does not answer"
        except BadDatabase as trouble:
            why = str(trouble)
        except SQLAlchemyError as trouble:
            why = cause_of(trouble)
        except Exception:  # whatever it is: calls must not end because an alert cannot be worked out
            log.exception("the call volume could not be worked out")
        if why and not self._failing:
            log.warning("the call volume cannot be compared with former weeks", why=why)
        self._failing = bool(why)


def call_volumes(engine: Engine, now: float) -> dict[str, CallVolume]:
    """Of the queues with enough calls in the last hour to be unusual."""
    with engine.connect() as link:
        return {
            queue: CallVolume(calls, _usual(link, queue, now))
            for queue, calls in _offered(link, now).items()
            if calls > UNUSUAL_CALLS
        }


def _offered(link: Connection, until: float) -> dict[str, int]:
    """Calls by queue, of the hour until then."""
    began = visits.c.began_at
    counted = select(visits.c.queue, func.count()).where(began > until - HOUR, began <= until).group_by(visits.c.queue)
    return {queue: calls for queue, calls in link.execute(counted) if queue}


def _usual(link: Connection, queue: str, now: float) -> float | None:
    """The mean of the former weeks; None: no week is known."""
    counts = []
    for week in range(1, FORMER_WEEKS + 1):
        then = now - week * WEEK
        calls = _offered(link, then).get(queue, 0)
        if calls or _was_there(link, queue, then):
            counts.append(calls)
    return sum(counts) / len(counts) if counts else None


def _was_there(link: Connection, queue: str, then: float) -> bool:
    """Had the queue any call since that hour of the week before? Otherwise none says nothing: the history began later, or the
    queue did."""
    began = visits.c.began_at
    one = select(visits.c.call).where(visits.c.queue == queue, began > then - HOUR - WEEK, began <= then).limit(1)
    return link.execute(one).first() is not None
