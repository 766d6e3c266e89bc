"""The ledger's one door to its database: every method is one transaction. Blocks, so it is called in a thread."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from callbridge.adapters.database import Database
from callbridge.adapters.database.ledger_tables import attempts, leads
from callbridge.adapters.ledger.block_list import BlockList
from callbridge.adapters.ledger.figures import LedgerFigures
from callbridge.adapters.ledger.rules import LedgerTerms, allowed, put_off, verdict_on, zones_of
from callbridge.core.model.attempt import Attempt, Lead

UNSENT_LEAD_REST = 10.0
"""Seconds until a lead is found again whose attempt was taken back: else it would be tried at once, again and again."""
CALLED_NOW = 1000
"""Priority of a lead that its agent calls now: above that of call-backs."""
ROUNDS = 5
"""Looks for one request: those whom a rule forbids are put off in bulk, and the next ones looked at."""
COUNT_AGAIN = 15.0
LOOK_AT = 400
"""Leads that are looked at for one request, when rules forbid the first ones."""


def _due(campaign: object, wall: object) -> ColumnElement[bool]:
    return and_(leads.c.campaign == campaign, leads.c.state == "ready", leads.c.due_at <= wall)


# Built once: every campaign asks several times a minute, and building them takes longer than the database's answer.
_ARE_DUE = _due(bindparam("campaign"), bindparam("wall"))
_WANTED = select(leads).where(_ARE_DUE).order_by(leads.c.priority.desc(), leads.c.due_at, leads.c.id).limit(bindparam("most"))
_COUNTED = select(func.count()).select_from(leads).where(_ARE_DUE)


class LedgerStore(BlockList, LedgerFigures):
    """``url`` as SQLAlchemy has it: ``sqlite:////var/lib/callbridge/callbridge.db``, ``postgresql+psycopg://...``.
    ``statement_within``: seconds that a statement may take, where somebody waits for it."""

    def __init__(self, url: str, statement_within: float | None = None) -> None:
        self._database = Database(url, statement_within)
        self._engine = self._database.engine
        self._counted: dict[str, tuple[float, int]] = {}
        """Campaign -> when its ready leads were counted last, and how many they were."""

    def open(self) -> None:
        """Create what is missing. Raises BadDatabase, NotAnswering when it may be better later."""
        self._database.open()

    def close(self) -> None:
        self._database.close()

    def cut(self, thread: int) -> None:
        """Have this thread wait no longer for the database."""
        self._database.cut(thread)

    def ping(self) -> None:
        """Does it answer? Raises SQLAlchemyError."""
        self._database.ping()

    # -- leads --------------------------------------------------------------------------------------------------

    def load(self, campaign: str, rows: Sequence[Mapping[str, Any]], at: float) -> set[str]:
        """Enter leads; gives the numbers of those that the campaign has already. ``rows``: number, name, zones, details, agent,
        priority, due_at."""
        with self._engine.begin() as link:
            numbers = [row["number"] for row in rows]
            known = set(link.scalars(select(leads.c.number).where(leads.c.campaign == campaign, leads.c.number.in_(numbers))))
            new = [
                {
                    "campaign": campaign,
                    "number": row["number"],
                    "name": row.get("name", ""),
                    "zones": ",".join(row.get("zones", ())),
                    "details": json.dumps(row.get("details", {}), ensure_ascii=False),
                    "agent": row.get("agent", ""),
                    "priority": row.get("priority", 0),
                    "due_at": row.get("due_at", 0.0),
                    "loaded_at": at,
                    "changed_at": at,
                }
                for row in rows
                if row["number"] not in known
            ]
            try:
                with link.begin_nested():
                    link.execute(insert(leads), new) if new else None
            except IntegrityError:  # somebody else loads the same numbers just now
                known |= {row["number"] for row in new if not _entered(link, row)}
        return known

    def details_of(self, campaign: str, number: str) -> str | None:
        """What the lead with this number was entered with, as JSON; None: there is none."""
        with self._engine.begin() as link:
            return link.scalar(select(leads.c.details).where(leads.c.campaign == campaign, leads.c.number == number))

    def find(
        self,
        campaign: str,
        terms: LedgerTerms,
        count: int,
        known: Collection[int],
        wall: float,
        busy: Collection[str] = (),
    ) -> tuple[tuple[Lead, ...], int]:
        """Leads that may be dialled now, the most urgent first, and how many are ready in all: but for those of ``busy`` agents.
        Those whom a rule forbids for now are put off until it allows them."""
        found: dict[int, Lead] = {}
        wanted, counted = _WANTED, _COUNTED
        if busy:
            for_others = leads.c.agent.not_in(busy)
            wanted, counted = wanted.where(for_others), counted.where(for_others)
        of = {"campaign": campaign, "wall": wall}
        with self._engine.begin() as link:
            for _ in range(ROUNDS):
                some_put_off = False
                closed: set[str] = set()
                for row in link.execute(wanted, of | {"most": count + len(known) + LOOK_AT}).all():
                    if len(found) >= count:
                        break
                    if row.id in known or row.id in found or row.zones in closed:
                        continue
                    said = verdict_on(link, campaign, terms, row, wall)
                    if not said.reason:
                        found[row.id] = _lead(row)
                        continue
                    some_put_off = True
                    alike = leads.c.id == row.id
                    if said.reason == "hours":  # all of them that have the same clocks
                        closed.add(row.zones)
                        alike = and_(_due(campaign, wall), leads.c.zones == row.zones)
                    put_off(link, alike, said, wall)
                if not some_put_off or len(found) >= count:
                    break
            ready = self._ready(link, counted, campaign, wall, few=len(found) < count)
        return tuple(found.values()), ready

    def _ready(self, link: Connection, counted: Select[int], campaign: str, wall: float, *, few: bool) -> int:
        """How many leads are ready: unless they are few, counted again only every while, for with hundreds of thousands of them
        that takes its time."""
        at, count = self._counted.get(campaign, (float("-inf"), 0))
        if few or not 0 <= wall - at < COUNT_AGAIN or not count:
            count = link.scalar(counted, {"campaign": campaign, "wall": wall}) or 0
            self._counted[campaign] = wall, count
        return count

    def own_leads(self, agent: str, most: int) -> list[dict[str, Any]]:
        """The leads that only this agent is to call, those that are due first at the top."""
        own = leads.c
        wanted = select(own.id, own.campaign, own.number, own.name, own.due_at, own.attempts, own.disposition)
        wanted = wanted.where(own.agent == agent, own.agent != "", own.state == "ready")
        with self._engine.begin() as link:
            return [dict(row) for row in link.execute(wanted.order_by(own.due_at, own.id).limit(most)).mappings()]

    def call_now(self, agent: str, lead: int, wall: float) -> bool:
        """The agent's own lead is due now, before all others. False: there is no such lead that waits. Whether the person may be
        called at this hour is decided when it is dialled."""
        own = leads.c
        which = (own.id == lead, own.agent == agent, own.agent != "", own.state == "ready")
        changes = {"due_at": wall, "priority": CALLED_NOW, "changed_at": wall, "reason": "call_back"}
        with self._engine.begin() as link:
            return link.execute(update(leads).where(*which).values(**changes)).rowcount > 0

    # -- attempts -----------------------------------------------------------------------------------------------

    def reserve(
        self, campaign: str, terms: LedgerTerms, wanted: Iterable[tuple[str, int]], wall: float
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """Write attempts down, each if the rules allow it at this very moment; gives those, and why not the others."""
        reserved: list[str] = []
        refused: dict[str, str] = {}
        with self._engine.begin() as link:
            for attempt, lead in wanted:
                if link.scalar(select(attempts.c.lead).where(attempts.c.id == attempt)) == lead:
                    reserved.append(attempt)  # asked once more: the answer was lost
                    continue
                row = link.execute(select(leads).where(leads.c.id == lead)).one_or_none()
                if row is None or row.state != "ready" or row.due_at > wall or row.campaign != campaign:
                    refused[attempt] = "no longer ready"
                elif not allowed(link, campaign, terms, row, wall):
                    refused[attempt] = "a rule forbids the attempt"
                else:
                    link.execute(insert(attempts).values(id=attempt, campaign=campaign, lead=lead, number=row.number, at=wall))
                    link.execute(
                        update(leads)
                        .where(leads.c.id == lead)
                        .values(state="dialling", attempts=row.attempts + 1, changed_at=wall, reason="")
                    )
                    reserved.append(attempt)
        return tuple(reserved), refused

    def record(self, attempt: Attempt, terms: LedgerTerms | None, at: float, offset: float = 0.0) -> None:
        """The outcome of an attempt, once or again. ``unsent``: it never was. ``offset``: the wall clock's lead over ours."""
        with self._engine.begin() as link:
            row = link.execute(select(attempts).where(attempts.c.id == attempt.id)).one_or_none()
            if row is None:
                return
            if attempt.outcome == "unsent":
                if not row.outcome:
                    link.execute(attempts.delete().where(attempts.c.id == attempt.id))
                    self._ready_again(link, row.lead, at + offset, counted=False)
                return
            at = at if attempt.connected_at is None else attempt.connected_at
            delay = at - (attempt.live_from or at)
            talked = attempt.outcome == "answered"
            late = talked and not attempt.agent_first and terms is not None and delay > terms.connect_within
            times = {
                "answered_at": attempt.answered_at,
                "spoken_at": attempt.spoken_at,
                "connected_at": at if talked else attempt.connected_at,
            }
            values: dict[str, Any] = {name: None if moment is None else moment + offset for name, moment in times.items()}
            values |= {"outcome": attempt.outcome, "cause": attempt.cause, "call": attempt.call, "agent": attempt.agent}
            values["heard"] = attempt.heard[:64]
            values |= {"late": int(late), "manual": int(attempt.agent_first), "ended_at": at + offset}
            link.execute(update(attempts).where(attempts.c.id == attempt.id).values(**values))
            if not row.outcome:
                self._after(link, row.lead, attempt.outcome, terms, at + offset)
            if attempt.disposition:
                self._set_disposition(link, attempt, terms, at + offset)

    def _after(self, link: Connection, lead: int, outcome: str, terms: LedgerTerms | None, wall: float) -> None:
        """Where a lead stands after an attempt."""
        delay = terms.limits.retry.get(outcome) if terms is not None else 0.0
        if outcome == "answered":
            changes: dict[str, Any] = {"state": "done", "reason": "reached"}
        elif delay is None:
            changes = {"state": "done", "reason": outcome}
        else:
            changes = {"state": "ready", "due_at": wall + delay, "reason": "retry"}
        link.execute(update(leads).where(leads.c.id == lead).values(outcome=outcome, changed_at=wall, **changes))

    def _ready_again(self, link: Connection, lead: int, wall: float, *, counted: bool) -> None:
        change = leads.c.attempts if counted else case((leads.c.attempts > 0, leads.c.attempts - 1), else_=0)
        link.execute(
            update(leads)
            .where(leads.c.id == lead, leads.c.state == "dialling")
            .values(state="ready", attempts=change, changed_at=wall, due_at=wall + (0.0 if counted else UNSENT_LEAD_REST))
        )

    def sweep(self, alive: Collection[str], terms: Mapping[str, LedgerTerms], wall: float) -> int:
        """Closes attempts that nobody has in hand any more and whose outcome can no longer be known. Returns how many
        there were."""
        with self._engine.begin() as link:
            lost = [row for row in link.execute(select(attempts).where(attempts.c.outcome == "")) if row.id not in alive]
            for row in lost:
                values = {"outcome": "unknown", "ended_at": wall}
                link.execute(update(attempts).where(attempts.c.id == row.id).values(**values))
                self._after(link, row.lead, "unknown", terms.get(row.campaign), row.at)
            held = [link.scalars(select(attempts.c.lead).where(attempts.c.outcome == "")).all()]
            stuck = select(leads.c.id).where(leads.c.state == "dialling", leads.c.id.notin_(held[0]))
            for lead in link.scalars(stuck).all():
                self._ready_again(link, lead, wall, counted=True)
        return len(lost)

    def _set_disposition(self, link: Connection, attempt: Attempt, terms: LedgerTerms | None, wall: float) -> None:
        """What the agent said. The lead is done, or dialled again: when the customer wants, or after a while. Told again when the
        lead has gone on meanwhile, it changes nothing."""
        link.execute(update(attempts).where(attempts.c.id == attempt.id).values(disposition=attempt.disposition))
        lead = attempt.lead.id
        newest = select(attempts.c.id).where(attempts.c.lead == lead).order_by(attempts.c.at.desc()).limit(1)
        if link.scalar(newest) != attempt.id:
            return
        again = terms.again.get(attempt.disposition) if terms is not None else None
        changes: dict[str, Any] = {"state": "done", "reason": "disposition"}
        if attempt.call_back_at is not None:
            changes = {"state": "ready", "due_at": attempt.call_back_at, "priority": 100, "reason": "call_back"}
            changes["agent"] = attempt.call_back_by
        elif again is not None:
            changes = {"state": "ready", "due_at": wall + again, "reason": "call_back"}
        changes |= {"outcome": attempt.outcome, "disposition": attempt.disposition, "changed_at": wall}
        link.execute(update(leads).where(leads.c.id == lead).values(**changes))


def _entered(link: Connection, row: dict[str, Any]) -> bool:
    try:
        with link.begin_nested():
            link.execute(insert(leads).values(**row))
    except IntegrityError:
        return False
    return True


def _lead(row: Any) -> Lead:
    details = json.loads(row.details)
    values = tuple((str(name), str(value)) for name, value in details.items())
    return Lead(id=row.id, number=row.number, zones=zones_of(row.zones), name=row.name, values=values, agent=row.agent)
