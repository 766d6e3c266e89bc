"""Deadlines that say "this was not heard in time" wait until it could have been heard; all others are met on time."""

from __future__ import annotations

import pytest

from callbridge.core.model.call import AnnouncementState, Call, FlowPosition, NodeActivity, Phase
from callbridge.core.model.deadlines import Deadlines, awaited_from
from callbridge.core.model.events import LegAnswered, PbxHeard, PbxLost, Why
from callbridge.core.model.facts import OfferEnded
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Bridge, HangUp
from callbridge.core.model.plan import Penalty
from tests.core.story import PBX, Story, agent, one_queue

CUSTOMER = LegId(f"{PBX}/c1")


def _call(phase: Phase, **more: object) -> Call:
    return Call(id="k", leg=CUSTOMER, entry="e", tier="standard", number="", name="", arrived_at=0.0, phase=phase, **more)  # type: ignore[arg-type]


def _flow(node: str, activity: NodeActivity) -> Call:
    return _call(Phase.FLOW, flow_position=FlowPosition(flow="f", version="1", began_at=0.0, node=node, activity=activity))


AWAITED = {
    "a phone that rings": ("call", _call(Phase.OFFERED)),
    "a customer who is called, or listened to by AMD": ("call", _call(Phase.DIALLING)),
    "two who are put together": ("call", _call(Phase.JOINING)),
    "a code that an agent presses": ("call", _call(Phase.TALKING)),
    "the target of a transfer": ("call", _call(Phase.TRANSFERRING)),
    "who is sent to the dialplan": ("call", _call(Phase.LEAVING)),
    "a key that a flow asked for": ("call", _flow("menu", NodeActivity.LISTENING)),
    "the end of a prompt of a flow": ("call", _flow("menu", NodeActivity.SAYING)),
    "the end of a message": ("call", _flow("voicemail", NodeActivity.RECORDING)),
    "the end of an announcement": ("announcing", _call(Phase.WAITING, announcing=AnnouncementState(at=1.0, playback="p"))),
}
TIME_ALONE = {
    "a step of the queue": ("call", _call(Phase.WAITING)),
    "the first node of a flow": ("call", _flow("", NodeActivity.SAYING)),
    "the answer of another system": ("call", _flow("menu", NodeActivity.LOOKING)),
    "the next announcement": ("announcing", _call(Phase.WAITING, announcing=AnnouncementState(at=1.0))),
    "an agent's wrap-up": ("agent", None),
    "a callback": ("callback", None),
    "an attempt that is written down": ("attempt", None),
}


@pytest.mark.parametrize("what", AWAITED)
def test_this_deadline_waits_until_the_pbx_has_been_heard(what: str) -> None:
    kind, call = AWAITED[what]
    assert awaited_from(kind, "k", call) == PBX


@pytest.mark.parametrize("what", TIME_ALONE)
def test_this_deadline_is_about_time_alone(what: str) -> None:
    kind, call = TIME_ALONE[what]
    assert awaited_from(kind, "k", call) == ""


@pytest.mark.parametrize("kind", ["leg", "feature"])
def test_deadlines_of_legs_and_feature_calls_wait_for_the_pbx_of_the_leg(kind: str) -> None:
    assert awaited_from(kind, "far/cb-1", None) == "far"


def test_what_is_held_delays_nothing_else_and_is_met_when_its_pbx_has_been_heard() -> None:
    dues = {("leg", "a/x"): 1.0, ("leg", "b/x"): 2.0, ("agent", "bob"): 3.0}
    deadlines = Deadlines(lambda kind, key: dues.get((kind, key)), lambda kind, key: awaited_from(kind, key, None))
    for (kind, key), at in dues.items():
        deadlines.add(at, kind, key)
    deadlines.heard("a", 0.9)
    assert deadlines.take(5.0) == (2.0, "leg", "b/x"), "of b nobody said that it is watched"
    assert deadlines.take(5.0) == (3.0, "agent", "bob")
    assert deadlines.take(5.0) is None
    assert deadlines.next() is None, "else the loop would turn without end"
    assert [set(deadlines.to_hear()), set(deadlines.to_hear())] == [{"a"}, set()]
    deadlines.heard("a", 0.95)
    assert deadlines.take(5.0) is None
    deadlines.heard("a", 1.0)
    assert deadlines.take(5.0) == (1.0, "leg", "a/x")


def test_a_deadline_that_changed_while_it_was_held_is_not_met() -> None:
    dues = {("leg", "a/x"): 1.0}
    deadlines = Deadlines(lambda kind, key: dues.get((kind, key)), lambda kind, key: awaited_from(kind, key, None))
    deadlines.heard("a", 0.0)
    deadlines.add(1.0, "leg", "a/x")
    assert deadlines.take(2.0) is None
    dues.clear()
    deadlines.heard("a", 9.0)
    assert deadlines.take(9.0) is None


def _hears(story: Story, until: float) -> None:
    story.happens(PbxHeard(at=story.now, pbx=PBX, until=until))


def test_a_phone_whose_answer_is_on_its_way_is_not_missed() -> None:
    story = one_queue(agent("bob"), ring_for=20.0, no_answer=Penalty(not_ready="rona"))
    story.caller()
    leg = story.ring().leg
    _hears(story, story.now + 15.0)
    story.wait(30.0)
    assert story.all_told(OfferEnded) == []
    assert story.happens(LegAnswered(at=story.now, leg=leg))
    assert story.only(Bridge).legs[1] == leg
    _hears(story, story.now)
    story.wait(1.0)
    assert story.state("bob") != "not_ready rona"


def test_a_phone_that_was_silent_all_the_time_is_missed_as_soon_as_that_is_known() -> None:
    story = one_queue(agent("bob"), ring_for=20.0, no_answer=Penalty(not_ready="rona"))
    story.caller()
    leg = story.ring().leg
    story.world.put_leg(story.world.legs[leg], rang=True)
    story.world.commit()
    _hears(story, story.now)
    story.wait(20.4)
    assert story.state("bob") == "ringing"
    _hears(story, story.now)
    story.wait(0.0)
    assert HangUp(leg=leg, reason="no_answer") in story.orders
    assert story.state("bob") == "not_ready rona"


@pytest.mark.parametrize("lost", [True, False])
def test_a_ring_without_a_reply_costs_the_agent_nothing_when_the_link_is_to_blame(lost: bool) -> None:
    story = one_queue(agent("bob"), offline=Penalty(not_ready="bad"))
    story.caller()
    ring = story.ring()
    if lost:
        story.happens(PbxLost(at=story.now, pbx=PBX))
    story.fails(ring, Why.TIMEOUT)
    assert story.fact(OfferEnded).result == ("cancelled" if lost else "offline")
    assert story.state("bob") == ("ready" if lost else "not_ready bad")
