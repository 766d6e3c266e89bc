"""What a dead callbridge left behind, by the PBX's own lists; and the owner's stamp."""

import json

import pytest

from callbridge.wire.ari import Malformed, Stranded, drop, send_on, stamp, stamp_request, stamped, stranded


def channel(name: str, data: str = "callbridge,inbound,sales", app: str = "Stasis", at: str = "10:00:00") -> dict[str, object]:
    return {"id": name, "name": f"PJSIP/{name}", "creationtime": at, "dialplan": {"app_name": app, "app_data": data}}


def found(channels: object, bridges: object = (), listed: object = ()) -> tuple[Stranded, ...]:
    lists = ({"name": "callbridge", "channel_ids": listed, "bridge_ids": []}, channels, bridges)
    return stranded(*(json.dumps(one).encode() for one in lists), app="callbridge", prefix="cb")


def test_legs_of_agents_come_first_then_customers_by_age_and_the_one_who_talks_is_left_alone() -> None:
    channels = [
        channel("young", at="10:00:02"),
        channel("back", "callbridge,inbound,help,1795292858", at="10:00:01"),
        channel("cb-leg-1", "callbridge,agent"),
        channel("talks"),
        channel("cb-leg-2", "callbridge,agent"),
        channel("in-a-conference"),
    ]
    bridges = [{"id": "cb-bridge-1", "channels": ["talks", "cb-leg-2"]}, {"id": "theirs", "channels": ["in-a-conference"]}]
    assert found(channels, bridges) == (Stranded("cb-leg-1", None), Stranded("back", "help"), Stranded("young", "sales"))


def test_people_whom_a_campaign_has_called_are_known_by_the_name_of_their_channel() -> None:
    answered = channel("cb-attempt.my-spring-mi9x1-12", "callbridge,customer") | {"state": "Up"}
    ringing = channel("cb-attempt.my-spring-mi9x1-13", "callbridge,customer") | {"state": "Ringing"}
    assert found([answered, ringing]) == (
        Stranded("cb-attempt.my-spring-mi9x1-12", None, "my-spring"),
        Stranded("cb-attempt.my-spring-mi9x1-13", None),
    )


def test_what_is_not_ours_is_not_seen() -> None:
    channels = [
        channel("a", "otherapp,inbound,sales"),
        channel("b", app="Queue"),
        channel("c", "callbridge2,inbound,sales"),
        channel("d", "callbridge,resync"),
        channel("e", ""),
        channel("cb-leg-1;2", app="Dial"),
        channel("cbx-leg"),
        "nonsense",
    ]
    assert found(channels) == (Stranded("cbx-leg", "sales"),)


def test_what_another_callbridge_with_our_prefix_made_is_not_ours() -> None:
    channels = [channel("cb-agent-1", "second,agent,ann"), channel("cb-attempt.spring-b-1", "", "AMD") | {"state": "Up"}]
    assert found(channels) == ()
    assert found(channels, listed=["cb-attempt.spring-b-1"]) == (Stranded("cb-attempt.spring-b-1", None, "spring"),)


@pytest.mark.parametrize(
    ("name", "alone"), [("callbridge,cb-call-1,sales,ann", True), ("second,cb-call-1,sales,ann", False), ("cb-call-1", True)]
)
def test_who_is_alone_in_a_bridge_of_ours_is_to_be_hung_up(name: str, alone: bool) -> None:
    """The agent hung up while nobody listened: a second agent would be too many."""
    bridges = [{"id": "cb-bridge-1", "name": name, "channels": ["in"]}]
    assert found([channel("in")], bridges, ["in"]) == ((Stranded("in", None),) if alone else ())


def test_who_was_called_by_a_campaign_and_has_talked_hears_no_message() -> None:
    one = channel("cb-attempt.spring-mi9x1-12", "callbridge,customer") | {"state": "Up"}
    bridges = [{"id": "cb-bridge-1", "name": "callbridge,cb-call-1,sales,ann", "channels": [one["id"]]}]
    assert found([one], bridges) == (Stranded("cb-attempt.spring-mi9x1-12", None, ""),)


def test_without_an_application_of_ours_nothing_in_the_dialplan_is_ours() -> None:
    answer = b'{"message": "Application not found"}'
    assert stranded(answer, json.dumps([channel("cb-a", "", "AMD")]).encode(), b"[]", app="callbridge", prefix="cb") == ()


@pytest.mark.parametrize(("channels", "bridges"), [({}, []), ([], None)])
def test_what_is_no_list_is_malformed(channels: object, bridges: object) -> None:
    with pytest.raises(Malformed):
        found(channels, bridges)


def test_the_stamp_has_a_variable_of_its_own_for_each_application() -> None:
    assert stamp("callbridge", "k7:3").path == "/asterisk/variable?variable=CALLBRIDGE_OWNER&value=k7:3"
    assert stamp_request("my.app").path == "/asterisk/variable?variable=CALLBRIDGE_OWNER_my_app"
    assert stamped(b'{"value": "k7:3"}') == "k7:3"
    assert stamped(b'{"value": ""}') == ""
    with pytest.raises(Malformed):
        stamped(b"[]")


def test_a_channel_that_is_gone_or_out_already_is_as_good_as_helped() -> None:
    assert send_on("1.2", "callbridge-fallback", "sales").path == (
        "/channels/1.2/continue?context=callbridge-fallback&extension=sales&priority=1"
    )
    assert all(status in send_on("1.2", "a", "b").pardons for status in (404, 409))
    assert drop("cb-leg-1").path == "/channels/cb-leg-1?reason=normal"
