"""app_queue over AMI: what it lists, and what we ask of it."""

import pytest

from callbridge.core.model.ids import leg_id
from callbridge.core.recovery.fallback import FallbackCaller, MembershipAction, MembershipChange, QueueMember, SeenMember
from callbridge.wire.queue import being_rung_for, membership_action, queue_seen, variable

MEMBER = {"Event": "QueueMember", "Queue": "fb"}
LIST = [
    {"Response": "Success", "EventList": "start", "Message": "Queue status will follow"},
    {"Event": "QueueParams", "Queue": "fb", "Max": "0"},
    {
        "Event": "QueueMember",
        "Queue": "fb",
        "Name": "callbridge:ann",
        "Location": "PJSIP/1",
        "Membership": "dynamic",
        "Paused": "1",
    },
    {"Event": "QueueMember", "Queue": "fb", "Name": "Zoe", "Location": "PJSIP/9", "Membership": "static", "Paused": "0"},
    {"Event": "QueueEntry", "Queue": "fb", "Position": "10", "Channel": "PJSIP/t-2", "Uniqueid": "22.2", "Wait": "1"},
    {"Event": "QueueEntry", "Queue": "fb", "Position": "2", "Channel": "PJSIP/t-1", "Uniqueid": "11.1", "Wait": "5"},
    {"Event": "QueueEntry", "Queue": "other", "Position": "1", "Channel": "PJSIP/t-3", "Uniqueid": "33.3", "Wait": "5"},
    {"Event": "QueueStatusComplete", "EventList": "Complete", "ListItems": "6"},
]


def test_members_and_callers_of_the_one_queue_are_seen_in_order() -> None:
    seen = queue_seen(LIST, pbx="a", queue="fb")
    assert seen is not None
    assert seen.members == {
        "PJSIP/1": SeenMember("PJSIP/1", "callbridge:ann", True, True),
        "PJSIP/9": SeenMember("PJSIP/9", "Zoe", False, False),
    }
    assert seen.waiting == (FallbackCaller(leg_id("a", "11.1"), "PJSIP/t-1"), FallbackCaller(leg_id("a", "22.2"), "PJSIP/t-2"))


def test_a_queue_that_is_not_there_is_none() -> None:
    assert queue_seen([LIST[0], LIST[-1]], pbx="a", queue="fb") is None


@pytest.mark.parametrize(
    ("act", "action", "more"),
    [
        (
            MembershipAction.ADD,
            "QueueAdd",
            {"Penalty": "0", "Paused": "true", "MemberName": "callbridge:ann", "StateInterface": "PJSIP/1"},
        ),
        (MembershipAction.REMOVE, "QueueRemove", {}),
        (MembershipAction.PAUSE, "QueuePause", {"Paused": "true"}),
    ],
)
def test_a_change_is_one_action_on_one_queue(act: MembershipAction, action: str, more: dict[str, str]) -> None:
    phone = "PJSIP/1/sip:1@10.0.0.1"
    asked = membership_action("fb", MembershipChange(act, QueueMember(phone, "callbridge:ann", True)))
    assert asked == (action, {"Queue": "fb", "Interface": phone} | more)


def test_a_caller_is_being_rung_for_when_the_queue_rings_a_channel_of_the_same_story() -> None:
    channels = [
        {"Event": "CoreShowChannel", "Uniqueid": "1", "Linkedid": "1", "Application": "Queue"},
        {"Event": "CoreShowChannel", "Uniqueid": "2", "Linkedid": "1", "Application": "AppQueue"},
        {"Event": "CoreShowChannel", "Uniqueid": "3", "Linkedid": "3", "Application": "Queue"},
        {"Event": "CoreShowChannelsComplete", "ListItems": "3"},
    ]
    assert being_rung_for(channels) == {"1", "2"}


@pytest.mark.parametrize(("said", "value"), [("support", "support"), ("", ""), ("(null)", ""), ("a\nb", "ab"), (None, "")])
def test_the_value_of_a_variable(said: str | None, value: str) -> None:
    assert variable({} if said is None else {"Value": said}) == value
