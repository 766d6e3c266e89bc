"""What a round of faults counts: each thing that may go wrong is planted in made-up records, and found."""

import random
from dataclasses import replace

import pytest

from tests.bench.chaos import callers
from tests.bench.chaos_faults import FAULTS
from tests.bench.chaos_verdict import judge, row, seconds_to_serve, shown, totals
from tests.lab.records import CallRecord, PhoneRecord

NUMBER = "493200001"
OVER = 60.0
SERVED = CallRecord(
    name="one", number=NUMBER, dialled="support", started_at=0.0, answered_at=0.1, ended_at=6.0, ended_by="pbx", final_code=200
)
WAITS = replace(SERVED, ended_at=None, ended_by=None)
LEFT = replace(SERVED, ended_at=3.0, ended_by="caller")
HEADERS = {"from": f'"one" <sip:{NUMBER}@127.0.0.1>;tag=1', "x-callbridge-call": "call-1"}
TALK = PhoneRecord(
    call_id="1", phone="3001", headers=HEADERS, invite_at=1.0, ringing_at=1.0, answered_at=2.0, ended_at=6.0,
    ended_by="phone", outcome="answered", code=200,
)  # fmt: skip
BY_QUEUE = replace(TALK, headers={"from": HEADERS["from"]})
RANG = replace(TALK, answered_at=None, ended_at=3.2, ended_by="pbx", outcome="cancelled", code=None)


def found(
    caller: CallRecord | None, *rings: PhoneRecord, in_fallback: bool = False, dead: tuple[str, ...] = ()
) -> tuple[str, int, int]:
    waiting = [NUMBER] if in_fallback else []
    entered = {ring.phone: [ring.answered_at + 0.01] for ring in rings if ring.answered_at}
    (one,) = judge([NUMBER], [caller] if caller else [], rings, entered, waiting, over_at=OVER, dead=dead)
    return one.became, one.cut, one.ghost_rings


def test_a_call_without_fault_is_answered_or_abandoned_and_nothing_else() -> None:
    assert found(SERVED, TALK) == ("answered", 0, 0)
    assert found(LEFT, RANG) == ("abandoned", 0, 0)
    by_caller = replace(SERVED, ended_by="caller")
    assert found(by_caller, replace(TALK, ended_by="pbx", ended_at=6.02)) == ("answered", 0, 0)
    assert found(SERVED, BY_QUEUE) == ("fallback", 0, 0)
    assert found(WAITS, in_fallback=True) == ("fallback", 0, 0)


@pytest.mark.parametrize(
    "caller",
    [None, WAITS, SERVED, replace(SERVED, answered_at=None, final_code=503)],
    ids=["never seen", "forgotten", "hung up unserved", "refused"],
)
def test_a_lost_caller_is_counted(caller: CallRecord | None) -> None:
    assert found(caller) == ("lost", 0, 0)


def test_a_caller_who_was_only_rung_for_and_then_hung_up_by_the_pbx_is_lost() -> None:
    assert found(SERVED, RANG) == ("lost", 0, 0)


def test_a_caller_left_with_a_dead_phone_is_lost() -> None:
    silent = replace(TALK, ended_at=None, ended_by=None)
    assert found(WAITS, silent, dead=("3001",))[0] == "lost"
    assert found(SERVED, silent, dead=("3001",)) == ("lost", 1, 0)
    later = replace(TALK, call_id="2", phone="3002", invite_at=3.0, answered_at=4.0)
    assert found(SERVED, silent, later, dead=("3001",)) == ("answered", 0, 0)


def test_a_talk_that_the_pbx_ends_is_cut_whether_its_caller_is_hung_up_or_queued_again() -> None:
    ended = replace(TALK, ended_by="pbx", ended_at=3.0)
    assert found(replace(SERVED, ended_at=3.01), ended) == ("answered", 1, 0)
    again = replace(TALK, call_id="2", phone="3002", invite_at=3.5, answered_at=4.0)
    assert found(SERVED, ended, again) == ("answered", 1, 0)
    assert found(replace(SERVED, ended_by="caller"), ended, replace(again, ended_by="pbx")) == ("answered", 1, 0)


def test_a_pick_up_that_leads_to_no_caller_is_no_talk() -> None:
    ended = replace(TALK, ended_by="pbx", ended_at=3.0)
    (one,) = judge([NUMBER], [WAITS], [ended], {}, [NUMBER], over_at=OVER)
    assert (one.became, one.cut, one.unbridged) == ("fallback", 0, 1)
    (dropped,) = judge([NUMBER], [WAITS], [TALK], {}, [NUMBER], over_at=OVER)
    assert (dropped.cut, dropped.unbridged) == (0, 1), "the agent heard nobody, and hung up"
    (crossed,) = judge([NUMBER], [WAITS], [replace(ended, answered_at=3.01)], {}, [NUMBER], over_at=OVER)
    assert (crossed.cut, crossed.unbridged) == (0, 0)


@pytest.mark.parametrize(
    "ring",
    [
        replace(RANG, ended_at=4.5),
        replace(RANG, ended_at=None, ended_by=None, outcome="ringing"),
        replace(TALK, answered_at=4.5),
        replace(RANG, invite_at=10.0, ringing_at=10.0, ended_at=11.5),
    ],
    ids=["rings on", "rings for ever", "is picked up", "begins to ring"],
)
def test_a_phone_that_rings_when_its_caller_has_left_is_a_ghost_ring(ring: PhoneRecord) -> None:
    assert found(LEFT, ring) == ("abandoned", 0, 1)


def test_a_row_adds_up_and_names_what_went_wrong() -> None:
    numbers = ["1", "2", "3"]
    callers = [replace(SERVED, number="1"), replace(LEFT, number="2")]
    rings = [replace(TALK, headers=HEADERS | {"from": "<sip:1@x>"}), replace(RANG, ended_at=5.0, headers={"from": "<sip:2@x>"})]
    verdicts = judge(numbers, callers, rings, {"3001": [2.0]}, [], over_at=OVER)
    made = row("freeze", verdicts, ["3001 is talking"], 1.5, dialled_twice=1)
    assert made == {
        "fault": "freeze", "calls": 3, "answered": 1, "abandoned": 1, "fallback": 0, "lost": 1,
        "pbx_killed": 0, "cut": 0, "unbridged": 0,
        "ghost_rings": 1, "double_rings": 0, "dialled_twice": 1, "stuck_agents": 1, "seconds_to_serve": 1.5,
    }  # fmt: skip
    assert list(shown(verdicts)) == ["2: ghost ring", "3: lost"]
    assert totals([made, made | {"failed": 1}]) == {
        "rounds": 2, "faults": 2, "calls": 6, "pbx_killed": 0, "lost": 2, "cut": 0, "unbridged": 0,
        "ghost_rings": 2, "double_rings": 0,
        "dialled_twice": 2, "stuck_agents": 2, "failed": 1,
    }  # fmt: skip


def test_calls_on_a_killed_pbx_count_as_such_and_those_before_and_after_it_as_always() -> None:
    down = [(5.0, 7.0)]
    for caller, became in (
        (WAITS, "pbx_killed"),
        (replace(WAITS, started_at=6.0, answered_at=None), "pbx_killed"),
        (replace(WAITS, started_at=7.5), "lost"),
        (LEFT, "abandoned"),
    ):
        (one,) = judge([NUMBER], [caller], [], {}, [], over_at=OVER, pbx_down=down)
        assert one.became == became, caller


def test_two_phones_that_ring_for_one_caller_are_a_double_ring_unless_the_first_is_being_withdrawn() -> None:
    first = replace(RANG, ended_at=5.0)
    for later, count in ((2.0, 1), (4.5, 0), (5.1, 0)):
        second = replace(RANG, call_id="2", phone="3002", invite_at=later, ringing_at=later, ended_at=9.0)
        (one,) = judge([NUMBER], [WAITS], [first, second], {}, [], over_at=OVER)
        assert (one.double_rings, one.is_wrong) == (count, True)


def test_service_is_counted_from_the_fault_on_and_by_callbridge_alone() -> None:
    assert seconds_to_serve([TALK, replace(BY_QUEUE, invite_at=3.0, answered_at=4.0)], fault_at=2.5) is None
    assert seconds_to_serve([TALK, replace(TALK, invite_at=5.0, answered_at=6.5)], fault_at=2.5) == 4.0


def test_all_callers_of_a_round_have_numbers_of_their_own_and_some_leave() -> None:
    made = callers(random.Random(1), "0001", 40) + callers(random.Random(1), "0002", 40)
    assert len({call.number for call in made}) == len(made) == 80
    assert 10 < sum(call.hang_up_after is not None for call in made) < 50
    assert "none" in FAULTS
