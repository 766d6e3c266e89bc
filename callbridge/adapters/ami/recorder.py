"""Recordings on one PBX: MixMonitors that we started are paused and stopped, those of others never are.

Rule of this file: which MixMonitor of a channel is ours says its ID, which Asterisk keeps in a variable of the channel, named by
the recording's file. So it is known after a restart, too, and a recording without it was never started.

Asterisk removes a stopped MixMonitor from its channel with the channel's next frame; one that is started earlier shares its
decoders. Debian's Asterisk 22 then decodes nothing of the next agent's voice if that phone's RTP sequence numbers are behind
those of the agent before, until they catch up: the recording lacks the agent for up to eleven minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import assert_never

from callbridge.adapters.ami.link import Ami
from callbridge.adapters.pbx_link import LinkObserver, NotSent, OrderRefused, OrderTrouble, TimedOut
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import CheckRecording, OfRecording, PauseRecording, StartRecording, StopRecording
from callbridge.wire.ami import recording_action, recording_request

STOP_PATIENCE = 20.0
"""Seconds for which the end of a recording, or a look whether there is one, waits while the link is down."""
REMOVED_WITHIN = 0.1
"""Seconds from the end of one MixMonitor to the start of the next. Phones send a packet every 20 ms, few every 60 ms."""
MAX_RECORDINGS = 10_000
NOT_STARTED = "it was never started"


class Recorder:
    """Carries out orders about recordings over an AMI link."""

    def __init__(self, ami: Ami, *, now: Callable[[], float], observer: LinkObserver) -> None:
        self._ami = ami
        self._now = now
        self._observer = observer
        self._known: dict[tuple[LegId, str], str] = {}
        """Leg and file -> Asterisk's ID of the MixMonitor: the channel may have others."""
        self._stopped: dict[LegId, float] = {}
        """When a MixMonitor of ours was stopped, if just now."""

    async def record(self, order: OfRecording) -> None:
        """Raises NotSent, TimedOut or OrderRefused. A channel that has ended needs neither a stop nor a look.
        A stop waits for a link that is down: nobody wants a recording that goes on."""
        if isinstance(order, StartRecording):
            await self._until_removed(order.leg)
        began, result = self._now(), "done"
        try:
            await self._perform(order)
        except ValueError as odd:
            raise OrderRefused(0, str(odd)) from None
        except OrderTrouble as trouble:
            result = {NotSent: "unsent", TimedOut: "timeout", OrderRefused: "refused"}[type(trouble)]
            raise
        finally:
            self._observer.performed(self._ami.settings.name, type(order).__name__, result, self._now() - began)

    async def _perform(self, order: OfRecording) -> None:
        match order:
            case StartRecording():
                (answer, *_) = await self._ami.send_action(*recording_action(order))
                self._remember(order, answer.get("MixMonitorID", ""))
            case PauseRecording():
                known = await self._id(order)
                if not known and not order.paused:
                    raise OrderRefused(0, NOT_STARTED)
                if known:  # else nothing is recorded, as a pause wants it
                    await self._ami.send_action(*recording_action(order, known))
            case CheckRecording():
                await self._until_up()
                if await self._id_unless_gone(order) == "":
                    raise OrderRefused(0, NOT_STARTED)
            case StopRecording():
                await self._until_up()
                ours = await self._id_unless_gone(order)
                self._known.pop((order.leg, order.file), None)
                if ours:  # without an ID Asterisk would stop somebody else's
                    with suppress(OrderRefused):
                        await self._ami.send_action(*recording_action(order, ours))
                        self._note_stopped(order.leg)
            case _:
                assert_never(order)

    async def _id_unless_gone(self, order: OfRecording) -> str | None:
        """None: the channel has ended."""
        try:
            return await self._id(order)
        except OrderRefused:
            return None

    async def _id(self, order: OfRecording) -> str:
        """Empty: this recording was never started."""
        known = self._known.get((order.leg, order.file), "")
        if not known:
            (answer, *_) = await self._ami.send_action("Getvar", recording_request(order))
            known = answer.get("Value", "")
            self._remember(order, known)
        return known

    def _remember(self, order: OfRecording, known: str) -> None:
        if known:
            self._known[order.leg, order.file] = known
        if len(self._known) > MAX_RECORDINGS:
            self._known.pop(next(iter(self._known)))

    def _note_stopped(self, leg: LegId) -> None:
        now = asyncio.get_running_loop().time()
        self._stopped = {each: at for each, at in self._stopped.items() if now - at < REMOVED_WITHIN}
        self._stopped[leg] = now

    async def _until_removed(self, leg: LegId) -> None:
        """Wait until Asterisk has removed the MixMonitor that has just been stopped on this leg, if any."""
        stopped = self._stopped.pop(leg, None)
        if stopped is not None:
            await asyncio.sleep(stopped + REMOVED_WITHIN - asyncio.get_running_loop().time())

    async def _until_up(self) -> None:
        until = self._now() + STOP_PATIENCE
        while not self._ami.up and self._now() < until:  # noqa: ASYNC110 - rare: only while the link is down
            await asyncio.sleep(0.2)
