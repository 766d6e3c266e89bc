"""What is too old is deleted, a slice at a time, so that no transaction holds up what is written meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Table, and_, delete, func, select, tuple_

from callbridge.adapters.database import Database
from callbridge.adapters.database.history_tables import (
    agent_states,
    callback_attempts,
    callbacks,
    calls,
    changes,
    flow_steps,
    legal_holds,
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
TIMES: Mapping[str, Column[float]] = {table.name: at for table, at in _ENDS}
"""By which a row is old."""


def prune(database: Database, retention: Retention, now: float) -> int:
    """Delete what is too old; returns how many rows that were. Raises SQLAlchemyError."""
    with database.engine.connect() as link:
        holds = link.scalar(select(func.count()).select_from(legal_holds)) or 0
    deleted = _prune(database, flow_steps, flow_steps.c.at, now - retention.flow_days * DAY, holds > 0)
    return deleted + sum(_prune(database, table, at, now - retention.days * DAY, holds > 0) for table, at in _ENDS)


def _prune(database: Database, table: Table, at: Column[float], before: float, holds: bool) -> int:
    """``holds``: there are persons of whom nothing is deleted."""
    key = tuple(table.primary_key)
    old = select(*key).where(and_(at.is_not(None), at < before)).limit(ROWS_AT_ONCE)
    if holds:
        old = old.where(*_not_held(table))
    deleted = 0
    while True:
        with database.engine.begin() as link:
            found = link.execute(delete(table).where(tuple_(*key).in_(old.scalar_subquery() if len(key) == 1 else old))).rowcount
        deleted += found
        if found < ROWS_AT_ONCE:
            return deleted


def _not_held(table: Table) -> Iterator[ColumnElement[bool]]:
    """Rows of persons without a legal hold, and of nobody."""
    held = select(legal_holds.c.person)
    if "person" in table.columns:
        yield func.coalesce(table.c.person, "").not_in(held)
    elif "call" in table.columns:
        yield func.coalesce(table.c.call, "").not_in(select(calls.c.call).where(calls.c.person.in_(held)))
    elif table is callback_attempts:
        yield table.c.callback.not_in(select(callbacks.c.callback).where(callbacks.c.person.in_(held)))
