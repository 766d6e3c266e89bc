"""The do-not-call list in the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Engine, and_, insert, or_, select, true, update

from callbridge.adapters.database.ledger_tables import blocked, leads
from callbridge.core.model.numbers import spellings


@dataclass(frozen=True, slots=True)
class BlockEntry:
    number: str
    campaign: str
    reason: str
    by: str
    at: float
    expires_at: float | None = None


class BlockList:
    """The store's methods about the list. Every method is one transaction."""

    _engine: Engine

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
