"""A process that starts again and again serves nobody: it stops stamping, so that ``callbridge rescue`` helps the callers.

Every start is entered in a global variable of the PBX, which needs no Redis and no disk, and knows the starts of all instances;
the start of a process that shuts down cleanly is taken out again. A process that was started too often writes ``RESTARTING`` in
place of its stamps, until it has run for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from callbridge.adapters.ari.http import Reply
from callbridge.adapters.ari.ownership import SendRequest
from callbridge.wire import ari as wire

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MOST_STARTS = 5
STARTS_WITHIN = 60.0
"""Seconds. More starts than ``MOST_STARTS`` within these are too many; a process that has run for so long has recovered."""


class Restarts:
    """Of one process, for all its terms. ``now`` counts seconds, ``wall`` since the epoch."""

    def __init__(self, now: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._now, self._wall = now, wall
        self._began_at = now()
        self._entered: dict[str, int] = {}
        """PBX -> starts within ``STARTS_WITHIN`` before ours, and ours."""
        self._moments: dict[str, str] = {}
        """PBX -> our start, as it was entered."""

    def too_many(self) -> int:
        """Starts, when they are too many and we have not run for long; else 0."""
        most = max(self._entered.values(), default=0)
        return most if most > MOST_STARTS and self._now() - self._began_at < STARTS_WITHIN else 0

    async def stamp(self, pbx: str, app: str, value: str, ask: SendRequest, write: SendRequest) -> Reply:
        """Write the owner's stamp, or that we are restarting; before the first one our start is entered. Raises OrderTrouble."""
        if pbx not in self._entered:
            await self._enter(pbx, app, ask, write)
        return await write(wire.stamp(app, wire.RESTARTING if self.too_many() else value))

    async def leave(self, pbx: str, app: str, ask: SendRequest, write: SendRequest) -> None:
        """This process shuts down cleanly, as somebody wanted: our start does not count. Raises OrderTrouble."""
        known = await _known(app, ask)
        if (ours := self._moments.pop(pbx, "")) in known:
            known.remove(ours)
            await write(wire.starts(app, " ".join(known)))

    async def _enter(self, pbx: str, app: str, ask: SendRequest, write: SendRequest) -> None:
        now = self._wall()
        recent = [at for at in await _known(app, ask) if abs(now - float(at)) < STARTS_WITHIN]
        ours = self._moments[pbx] = f"{now:.0f}"
        await write(wire.starts(app, " ".join([*recent, ours][-MOST_STARTS - 1 :])))
        self._entered[pbx] = len(recent) + 1
        if self.too_many():
            log.error("started too often; callers are left to rescue until this process has run for a while", pbx=pbx)


async def _known(app: str, ask: SendRequest) -> list[str]:
    """The starts that are entered, in seconds since the epoch."""
    try:
        text = wire.stamped((await ask(wire.starts_request(app))).body)
    except wire.Malformed:
        return []
    return [word for word in text.split() if word.isascii() and word.isdigit() and len(word) < 12]
