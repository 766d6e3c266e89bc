"""The benchmark of overload counts each caller once: served, refused, or given up."""

from __future__ import annotations

from tests.bench.overload import EXTENSIONS, WARM_UP, calls, event_age_p99, is_vip, judge, shares_of_peak
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
    assert (found["calls"], found["served"], found["refused"], found["failed"]) == (5, 2, 2, 1)
    assert found["served_per_second"] == 0.1, f"of those who were answered after {WARM_UP} s"
    assert found["vip_within_promise"] == 0.5, "of the callers 10 and 20"


def test_the_share_of_the_peak_is_that_of_the_own_system() -> None:
    rows: list[dict[str, object]] = [
        {"system": "one", "served_per_second": 40.0},
        {"system": "one", "served_per_second": 30.0},
        {"system": "other", "served_per_second": 20.0},
        {"system": "other", "reason": "TimeoutError: it hung"},
    ]
    shares_of_peak(rows)
    assert [row.get("served_share_of_peak") for row in rows] == [1.0, 0.75, 1.0, None]


def test_the_age_of_events_is_the_end_of_the_bucket_that_has_99_of_100() -> None:
    lines = [
        f'callbridge_event_age_seconds_bucket{{le="{end}"}} {count}' for end, count in (("0.01", 98), ("0.05", 99), ("+Inf", 100))
    ]
    head = "# TYPE callbridge_event_age_seconds histogram\n"
    assert event_age_p99(head + "\n".join(lines) + "\n") == 50.0
    assert event_age_p99(head) is None


def test_app_queue_prefers_those_whom_callbridge_prefers() -> None:
    assert 'CALLERID(num):-1}" = "0"' in EXTENSIONS
    assert all(is_vip(call.number) == call.number.endswith("0") for call in calls("aq", 30))
