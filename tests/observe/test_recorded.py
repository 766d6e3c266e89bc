"""Recordings of a real app_queue (Asterisk 22 and 16), replayed: the facts agree with its own log call by call."""

from __future__ import annotations

import pytest

from callbridge.core.model.agent import State, published
from tests.observe.queue_log import differences, of_log
from tests.observe.record import FOLDER, PHONES
from tests.observe.replay import Replay, recorded

SCENES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
WITH_CALLS = [name for name in SCENES if not name.endswith("-members")]


def test_both_versions_have_recordings() -> None:
    assert {name.partition("-")[0] for name in SCENES} == {"16", "22"}
    assert len(SCENES) == 34


@pytest.mark.parametrize("name", WITH_CALLS)
def test_the_facts_agree_with_the_queue_log(name: str) -> None:
    replay = Replay().all(recorded(name))
    log = (FOLDER / f"{name}.queue_log").read_text()
    assert of_log(log)
    assert differences(log, replay.told, replay.names) == []


@pytest.mark.parametrize("name", SCENES)
def test_nothing_is_left_when_all_have_hung_up(name: str) -> None:
    replay = Replay().all(recorded(name))
    floor = replay.floor
    assert (len(floor.world.calls), floor.offers, floor.leaving, floor.hung_up) == (0, {}, set(), set())
    kinds = replay.kinds()
    for began, ended in (("call_arrived", "call_ended"), ("visit_began", "visit_ended"), ("offer_made", "offer_ended")):
        assert kinds.count(began) == kinds.count(ended)
    assert kinds.count("talk_began") == kinds.count("talk_ended")
    for tally in floor.world.tallies.values():
        assert tally.offered == tally.ended


@pytest.mark.parametrize("name", SCENES)
def test_every_agent_is_ready_again(name: str) -> None:
    agents = Replay().all(recorded(name)).floor.world.agents.values()
    assert {agent.id: published(agent)[0] for agent in agents} == dict.fromkeys(PHONES, State.READY)


def test_ringall_makes_one_offer_to_each_and_only_one_is_answered() -> None:
    told = Replay().all(recorded("22-ringall")).told
    first = next(fact["call"] for fact in told if fact["type"] == "call_arrived")
    offers = [(fact["agent"], fact["result"]) for fact in told if fact["type"] == "offer_ended" and fact["call"] == first]
    assert sorted(offers) == [("1001", "answered"), ("1002", "cancelled"), ("1004", "cancelled")]


def test_a_caller_who_enters_a_second_queue_is_one_call_with_two_visits() -> None:
    told = Replay().all(recorded("22-unanswered")).told
    call = next(fact["call"] for fact in told if fact["type"] == "call_arrived" and fact["number"] == "4930107")
    visits = [(fact["queue"], fact["outcome"]) for fact in told if fact["type"] == "visit_ended" and fact["call"] == call]
    assert visits == [("slow", "overflowed"), ("support", "answered")]
    assert [fact["source"] for fact in told if fact["type"] == "call_arrived"] == ["app_queue", "app_queue"]


def test_a_pause_has_its_reason_only_while_the_member_is_paused_in_every_queue() -> None:
    lines = recorded("22-members")
    alone = [line for line in lines if not (line[1].get("Queue") == "local" and line[1]["Event"] == "QueueMember")]
    states = [(fact["state"], fact["reason"]) for fact in Replay().all(alone).told if fact["agent"] == "1003"]
    assert states == [("ready", ""), ("not_ready", "lunch"), ("ready", ""), ("logged_out", "")]
    in_two = Replay().all(lines)
    assert [(fact["state"], fact["reason"]) for fact in in_two.told if fact["agent"] == "1003"] == [("ready", "")]


def test_a_blind_transfer_is_told_with_its_target_and_ends_the_talk_not_the_call() -> None:
    told = Replay().all(recorded("22-blind-transfer")).told
    (transfer,) = [fact for fact in told if fact["type"] == "call_transferred"]
    assert (transfer["agent"], transfer["target"], transfer["attended"]) == ("1001", "echo@elsewhere", False)
    at = {fact["type"]: fact["at"] for fact in told}
    assert at["call_ended"] - at["talk_ended"] > 3.0


@pytest.mark.parametrize("version", ["22", "16"])
def test_a_transfer_by_the_members_phone_is_told_with_its_target(version: str) -> None:
    targets = {
        "phone-blind": "echo@from-phones",
        "phone-blind-to-queue": "q-sales@from-phones",
        "phone-attended": "1002",
        "phone-attended-to-line": "q-empty",
        "phone-attended-to-application": "echo",
        "local-phone-blind": "echo@from-phones",
        "local-phone-attended": "1002",
    }
    for scene, target in targets.items():
        told = Replay().all(recorded(f"{version}-{scene}")).told
        transfers = [(fact["target"], fact["party"]) for fact in told if fact["type"] == "call_transferred"]
        assert (scene, transfers) == (scene, [(target, "agent")])


@pytest.mark.parametrize("version", ["22", "16"])
def test_a_caller_who_is_given_the_place_in_a_line_waits_in_it_until_the_caller_hangs_up(version: str) -> None:
    replay = Replay().all(recorded(f"{version}-phone-attended-to-line"))
    visits = [(fact["queue"], fact["outcome"]) for fact in replay.told if fact["type"] == "visit_ended"]
    assert visits == [("support", "answered"), ("empty", "abandoned")]
    ended = [fact["at"] for fact in replay.told if fact["type"] == "call_ended"]
    assert len(ended) == 2
    assert max(ended) - min(ended) < 0.1
    assert replay.floor.taken == {}
