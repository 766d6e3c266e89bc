"""What a campaign's rules say about a lead at this moment, from the history of its number and the do-not-call list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from callbridge.adapters.database.ledger_tables import attempts, blocked, leads
from callbridge.core.model.dial_rules import DAY, NEVER, DialLimits, Frequency, Past, Verdict, verdict
from callbridge.core.model.numbers import spellings

HISTORY = 400 * DAY
"""How far back attempts matter for what a number may be dialled."""
ALL_CAMPAIGNS = Frequency()
FAR = 4e9
"""A moment that stands for never, in the databases that know no infinity."""


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


def verdict_on(link: Connection, campaign: str, terms: LedgerTerms, row: Any, wall: float) -> Verdict:
    """May this lead be dialled now, and if not, why, and when again?"""
    try:
        return verdict(
            campaign,
            terms.limits,
            terms.frequency,
            zones=zones_of(row.zones),
            past=_past(link, row.number, wall),
            blocked_until=_blocked_until(link, row.number, campaign, terms.never, wall),
            wall=wall,
        )
    except (KeyError, ValueError):  # ZoneInfo does not know where it is
        return Verdict("unknown_zone", NEVER)


def allowed(link: Connection, campaign: str, terms: LedgerTerms, row: Any, wall: float) -> bool:
    """May this lead be dialled? If not, it is put off, or done."""
    said = verdict_on(link, campaign, terms, row, wall)
    if said.reason:
        put_off(link, leads.c.id == row.id, said, wall)
    return not said.reason


def put_off(link: Connection, which: ColumnElement[bool], said: Verdict, wall: float) -> None:
    """Leads that a rule forbids: not before it allows them, or never."""
    changes: dict[str, Any] = {"reason": said.reason, "changed_at": wall}
    changes |= {"state": "done"} if said.again_at == NEVER else {"due_at": min(said.again_at, FAR)}
    link.execute(update(leads).where(which).values(**changes))


def zones_of(text: str) -> tuple[str, ...]:
    return tuple(zone for zone in text.split(",") if zone)


# Built once: a campaign asks both of every lead that it looks at, and building them takes longer than the database's answer.
_PAST = select(attempts.c.at, attempts.c.campaign, attempts.c.outcome, attempts.c.ended_at, attempts.c.disposition).where(
    attempts.c.number == bindparam("number"), attempts.c.at > bindparam("since")
)
_BLOCKED = select(blocked.c.expires_at).where(
    blocked.c.number.in_(bindparam("numbers", expanding=True)), blocked.c.campaign.in_(("", bindparam("campaign")))
)


def _past(link: Connection, number: str, wall: float) -> list[Past]:
    rows = link.execute(_PAST, {"number": number, "since": wall - HISTORY})
    # When an agent has said what it was, it is the agent who says when to call again.
    return [Past(row.at, row.campaign, "answered" if row.disposition else row.outcome, row.ended_at) for row in rows]


def _blocked_until(link: Connection, number: str, campaign: str, never: Collection[str], wall: float) -> float | None:
    names = spellings(number)
    if any(name in never for name in names):
        return NEVER
    rows = link.execute(_BLOCKED, {"numbers": [*names], "campaign": campaign}).all()
    ends = [NEVER if row.expires_at is None else row.expires_at for row in rows]
    return max((end for end in ends if end > wall), default=None)
