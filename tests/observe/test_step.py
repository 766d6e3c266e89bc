"""What no recording shows: connections that are lost, restarts, listings, messages out of place."""

from __future__ import annotations

from callbridge.core.model.agent import State, published
from callbridge.core.model.plan import Plan
from callbridge.core.model.saved_tables import SAVED_TABLES
from callbridge.core.model.world import World
from callbridge.observe import ObservedFloor
from tests.observe.replay import DAY, Replay

PARAMS = {"Event": "QueueParams", "Queue": "support", "ServiceLevel": "10"}


def member(*, in_call: bool = False, paused: bool = False, reason: str = "") -> dict[str, str]:
    return {
        "Event": "QueueMember", "Queue": "support", "Name": "Ann", "Location": "PJSIP/1001", "Status": "2" if in_call else "1",
        "InCall": str(int(in_call)), "Paused": str(int(paused)), "PausedReason": reason,
    }  # fmt: skip


def entry(call: str, wait: int) -> dict[str, str]:
    return {"Event": "QueueEntry", "Queue": "support", "Uniqueid": call, "Wait": str(wait), "CallerIDNum": "4930100"}


def event(kind: str, call: str, **more: str) -> dict[str, str]:
    return {"Event": kind, "Queue": "support", "Uniqueid": call, "CallerIDNum": "4930100"} | more


RUNG = {"DestUniqueid": "m1", "Interface": "PJSIP/1001", "MemberName": "Ann"}


def waiting(call: str = "c1") -> Replay:
    replay = Replay()
    replay.listed([PARAMS, member()])
    replay.heard(event("QueueCallerJoin", call, Position="1"), 1.0)
    return replay


def talking() -> Replay:
    replay = waiting()
    replay.heard(event("AgentCalled", "c1", **RUNG), 1.1)
    replay.heard(event("QueueCallerLeave", "c1"), 3.0)
    replay.heard(event("AgentConnect", "c1", **RUNG), 3.0)
    return replay


def restarted(before: Replay) -> Replay:
    """callbridge was started again with what was saved."""
    world = World(Plan(), "boot2")
    world.now, world.seq, world.day = before.floor.world.now, before.floor.world.seq, DAY
    floor = ObservedFloor(world, "pbx1")
    for queue in before.floor.world.plan.queues:
        floor.add_queue(queue)
    tables = before.floor.world.saved_tables()
    world.restore({table.name: list(tables[table.name].rows().values()) for table in SAVED_TABLES})
    world.commit()
    return Replay(floor)


def test_a_caller_who_still_waits_after_a_reconnect_keeps_the_visit() -> None:
    replay = waiting()
    replay.listed([PARAMS, member(), entry("c1", 9)], 10.0)
    assert "visit_ended" not in replay.kinds()
    replay.heard(event("HangupRequest", "c1"), 15.0)
    replay.heard(event("QueueCallerAbandon", "c1", Position="1"), 15.0)
    replay.heard(event("QueueCallerLeave", "c1"), 15.0)
    (ended,) = [fact for fact in replay.told if fact["type"] == "visit_ended"]
    assert (ended["outcome"], ended["lasted"], ended["estimated"]) == ("abandoned", 14.0, False)


def test_a_caller_who_is_gone_after_a_reconnect_is_closed_as_estimated() -> None:
    replay = waiting()
    replay.listed([PARAMS, member()], 10.0)
    (visit,) = [fact for fact in replay.told if fact["type"] == "visit_ended"]
    assert (visit["outcome"], visit["reason"], visit["estimated"]) == ("failed", "connection_lost", True)
    assert replay.kinds()[-1] == "call_ended"
    assert replay.told[-1]["estimated"]


def test_a_talk_goes_on_after_a_reconnect_while_its_member_is_in_a_call() -> None:
    replay = talking()
    replay.listed([PARAMS, member(in_call=True)], 10.0)
    assert "talk_ended" not in replay.kinds()
    replay.listed([PARAMS, member()], 20.0)
    (talk,) = [fact for fact in replay.told if fact["type"] == "talk_ended"]
    assert (talk["ended_by"], talk["estimated"]) == ("lost", True)
    assert published(replay.floor.world.agents["1001"])[0] is State.READY


def test_after_a_restart_waiting_callers_and_talks_go_on() -> None:
    talks = restarted(talking())
    talks.listed([PARAMS, member(in_call=True)], 10.0)
    talks.heard(event("AgentComplete", "c1", Reason="agent", **RUNG), 12.0)
    talks.heard(event("Hangup", "c1"), 12.0)
    assert [kind for kind in talks.kinds("c1") if kind != "agent_changed"] == ["talk_ended", "call_ended"]
    assert talks.told[0]["talked"] == 9.0
    waits = restarted(waiting())
    waits.listed([PARAMS, member(), entry("c1", 9)], 10.0)
    assert waits.told == []


def test_a_caller_found_waiting_arrived_as_long_ago_as_the_pbx_says() -> None:
    replay = Replay()
    replay.listed([PARAMS, member(), entry("c9", 7)], 20.0)
    arrived, visit = replay.told[0], replay.told[1]
    assert (arrived["type"], arrived["found_waiting"], arrived["at"] - replay.start) == ("call_arrived", True, 13.0)
    assert (visit["type"], visit["at"] - replay.start) == ("visit_began", 13.0)


def test_resetting_the_queues_statistics_changes_nothing() -> None:
    replay = talking()
    told = len(replay.told)
    replay.heard({"Event": "QueueMemberStatus", "Queue": "support", "Interface": "PJSIP/1001", "MemberName": "Ann",
                  "Status": "2", "InCall": "1", "CallsTaken": "0", "Paused": "0"}, 5.0)  # fmt: skip
    assert replay.told[told:] == []


def test_a_talk_that_began_before_we_listened_makes_its_agent_talking() -> None:
    replay = Replay()
    replay.listed([PARAMS, member(in_call=True)])
    assert [(fact["type"], fact["state"]) for fact in replay.told] == [("agent_changed", "talking")]
    replay.heard(event("AgentComplete", "unknown", Reason="agent", **RUNG), 2.0)
    replay.heard(member() | {"Event": "QueueMemberStatus", "Interface": "PJSIP/1001"}, 2.0)
    assert replay.told[-1]["state"] == "ready"


def test_the_queues_own_service_level_is_the_target() -> None:
    replay = waiting()
    replay.heard(event("AgentCalled", "c1", **RUNG), 2.0)
    replay.heard(event("AgentConnect", "c1", **RUNG), 12.0)
    (ended,) = [fact for fact in replay.told if fact["type"] == "visit_ended"]
    assert (ended["outcome"], ended["within_target"]) == ("answered", False)


def test_leaving_by_a_key_while_a_phone_rings_is_an_overflow() -> None:
    replay = waiting()
    replay.heard(event("AgentCalled", "c1", **RUNG), 1.1)
    replay.heard(event("QueueCallerLeave", "c1"), 4.0)
    assert "visit_ended" not in replay.kinds()
    replay.heard({"Event": "DialEnd", "DestUniqueid": "m1", "DialStatus": "CANCEL"}, 4.0)
    (ended,) = [fact for fact in replay.told if fact["type"] == "visit_ended"]
    assert (ended["outcome"], ended["to"]) == ("overflowed", "dialplan")


def test_a_busy_member_rejects_and_an_unreachable_one_is_offline() -> None:
    for status, result in (("BUSY", "rejected"), ("CHANUNAVAIL", "offline"), ("NOANSWER", "no_answer")):
        replay = waiting()
        replay.heard(event("AgentCalled", "c1", **RUNG), 1.1)
        replay.heard({"Event": "DialEnd", "DestUniqueid": "m1", "DialStatus": status}, 2.0)
        replay.heard(event("AgentRingNoAnswer", "c1", **RUNG), 2.0)
        assert [fact["result"] for fact in replay.told if fact["type"] == "offer_ended"] == [result]


def test_hold_is_part_of_the_talk_and_told_apart() -> None:
    replay = talking()
    replay.heard({"Event": "Hold", "Uniqueid": "m1"}, 5.0)
    replay.heard({"Event": "Unhold", "Uniqueid": "m1"}, 8.0)
    replay.heard(event("AgentComplete", "c1", Reason="caller", **RUNG), 13.0)
    (talk,) = [fact for fact in replay.told if fact["type"] == "talk_ended"]
    assert (talk["talked"], talk["hold_seconds"]) == (10.0, 3.0)


def test_a_member_who_was_removed_while_we_were_away_is_logged_out() -> None:
    replay = waiting()
    replay.listed([PARAMS, entry("c1", 9)], 10.0)
    assert published(replay.floor.world.agents["1001"])[0] is State.LOGGED_OUT


def test_messages_about_strangers_and_without_fields_are_passed_over() -> None:
    replay = Replay()
    callers = ("QueueCallerJoin", "QueueCallerLeave", "QueueCallerAbandon", "Hold", "Hangup", "Unheard")
    members = ("AgentCalled", "AgentConnect", "AgentComplete", "AgentRingNoAnswer", "DialEnd", "QueueMemberRemoved")
    for kind in (*callers, *members, "QueueMemberStatus"):
        replay.heard({"Event": kind}, 1.0)
        replay.heard(event(kind, "stranger") if kind != "QueueCallerJoin" else {"Event": kind}, 1.0)
    assert replay.told == []


def test_a_hangup_told_before_the_end_of_the_talk_does_not_say_who_ended_it() -> None:
    replay = talking()
    replay.heard(event("Hangup", "c1"), 9.0)
    assert "talk_ended" not in replay.kinds()
    replay.heard(event("AgentComplete", "c1", Reason="agent", **RUNG), 9.1)
    (talk,) = [fact for fact in replay.told if fact["type"] == "talk_ended"]
    assert (talk["ended_by"], talk["talked"]) == ("agent", 6.0)
    assert replay.kinds().count("call_ended") == 1
    replay.overdue(20.0)
    assert replay.kinds().count("call_ended") == 1


def test_a_talk_whose_end_is_never_told_ends_with_the_channel() -> None:
    replay = talking()
    replay.heard(event("Hangup", "c1"), 9.0)
    replay.overdue(10.9)
    assert "talk_ended" not in replay.kinds()
    replay.overdue(11.0)
    (talk,) = [fact for fact in replay.told if fact["type"] == "talk_ended"]
    assert (talk["ended_by"], talk["talked"]) == ("customer", 6.0)
    assert not replay.floor.world.calls


def test_the_end_of_a_talk_without_channels_belongs_to_the_call_that_has_just_ended() -> None:
    replay = talking()
    replay.heard(event("Hangup", "c1"), 9.0)
    told = {"Event": "AgentComplete", "Queue": "support", "Interface": "PJSIP/1001", "MemberName": "Ann", "Reason": "agent"}
    replay.heard(told, 9.1)
    (talk,) = [fact for fact in replay.told if fact["type"] == "talk_ended"]
    assert (talk["ended_by"], talk["talked"]) == ("agent", 6.0)


def found_while_rung() -> Replay:
    """A caller for whom a phone rings already when we begin to listen."""
    replay = Replay()
    replay.listed([PARAMS, member(), entry("c9", 7)], 20.0)
    replay.heard(event("QueueCallerLeave", "c9"), 22.0)
    return replay


def test_a_caller_found_while_a_phone_rings_is_answered_by_it() -> None:
    replay = found_while_rung()
    replay.heard(event("AgentConnect", "c9", **RUNG), 22.0)
    (ended,) = [fact for fact in replay.told if fact["type"] == "visit_ended"]
    assert (ended["outcome"], ended["lasted"]) == ("answered", 9.0)
    replay.overdue(30.0)
    assert {"talk_began", "talk_ended"} & set(replay.kinds("c9")) == {"talk_began"}


def test_a_caller_found_waiting_who_leaves_and_is_not_answered_has_overflowed() -> None:
    replay = found_while_rung()
    assert "visit_ended" not in replay.kinds()
    replay.overdue(24.0)
    (ended,) = [fact for fact in replay.told if fact["type"] == "visit_ended"]
    assert (ended["outcome"], ended["to"]) == ("overflowed", "dialplan")
    assert not any(call.deadline for call in replay.floor.world.calls.values())


def test_the_end_of_a_talk_that_is_told_too_late_ends_no_other_of_the_same_member() -> None:
    for named in ({}, {"Uniqueid": "c1"}):
        replay = talking()
        replay.heard(event("Hangup", "c1"), 9.0)
        replay.overdue(11.0)
        replay.heard(event("QueueCallerJoin", "c2", Position="1"), 11.0)
        again = RUNG | {"DestUniqueid": "m2"}
        for kind, at in (("AgentCalled", 11.1), ("QueueCallerLeave", 11.5), ("AgentConnect", 11.5)):
            replay.heard(event(kind, "c2", **again), at)
        told = {"Event": "AgentComplete", "Queue": "support", "Interface": "PJSIP/1001", "MemberName": "Ann", "Reason": "agent"}
        replay.heard(told | named, 11.6)
        assert [fact["call"] for fact in replay.told if fact["type"] == "talk_ended"] == ["c1"]
