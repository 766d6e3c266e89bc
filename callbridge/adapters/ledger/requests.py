"""Requests about campaigns and their ledger: figures, new leads, and the do-not-call list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import NotConfigured
from callbridge.adapters.facts.privacy import mask, scrub
from callbridge.adapters.ledger.block_list import BlockEntry
from callbridge.adapters.ledger.leads import LeadReader, Loaded, enter_rows
from callbridge.adapters.ledger.store import LedgerStore
from callbridge.adapters.system.threads import Threads, ThreadsBusy
from callbridge.adapters.views.campaigns import campaign, campaigns
from callbridge.core.model.attempt import Running
from callbridge.core.model.events import AnyEvent, NumberBlocked
from callbridge.core.model.world_view import WorldView
from callbridge.wire.phone_numbers import PhoneNumbers

MOST_OWN_LEADS = 50
LEDGER_TIMEOUT = 5.0
"""Seconds that the database is waited for."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Found = TypeVar("Found")


class NoLedger(RuntimeError):
    """There are no campaigns, or their database is unavailable; the message says which."""


class LedgerNotConfigured(NoLedger, NotConfigured):
    """There are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRequests:
    """``wall``: epoch seconds by the clock on the wall; ``day_began``: when today began there; ``tell``: an event for the
    core."""

    world: WorldView
    store: LedgerStore | None
    now: Callable[[], float]
    wall: Callable[[], float]
    day_began: Callable[[], float]
    post: Callable[[AnyEvent], None]
    readers: Threads = field(default_factory=lambda: Threads("the ledger's requests"))
    trouble: Callable[[], str] = lambda: ""
    """Why the database is unavailable now; empty when it is available."""
    zone: str = "UTC"
    numbers: PhoneNumbers = field(default_factory=PhoneNumbers)
    """How numbers entered by people are parsed."""
    numbers_of: Mapping[str, PhoneNumbers] = field(default_factory=dict)
    """Campaign -> how those of its leads are read."""
    masked: bool = True
    """Numbers are shown masked; to act on one, it must be given in full."""

    def campaigns(self) -> list[dict[str, object]]:
        """Every campaign as it is now."""
        return [self._why_held(row) for row in campaigns(self.world)]

    async def campaign(self, name: str) -> dict[str, object] | None:
        """One campaign, with the ledger's figures. Raises NoLedger."""
        found = campaign(self.world, name)
        if found is None:
            return None
        found = self._why_held(found)
        store, since, wall = self._open(), self.day_began(), self.wall()

        def figures() -> dict[str, object]:
            return {
                "leads": store.count(name),
                "next_due_at": store.next_due(name, wall),
                "outcomes_today": store.outcomes(name, since),
                "dispositions_today": store.dispositions(name, since),
            }

        return found | await self._run(figures)

    async def add_leads(self, name: str, rows: Sequence[Mapping[str, str]]) -> tuple[int, list[tuple[str, str]]]:
        """Enter leads like those of a file; returns how many were entered, and (number, why) of the others. Raises NoLedger."""
        store, plan, wall = self._open(), self.world.plan, self.wall()
        calendar = plan.campaigns[name].limits.calendar
        reader = LeadReader(numbers=self.numbers_of.get(name, self.numbers), zone=self.zone, calendar=calendar)
        agents, never = frozenset(self.world.agents), plan.do_not_call

        def enter() -> Loaded:
            listed = ((line, row, "") for line, row in enumerate(rows, 1))
            return enter_rows(store, name, listed, reader, now=wall, agents=agents, never=never)

        loaded = await self._run(enter)
        return loaded.entered, [(number, why) for _, number, why in loaded.refused]

    async def own_leads(self, agent: str) -> list[dict[str, object]]:
        """The leads that only this agent is to call, at most fifty. Raises NoLedger."""
        store = self._open()
        rows = await self._run(lambda: store.own_leads(agent, MOST_OWN_LEADS))
        hidden = {"number": mask, "name": scrub} if self.masked else {}
        return [{key: hidden[key](value) if key in hidden else value for key, value in row.items()} for row in rows]

    async def call_now(self, agent: str, lead: int) -> bool:
        """Have the agent's own lead dialled next. False: there is none that waits. Raises NoLedger."""
        store, wall = self._open(), self.wall()
        return await self._run(lambda: store.call_now(agent, lead, wall))

    async def block(self, number: str, scope: str, reason: str, by: str, expires_at: float | None) -> None:
        """Nobody of us (or of the campaign ``scope``) calls this number again: in force when this returns. Raises NoLedger, and
        ValueError when it is no number, or the end is past."""
        store, wall = self._open(), self.wall()
        who = self._number(number)
        if expires_at is not None and expires_at <= wall:
            raise ValueError("expires_at is past")
        await self._run(lambda: store.block([BlockEntry(who, scope, reason, by, wall, expires_at)]))
        self.post(NumberBlocked(at=self.now(), number=who, campaign=scope))

    async def unblock(self, number: str, scope: str, by: str) -> bool:
        """Off the list; its leads are ready again. False when it was not there. Raises NoLedger, and ValueError when it is no
        number. Who did it is logged: the list does not hold it any more."""
        store, who = self._open(), self._number(number)
        gone = await self._run(lambda: store.unblock(who, scope))
        if gone:
            log.warning("a number was removed from the do-not-call list", campaign=scope, by=by, **{"pii.number": who})
        return gone

    async def blocks(self) -> list[dict[str, object]]:
        """The do-not-call list, the latest first. Raises NoLedger."""
        return [self.shown(asdict(one)) for one in await self._run(self._open().list_blocks)]

    def shown(self, entry: dict[str, object]) -> dict[str, object]:
        """An entry of the do-not-call list, masked if configured."""
        hidden = {"number": mask, "reason": scrub} if self.masked else {}
        return {name: hidden[name](str(value)) if name in hidden else value for name, value in entry.items()}

    def _number(self, text: str) -> str:
        """Raises ValueError when it is not a number."""
        found = self.numbers.read(text)
        if not found.e164:
            raise ValueError(found.fault)
        return found.e164

    def _open(self) -> LedgerStore:
        if self.store is None:
            raise LedgerNotConfigured("there is no ledger of campaigns: add the section 'database:' to the configuration")
        if trouble := self.trouble():
            raise NoLedger(trouble)  # at once: repeated requests must not fill the threads
        return self.store

    def _why_held(self, row: dict[str, object]) -> dict[str, object]:
        """A campaign that the ledger holds up shows why."""
        trouble = self.trouble()
        return row | {"why_not": trouble, "why_not_parts": {}} if trouble and row["state"] == Running.RUNNING else row

    async def _run(self, work: Callable[[], Found]) -> Found:
        cut = self.store.cut if self.store is not None else None
        try:
            async with asyncio.timeout(LEDGER_TIMEOUT):
                return await self.readers.run(work, cut)
        except ThreadsBusy:
            raise NoLedger("the database is busy with other requests: try again later") from None
        except (SQLAlchemyError, TimeoutError) as trouble:
            raise NoLedger("the database does not answer") from trouble


def day_began(wall: float, zone: ZoneInfo) -> float:
    """When the day began, on this zone's walls."""
    return datetime.fromtimestamp(wall, zone).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
