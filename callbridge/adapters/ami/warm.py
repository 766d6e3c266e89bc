"""An AMI connection that a standby keeps logged in, without events, until its link as a leader begins with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from panoramisk.manager import Manager

from callbridge.adapters.ami.link import Ami, AmiConnection, AmiSettings, Unwelcome
from callbridge.adapters.system.tasks import end
from callbridge.core.model.events import DeviceChanged, DevicesListed


class WarmAmi(Ami):
    """``refused``: why the PBX does not accept our login; empty when it does, or cannot be reached."""

    def __init__(self, settings: AmiSettings, *, now: Callable[[], float]) -> None:
        super().__init__(replace(settings, events="off"), post=_nothing, now=now)
        self.refused = ""
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Keep it up, unless that is done already."""
        if self._running is None:
            self._running = asyncio.create_task(self.run(), name=f"warm ami {self.settings.name}")

    async def take(self) -> AmiConnection | None:
        """The connection, which is the caller's from now on; None when there is none."""
        session = self._session if self.up else None
        if session is not None:
            self._session = None
        await self.close()
        return session

    async def close(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await end((running,))

    def _subscribe(self, session: Manager) -> None:
        """Nobody listens."""

    async def _login(self, session: AmiConnection) -> None:
        try:
            await super()._login(session)
        except Unwelcome as refusal:
            self.refused = str(refusal)
            raise
        self.refused = ""

    async def _list(self, session: AmiConnection) -> None:
        """Its states would be old when they are needed."""


def _nothing(_event: DeviceChanged | DevicesListed) -> None:
    """There are no events."""
