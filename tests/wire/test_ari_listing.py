"""Lists and answers: what is ours on a shared PBX, and what a probe found."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.core.model.events import LegEnded, LegProbed, PhoneInspected, SeenBridge, SeenLeg
from callbridge.core.model.ids import LegId
from callbridge.core.model.numbers import WITHHELD, Withheld
from callbridge.core.model.orders import InspectPhone, Probe
from callbridge.wire.ari import Lists, Malformed, inspected, members, probed, snapshot, trouble_in

CREATED = "2026-11-21T21:27:38.500+0100"


def channel(name: str, app_name: str = "Stasis", app_data: str = "app,inbound,sales", **more: object) -> dict[str, object]:
    return {
        "id": name,
        "name": f"PJSIP/{name}",
        "state": "Up",
        "caller": {"number": "4930", "name": "Ada"},
        "dialplan": {"app_name": app_name, "app_data": app_data},
        "creationtime": CREATED,
    } | more


def lists(channels: object, bridges: object = (), listed: tuple[str, ...] = ("in", "gone-on", "other")) -> Lists:
    return Lists(*(json.dumps(value).encode() for value in ({"channel_ids": listed}, channels, bridges)))


def seen(found: Lists, at: float = 2e9, ahead: float = 0.0):  # type: ignore[no-untyped-def]
    return snapshot(found, pbx="a", app="app", prefix="cb", at=at, requested_at=1.0, last_heard_at=0.5, ahead=ahead)


@pytest.mark.parametrize("ahead", [-3600.0, 0.3, 3600.0])
def test_what_is_found_is_as_old_as_it_is_although_the_wall_clock_was_set(ahead: float) -> None:
    """An hour ahead: everybody found had arrived this moment, in any order. An hour behind: an hour before all others."""
    at, step = 1795292858.5 - ahead + 40.0, ahead if abs(ahead) > 1.0 else 0.0
    by_channel = channel("in")
    by_argument = channel("gone-on", app_data="app,inbound,sales,1795292800.250")
    found = seen(lists([by_channel, by_argument], [{"id": "cb-1", "channels": ["in"], "creationtime": CREATED}]), at, ahead)
    created = {leg.leg: leg.created_at for leg in found.legs}
    assert list(created.values()) == [min(1795292858.5 - step, at), 1795292800.25 - step]
    assert found.bridges[0].created_at == min(1795292858.5 - step, at)


def test_only_what_is_ours_is_seen() -> None:
    channels = [
        channel("in"),
        channel("gone-on", app_name="Queue"),
        channel("other", app_data="otherapp,inbound,x"),
        channel("stranger"),
        channel("cb-leg-1", app_data="app,agent"),
        channel("cb-leg-2;2", app_name="Dial"),
        channel("cbx-leg"),
    ]
    bridges: list[dict[str, object]] = [
        {"id": "cb-br-1", "channels": ["in", "cb-leg-1"], "creationtime": "2026-11-21T21:27:38.500+0100"},
        {"id": "theirs", "channels": ["stranger"]},
    ]
    found = seen(lists(channels, bridges))
    assert [leg.leg for leg in found.legs] == ["a/in", "a/cb-leg-1"]
    inside = (LegId("a/in"), LegId("a/cb-leg-1"))
    assert found.bridges == (SeenBridge(bridge="cb-br-1", legs=inside, created_at=1795292858.5),)
    assert (found.requested_at, found.last_heard_at) == (1.0, 0.5)


def test_what_another_callbridge_with_our_prefix_made_is_not_ours() -> None:
    channels = [
        channel("cb-agent-1", app_data="second,agent,ann,9.1"),
        channel("cb-agent-2", app_name="AppDial2", app_data=""),
        channel("cb-attempt.spring-1", app_name="AMD", app_data=""),
        channel("cb-agent-3", app_data="app,agent"),
        channel("in"),
    ]
    bridges = [
        {"id": "cb-bridge-1", "channels": ["cb-agent-1"], "name": "second,cb-call-1,sales,ann"},
        {"id": "cb-bridge-2", "channels": [], "name": "second,cb-call-2"},
        {"id": "cb-bridge-3", "channels": [], "name": "app,cb-call-3"},
        {"id": "cb-bridge-4", "channels": ["cb-agent-1"], "name": "cb-call-4"},
        {"id": "cb-bridge-5", "channels": ["in", "cb-agent-3"], "name": "cb-call-5"},
        {"id": "other-bridge-6", "channels": [], "name": "app,cb-call-6"},
    ]
    found = seen(lists(channels, bridges, listed=("in", "cb-agent-3", "cb-attempt.spring-1")))
    assert [leg.leg for leg in found.legs] == ["a/cb-attempt.spring-1", "a/cb-agent-3", "a/in"]
    assert [bridge.bridge for bridge in found.bridges] == ["cb-bridge-3", "cb-bridge-5"]


def test_an_arrival_has_entry_and_age_and_our_own_leg_has_not() -> None:
    caller, agent = seen(lists([channel("in"), channel("cb-leg-1", app_data="app,agent")])).legs
    assert (caller.entry, caller.tier, caller.number, caller.up) == ("sales", "", "4930", True)
    assert caller.created_at == 1795292858.5
    assert (agent.entry, agent.tier) == (None, "")


def test_a_leg_of_ours_says_for_whom_it_was_made() -> None:
    def found(name: str, app_data: str, app_name: str = "Stasis") -> SeenLeg:
        tags = {"CALLBRIDGE_CALL": "cb-call-b-2" if app_data.count(",") > 1 else ""}
        (leg,) = seen(lists([channel(name, app_name, app_data, channelvars=tags)], listed=(name,))).legs
        assert isinstance(leg, SeenLeg)
        return leg

    whole = found("cb-agent-b-1", "app,agent,ann,1700.1")
    assert (whole.role, whole.agent, whole.customer, whole.call) == ("agent", "ann", "a/1700.1", "cb-call-b-2")
    short = found("cb-session-b-1", "app,session")
    assert (short.role, short.agent, short.customer, short.call) == ("session", "", None, "")
    away = found("cb-attempt.spring-b-1", "", "AMD")
    assert (away.role, away.agent, away.customer) == ("customer", "", None)
    assert found("in", "app,inbound,sales").role == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("app,cb-call-1,sales,ann", ("cb-call-1", "sales", "ann")),
        ("app,cb-call-1", ("cb-call-1", "", "")),
        ("cb-call-1", ("cb-call-1", "", "")),
        (None, ("", "", "")),
    ],
)
def test_a_bridge_says_whose_conversation_it_is(name: object, said: tuple[str, str, str]) -> None:
    (bridge,) = seen(lists([channel("in")], [{"id": "cb-bridge-1", "channels": ["in"], "name": name}])).bridges
    assert (bridge.call, bridge.queue, bridge.agent) == said


def test_a_feature_call_is_no_arrival() -> None:
    (leg,) = seen(lists([channel("in", app_data="app,feature,login,1001")])).legs
    assert (leg.feature, leg.entry, leg.tier) == (True, None, "")


def test_a_caller_who_was_pulled_back_is_as_old_as_the_dialplan_says() -> None:
    (caller,) = seen(lists([channel("in", app_data="app,inbound,sales,1795292000")]), at=1795292900.0).legs
    assert (caller.entry, caller.created_at) == ("sales", 1795292000.0)


def test_a_withheld_number_is_withheld_in_a_list_too() -> None:
    (leg,) = seen(lists([channel("in", app_data="app,inbound,sales,,prohib_not_screened,4915773")])).legs
    assert (leg.number, leg.caller_name, leg.withheld) == (WITHHELD, WITHHELD, Withheld("4915773"))
    (leg,) = seen(lists([channel("in", app_data="app,inbound,sales,,allowed_not_screened,")])).legs
    assert (leg.number, leg.withheld) == ("4930", None)


@pytest.mark.parametrize(
    ("data", "transferred"),
    [
        ("app,inbound,sales,,allowed,,in", False),
        ("app,inbound,sales", False),
        ("app,inbound,sales,,allowed,,desk", True),
        ("app,inbound,sales,,prohib,4930,desk", True),
        ("app", True),
        ("app,agent,ann", False),
    ],
)
def test_of_a_channel_that_a_transfer_put_there_no_number_is_known(data: str, transferred: bool) -> None:
    (leg,) = seen(lists([channel("in", app_data=data)])).legs
    assert (leg.transferred, leg.withheld) == (transferred, None)
    assert (leg.number, leg.caller_name) == (("", "") if transferred else ("4930", "Ada"))


@pytest.mark.parametrize("written", [None, "yesterday", 7, "9999-12-31T23:59:59.000+0000"])
def test_an_odd_or_future_creation_is_now(written: object) -> None:
    assert seen(lists([channel("in", creationtime=written)]), at=5.0).legs[0].created_at == 5.0


@given(st.lists(st.none() | st.integers() | st.dictionaries(st.sampled_from(["id", "dialplan", "caller"]), st.text())))
def test_odd_entries_are_left_out(entries: list[object]) -> None:
    assert "a/in" in [leg.leg for leg in seen(lists([*entries, channel("in")], entries)).legs]


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b"7"])
def test_a_list_that_is_none_is_malformed(answer: bytes) -> None:
    with pytest.raises(Malformed):
        seen(Lists(b'{"channel_ids": []}', answer, b"[]"))


def test_a_probe_finds_the_end_or_where_the_channel_is() -> None:
    order = Probe(leg=LegId("a/in"))

    def said(status: int, **fields: str) -> object:
        return probed(order, status, json.dumps(channel("in", **fields)).encode(), app="app", prefix="cb", at=3.0)

    assert said(404) == LegEnded(at=3.0, leg=order.leg, estimated=True)
    assert said(200) == LegProbed(at=3.0, leg=order.leg, in_app=True, up=True)
    assert said(200, app_name="Queue", app_data="fallback") == LegProbed(at=3.0, leg=order.leg, in_app=False, up=True)


def test_an_inspection_tells_the_phones_channels() -> None:
    order = InspectPhone(pbx="a", phone="PJSIP/1001")
    answer = b'{"state": "online", "channel_ids": ["x", 7, "y"]}'
    assert inspected(order, answer, at=3.0) == PhoneInspected(at=3.0, phone="PJSIP/1001", legs=(LegId("a/x"), LegId("a/y")))


def test_members_of_a_bridge() -> None:
    assert members(404, b"") is None
    assert members(200, b'{"channels": ["x"]}') == frozenset({"x"})
    with pytest.raises(Malformed):
        members(200, b"[]")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b'{"message": "No such"}', "No such"), (b'{"error": "Allocation failed"}', "Allocation failed"), (b"<html>", "Conflict")],
)
def test_why_ari_refused(answer: bytes, said: str) -> None:
    assert trouble_in(409, answer) == said
