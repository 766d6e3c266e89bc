"""What is too old is deleted, a slice at a time, so that no transaction holds up what is written meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Table, delete, func, or_, select, tuple_

from callbridge.adapters.database import Database
from callbridge.adapters.database.history_tables import (
    agent_states,
    call_notes,
    callback_attempts,
    callbacks,
    calls,
    changes,
    flow_steps,
    legal_holds,
    offers,
    recordings,
    script_answers,
    segments,
    survey_answers,
    surveys,
    transfers,
    visits,
    voice_quality,
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
    (call_notes, call_notes.c.at),
    (survey_answers, survey_answers.c.at),
    (surveys, surveys.c.at),
    (script_answers, script_answers.c.at),
    (voice_quality, voice_quality.c.at),
    (recordings, recordings.c.at),
    (callbacks, callbacks.c.ended_at),
    (callback_attempts, callback_attempts.c.at),
    (changes, changes.c.at),
)
TIMES: Mapping[str, Column[float]] = {table.name: at for table, at in _ENDS}
"""By which a row is old."""


_BEGINS: Mapping[str, Column[float]] = {
    calls.name: calls.c.arrived_at,
    callbacks.name: callbacks.c.requested_at,
    **{table.name: table.c.began_at for table in (visits, offers, segments, transfers, agent_states)},
}
"""What has ended before a moment has begun before it, and by the beginning an index finds it."""


def prune(database: Database, retention: Retention, now: float) -> int:
    """Delete what is too old; returns how many rows that were. Raises SQLAlchemyError."""
    deleted = _prune(database, flow_steps, flow_steps.c.at, now - retention.flow_days * DAY)
    return deleted + sum(_prune(database, table, at, now - retention.days * DAY) for table, at in _ENDS)


def _prune(database: Database, table: Table, at: Column[float], before: float) -> int:
    """Looked for first, then deleted: a search that takes long keeps nobody from writing. Holds are
    looked for each time: one may begin meanwhile, and without any the search is shorter."""
    key = tuple(table.primary_key)
    wanted = old(table, at, before)
    deleted = 0
    while True:
        with database.engine.connect() as link:
            holds = link.scalar(select(func.count()).select_from(legal_holds))
            found = [tuple(row) for row in link.execute(wanted.where(*_not_held(table)) if holds else wanted)]
        if found:
            with database.engine.begin() as link:
                deleted += link.execute(delete(table).where(tuple_(*key).in_(found))).rowcount
        if len(found) < ROWS_AT_ONCE:
            return deleted


def old(table: Table, at: Column[float], before: float) -> Select[Any]:
    """The keys of the next rows that ended before this moment."""
    wanted = select(*table.primary_key).where(at.is_not(None), at < before).limit(ROWS_AT_ONCE)
    began = _BEGINS.get(table.name)
    return wanted if began is None else wanted.where(or_(began < before, began.is_(None)))


def _not_held(table: Table) -> Iterator[ColumnElement[bool]]:
    """Rows of persons without a legal hold, and of nobody."""
    held = select(legal_holds.c.person)
    if "person" in table.columns:
        yield func.coalesce(table.c.person, "").not_in(held)
    elif "call" in table.columns:
        yield func.coalesce(table.c.call, "").not_in(select(calls.c.call).where(calls.c.person.in_(held)))
    elif table is callback_attempts:
        yield table.c.callback.not_in(select(callbacks.c.callback).where(callbacks.c.person.in_(held)))
