"""The fallback queue while callbridge is away: who its members are, and which callers come back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.core.model.call import DiversionReason
from callbridge.core.model.events import AgentRequest, AgentRequested
from callbridge.core.model.facts import CallArrived, CallDiverted, VisitBegan, VisitEnded
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.plan import ConnectMode
from callbridge.core.recovery.fallback import (
    MAX_REMEMBERED,
    Departures,
    FallbackCaller,
    MembershipAction,
    MembershipChange,
    QueueMember,
    SeenMember,
    differences,
    is_ours,
    may_return,
    membership,
)
from tests.core.story import PBX, Story, agent, one_queue

MARK = "callbridge"
PHONES = st.sampled_from(["PJSIP/1", "PJSIP/2", "PJSIP/3"])


def members(story: Story) -> dict[str, bool]:
    """Paused or not, by phone."""
    return {
        phone: member.paused for phone, member in membership(story.world.agents.values(), MARK, story.world.plan, "pbx").items()
    }


def test_a_person_who_is_logged_in_is_a_member_and_paused_unless_ready() -> None:
    story = one_queue(agent("ann"), agent("bob"), agent("cid", login=False))
    story.ask("bob", AgentRequest.NOT_READY, reason="lunch")
    assert members(story) == {"PJSIP/ann": False, "PJSIP/bob": True}
    story.ask("ann", AgentRequest.LOGOUT)
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/elsewhere")
    assert members(story) == {"PJSIP/elsewhere": False}
    assert membership(story.world.agents.values(), MARK, story.world.plan, "pbx")["PJSIP/elsewhere"].name == "callbridge:bob"


def test_work_changes_nothing_and_a_pause_asked_for_while_talking_counts_at_once() -> None:
    story = one_queue(agent("ann"), agent("nail", {"other": 1}, ConnectMode.NAILED_UP))
    _, leg = story.talk()
    assert members(story) == {"PJSIP/ann": False, "PJSIP/nail": False}
    story.ask("ann", AgentRequest.NOT_READY)
    assert members(story)["PJSIP/ann"] is True
    story.ask("ann", AgentRequest.READY)
    story.gone(leg)
    assert story.state("ann") == "wrap_up"
    assert members(story)["PJSIP/ann"] is False


def test_nobody_without_a_phone_is_a_member() -> None:
    story = one_queue(agent("ann", phone="PJSIP/1"), agent("bob", phone="PJSIP/1", login=False))
    assert members(story) == {"PJSIP/1": False}


ANN = QueueMember("PJSIP/1", "callbridge:ann", False)


@pytest.mark.parametrize(
    ("seen", "changes"),
    [
        (None, [MembershipChange(MembershipAction.ADD, ANN)]),
        (SeenMember("PJSIP/1", "callbridge:ann", False, True), []),
        (SeenMember("PJSIP/1", "callbridge:ann", True, True), [MembershipChange(MembershipAction.PAUSE, ANN)]),
        (
            SeenMember("PJSIP/1", "callbridge:bob", True, True),
            [
                MembershipChange(MembershipAction.REMOVE, QueueMember("PJSIP/1", "callbridge:bob", True)),
                MembershipChange(MembershipAction.ADD, ANN),
            ],
        ),
        (SeenMember("PJSIP/1", "Ann at the desk", True, True), []),
        (SeenMember("PJSIP/1", "callbridge:ann", True, False), []),
        (SeenMember("PJSIP/1", "callbridge2:ann", True, True), []),
    ],
)
def test_what_is_changed_about_one_phone(seen: SeenMember | None, changes: list[MembershipChange]) -> None:
    assert differences({"PJSIP/1": ANN}, {} if seen is None else {seen.phone: seen}, MARK) == changes


NAMES = st.sampled_from(["callbridge:ann", "callbridge:bob", "Zoe", "other:ann"])
SEEN = st.builds(SeenMember, PHONES, NAMES, st.booleans(), st.booleans())
WISHES = st.builds(QueueMember, PHONES, st.sampled_from(["callbridge:ann", "callbridge:bob"]), st.booleans())


@given(st.lists(SEEN, max_size=3), st.lists(WISHES, max_size=3))
def test_changes_bring_about_what_is_wanted_touch_nothing_else_and_are_then_none(
    there: list[SeenMember], wishes: list[QueueMember]
) -> None:
    seen = {member.phone: member for member in there}
    wanted = {member.phone: member for member in wishes}
    after = dict(seen)
    for change in differences(wanted, seen, MARK):
        phone = change.member.phone
        assert phone not in seen or is_ours(seen[phone], MARK)
        if change.act is MembershipAction.REMOVE:
            del after[phone]
        else:
            assert (phone in after) is (change.act is MembershipAction.PAUSE)
            after[phone] = SeenMember(phone, change.member.name, change.member.paused, True)
    assert differences(wanted, after, MARK) == []
    assert {phone: member for phone, member in after.items() if not is_ours(member, MARK)} == {
        phone: member for phone, member in seen.items() if not is_ours(member, MARK)
    }


def diverted(leg: LegId, reason: DiversionReason, at: float = 100.0) -> CallDiverted:
    return CallDiverted(seq=1, at=at, leg=leg, entry="support", reason=reason)


@pytest.mark.parametrize(
    ("reason", "soon", "later"),
    [
        (DiversionReason.FAULT, False, False),
        (DiversionReason.OVERFLOW, False, False),
        (DiversionReason.FLOW, False, False),
        (DiversionReason.OVERLOAD, False, True),
        (DiversionReason.FLOW_FAILED, False, True),
        (DiversionReason.UNKNOWN_ENTRY, True, True),
        (DiversionReason.QUEUE_REMOVED, True, True),
        (DiversionReason.BYPASS, True, True),
    ],
)
def test_whom_we_sent_away_comes_back_as_the_reason_says(reason: DiversionReason, soon: bool, later: bool) -> None:
    departures = Departures(600.0)
    departures.note([diverted(leg_id(PBX, "x"), reason)])
    assert departures.may_return(leg_id(PBX, "x"), 101.0) is soon
    assert departures.may_return(leg_id(PBX, "x"), 701.0) is later
    assert departures.may_return(leg_id(PBX, "somebody"), 101.0)


def test_the_last_departure_counts_and_memory_has_an_end() -> None:
    departures = Departures(600.0)
    departures.note([diverted(leg_id(PBX, "x"), DiversionReason.BYPASS), diverted(leg_id(PBX, "x"), DiversionReason.FAULT)])
    assert not departures.may_return(leg_id(PBX, "x"), 101.0)
    departures.note(diverted(leg_id(PBX, f"n{number}"), DiversionReason.FAULT) for number in range(MAX_REMEMBERED))
    assert departures.may_return(leg_id(PBX, "x"), 101.0)
    assert not departures.may_return(leg_id(PBX, "n0"), 101.0)


def test_a_person_who_is_still_in_the_books_or_is_an_agent_with_a_caller_stays() -> None:
    story = one_queue(agent("ann"))
    departures, ann = Departures(600.0), FallbackCaller(leg_id(PBX, "x"), "PJSIP/ann-00000007")
    assert may_return(story.world, departures, ann, story.now), "an agent without a caller is served like one"
    leg, _ = story.talk()
    assert not may_return(story.world, departures, FallbackCaller(leg, "PJSIP/trunk-1"), story.now)
    assert not may_return(story.world, departures, ann, story.now)
    assert may_return(story.world, departures, FallbackCaller(leg_id(PBX, "x"), "PJSIP/trunk-00000007"), story.now)


def test_a_caller_who_comes_back_keeps_the_arrival_and_with_it_the_rank() -> None:
    story = one_queue(agent("ann"))
    story.happens(AgentRequested(at=story.now, agent="ann", request=AgentRequest.NOT_READY))
    story.caller("later")
    story.happens(replace(story.arrival("back"), since=story.now - 90.0))
    assert story.fact(CallArrived).at == story.now - 90.0
    assert story.fact(VisitBegan).rank == story.now - 90.0 + 20.0
    story.ask("ann", AgentRequest.READY)
    assert story.call("back").offer is not None
    story.connect(story.ring().leg)
    assert story.fact(VisitEnded).waited == 90.0
