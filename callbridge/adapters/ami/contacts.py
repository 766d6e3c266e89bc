"""Which phones are accounts at which several devices have registered: the PBX rings only one of them when the phone is dialled.

No event that callbridge may hear says that one more device has registered, so the PBX is asked: of each phone now and then, more
often of those that have several. It takes no right but ``reporting``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection
from typing import NoReturn

from callbridge.adapters.ami.link import Ami
from callbridge.adapters.pbx_link import NotSent, OrderRefused, TimedOut
from callbridge.core.model.events import ContactsChanged
from callbridge.wire.ami import contacts_of, contacts_request

AWAY_CHECK = 0.25
"""Seconds between checks whether the AMI link is back."""
SEVERAL_EVERY = 5.0
"""Seconds between two looks at the phones with several devices."""
NONE_YET = 0.5
"""The same while there is no phone to ask about."""
ALL_EVERY = 30.0
"""Seconds between two looks at all phones, up to PER_SECOND times as many."""
PER_SECOND = 30.0
_ENDPOINT = re.compile(r"PJSIP/[^/@,&()|\s]+")
"""A phone that names one contact, or a number behind a trunk, is dialled as it is."""


class Contacts:
    """The contacts of the phones on one PBX. ``run`` posts those of phones with several, whenever they change."""

    def __init__(
        self,
        ami: Ami,
        phones: Callable[[], Collection[str]],
        *,
        post: Callable[[ContactsChanged], None],
        now: Callable[[], float],
        every: float = SEVERAL_EVERY,
        all_every: float = ALL_EVERY,
    ) -> None:
        self._ami = ami
        self._phones = phones
        self._post = post
        self._now = now
        self._every = every
        self._all_every = all_every
        self._all_at = 0.0
        self._several: dict[str, tuple[str, ...]] = {}

    async def run(self) -> NoReturn:
        """Look until cancelled."""
        while True:
            if self._ami.up:
                await self._look()
                await asyncio.sleep(self._every if self._all_at else min(self._every, NONE_YET))
            else:
                self._all_at = 0.0
                await asyncio.sleep(AWAY_CHECK)

    async def _look(self) -> None:
        """Ask of all phones if that is due, else of those that had several."""
        phones: Collection[str] = list(self._several)
        everything = self._now() >= self._all_at
        if everything:
            phones = sorted({phone for phone in self._phones() if _ENDPOINT.fullmatch(phone)})
            # None: most likely the phones' states, which came just now, have not reached the core yet.
            self._all_at = self._now() + max(self._all_every, len(phones) / PER_SECOND) if phones else 0.0
        for gone in [phone for phone in self._several if everything and phone not in phones]:
            self._learn(gone, ())
        try:
            for phone in phones:
                self._learn(phone, await self._contacts(phone))
        except (NotSent, TimedOut):
            pass  # the link is down: what is known is better than nothing

    def _learn(self, phone: str, contacts: tuple[str, ...]) -> None:
        several = contacts if len(contacts) > 1 else ()
        if several == self._several.get(phone, ()):
            return
        self._several[phone] = several
        if not several:
            del self._several[phone]
        self._post(ContactsChanged(at=self._now(), phone=phone, contacts=several))

    async def _contacts(self, phone: str) -> tuple[str, ...]:
        try:
            (answer, *_) = await self._ami.send_action("Getvar", contacts_request(phone))
        except OrderRefused:  # no PJSIP, or no such function: the phones are dialled as they are named
            return ()
        return contacts_of(phone, answer.get("Value", ""))
