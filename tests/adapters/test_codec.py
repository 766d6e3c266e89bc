from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.adapters.facts import migrations
from callbridge.adapters.facts.codec import FutureSchema, UnreadableRow, decode_row, encode_row, fact_dict, fact_type
from callbridge.core.model.agent import Agent
from callbridge.core.model.call import Call, Offer, Phase, Segment, Visit
from callbridge.core.model.events import CallerArrived
from callbridge.core.model.facts import CallArrived, RequestRefused
from callbridge.core.model.leg import Leg
from callbridge.core.model.tally import Tally
from tests.adapters.worlds import agent, call, customer_leg

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TIME = st.floats(0, 4e9)
SEGMENTS = st.builds(Segment, agent=TEXT, leg=TEXT, queue=TEXT, began_at=TIME, hold_seconds=TIME, held_since=st.none() | TIME)
CALLS = st.builds(
    Call,
    id=TEXT,
    leg=TEXT,
    entry=TEXT,
    tier=TEXT,
    number=TEXT,
    name=TEXT,
    arrived_at=TIME,
    phase=st.sampled_from(Phase),
    visit=st.none() | st.builds(Visit, queue=TEXT, began_at=TIME, window=st.integers(0, 9), rank=TIME, day=TEXT),
    offer=st.none() | st.builds(Offer, agent=TEXT, leg=TEXT, at=TIME, nailed=st.booleans()),
    segment=st.none()
    | st.builds(Segment, agent=TEXT, leg=TEXT, queue=TEXT, began_at=TIME, hold_seconds=TIME, held_since=st.none() | TIME),
    exit=st.none() | st.tuples(TEXT, TEXT),
    deadline=st.none() | TIME,
)
ARRIVALS = st.builds(
    CallerArrived, at=TIME, leg=TEXT, entry=TEXT, channel_name=TEXT, number=TEXT, name=TEXT, tier=TEXT, up=st.booleans()
)
PROFILES = st.lists(st.tuples(TEXT, st.integers(1, 5)), max_size=4).map(tuple)


@given(CALLS)
def test_a_call_comes_back_as_it_was(row: Call) -> None:
    assert decode_row("calls", encode_row("calls", row)) == row


@given(st.builds(lambda name, arrival: replace(customer_leg(1), pair=name, arrival=arrival), TEXT, st.none() | ARRIVALS))
def test_a_leg_comes_back_with_its_arrival(row: Leg) -> None:
    assert decode_row("legs", encode_row("legs", row)) == row


@given(st.builds(lambda profile, reason: replace(agent("a"), profile=profile, reason=reason), PROFILES, TEXT))
def test_an_agent_comes_back_with_a_profile_of_tuples(row: Agent) -> None:
    back = decode_row("agents", encode_row("agents", row))
    assert back == row
    assert hash(back) == hash(row)


@given(st.builds(Tally, queue=TEXT, day=TEXT, offered=st.integers(0, 10**9)))
def test_a_tally_comes_back(row: Tally) -> None:
    assert decode_row("tallies", encode_row("tallies", row)) == row


@given(st.text(st.characters(categories=["Cs", "Cc", "Lo", "So"]), max_size=20))
def test_lone_surrogates_become_replacement_characters_and_nothing_else_changes(name: str) -> None:
    back = decode_row("calls", encode_row("calls", call(1, name=name)))
    expected = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in name)
    assert back == call(1, name=expected)


@pytest.mark.parametrize("name", ["安娜", "😀👩‍👩‍👧", "a\x00b\r\nc\x1b[31m", 'quote " \\ back', "\u2028\u2029", "\udcff\ud800 x"])
def test_hostile_names_stay_on_one_line(name: str) -> None:
    data = encode_row("calls", call(1, name=name))
    assert b"\n" not in data and b"\r" not in data and b"\x00" not in data
    assert json.loads(data)[0] == migrations.SCHEMA


def test_a_row_of_the_last_schema_is_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    old = json.loads(encode_row("calls", call(1)))
    old[1]["caller"] = old[1].pop("name")
    stored = json.dumps([0, old[1]]).encode()

    def rename(table: str, row: dict[str, object]) -> dict[str, object]:
        assert table == "calls"
        return {("name" if key == "caller" else key): value for key, value in row.items()}

    monkeypatch.setitem(migrations.MIGRATIONS, 0, rename)
    assert decode_row("calls", stored) == call(1)


def test_a_row_of_a_future_schema_is_a_clear_error() -> None:
    with pytest.raises(FutureSchema, match=r"schema 99.*start the newer one"):
        decode_row("calls", b"[99,{}]")


@pytest.mark.parametrize(
    "data", [b"", b"[1,", b"[1,{}]", b"null", b"[0,{}]", b'["x",{}]', b"\xff", b'[1,{"id":5}]', b"[" * 5000, b"[true,{}]"]
)
def test_a_bad_row_is_told_apart(data: bytes) -> None:
    with pytest.raises(UnreadableRow):
        decode_row("calls", data)


def test_a_fact_is_named_in_snake_case() -> None:
    fact = RequestRefused(seq=1, at=2.0, agent="ann", request="ready", reason="no")
    assert fact_type(fact) == "request_refused"
    assert fact_dict(fact) == {
        "seq": 1,
        "at": 2.0,
        "type": "request_refused",
        "call": "",
        "agent": "ann",
        "queue": "",
        "request": "ready",
        "to": "",
        "reason": "no",
        "template": "",
        "values": "",
        "by": "",
        "unknown": False,
    }
    assert "arrived" in fact_type(
        CallArrived(seq=1, at=1.0, leg="p/1", entry="", tier="", number="", name="", uniqueid="", linkedid="")
    )
