"""What the ledger knows of leads and attempts, for reports, the API and people; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, and_, func, or_, select

from callbridge.adapters.database.attempt_counts import counts_as
from callbridge.adapters.database.ledger_tables import attempts, leads
from callbridge.adapters.ledger.rules import FAR
from callbridge.core.model.dial_rules import NEVER


class LedgerFigures:
    """The store's methods that only read. Every method is one transaction."""

    _engine: Engine

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
                live, abandoned = counts_as(row.outcome, late=bool(row.late), manual=bool(row.manual))
                known |= {"live": int(live), "abandoned": int(abandoned)}
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
