"""The history says what was on the wire, to the call, over kill -9 and a database that is away for a while."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from callbridge.adapters.database import Database
from callbridge.adapters.reports.abandoned import abandoned_report
from callbridge.adapters.reports.calls import calls_report
from callbridge.adapters.reports.occupancy import occupancy_report
from callbridge.adapters.reports.offers import offers_report
from callbridge.adapters.reports.report import ReportMaker, ReportQuery
from callbridge.adapters.reports.service_levels import service_level_report
from callbridge.adapters.reports.sessions import sessions_report
from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers
from tests.live.house import House
from tests.live.wire import A_MIX, FLOOR, QUICK, Figures, Wire, phones_of

pytestmark = [pytest.mark.live, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]
LONG = True
ON_16 = ("test_the_history_is_that_of_the_wire_over_a_kill_and_a_database_that_is_away",)


@pytest_asyncio.fixture(loop_scope="module")
async def wire(pbx: Pbx) -> AsyncIterator[Wire]:
    wire = await phones_of(pbx)
    yield wire
    for phone in wire.phones:
        await phone.stop()


def read(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as link:
        return link.execute(statement).fetchall()


def figures(path: Path) -> Figures:
    found: Figures = Counter()
    for queue, tier, outcome, within, count in read(
        path, "SELECT queue, tier, outcome, within_target, count(*) FROM visits GROUP BY 1, 2, 3, 4"
    ):
        found["offered", queue, tier] += count
        found["ended", queue, tier, outcome] += count
        found["within", queue, tier] += count if within and outcome == "answered" else 0
    return +found


async def written(bridge: Callbridge, path: Path, calls: int) -> None:
    """Every call has ended in the history, too, and no wrap-up is under way."""

    def done() -> bool:
        ((ended,),) = read(path, "SELECT count(*) FROM calls WHERE ended_at IS NOT NULL")
        ((open_,),) = read(path, "SELECT count(*) FROM segments WHERE wrapped_up_at IS NULL")
        return bool(ended == calls and not open_)

    await bridge.eventually(done, limit=30)


async def test_the_history_is_that_of_the_wire_over_a_kill_and_a_database_that_is_away(
    house: House, pbx: Pbx, wire: Wire, tmp_path: Path
) -> None:
    path = tmp_path / "callbridge.db"
    bridge = await house.open(FLOOR | {"database": {"url": f"sqlite:///{path}"}})
    await wire.call(*A_MIX)
    await wire.call(*QUICK)
    await bridge.kill()
    await bridge.start()
    await wire.call(*QUICK)
    await written(bridge, path, len(wire.calls))
    assert dict(figures(path)) == dict(wire.figures())

    # Somebody else holds the database: calls go on, readyz says so, and afterwards nothing is missing.
    for line in ("the history cannot be written; the outbox keeps the facts", "an outbox reader failed; retrying"):
        house.explains(line)
    house.explains("the campaign database cannot be written; waiting for it")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await wire.call(*QUICK)
        async with asyncio.timeout(45):
            while not any("history: nothing is written since" in note for note in await notes(bridge)):
                await asyncio.sleep(0.2)
        other.execute("ROLLBACK")
    await written(bridge, path, len(wire.calls))
    assert dict(figures(path)) == dict(wire.figures())
    async with asyncio.timeout(15):
        while await notes(bridge):
            await asyncio.sleep(0.2)

    # Each talk is as long as the phone's, and belongs to the agent whose phone it was.
    talks = read(
        path,
        "SELECT calls.number, segments.agent, segments.talked FROM segments JOIN calls USING (call) WHERE ended_by <> 'short'",
    )
    agents = {"1001": "ann", "1002": "bob", "1003": "cid", "1004": "dan"}
    # The last one counts: on a crowded machine a phone may hang up by its own clock before it is put through.
    rang = {
        record.caller_number: (agents[record.phone], record.ended_at - record.answered_at)
        for record in sorted(
            (record for phone in wire.phones for record in phone.records()), key=lambda one: one.answered_at or 0.0
        )
        if record.answered_at is not None and record.ended_at is not None
    }
    assert {number for number, _, _ in talks} == rang.keys()
    near = 0.3 + house.slack  # the phone's talk begins with its answer, ours with the bridge
    for number, name, talked in talks:
        assert rang[number][0] == name
        assert rang[number][1] == pytest.approx(talked, abs=near)
    reports_agree(path, wire, rang, near)


def reports_agree(path: Path, wire: Wire, rang: dict[str, tuple[str, float]], near: float) -> None:
    """``rang``: who answered each caller, and for how long they talked, by the phones alone."""
    of_levels = rows_of(path, service_level_report)
    expected: Counter[tuple[str, str]] = Counter()
    for (what, queue, *outcome), figure in wire.figures().items():
        expected[queue, outcome[-1] if what == "ended" else what] += figure
    for row in of_levels:
        counted = ("offered", "answered", "abandoned", "short_abandoned")
        assert [row[name] for name in counted] == [expected[row["queue"], name] for name in counted], row
        assert row["within_target"] == expected[row["queue"], "within"], row

    listed = {row["number"]: row for row in rows_of(path, calls_report)}
    assert listed.keys() == {call.number for call in wire.calls}
    assert {number: row["agents"] for number, row in listed.items() if row["agents"]} == {
        number: agent for number, (agent, _) in rang.items()
    }
    for number, (_, talked) in rang.items():
        assert listed[number]["talked"] == pytest.approx(talked, abs=near)

    gave_up = {call.number for call in wire.calls} - rang.keys()
    assert {row["number"] for row in rows_of(path, abandoned_report)} == gave_up
    by_agent = Counter(agent for agent, _ in rang.values())
    picked_up: Counter[str] = Counter()
    for row in rows_of(path, offers_report):
        picked_up[row["agent"]] += row["answered"]
    assert +picked_up == by_agent

    (load,) = rows_of(path, occupancy_report)
    assert load["peak_talking"] >= 2
    assert load["talking_time"] == pytest.approx(sum(talked for _, talked in rang.values()), abs=(0.1 + near) * len(rang))
    sessions = [row for row in rows_of(path, sessions_report) if row["what"] == "session"]
    assert sum(row["length"] for row in sessions) == pytest.approx(load["staffed_time"], abs=1.0)
    assert by_agent.keys() <= {row["agent"] for row in sessions}


def rows_of(path: Path, make: ReportMaker) -> list[dict[str, Any]]:
    """Of all that the history has, up to its last change of an agent's state."""
    ((begin, end),) = read(path, "SELECT min(began_at), max(began_at) FROM agent_states")
    with closing(Database(f"sqlite:///{path}")) as database:
        report = make(database.engine, ReportQuery(begin, end, end, ZoneInfo("UTC")))
        names = [column.name for column in report.columns]
        return [dict(zip(names, row, strict=True)) for row in report.rows]


async def notes(bridge: Callbridge) -> list[str]:
    _, body = await bridge.probe()
    return [str(note) for note in body.get("notes", [])]


async def test_callers_whose_end_was_lost_with_a_kill_are_closed_at_the_next_start(
    house: House, pbx: Pbx, wire: Wire, tmp_path: Path
) -> None:
    path = tmp_path / "callbridge.db"
    house.explains("calls whose end was lost were closed in the history")
    bridge = await house.open(FLOOR | {"database": {"url": f"sqlite:///{path}"}}, redis=False)
    await bridge.eventually(lambda: path.exists() and read(path, "SELECT 1 FROM sqlite_master WHERE name = 'visits'"))
    numbers = ("4930911", "4930912")
    async with Callers(pbx, [Call(dialled="night", number=number, hang_up_after=6.0) for number in numbers]) as callers:
        await bridge.eventually(lambda: len(read(path, "SELECT 1 FROM visits WHERE queue = 'night'")) == 2, limit=5.0)
        await bridge.kill()
        await callers.wait()  # both give up while nobody listens
    assert read(path, "SELECT count(*) FROM calls WHERE ended_at IS NULL") == [(2,)]
    await bridge.start()
    await wire.call(*QUICK)
    await written(bridge, path, 2 + len(QUICK))
    lost = read(
        path,
        "SELECT calls.outcome, calls.estimated, visits.outcome, visits.reason, entered_at_position, visits.lasted FROM calls"
        f" JOIN visits USING (call) WHERE number IN {numbers} ORDER BY entered_at_position",
    )
    assert [row[:5] for row in lost] == [("lost", 1, "failed", "lost", position) for position in (1, 2)]
    assert all(0.0 <= row[5] < 6.0 for row in lost)
    await bridge.stop()  # its log cannot balance: the ends of the two were never told
