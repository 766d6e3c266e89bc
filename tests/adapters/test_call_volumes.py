"""Calls above the same hour of former weeks: counted in the history, as Prometheus' rules count them."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from sqlalchemy import insert

from callbridge.adapters.alerts import CallVolume, CallVolumes, Figures, Thresholds, call_volumes, conditions
from callbridge.adapters.alerts.call_volumes import HOUR, WEEK
from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from tests.adapters.waiting import running, until

NOW = 1_780_000_000.0
NUMBERS = count()


def called(history: HistoryStore, queue: str, counts: dict[float, int]) -> None:
    """Weeks ago -> calls in the hour that ended then, spread over it."""
    began = [NOW - weeks * WEEK - HOUR * n / count for weeks, count in counts.items() for n in range(count)]
    _put(history, queue, began)


def _put(history: HistoryStore, queue: str, began: list[float]) -> None:
    with history.database.engine.begin() as link:
        rows = [{"call": f"c{next(NUMBERS)}", "visit": 1, "queue": queue, "began_at": at} for at in began]
        link.execute(insert(tables.visits), rows)


def found(history: HistoryStore) -> dict[str, CallVolume]:
    return call_volumes.call_volumes(history.database.engine, NOW)


def told(volumes: dict[str, CallVolume]) -> list[tuple[str, str, str]]:
    figures = Figures(now=NOW, queues={}, not_ready={}, volumes=volumes)
    return [(one.rule, one.about, one.text) for one in conditions(figures, Thresholds())]


def test_the_last_hour_is_compared_with_the_mean_of_that_hour_in_four_weeks(history: HistoryStore) -> None:
    called(history, "support", {0: 48, 1: 10, 2: 12, 3: 14, 4: 12, 5: 90})
    called(history, "sales", {0: 20, 1: 1})
    assert found(history) == {"support": CallVolume(48, 12.0)}, "20 calls are never unusual"
    text = "support received 48 calls in the last hour; usual at this hour: 12"
    assert told(found(history)) == [("calls_unusual", "support", text)]


def test_the_hour_is_that_until_now_to_the_call(history: HistoryStore) -> None:
    called(history, "support", {0: 30, 1: 4})
    _put(history, "support", [NOW - HOUR, NOW + 0.1, NOW - WEEK - HOUR, NOW - WEEK + 0.1])
    assert found(history) == {"support": CallVolume(30, 4.0)}


def test_weeks_before_the_first_call_are_left_out_and_quiet_ones_since_are_not(history: HistoryStore) -> None:
    called(history, "support", {0: 40, 2: 30})
    assert found(history) == {"support": CallVolume(40, 15.0)}, "the hour a week ago had none, three weeks ago there was no queue"
    called(history, "new", {0: 400})
    assert found(history)["new"] == CallVolume(400, None)
    assert [about for _, about, _ in told(found(history))] == ["support"]


@pytest.mark.parametrize(
    ("calls", "usual", "unusual"),
    [(31, 10.0, True), (30, 10.0, False), (150, 100.0, False), (151, 100.0, True), (21, 0.0, True), (1000, None, False)],
)
def test_unusual_is_more_than_half_as_many_again_and_more_than_twenty_calls(
    calls: int, usual: float | None, unusual: bool
) -> None:
    assert bool(told({"support": CallVolume(calls, usual)})) is unusual


async def test_a_database_that_is_away_leaves_what_was_found_and_is_logged_once(
    history: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[Any] = []
    monkeypatch.setattr(call_volumes.log, "warning", lambda event, **more: logged.append((event, more["why"])))
    called(history, "support", {0: 48, 1: 12})
    looks: list[float] = []

    def clock() -> float:
        looks.append(NOW)
        return NOW

    volumes = CallVolumes(history.database.engine.url.render_as_string(hide_password=False), clock, every=0.01)
    volumes.adopt(wanted=True)
    async with running(volumes.run()):
        await until(lambda: volumes.found)
        with history.database.engine.begin() as link:
            link.exec_driver_sql("ALTER TABLE visits RENAME TO elsewhere")
        await until(lambda: logged)
        again = len(looks) + 3
        await until(lambda: len(looks) > again)
        assert (volumes.found, len(logged)) == ({"support": CallVolume(48, 12.0)}, 1)
        assert "visits" in logged[0][1]
        volumes.adopt(wanted=False)
        assert volumes.found == {}
    volumes.close()
