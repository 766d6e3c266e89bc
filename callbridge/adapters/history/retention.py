"""What is too old is deleted, a slice at a time, so that no transaction holds up what is written meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Table, and_, delete, select, tuple_

from callbridge.adapters.database import Database
from callbridge.adapters.database.history_tables import (
    agent_states,
    callback_attempts,
    callbacks,
    calls,
    changes,
    flow_steps,
    offers,
    recordings,
    segments,
    survey_answers,
    surveys,
    transfers,
    visits,
)

DAY = 86_400.0
ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days after which rows are deleted, by when what they say happened; ``flow_days``: of the steps through flows. What has not
    ended is kept."""

    days: int = 1100
    flow_days: int = 400


_ENDS: tuple[tuple[Table, Column[float]], ...] = (
    (calls, calls.c.ended_at),
    (visits, visits.c.ended_at),
    (offers, offers.c.ended_at),
    (segments, segments.c.ended_at),
    (transfers, transfers.c.ended_at),
    (agent_states, agent_states.c.ended_at),
    (survey_answers, survey_answers.c.at),
    (surveys, surveys.c.at),
    (recordings, recordings.c.at),
    (callbacks, callbacks.c.ended_at),
    (callback_attempts, callback_attempts.c.at),
    (changes, changes.c.at),
)


def prune(database: Database, retention: Retention, now: float) -> int:
    """Delete what is too old; returns how many rows that were. Raises SQLAlchemyError."""
    deleted = _prune(database, flow_steps, flow_steps.c.at, now - retention.flow_days * DAY)
    return deleted + sum(_prune(database, table, at, now - retention.days * DAY) for table, at in _ENDS)


def _prune(database: Database, table: Table, at: Column[float], before: float) -> int:
    key = tuple(table.primary_key)
    old = select(*key).where(and_(at.is_not(None), at < before)).limit(ROWS_AT_ONCE)
    deleted = 0
    while True:
        with database.engine.begin() as link:
            found = link.execute(delete(table).where(tuple_(*key).in_(old.scalar_subquery() if len(key) == 1 else old))).rowcount
        deleted += found
        if found < ROWS_AT_ONCE:
            return deleted
