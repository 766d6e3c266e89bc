"""What was open when facts were lost: closed at the next start, so that nobody waits or talks in the history for ever.

Facts are lost when callbridge is killed without Redis, when Redis loses its data, or when the database was away for too long. At
the next start the world knows which calls and callbacks go on. Everything else that is open in the tables has ended, nobody knows
when: the time of the last fact that was written counts, and the row is marked ``estimated`` where it can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Connection, Float, Table, case, cast, insert, select, update

from callbridge.adapters.database.history_tables import agent_states, callbacks, calls, offers, segments, transfers, visits
from callbridge.adapters.history.rows import NOW
from callbridge.core.model.agent import State

LOST = "lost"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivors:
    """What the world knew when the term with this ``token`` began. ``agents``: their published states."""

    token: int
    calls: frozenset[str] = frozenset()
    callbacks: frozenset[str] = frozenset()
    agents: Mapping[str, str] = field(default_factory=dict)


def close_lost(link: Connection, survivors: Survivors, last_at: float) -> int:
    """Close what is open and did not survive; ``last_at``: when the last fact before was written. Returns how many calls that
    were."""
    gone = sorted(set(link.scalars(select(calls.c.call).where(calls.c.ended_at.is_(None)))) - survivors.calls)
    _close(link, calls, calls.c.arrived_at, survivors.calls, last_at, lasted="lasted", outcome=LOST, estimated=True)
    ended = {"outcome": "failed", "reason": LOST, "within_target": False, "estimated": True}
    _close(link, visits, visits.c.began_at, survivors.calls, last_at, lasted="lasted", **ended)
    _close(link, offers, offers.c.began_at, survivors.calls, last_at, lasted="rang_for", result="cancelled")
    talked = {"hold": 0.0, "ended_by": LOST, "estimated": True}
    _close(link, segments, segments.c.began_at, survivors.calls, last_at, lasted="talked", **talked)
    _close(link, transfers, transfers.c.began_at, survivors.calls, last_at, result="failed")
    _close(
        link, callbacks, callbacks.c.requested_at, survivors.callbacks, last_at, lasted="waited", outcome="failed", reason=LOST
    )
    _close_states(link, survivors, last_at)
    return len(gone)


def _close(
    link: Connection,
    table: Table,
    began: Column[float],
    survive: frozenset[str],
    last_at: float,
    *,
    lasted: str = "",
    **values: Any,
) -> None:
    """``lasted``: the column with the seconds from ``began`` to the end."""
    name = table.c.callback if table is callbacks else table.c.call
    gone = sorted(set(link.scalars(select(name).where(table.c.ended_at.is_(None)))) - survive)
    ended = case((began > last_at, began), else_=cast(last_at, Float))
    values["ended_at"] = ended
    if lasted:
        values[lasted] = ended - began
    if table is visits:
        values["waited"] = ended - began
    for at in range(0, len(gone), _AT_ONCE):
        those = name.in_(gone[at : at + _AT_ONCE])
        link.execute(update(table).where(those, table.c.ended_at.is_(None)).values(values))


def _close_states(link: Connection, survivors: Survivors, last_at: float) -> None:
    """An agent's present state that the world did not know any more has ended; who is unknown is logged out."""
    for row in link.execute(select(agent_states).where(agent_states.c.ended_at.is_(None))).all():
        state = survivors.agents.get(row.agent, State.LOGGED_OUT.value)
        if row.state == state:
            continue
        ended_at = max(last_at, row.began_at or 0.0)
        former = dict(row._mapping) | {"fact": f"{LOST}-{survivors.token}", "ended_at": ended_at}
        if row.began_at is not None and ended_at > row.began_at:
            link.execute(insert(agent_states).values(former))
        present = {"state": state, "reason": "", "began_at": ended_at}
        link.execute(update(agent_states).where(agent_states.c.agent == row.agent, agent_states.c.fact == NOW).values(present))
