"""Listens to the app_queue of one PBX over AMI: the whole list after every login, then every event about queues and their calls.

Takes no right to write: QueueStatus requires none. Events that arrive during the listing are posted after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from panoramisk.manager import Manager

from callbridge.adapters.ami.link import Ami, AmiConnection, AmiSettings
from callbridge.adapters.pbx_link import LinkLost, LinkObserver, OrderRefused
from callbridge.core.model.events import DeviceChanged, DevicesListed
from callbridge.observe import HEARD, AmiHeard, QueuesListed


class AppQueueLink(Ami):
    """``day``: the present date, in the time zone of the figures."""

    def __init__(
        self,
        settings: AmiSettings,
        *,
        see: Callable[[AmiHeard | QueuesListed], None],
        now: Callable[[], float],
        day: Callable[[], str],
        observer: LinkObserver | None = None,
        link: str = Ami.link,
    ) -> None:
        super().__init__(replace(settings, events="agent,call"), post=_nothing, now=now, observer=observer)
        self.link = link
        self._see = see
        self._day = day
        self._during_list: list[AmiHeard] | None = None

    def _subscribe(self, session: Manager) -> None:
        self._during_list = []
        for event in sorted(HEARD):
            session.register_event(event, self._on_event)

    async def _list(self, session: AmiConnection) -> None:
        try:
            messages = await self._send_and_wait(session, "QueueStatus", {}, many=True)
        except OrderRefused as refusal:
            raise LinkLost(f"QueueStatus: {refusal.detail} (is app_queue.so loaded?)") from None
        listed = [dict(message) for message in messages]
        self._see(QueuesListed(at=self._now(), day=self._day(), messages=listed))
        for heard in self._during_list or ():
            self._see(replace(heard, at=max(heard.at, self._now())))
        self._during_list = None

    def _on_event(self, _session: Manager, message: Mapping[str, Any]) -> None:
        fields = {name: str(value) for name, value in dict(message).items()}
        self._observer.received(self.settings.name, fields.get("Event", ""))
        heard = AmiHeard(at=self._now(), day=self._day(), message=fields)
        if self._during_list is not None:
            self._during_list.append(heard)
        else:
            self._see(heard)


def _nothing(_event: DeviceChanged | DevicesListed) -> None:
    """Device states come with the members of the queues."""
