"""The benchmark proves itself: what fails is a row that says so, a planted fault is found, and nothing measured is no success."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.bench import throughput
from tests.bench.throughput import AGENTS, MAX_RATE, NoRows, compare, fallen, judge, measure_row, reasons
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.sip import Call, CallRecord, PhoneRecord, PhoneScript

GOOD = CallRecord(
    name="c", number="1", dialled="cb", started_at=0.0, answered_at=0.1, ended_at=1.0, ended_by="pbx", final_code=200
)
SERVED = PhoneRecord(
    call_id="x", phone=AGENTS[0], invite_at=0.1, answered_at=0.2, ended_at=0.9, ended_by="phone", outcome="answered"
)
ONE = Call(dialled="cb", number="1")

FAULTS: dict[str, tuple[list[CallRecord], dict[str, PhoneRecord], set[str]]] = {
    "not answered by the PBX": ([replace(GOOD, final_code=503)], {"1": SERVED}, {"1"}),
    "not answered by an agent": ([GOOD], {"1": replace(SERVED, outcome="cancelled")}, {"1"}),
    "without a clean end": ([replace(GOOD, ended_by="caller")], {"1": SERVED}, {"1"}),
    "without voice both ways": ([GOOD], {"1": SERVED}, set()),
}


def test_a_call_that_went_well_is_good() -> None:
    assert judge([ONE], [GOOD], {"1": SERVED}, {"1"}) == {"good": 1}


@pytest.mark.parametrize("why", FAULTS)
def test_a_call_that_did_not_has_failed_for_a_reason(why: str) -> None:
    assert judge([ONE], *FAULTS[why]) == {why: 1}


def test_a_call_of_which_the_wire_has_nothing_has_failed() -> None:
    assert judge([ONE, replace(ONE, number="2")], [GOOD], {"1": SERVED}, {"1", "2"}) == {"good": 1, "not answered by the PBX": 1}


def test_a_system_keeps_up_when_nothing_failed_and_no_line_grew() -> None:
    assert reasons({"good": 5}, (), 900.0) == []
    assert reasons({"good": 5}, (), 8000.0) == ["the line grew: 1 % waited over 8.0 s"]
    assert reasons({"a": 1, "b": 2}, ("not over after 45 s",), -1.0) == ["2 b", "1 a", "not over after 45 s"]


class Systems:
    """Two systems, each of which fails above a rate of its own."""

    def __init__(self, **limits: int) -> None:
        self.limits = limits
        self.measured: list[tuple[str, int, float]] = []

    async def measure(self, system: str, rate: int, seconds: float) -> dict[str, Any]:
        self.measured.append((system, rate, seconds))
        row = fallen(system, rate, seconds, TimeoutError("overrun"))
        return row if rate > self.limits[system] else row | {"failed": 0, "kept_up": True, "reason": ""}


@pytest.mark.parametrize(
    ("limit", "highest"), [(9, 0), (10, 10), (39, 30), (80, 80), (99, 90), (100, 100), (115, 110), (129, 120), (10_000, MAX_RATE)]
)
async def test_the_highest_rate_without_a_failure_is_found(limit: int, highest: int) -> None:
    systems = Systems(app_queue=limit, callbridge=10_000)
    result = await compare(systems.measure, (10, 40, 80, 100), 60.0, 20.0)
    assert result["highest_rate"] == {"app_queue": highest, "callbridge": MAX_RATE}
    assert [(row["system"], row["rate"]) for row in result["rows"][:8]] == [
        (system, rate) for rate in (10, 40, 80, 100) for system in ("app_queue", "callbridge")
    ]
    assert {seconds for _, _, seconds in systems.measured[8:]} <= {20.0}
    assert len(systems.measured) <= 8 + 2 * ((MAX_RATE - 100) // 20 + 1), "the search is bounded"


async def test_a_system_that_cannot_keep_up_is_a_row_and_printed_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    result = await compare(Systems(app_queue=20, callbridge=20).measure, (10, 40), 5.0, 5.0)
    failed = [row for row in result["rows"] if row["failed"]]
    assert {(row["system"], row["rate"], row["reason"]) for row in failed} >= {("app_queue", 40, "TimeoutError: overrun")}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(result["rows"])
    assert " app_queue at  40 calls/s for 5 s: 200 calls, 200 failed: TimeoutError: overrun" in lines


async def test_no_rows_are_a_failure() -> None:
    with pytest.raises(NoRows):
        await compare(Systems(app_queue=0, callbridge=0).measure, (), 5.0, 5.0)


def test_a_run_without_rates_exits_with_a_failure() -> None:
    with pytest.raises(SystemExit) as ended:
        throughput.run("--rates", "")
    assert ended.value.code == "throughput: no rows were measured", "a word is exit code 1"


@pytest.mark.parametrize(
    "why",
    [
        RuntimeError("Asterisk ended with 1"),
        IndexError("tuple index out of range"),
        ExceptionGroup("two", [ValueError("a port")]),
    ],
    ids=["known", "a fault of ours", "several"],
)
async def test_whatever_is_raised_is_a_failed_row(why: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise why

    monkeypatch.setattr(throughput, "Pbx", broken)
    row = await throughput._run_row("callbridge", 10, 5.0, "on")
    assert (row["failed"], row["reason"]) == (50, f"{type(why).__name__}: {why} in broken")


async def test_a_run_that_is_broken_off_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(throughput, "Pbx", interrupted)
    with pytest.raises(KeyboardInterrupt):
        await throughput._run_row("callbridge", 10, 5.0, "on")


def test_only_voices_of_the_process_that_sends_them_were_heard() -> None:
    """The silent callers are counted from 1, too: call 250 of theirs is none of these, and their first is not our first."""
    ours = {"1-4711@lab": "4901", "2-4711@lab": "4902"}
    assert throughput.numbers_of({"2-4711@lab", "1-4712@lab", "250-4712@lab"}, ours) == {"4902"}


PLANTED: dict[str, Callable[[], PhoneScript]] = {
    "nobody picks up": PhoneScript.rings_out,
    "everybody is busy": PhoneScript.rejects,
    "nobody ever hangs up": lambda: PhoneScript.answers(ring=0.0),
}


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", PLANTED)
async def test_a_planted_fault_of_the_agents_phones_fails_the_row(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "PATIENCE", 6.0)
    specs = [PhoneSpec(name=name, line="bank") for name in AGENTS]
    extra = {"queues.conf": throughput.APP_QUEUE, "extensions.conf": throughput.EXTENSIONS}
    async with Pbx(22, phones=specs, extra=extra) as pbx:
        row = await measure_row(pbx, "app_queue", 4, 5.0, None, PLANTED[fault]())
    assert row["failed"] == row["calls"] == 20
    assert row["reason"].startswith("20 ")
