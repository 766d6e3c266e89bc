"""Frames of the event socket: what each means, and that no frame whatever raises."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.core.model.events import (
    AnyEvent,
    CallerArrived,
    DigitPressed,
    FeatureDialled,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegHeld,
    LegJoined,
    LegLeft,
    LegMoved,
    LegParted,
    LegReplaced,
    LegRinging,
    LegTransferred,
    LegUnheld,
    PlaybackEnded,
)
from callbridge.core.model.ids import LegId
from callbridge.core.model.numbers import WITHHELD, Withheld
from callbridge.wire.ari import ECHO, Heard, read
from callbridge.wire.ari.events import OWN_ROLES

LEG = LegId("a/c1")
CHANNEL = {"id": "c1", "name": "PJSIP/trunk-1", "state": "Ring", "caller": {"number": "4930", "name": "Ada"}}
TYPES = [
    "StasisStart", "StasisEnd", "ChannelStateChange", "ChannelDestroyed", "ChannelEnteredBridge", "ChannelLeftBridge",
    "ChannelHold", "ChannelUnhold", "ChannelDtmfReceived", "PlaybackFinished", "BridgeBlindTransfer",
    "BridgeAttendedTransfer", "ChannelUserevent", "ApplicationReplaced", "Dial", "Nonsense",
]  # fmt: skip
KEYS = [
    "channel", "id", "args", "application", "bridge", "playback", "target_uri", "state", "caller", "number", "name", "cause",
    "digit", "replace_channel", "userevent", "eventname", "transferer_first_leg", "transferer_second_leg", "transfer_target",
]  # fmt: skip


def heard(kind: str, ordered: tuple[str, ...] = (), **fields: Any) -> Heard:
    message = {"type": kind, "application": "app", "channel": CHANNEL} | fields
    return read(json.dumps(message), pbx="a", at=7.0, app="app", ordered=lambda c: c in ordered)


def test_an_arrival_names_entry_and_caller() -> None:
    event = heard("StasisStart", args=["inbound", "sales"]).event
    assert event == CallerArrived(
        at=7.0, leg=LEG, entry="sales", channel_name="PJSIP/trunk-1", number="4930", name="Ada", tier="", uniqueid="c1"
    )


@pytest.mark.parametrize(
    ("said", "number", "withheld"),
    [
        (["", "allowed_not_screened", ""], "4930", None),
        (["", "unavailable"], "4930", None),
        ([], "4930", None),
        ([7, None, {}], "4930", None),
        (["", "prohib_passed_screen", "49157"], WITHHELD, Withheld("49157")),
        (["1795292000", "prohib"], WITHHELD, Withheld("4930")),
    ],
)
def test_a_number_is_withheld_when_the_dialplan_says_so(said: list[Any], number: str, withheld: Withheld | None) -> None:
    event = heard("StasisStart", args=["inbound", "sales", *said]).event
    assert isinstance(event, CallerArrived)
    assert (event.number, event.name, event.withheld) == (number, WITHHELD if withheld else "Ada", withheld)
    assert "49157" not in repr(event)


@pytest.mark.parametrize(
    ("args", "feature", "argument"),
    [
        (["feature", "login", "1001"], "login", "1001"),
        (["feature", "state"], "state", ""),
        (["feature"], "", ""),
        (["feature", 7, None, "x"], "", ""),
    ],
)
def test_a_feature_code_names_what_is_asked_and_the_endpoint_and_never_the_caller(
    args: list[Any], feature: str, argument: str
) -> None:
    event = heard("StasisStart", args=args).event
    assert event == FeatureDialled(at=7.0, leg=LEG, feature=feature, argument=argument, channel_name="PJSIP/trunk-1")


@pytest.mark.parametrize(
    ("said", "since"),
    [
        ("1795292000", 1795292000.0),
        ("1795292000.125", 1795292000.125),
        ("1795292860", 1795292858.0),
        ("1795292858.001", 1795292858.0),
        ("1795292000.", None),
        (".5", None),
        ("1795292000.1255", None),
        ("1795292900", None),
        ("1795200000", None),
        ("-1", None),
        ("1e9", None),
        ("\u0661\u0667\u0669", None),
        ("", None),
        (7, None),
    ],
)
def test_a_third_argument_is_when_the_caller_first_came_unless_that_cannot_be(said: object, since: float | None) -> None:
    message = {"type": "StasisStart", "application": "app", "channel": CHANNEL, "args": ["inbound", "sales", said]}
    event = read(json.dumps(message), pbx="a", at=1795292858.0, app="app").event
    assert isinstance(event, CallerArrived)
    assert (event.at, event.since) == (1795292858.0, since)


@pytest.mark.parametrize("step", [-3600.0, -2.0, 2.0, 3600.0])
def test_a_step_of_the_wall_clock_moves_nobody_who_came_back(step: float) -> None:
    """The dialplan wrote wall time, and ours is anchored at the start: the caller lost the place, or gained as much."""
    at, waited = 1795292858.0, 30.0
    said = datetime.fromtimestamp(at + step, UTC).isoformat(timespec="milliseconds")
    args = ["inbound", "sales", f"{at + step - waited:.3f}"]
    message = {"type": "StasisStart", "application": "app", "channel": CHANNEL, "args": args, "timestamp": said}
    event = read(json.dumps(message), pbx="a", at=at, app="app").event
    assert isinstance(event, CallerArrived)
    assert event.since == at - waited


def test_the_time_that_a_message_takes_is_no_step() -> None:
    message = {"type": "StasisStart", "application": "app", "channel": CHANNEL, "args": ["inbound", "sales", "1795292800"]}
    event = read(json.dumps(message | {"timestamp": "2026-11-21T20:27:37.500+0000"}), pbx="a", at=1795292858.0, app="app").event
    assert isinstance(event, CallerArrived)
    assert event.since == 1795292800.0


def test_what_a_caller_calls_himself_is_cleaned_and_cut() -> None:
    caller = {"number": "4\r\n9\x00" + "1" * 200, "name": "A\ud800d\u2028a\x1b" + "x" * 200}
    event = heard("StasisStart", args=["inbound", "sales"], channel=CHANNEL | {"caller": caller}).event
    assert isinstance(event, CallerArrived)
    assert event.number == "49" + "1" * 78
    assert event.name == "Ada" + "x" * 125


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({"type": "ChannelStateChange", "channel": CHANNEL | {"state": "Ringing"}}, LegRinging(at=7.0, leg=LEG)),
        ({"type": "ChannelStateChange", "channel": CHANNEL | {"state": "Up"}}, LegAnswered(at=7.0, leg=LEG)),
        ({"type": "ChannelDestroyed", "cause": 17, "tech_cause": 486}, LegEnded(at=7.0, leg=LEG, cause=17, sip=486)),
        ({"type": "ChannelDestroyed", "cause": 16}, LegEnded(at=7.0, leg=LEG, cause=16)),
        ({"type": "ChannelEnteredBridge", "bridge": {"id": "b"}}, LegJoined(at=7.0, leg=LEG, bridge="b")),
        ({"type": "ChannelLeftBridge", "bridge": {"id": "b"}}, LegParted(at=7.0, leg=LEG, bridge="b")),
        ({"type": "ChannelHold"}, LegHeld(at=7.0, leg=LEG)),
        ({"type": "ChannelUnhold"}, LegUnheld(at=7.0, leg=LEG)),
        ({"type": "ChannelDtmfReceived", "digit": "#"}, DigitPressed(at=7.0, leg=LEG, digit="#")),
        ({"type": "StasisEnd"}, LegLeft(at=7.0, leg=LEG)),
        (
            {"type": "PlaybackFinished", "playback": {"id": "p", "target_uri": "channel:c1", "state": "failed"}},
            PlaybackEnded(at=7.0, leg=LEG, playback="p", failed=True),
        ),
        (
            {"type": "StasisStart", "args": [], "replace_channel": CHANNEL, "channel": {"id": "n", "name": "Local/x;1"}},
            LegReplaced(at=7.0, leg=LEG, by=LegId("a/n"), by_name="Local/x;1", phone="PJSIP/trunk", up=False),
        ),
        (
            {"type": "BridgeBlindTransfer", "exten": "8005", "context": "out", "result": "Success"},
            LegTransferred(at=7.0, leg=LEG, target="8005@out", attended=False, worked=True),
        ),
    ],
)
def test_each_frame_becomes_its_event(fields: dict[str, Any], event: AnyEvent) -> None:
    assert heard(**{"kind": fields["type"]} | {k: v for k, v in fields.items() if k != "type"}) == Heard(fields["type"], (event,))


@pytest.mark.parametrize(
    ("written", "said_at"), [("2026-11-21T21:06:00.250+0000", 1795295160.25), ("yesterday", None), (7, None), (None, None)]
)
def test_an_answer_a_join_and_an_end_say_when_they_were_by_the_clock_of_the_pbx(written: object, said_at: float | None) -> None:
    answered = heard("ChannelStateChange", channel=CHANNEL | {"state": "Up"}, timestamp=written).event
    joined = heard("ChannelEnteredBridge", bridge={"id": "b"}, timestamp=written).event
    ended = heard("ChannelDestroyed", cause=16, timestamp=written).event
    assert joined == LegJoined(at=7.0, leg=LEG, bridge="b", said_at=said_at)
    assert answered == LegAnswered(at=7.0, leg=LEG, said_at=said_at)
    assert ended == LegEnded(at=7.0, leg=LEG, said_at=said_at, cause=16)


def test_a_stasis_end_that_we_ordered_is_a_move() -> None:
    assert heard("StasisEnd", ordered=("c1",)).event == LegMoved(at=7.0, leg=LEG)


def test_an_attended_transfer_tells_both_legs_of_the_transferer() -> None:
    events = heard(
        "BridgeAttendedTransfer",
        result="Fail",
        transferer_first_leg={"id": "x"},
        transferer_second_leg={"id": "y"},
        transfer_target={"id": "z", "caller": {"number": "55"}},
    ).events
    assert events == tuple(
        LegTransferred(at=7.0, leg=LegId(leg), target="55", attended=True, worked=False, target_leg=LegId("a/z"))
        for leg in ("a/x", "a/y")
    )


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("StasisStart", {"args": ["agent"]}, Heard("StasisStart", (LegEntered(at=7.0, leg=LEG),), entered="c1")),
        ("StasisStart", {"args": ["resync", "1"]}, Heard("StasisStart", entered="c1")),
        ("StasisStart", {"args": []}, Heard("foreign")),
        ("StasisStart", {"args": "inbound"}, Heard("foreign")),
        ("StasisStart", {"args": ["inbound", "x"], "application": "other"}, Heard("foreign")),
        ("ChannelUserevent", {"eventname": ECHO, "userevent": {"mark": "b-7"}}, Heard("echo", echo="b-7")),
        ("ChannelUserevent", {"eventname": "theirs"}, Heard("ChannelUserevent")),
        ("ApplicationReplaced", {}, Heard("replaced")),
        ("Dial", {}, Heard("Dial")),
        ("PlaybackFinished", {"playback": {"id": "p", "target_uri": "bridge:b"}}, Heard("PlaybackFinished")),
        ("Invented", {}, Heard("unknown")),
        ("ChannelHold", {"channel": {"id": "a\nb"}}, Heard("malformed")),
        ("ChannelHold", {"channel": {"id": "\ud800"}}, Heard("malformed")),
        ("ChannelHold", {"channel": None}, Heard("malformed")),
        ("ChannelDtmfReceived", {"digit": ""}, Heard("malformed")),
    ],
)
def test_frames_without_news_are_only_counted(kind: str, fields: dict[str, Any], said: Heard) -> None:
    assert heard(kind, **fields) == said


@pytest.mark.parametrize("frame", ["", "{", "[]", "null", "7", b"\xff\xfe", "[" * 100_000, "9" * 5000, '{"type": 1}', "NaN"])
def test_what_is_no_message_is_malformed(frame: str | bytes) -> None:
    assert read(frame, pbx="a", at=0.0, app="app").kind == "malformed"


_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["app", *KEYS])
_values = st.recursive(
    _leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(KEYS), v, max_size=6), max_leaves=15
)


@given(kind=st.sampled_from(TYPES) | st.text(max_size=5), fields=st.dictionaries(st.sampled_from(KEYS), _values))
def test_no_json_raises(kind: str, fields: dict[str, Any]) -> None:
    frame = json.dumps({"application": "app"} | fields | {"type": kind})
    assert isinstance(read(frame, pbx="a", at=0.0, app="app"), Heard)


@given(st.binary(max_size=64))
def test_no_bytes_raise(frame: bytes) -> None:
    assert read(frame, pbx="a", at=0.0, app="app").events == ()


def test_every_leg_that_we_make_is_known_when_it_enters() -> None:
    assert {"agent", "session", "outside", "supervisor", "customer"} <= OWN_ROLES, "the roles of Ring"
