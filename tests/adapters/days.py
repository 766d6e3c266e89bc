"""Days of the simulator as facts, for the history and what is made from it."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Table, select

from callbridge.adapters.history import HistoryStore
from callbridge.adapters.outbox.envelope import Envelope, Stamper
from tests.sim.drive import Day


@cache
def facts_of(seed: int) -> tuple[Envelope, ...]:
    """Everything that a day of the simulator tells, each life of the process under a token of its own."""
    found: list[Envelope] = []
    for token, life in enumerate(Day(seed).run().lives, 1):
        stamper = Stamper()
        told = [fact for _, _, facts in life.steps for fact in facts]
        found += stamper.stamp(token, sorted(told, key=lambda fact: fact.seq))
    return tuple(found)


def rows(store: HistoryStore, table: Table) -> list[dict[str, Any]]:
    with store.database.engine.connect() as link:
        return [dict(row._mapping) for row in link.execute(select(table).order_by(*table.primary_key))]
