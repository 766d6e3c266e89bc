"""New scores on their way to the core, which makes a fact of each: the database is read by a cursor, so it does not matter which
process wrote a score. An unavailable database only delays them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from callbridge.adapters.quality.service import QualityAway, QualityService
from callbridge.core.model.events import RecordingScored

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

READ_SCORES_EVERY = 2.0
"""Seconds between looks at what a command has written; what the API takes is read at once."""
READ_SCORES_AGAIN = 10.0
"""Seconds after a look that failed."""


class ScoreFeed:
    """``published``: the change up to which scores are facts, by the saved world; None: the history is asked. What is posted
    twice the core tells apart."""

    def __init__(
        self,
        service: QualityService,
        post: Callable[[RecordingScored], None],
        now: Callable[[], float],
        published: Callable[[], int | None],
    ) -> None:
        self._service, self._post, self._now, self._published = service, post, now, published
        self._read: int | None = None

    async def run(self) -> None:
        away = False
        while True:
            try:
                await self._look()
            except Exception as trouble:
                expected = isinstance(trouble, (QualityAway, TimeoutError))
                if not away:
                    why = str(trouble) or "the database does not answer"
                    log.warning("new scores cannot be read", why=why, exc_info=None if expected else trouble)
                away = True
                await asyncio.sleep(READ_SCORES_AGAIN)
                continue
            away = False
            await self._service.wait_for_scores(READ_SCORES_EVERY)

    async def _look(self) -> None:
        if not self._service.is_configured:
            return
        if self._read is None:
            saved = self._published()
            self._read = await self._service.published() if saved is None else saved
        while rows := await self._service.scored_after(self._read):
            for row in rows:
                self._post(event_of(row, self._now()))
                self._read = row["change"]


def event_of(row: Mapping[str, Any], at: float) -> RecordingScored:
    same = ("change", "recording", "sample", "call", "agent", "queue", "form", "form_version", "score", "points", "calibrates")
    return RecordingScored(
        at=at,
        review=row["id"],
        by=row["reviewer"],
        failed=row["failed_criteria"],
        rescored=row["settled_at"] is not None,
        callback=row["callback"] or "",
        callback_outcome=row["callback_outcome"] or "",
        **{name: row[name] for name in same},
    )
