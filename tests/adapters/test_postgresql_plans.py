"""PostgreSQL finds the rows of a day by indexes, however long the history is: it expects as many rows as there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select

from callbridge.adapters.database import Database
from callbridge.adapters.database.history_tables import calls, is_blank, segments, visits
from callbridge.adapters.reports.intervals import Interval
from callbridge.adapters.reports.queues import report_queues

from .postgres import new_database

pytestmark = pytest.mark.slow
CALLS, DAYS = 40_000, 100
DAY = 86_400.0


@pytest.fixture(scope="module")
def history() -> Iterator[Database]:
    """A hundred days of calls, half of them without a word on callbacks and campaigns."""
    times = [(f"c{n:06}", DAYS * DAY * n / CALLS) for n in range(CALLS)]
    with closing(Database(new_database())) as database:
        database.open()
        blank: list[dict[str, Any]] = [{"callback": "", "campaign": ""}, {"callback": None, "campaign": None}]
        with database.engine.begin() as link:
            link.execute(insert(calls), [{"call": call, "arrived_at": at} | blank[n % 2] for n, (call, at) in enumerate(times)])
            of_queue = {"visit": 1, "queue": "support", "outcome": "answered"}
            link.execute(insert(visits), [of_queue | {"call": call, "began_at": at} for call, at in times])
            talk = {"segment": 2, "visit": 1, "queue": "support", "kind": "talk"}
            link.execute(insert(segments), [talk | {"call": call, "began_at": at + 5.0} for call, at in times])
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as link:
            link.exec_driver_sql("ANALYZE")
        yield database


def plan(link: Connection, sql: str, parameters: Any = None) -> dict[str, Any]:
    (found,) = link.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", parameters).scalar_one()
    whole: dict[str, Any] = found["Plan"]
    return whole


def read_whole(node: dict[str, Any]) -> Iterator[str]:
    """The tables that a plan reads from the beginning to the end."""
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for part in node.get("Plans", ()):
        yield from read_whole(part)


def test_calls_that_we_did_not_make_are_expected_to_be_many(history: Database) -> None:
    wanted = select(calls).where(is_blank(calls.c.callback), is_blank(calls.c.campaign))
    sql = str(wanted.compile(history.engine, compile_kwargs={"literal_binds": True}))
    with history.engine.connect() as link:
        assert plan(link, sql)["Plan Rows"] > CALLS / 4


def test_no_table_is_read_whole_for_the_queues_of_a_day(history: Database) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_link: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        asked.append((sql, parameters))

    event.listen(history.engine, "before_cursor_execute", note)
    (figures,) = report_queues(history.engine, [Interval("day", 50 * DAY, 51 * DAY)]).values()
    event.remove(history.engine, "before_cursor_execute", note)
    assert (figures.offered, figures.segments) == (CALLS // DAYS, CALLS // DAYS)
    with history.engine.connect() as link:
        plans = [plan(link, sql, parameters) for sql, parameters in asked]
    assert [list(read_whole(one)) for one in plans] == [[]] * 4
