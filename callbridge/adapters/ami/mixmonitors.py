"""The MixMonitors that we run on channels: their IDs, and when one may follow another on the same channel.

Asterisk removes a stopped MixMonitor from its channel with the channel's next frame; one that is started earlier shares its
decoders. Debian's Asterisk 22 then decodes nothing of the next agent's voice if that phone's RTP sequence numbers are behind
those of the agent before, until they catch up: the recording lacks the agent for up to eleven minutes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from callbridge.core.model.ids import LegId

REMOVED_WITHIN = 0.1
"""Seconds from the end of one MixMonitor to the start of the next. Phones send a packet every 20 ms, few every 60 ms."""
MAX_RECORDINGS = 10_000


@dataclass(slots=True)
class MixMonitors:
    """``known``: the ID that Asterisk gave to ours on a leg, empty if none; the channel may have others."""

    _ids: dict[LegId, str] = field(default_factory=dict)
    _stopped: dict[LegId, float] = field(default_factory=dict)

    def known(self, leg: LegId) -> str:
        return self._ids.get(leg, "")

    def forget(self, leg: LegId) -> None:
        self._ids.pop(leg, None)

    def started(self, leg: LegId, monitor: str) -> None:
        self._ids[leg] = monitor
        if len(self._ids) > MAX_RECORDINGS:
            self._ids.pop(next(iter(self._ids)))

    def stopped(self, leg: LegId) -> None:
        now = asyncio.get_running_loop().time()
        self._stopped = {each: at for each, at in self._stopped.items() if now - at < REMOVED_WITHIN}
        self._stopped[leg] = now

    async def until_removed(self, leg: LegId) -> None:
        """Wait until Asterisk has removed the one that has just been stopped on this leg, if any."""
        stopped = self._stopped.pop(leg, None)
        if stopped is not None:
            await asyncio.sleep(stopped + REMOVED_WITHIN - asyncio.get_running_loop().time())
