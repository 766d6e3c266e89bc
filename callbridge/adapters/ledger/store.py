"""The ledger's one door to its database: every method is one transaction. Blocks, so it is called in a thread."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, make_url, or_, select, true, update
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError

from callbridge.adapters.ledger.database import BadDatabase, Database
from callbridge.adapters.ledger.tables import LEDGER_SCHEMA, about, attempts, blocked, leads, metadata
from callbridge.core.model.attempt import Attempt, Lead
from callbridge.core.model.dial_rules import DAY, NEVER, DialLimits, Frequency, Past, Verdict, verdict
from callbridge.core.model.numbers import spellings

HISTORY = 400 * DAY
"""How far back attempts matter for what a number may be dialled."""
ALL_CAMPAIGNS = Frequency()
FAR = 4e9
"""A moment that stands for never, in the databases that know no infinity."""
UNSENT_LEAD_REST = 10.0
"""Seconds until a lead is found again whose attempt was taken back: else it would be tried at once, again and again."""
ROUNDS = 5
"""Looks for one request: those whom a rule forbids are put off in bulk, and the next ones looked at."""
COUNT_AGAIN = 15.0
LOOK_AT = 400
"""Leads that are looked at for one request, when rules forbid the first ones."""


class NotAnswering(BadDatabase):
    """It may be usable, but is away, or cannot be opened now."""


@dataclass(frozen=True, slots=True)
class LedgerTerms:
    """One campaign's rules, as far as the ledger needs them. ``again``: dispositions after which a lead is dialled again, and
    after how many seconds; ``connect_within``: for what counts as late."""

    limits: DialLimits
    frequency: Frequency = ALL_CAMPAIGNS
    never: frozenset[str] = frozenset()
    """Normalised numbers of the configuration's own do-not-call list."""
    again: Mapping[str, float] = field(default_factory=dict)
    connect_within: float = 2.0


@dataclass(frozen=True, slots=True)
class BlockEntry:
    number: str
    campaign: str
    reason: str
    by: str
    at: float
    expires_at: float | None = None


class LedgerStore:
    """``url`` as SQLAlchemy has it: ``sqlite:////var/lib/callbridge/campaigns.db``, ``postgresql+psycopg://...``.
    ``statement_within``: seconds that a statement may take, where somebody waits for it."""

    def __init__(self, url: str, statement_within: float | None = None) -> None:
        self._database = Database(url, statement_within)
        self._engine = self._database.engine
        self._counted: dict[str, tuple[float, int]] = {}
        """Campaign -> when its ready leads were counted last, and how many they were."""

    def open(self) -> None:
        """Make what is missing. Raises BadDatabase, NotAnswering when it may be better later."""
        try:
            with self._engine.begin() as link:
                metadata.create_all(link)
                found = link.scalar(select(about.c.version))
                if found is None:
                    link.execute(insert(about).values(version=LEDGER_SCHEMA))
        except (OperationalError, InterfaceError) as trouble:
            raise NotAnswering(_why(trouble)) from None
        except SQLAlchemyError as trouble:
            raise BadDatabase(_why(trouble)) from None
        if found is not None and found > LEDGER_SCHEMA:
            raise BadDatabase(f"the ledger has schema {found}; this callbridge reads up to {LEDGER_SCHEMA}: start the newer one")

    def close(self) -> None:
        self._engine.dispose()

    def cut(self, thread: int) -> None:
        """Have this thread wait no longer for the database."""
        self._database.cut(thread)

    def ping(self) -> None:
        """Does it answer? Raises SQLAlchemyError."""
        with self._engine.begin() as link:
            link.execute(select(1))

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
        due = and_(leads.c.campaign == campaign, leads.c.state == "ready", leads.c.due_at <= wall)
        for_them = leads.c.agent.not_in(busy) if busy else true()
        with self._engine.begin() as link:
            for _ in range(ROUNDS):
                wanted = select(leads).where(due, for_them).order_by(leads.c.priority.desc(), leads.c.due_at, leads.c.id)
                put_off = False
                closed: set[str] = set()
                for row in link.execute(wanted.limit(count + len(known) + LOOK_AT)).all():
                    if len(found) >= count:
                        break
                    if row.id in known or row.id in found or row.zones in closed:
                        continue
                    said = self._verdict(link, campaign, terms, row, wall)
                    if not said.reason:
                        found[row.id] = _lead(row)
                        continue
                    put_off = True
                    alike = leads.c.id == row.id
                    if said.reason == "hours":  # all of them that have the same clocks
                        closed.add(row.zones)
                        alike = and_(due, leads.c.zones == row.zones)
                    _put_off(link, alike, said, wall)
                if not put_off or len(found) >= count:
                    break
            ready = self._ready(link, campaign, and_(due, for_them), wall, few=len(found) < count)
        return tuple(found.values()), ready

    def _ready(self, link: Connection, campaign: str, due: ColumnElement[bool], wall: float, *, few: bool) -> int:
        """How many leads are ready: unless they are few, counted again only every while, for with hundreds of thousands of them
        that takes its time."""
        at, count = self._counted.get(campaign, (float("-inf"), 0))
        if few or not 0 <= wall - at < COUNT_AGAIN or not count:
            count = link.scalar(select(func.count()).select_from(leads).where(due)) or 0
            self._counted[campaign] = wall, count
        return count

    def _verdict(self, link: Connection, campaign: str, terms: LedgerTerms, row: Any, wall: float) -> Verdict:
        try:
            return verdict(
                campaign,
                terms.limits,
                terms.frequency,
                zones=_zones(row.zones),
                past=_past(link, row.number, wall),
                blocked_until=_blocked_until(link, row.number, campaign, terms.never, wall),
                wall=wall,
            )
        except (KeyError, ValueError):  # ZoneInfo does not know where it is
            return Verdict("unknown_zone", NEVER)

    def _allowed(self, link: Connection, campaign: str, terms: LedgerTerms, row: Any, wall: float) -> bool:
        """May this lead be dialled? If not, it is put off, or done."""
        said = self._verdict(link, campaign, terms, row, wall)
        if said.reason:
            _put_off(link, leads.c.id == row.id, said, wall)
        return not said.reason

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
                elif not self._allowed(link, campaign, terms, row, wall):
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
        """Attempts without an outcome that nobody has in hand any more: what became of them, nobody will ever know. Gives how
        many there were."""
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

    # -- do not call --------------------------------------------------------------------------------------------

    def block(self, blocks: Iterable[BlockEntry]) -> None:
        """On the list; the later word about a number holds."""
        with self._engine.begin() as link:
            for one in blocks:
                same = and_(blocked.c.number == one.number, blocked.c.campaign == one.campaign)
                values = {"reason": one.reason, "by": one.by, "at": one.at, "expires_at": one.expires_at}
                if not link.execute(update(blocked).where(same).values(**values)).rowcount:
                    link.execute(insert(blocked).values(number=one.number, campaign=one.campaign, **values))

    def unblock(self, number: str, campaign: str) -> bool:
        """Off the list, and its leads are ready again; False when it was not there."""
        with self._engine.begin() as link:
            same = and_(blocked.c.number.in_(spellings(number)), blocked.c.campaign == campaign)
            gone = link.execute(blocked.delete().where(same)).rowcount > 0
            held = and_(leads.c.number.in_(spellings(number)), leads.c.reason == "do_not_call")
            scope = leads.c.campaign == campaign if campaign else true()
            link.execute(update(leads).where(held, scope).values(state="ready", due_at=0.0, reason=""))
            return gone

    def blocks(self, numbers: Collection[str], campaign: str, wall: float) -> set[str]:
        """Which of these are on the list now."""
        alive = or_(blocked.c.expires_at.is_(None), blocked.c.expires_at > wall)
        with self._engine.begin() as link:
            asked = {name: number for number in numbers for name in spellings(number)}
            listed = and_(blocked.c.number.in_(list(asked)), blocked.c.campaign.in_(("", campaign)), alive)
            return {asked[name] for name in link.scalars(select(blocked.c.number).where(listed))}

    def list_blocks(self, limit: int = 1000) -> list[BlockEntry]:
        with self._engine.begin() as link:
            rows = link.execute(select(blocked).order_by(blocked.c.at.desc()).limit(limit)).all()
        return [BlockEntry(row.number, row.campaign, row.reason, row.by, row.at, row.expires_at) for row in rows]

    def blocks_of(self, number: str, wall: float) -> list[BlockEntry]:
        """What is on the list now for one number."""
        alive = or_(blocked.c.expires_at.is_(None), blocked.c.expires_at > wall)
        with self._engine.begin() as link:
            rows = link.execute(select(blocked).where(blocked.c.number.in_(spellings(number)), alive)).all()
        return [BlockEntry(row.number, row.campaign, row.reason, row.by, row.at, row.expires_at) for row in rows]

    def history_of(self, number: str) -> dict[str, list[dict[str, Any]]]:
        """The ``leads`` and ``attempts`` of one number, in all campaigns, the latest first."""
        of_leads = ("campaign", "state", "reason", "due_at", "attempts", "outcome", "disposition", "changed_at")
        of_attempts = ("campaign", "at", "outcome", "agent", "call", "disposition")
        wanted = {
            "leads": select(*(leads.c[name] for name in of_leads))
            .where(leads.c.number == number)
            .order_by(leads.c.changed_at.desc()),
            "attempts": select(*(attempts.c[name] for name in of_attempts))
            .where(attempts.c.number == number)
            .order_by(attempts.c.at.desc()),
        }
        with self._engine.begin() as link:
            return {name: [dict(row) for row in link.execute(query).mappings()] for name, query in wanted.items()}

    # -- figures ------------------------------------------------------------------------------------------------

    def window(self, campaign: str, since: float) -> list[tuple[float, int, int]]:
        """(Begin of an hour, live answers, abandoned) since then, oldest first. What nobody knows counts as abandoned."""
        hours: dict[float, list[int]] = {}
        for row in self.attempts(campaign, since, NEVER):
            if row["live"]:
                hour = hours.setdefault(row["at"] // 3600 * 3600, [0, 0])
                hour[0] += 1
                hour[1] += row["abandoned"]
        return [(at, *counts) for at, counts in sorted(hours.items())]  # type: ignore[misc]

    def attempts(self, campaign: str, since: float, until: float) -> Iterator[dict[str, Any]]:
        """Every attempt of that time, with what it counts as: ``live`` (a person answered, or may have), ``abandoned``."""
        with self._engine.connect() as link:
            wanted = select(attempts).where(
                attempts.c.campaign == campaign, attempts.c.at >= since, attempts.c.at < min(until, FAR)
            )
            for row in link.execute(wanted.order_by(attempts.c.at)):
                known = dict(row._mapping)
                lost = row.outcome in ("abandoned", "unknown") or bool(row.late)
                known["live"] = int(lost or (row.outcome == "answered" and not row.manual))
                known["abandoned"] = int(lost)
                yield known

    def count(self, campaign: str) -> dict[str, int]:
        """Leads by state, and by the reason why they are done."""
        with self._engine.begin() as link:
            rows = link.execute(
                select(leads.c.state, leads.c.reason, func.count())
                .where(leads.c.campaign == campaign)
                .group_by(leads.c.state, leads.c.reason)
            ).all()
        counts: dict[str, int] = {}
        for state, reason, number in rows:
            name = f"done: {reason}" if state == "done" else state
            counts[name] = counts.get(name, 0) + number
        return counts

    def next_due(self, campaign: str, wall: float) -> float | None:
        """From when on the first of those leads may be dialled that may not be now, as far as is known; None: there is none."""
        later = and_(leads.c.state == "ready", leads.c.due_at > wall, leads.c.due_at < FAR)
        due = select(func.min(leads.c.due_at)).where(leads.c.campaign == campaign, later)
        with self._engine.begin() as link:
            first: float | None = link.scalar(due)
        return first

    def outcomes(self, campaign: str, since: float) -> dict[str, int]:
        with self._engine.begin() as link:
            rows = link.execute(
                select(attempts.c.outcome, func.count())
                .where(attempts.c.campaign == campaign, attempts.c.at >= since)
                .group_by(attempts.c.outcome)
            ).all()
        return {outcome or "under way": number for outcome, number in rows}

    def dispositions(self, campaign: str, since: float) -> dict[str, int]:
        with self._engine.begin() as link:
            rows = link.execute(
                select(attempts.c.disposition, func.count())
                .where(attempts.c.campaign == campaign, attempts.c.at >= since)
                .where(or_(attempts.c.outcome == "answered", attempts.c.disposition != ""))
                .group_by(attempts.c.disposition)
            ).all()
        return {code or "none": number for code, number in rows}

    def lead(self, campaign: str, number: str) -> dict[str, Any] | None:
        """One lead as it stands."""
        with self._engine.begin() as link:
            row = link.execute(select(leads).where(leads.c.campaign == campaign, leads.c.number == number)).one_or_none()
        return dict(row._mapping) if row is not None else None


def file_of(url: str) -> Path | None:
    """The file of such a database, if it has one."""
    path = make_url(url).database
    return Path(path) if url.startswith("sqlite") and path and not path.startswith((":", "file:")) else None


def no_folder(url: str) -> str:
    """The folder that such a database's file needs and that is not there, or cannot be looked at; empty when all is well."""
    file = file_of(url)
    if file is None:
        return ""
    try:
        return "" if file.absolute().parent.is_dir() else str(file.absolute().parent)
    except OSError:
        return str(file.absolute().parent)


def not_roots(url: str) -> str:
    """Who is to make the database, when we are root, it is not there, and its folder is not root's: nobody else could write what
    root makes. Empty when all is well; in a database that is there SQLite gives new files to its owner."""
    file = file_of(url)
    if os.geteuid() != 0 or file is None or file.exists() or no_folder(url):
        return ""
    owner = file.absolute().parent.stat().st_uid
    try:
        return pwd.getpwuid(owner).pw_name if owner else ""
    except KeyError:
        return f"#{owner}"


def _why(trouble: SQLAlchemyError) -> str:
    cause = trouble.orig if isinstance(trouble, DBAPIError) else trouble
    return " ".join(str(cause).split())[:300]


def _put_off(link: Connection, which: ColumnElement[bool], said: Verdict, wall: float) -> None:
    """Leads that a rule forbids: not before it allows them, or never."""
    changes: dict[str, Any] = {"reason": said.reason, "changed_at": wall}
    changes |= {"state": "done"} if said.again_at == NEVER else {"due_at": min(said.again_at, FAR)}
    link.execute(update(leads).where(which).values(**changes))


def _entered(link: Connection, row: dict[str, Any]) -> bool:
    try:
        with link.begin_nested():
            link.execute(insert(leads).values(**row))
    except IntegrityError:
        return False
    return True


def _zones(text: str) -> tuple[str, ...]:
    return tuple(zone for zone in text.split(",") if zone)


def _lead(row: Any) -> Lead:
    details = json.loads(row.details)
    values = tuple((str(name), str(value)) for name, value in details.items())
    return Lead(id=row.id, number=row.number, zones=_zones(row.zones), name=row.name, values=values, agent=row.agent)


def _past(link: Connection, number: str, wall: float) -> list[Past]:
    rows = link.execute(
        select(attempts.c.at, attempts.c.campaign, attempts.c.outcome, attempts.c.ended_at, attempts.c.disposition).where(
            attempts.c.number == number, attempts.c.at > wall - HISTORY
        )
    )
    # When an agent has said what it was, it is the agent who says when to call again.
    return [Past(row.at, row.campaign, "answered" if row.disposition else row.outcome, row.ended_at) for row in rows]


def _blocked_until(link: Connection, number: str, campaign: str, never: Collection[str], wall: float) -> float | None:
    names = spellings(number)
    if any(name in never for name in names):
        return NEVER
    rows = link.execute(
        select(blocked.c.expires_at).where(blocked.c.number.in_(names), blocked.c.campaign.in_(("", campaign)))
    ).all()
    ends = [NEVER if row.expires_at is None else row.expires_at for row in rows]
    return max((end for end in ends if end > wall), default=None)
