"""The last contacts of a customer, for the agent who has the call: read from the history within a short time, or not at all.

Whether the customer has called again is decided as in the report ``repeats``: the same number, inbound, in the same queue within
24 hours of a talk there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Select, func, select
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, Database
from callbridge.adapters.database.history_tables import call_notes, calls, segments, visits
from callbridge.adapters.database.ledger_tables import attempts
from callbridge.adapters.reports.asking import HistoryNotConfigured, NoHistory
from callbridge.adapters.reports.repeats import REPEAT_WITHIN
from callbridge.adapters.system.threads import Threads, ThreadsBusy

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MOST_CONTACTS = 5
LOOK_AT_CALLS = 50
"""Of the last calls so many are looked at for those that may be seen."""
CONTACTS_WITHIN = 2.0
"""Seconds: by then an agent has begun to talk."""
CONTACT_READERS, MOST_CONTACTS_WAITING = 2, 50
_BEFORE_THE_TALK = 7 * 86_400.0
"""Seconds from a call's arrival to its last talk: so a database need not look through all calls that there ever were."""


@dataclass(frozen=True, slots=True)
class KnownAs:
    """One customer. ``persons``: the identities in the history; none of a number that is withheld. ``numbers``: as the campaigns'
    ledger may have the number."""

    persons: Collection[str] = ()
    numbers: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactQuestion:
    """About whom. ``number``: as the call has it; ``call`` itself is no contact of the past, nor is what came after ``before``.
    ``sees``: whether a contact with this queue and agent may be seen."""

    number: str
    call: str
    queue: str
    before: float
    sees: Callable[[str, str], bool] = lambda queue, agent: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """An earlier call. ``queue`` and ``agent`` of the last talk, or of the last wait where nobody talked. ``talked``: seconds
    with agents. ``disposition``: the code that an agent gave it. ``note``: the last one. ``campaign``: the one that made it, if
    any."""

    call: str
    at: float
    direction: str
    queue: str
    agent: str
    outcome: str
    talked: float
    disposition: str
    note: str
    campaign: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """The talk after which the customer calls again, as the report ``repeats`` counts it. ``after``: seconds."""

    at: float
    agent: str
    after: float


@dataclass(frozen=True, slots=True)
class LastContacts:
    contacts: tuple[Contact, ...] = ()
    repeated: Repeated | None = None

    def as_data(self) -> dict[str, Any]:
        repeated = asdict(self.repeated) if self.repeated is not None else None
        return {"contacts": [asdict(one) for one in self.contacts], "repeated": repeated}


class ContactService:
    """``url``: of the history; None: there is none. ``known_as``: of a number as calls have it."""

    def __init__(self, url: str | None, known_as: Callable[[str], KnownAs]) -> None:
        self._url, self._known_as = url, known_as
        self._threads = Threads("contacts", CONTACT_READERS, MOST_CONTACTS_WAITING)
        self._database: Database | None = None

    async def of(self, question: ContactQuestion) -> LastContacts:
        """Raises NoHistory, at the latest after ``CONTACTS_WITHIN``."""
        who = self._known_as(question.number)
        if not who.persons:
            return LastContacts()
        try:
            if self._url is None:
                raise HistoryNotConfigured("there is no history: add the section 'database:' to the configuration")
            self._database = database = self._database or Database(self._url, CONTACTS_WITHIN)
            async with asyncio.timeout(CONTACTS_WITHIN):
                return await self._threads.run(lambda: read_contacts(database.engine, who, question), database.cut)
        except ThreadsBusy:
            raise NoHistory("the database is busy with other requests") from None
        except (TimeoutError, SQLAlchemyError, BadDatabase) as trouble:
            log.warning("the last contacts could not be read", call=question.call, why=type(trouble).__name__)
            raise NoHistory("the database does not answer in time") from None

    def close(self) -> None:
        """The threads end by themselves, connections that are not in use are closed."""
        self._threads.close()
        if self._database is not None:
            self._database.close()


def read_contacts(engine: Engine, who: KnownAs, question: ContactQuestion) -> LastContacts:
    """Blocks. Raises SQLAlchemyError."""
    with engine.connect() as link:
        own = list(link.execute(_calls(who, question)))
        found = tuple(one for one in _contacts(link, own, who) if question.sees(one.queue, one.agent))
        return LastContacts(found[:MOST_CONTACTS], _repeated(link, who, question))


def _calls(who: KnownAs, question: ContactQuestion) -> Select[Any]:
    own = calls.c
    wanted = select(own.call, own.arrived_at, own.direction, own.outcome, own.campaign)
    wanted = wanted.where(own.person.in_(who.persons), own.arrived_at <= question.before, own.call != question.call)
    return wanted.order_by(own.arrived_at.desc(), own.call.desc()).limit(LOOK_AT_CALLS)


def _contacts(link: Connection, own: list[Any], who: KnownAs) -> Iterator[Contact]:
    """The last first."""
    those = [row.call for row in own]
    talks: dict[str, list[Any]] = {}
    spoken = select(segments.c.call, segments.c.queue, segments.c.agent, segments.c.talked, segments.c.disposition)
    spoken = spoken.where(segments.c.call.in_(those), func.coalesce(segments.c.ended_by, "") != "short")
    for row in link.execute(spoken.order_by(segments.c.segment)):
        talks.setdefault(row.call, []).append(row)
    waited = select(visits.c.call, visits.c.queue).where(visits.c.call.in_(those)).order_by(visits.c.visit)
    queues = {row.call: row.queue for row in link.execute(waited)}
    dialled = select(attempts.c.call, attempts.c.disposition).where(
        attempts.c.number.in_(who.numbers), attempts.c.call.in_(those)
    )
    given = {row.call: row.disposition for row in link.execute(dialled)}
    written = select(call_notes.c.call, call_notes.c.text).where(call_notes.c.call.in_(those)).order_by(call_notes.c.at)
    notes = {row.call: row.text for row in link.execute(written)}
    for row in own:
        spoke = talks.get(row.call, [])
        yield Contact(
            call=row.call,
            at=row.arrived_at,
            direction=row.direction,
            queue=(spoke[-1].queue if spoke else queues.get(row.call)) or "",
            agent=(spoke[-1].agent if spoke else "") or "",
            outcome=row.outcome or "",
            talked=round(sum(one.talked or 0.0 for one in spoke), 1),
            disposition=given.get(row.call) or next((one.disposition for one in reversed(spoke) if one.disposition), ""),
            note=notes.get(row.call) or "",
            campaign=row.campaign or "",
        )


def _repeated(link: Connection, who: KnownAs, question: ContactQuestion) -> Repeated | None:
    talk, visit = segments.c, visits.c
    wanted = (
        select(talk.began_at, talk.agent)
        .join(visits, (visit.call == talk.call) & (visit.visit == talk.visit))
        .join(calls, calls.c.call == talk.call)
        .where(calls.c.person.in_(who.persons), calls.c.direction == "in", calls.c.call != question.call)
        .where(calls.c.arrived_at >= question.before - REPEAT_WITHIN - _BEFORE_THE_TALK)
        .where(visit.queue == question.queue, visit.outcome == "answered")
        .where(talk.kind == "talk", func.coalesce(talk.ended_by, "") != "short")
        .where(talk.began_at <= question.before, talk.began_at >= question.before - REPEAT_WITHIN)
        .order_by(talk.began_at.desc())
        .limit(1)
    )
    row = link.execute(wanted).one_or_none()
    if row is None:
        return None
    agent = row.agent if question.sees(question.queue, row.agent or "") else ""
    return Repeated(at=row.began_at, agent=agent or "", after=round(question.before - row.began_at, 1))
