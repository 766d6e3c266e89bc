"""Which devices belong to an agent by the hint of the extension (the setting ``hint``), as the PBX's dialplan says.

A hint changes only with the dialplan, and no event says so: it is read now and then. It takes no right but ``reporting``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NoReturn

import structlog

from callbridge.adapters.ami.link import Ami
from callbridge.adapters.pbx_link import NotSent, OrderRefused, TimedOut
from callbridge.core.model.events import HintRead
from callbridge.wire.ami import devices_of_hint

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

AWAY_CHECK = 0.25
"""Seconds between checks whether the AMI link is back, or the configuration names other hints."""
READ_EVERY = 30.0
"""Seconds between two readings of the same hints."""


class Hints:
    """The hints on one PBX. ``run`` posts the devices of each agent's hint, whenever they change."""

    def __init__(
        self,
        ami: Ami,
        hints: Callable[[], Mapping[str, str]],
        *,
        post: Callable[[HintRead], None],
        now: Callable[[], float],
        every: float = READ_EVERY,
    ) -> None:
        """``hints``: agent -> hint, as the configuration has it now."""
        self._ami = ami
        self._hints = hints
        self._post = post
        self._now = now
        self._every = every
        self._read: dict[str, str] = {}
        self._read_at = 0.0
        self._devices: dict[str, tuple[str, ...]] = {}

    async def run(self) -> NoReturn:
        """Read until cancelled."""
        while True:
            wanted = dict(self._hints())
            if not self._ami.up:
                self._read = {}
            elif wanted != self._read or (wanted and self._now() >= self._read_at + self._every):
                await self._look(wanted)
            await asyncio.sleep(AWAY_CHECK)

    async def _look(self, wanted: Mapping[str, str]) -> None:
        for agent in [agent for agent in self._devices if agent not in wanted]:
            self._learn(agent, ())
        try:
            for agent, hint in wanted.items():
                self._learn(agent, await self._ask(agent, hint))
        except (NotSent, TimedOut):
            return  # the link is down
        self._read, self._read_at = dict(wanted), self._now()

    async def _ask(self, agent: str, hint: str) -> tuple[str, ...]:
        extension, _, context = hint.partition("@")
        try:
            (answer, *_) = await self._ami.send_action("ExtensionState", {"Exten": extension, "Context": context})
        except OrderRefused:
            answer = {}
        devices = devices_of_hint(answer.get("Hint", ""))
        if not devices and self._read.get(agent) != hint:
            log.warning("the PBX has no such hint", agent=agent, hint=hint, pbx=self._ami.settings.name)
        return devices

    def _learn(self, agent: str, devices: tuple[str, ...]) -> None:
        if devices == self._devices.get(agent, ()):
            return
        self._devices[agent] = devices
        if not devices:
            del self._devices[agent]
        self._post(HintRead(at=self._now(), agent=agent, devices=devices))
