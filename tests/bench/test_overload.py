"""The benchmark of overload counts each caller once: served, refused, or given up."""

from __future__ import annotations

from tests.bench.overload import WARM_UP, judge
from tests.lab.records import CallRecord, PhoneRecord


def caller(number: int, *, at: float, code: int = 200) -> CallRecord:
    return CallRecord(name="c", number=str(number), dialled="cb", started_at=at, final_code=code)


def phone(number: int, answered: float | None) -> PhoneRecord:
    return PhoneRecord(call_id="x", headers={"from": f"<sip:{number}@pbx>"}, invite_at=0.0, answered_at=answered)


def test_every_caller_is_served_refused_or_has_given_up() -> None:
    callers = [
        caller(10, at=0.0),
        caller(11, at=1.0),
        caller(12, at=2.0, code=503),
        caller(20, at=3.0),
        caller(21, at=4.0, code=486),
    ]
    rung = {"10": phone(10, 0.5), "11": phone(11, 7.0), "20": phone(20, None)}
    found = judge(callers, rung, began=0.0, seconds=15.0)
    assert (found["calls"], found["served"], found["refused"], found["gave_up"]) == (5, 2, 2, 1)
    assert found["served_per_second"] == 0.1, f"of those who were answered after {WARM_UP} s"
    assert found["vip_in_time_percent"] == 50.0, "of the callers 10 and 20"
