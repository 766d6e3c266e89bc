"""The dashboard of the history: each panel's SQL runs on a real PostgreSQL over days of facts, and has rows, and a time where
Grafana needs one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from sqlalchemy import text

from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.outbox.envelope import Stamper
from callbridge.core.model.facts import AnyFact, FlowStepped, SurveyAnswered
from tests.adapters.days import facts_of
from tests.adapters.postgres import new_database
from tests.deploy.files import dashboards, sql_queries

pytestmark = pytest.mark.slow
SEEDS = (0, 1, 2, 203, 204, 205)
"""Days with callers, with flows and surveys, with callbacks, and with a campaign."""
QUERIES = {query.where: query.expression for query in sql_queries()}
SHAPES = {
    f"history {panel['id']} {panel['title']} {target['refId']}": target["format"]
    for panel in dashboards()["history"]["panels"]
    for target in panel.get("targets", ())
}


@pytest.fixture(scope="module")
def days() -> Iterator[list[HistoryStore]]:
    """Each day in a database of its own: their calls have the same ids."""
    with ExitStack() as stack:
        made = []
        for seed in SEEDS:
            store = stack.enter_context(closing(HistoryStore(new_database(), People())))
            store.open()
            store.write(facts_of(seed), 0.0)
            made.append(store)
        made[0].write(Stamper().stamp(99, list(a_flow_and_a_survey())), 0.0)
        yield made


def a_flow_and_a_survey() -> Iterator[AnyFact]:
    """Of one more caller: the simulator's take no part in surveys."""
    yield FlowStepped(seq=1, at=1_700_000_000.0, call="c", flow="welcome", node="main", key="1")
    for place, (question, answer) in enumerate((("friendly", "5"), ("friendly", "1"), ("solved", "1")), 2):
        at = 1_700_000_000.0 + place
        yield SurveyAnswered(seq=place, at=at, call="c", queue="q0", survey="service", question=question, answer=answer)


def as_sent(sql: str, queues: list[str]) -> str:
    """With the macros of Grafana's PostgreSQL data source written out, as its documentation has them."""
    sql = re.sub(r"\$__unixEpochGroupAlias\((\S+), \$__interval\)", r'floor((\1)/300)*300 AS "time"', sql)
    sql = re.sub(r"\$__unixEpochFilter\((\S+?)\)", r"\1 >= 0 AND \1 <= 4000000000", sql)
    return sql.replace("$queue", ", ".join(f"'{queue}'" for queue in queues))


def queues_of(day: HistoryStore) -> list[str]:
    """By the dashboard's variable."""
    variables = {one["name"]: one for one in dashboards()["history"]["templating"]["list"]}
    with day.database.engine.connect() as link:
        return [row[0] for row in link.execute(text(variables["queue"]["query"]))]


def shown(day: HistoryStore, where: str, slot: str = "300") -> tuple[list[str], list[Any]]:
    """Columns and rows."""
    sql = as_sent(QUERIES[where], queues_of(day) or ["none"]).replace("/300)*300", f"/{slot})*{slot}")
    assert "$" not in sql
    with day.database.engine.connect() as link:
        found = link.execute(text(sql.replace(":", r"\:")))
        return list(found.keys()), list(found.all())


@pytest.mark.parametrize("where", QUERIES)
def test_each_panel_has_rows(days: list[HistoryStore], where: str) -> None:
    filled = 0
    for day in days:
        columns, rows = shown(day, where)
        filled += any(row[-1] is not None for row in rows)
        if SHAPES[where] == "time_series":
            assert columns[0] == "time"
            assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert filled


def test_csat_is_of_questions_that_are_answered_by_one_to_five(days: list[HistoryStore]) -> None:
    (where,) = [where for where in QUERIES if "CSAT" in where]
    _, rows = shown(days[0], where)
    assert [(row[1], float(row[2])) for row in rows] == [("friendly", 0.5)]


def test_the_service_level_is_counted_from_the_visits(days: list[HistoryStore]) -> None:
    """Of the whole time at once."""
    (where,) = [where for where in QUERIES if "Service level" in where]
    for day in days:
        _, rows = shown(day, where, "4000000000")
        counted: dict[str, list[int]] = {}
        with day.database.engine.connect() as link:
            for queue, outcome, within in link.execute(text("SELECT queue, outcome, within_target FROM visits")):
                if outcome in ("answered", "abandoned"):
                    both = counted.setdefault(queue, [0, 0])
                    both[0] += bool(within)
                    both[1] += 1
        expected = {queue: within / number for queue, (within, number) in counted.items()}
        assert {row[1]: float(row[2]) for row in rows if row[2] is not None} == pytest.approx(expected)
