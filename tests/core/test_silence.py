"""What happened while nobody listened: links lost, deadlines that pass meanwhile, legs that answered unheard."""

from __future__ import annotations

from callbridge.core.model.agent import published
from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    LegAnswered,
    LegEnded,
    LegRinging,
    OrderFailed,
    PbxLost,
    PbxSnapshot,
    SeenBridge,
    SeenLeg,
    Why,
)
from callbridge.core.model.facts import DifferenceFound, OfferEnded, VisitEnded
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Answer, Bridge, DropBridge, HangUp, Order, Probe, Ring, StartMusic
from callbridge.core.model.plan import ConnectMode
from tests.core.story import PBX, Story, agent, plan, queue, routing


def _story(connect: ConnectMode = ConnectMode.RING) -> Story:
    support = queue("support", routing(("support", None)), ring_for=4.0, wrap_up=0.0)
    return Story(plan([support], [agent("bob", {"support": 3}, connect)]))


def _seen(leg: LegId, *, up: bool = True, entry: str | None = None, name: str = "") -> SeenLeg:
    return SeenLeg(leg=leg, name=name or f"PJSIP/trunk-{leg}", up=up, created_at=0.0, entry=entry)


def _lost(story: Story) -> list[Order]:
    return story.happens(PbxLost(at=story.now, pbx=PBX))


def _back(story: Story, *legs: SeenLeg, bridges: tuple[SeenBridge, ...] = ()) -> list[Order]:
    return story.happens(
        PbxSnapshot(at=story.now, pbx=PBX, requested_at=story.now, last_heard_at=story.now, legs=legs, bridges=bridges)
    )


def _results(story: Story) -> list[str]:
    return [fact.result for fact in story.told if isinstance(fact, OfferEnded)]


def test_a_ring_that_runs_out_while_nothing_is_heard_is_nobody_s_fault() -> None:
    story = _story()
    story.caller()
    ring = story.ring()
    _lost(story)
    story.wait(10.0)
    _back(story, _seen(LegId("pbx/ann")), _seen(ring.leg, up=False))
    story.gone(ring.leg)
    assert _results(story) == ["cancelled"]
    assert story.state("bob") == "ringing"


def test_a_join_that_runs_out_while_nothing_is_heard_is_no_failure() -> None:
    story = _story()
    caller = story.caller()
    leg = story.ring().leg
    bridge = story.pick_up(leg)
    _lost(story)
    story.wait(10.0)
    _back(story, _seen(caller), _seen(leg), bridges=(SeenBridge(bridge=bridge.bridge, legs=(caller, leg)),))
    assert story.state("bob") == "talking"


def test_an_agent_who_picked_up_unheard_is_rung_again() -> None:
    story = _story()
    caller = story.caller()
    ring = story.ring()
    _lost(story)
    orders = _back(story, _seen(caller), _seen(ring.leg))
    assert HangUp(leg=ring.leg) in orders
    story.gone(ring.leg)
    assert story.ring().leg != ring.leg


def test_a_caller_whose_answer_was_never_sent_is_answered_after_the_gap() -> None:
    story = Story(plan([queue("support", routing(("support", None)))], []))
    caller = story.caller()
    story.happens(OrderFailed(at=story.now, order=Answer(leg=caller), why=Why.UNSENT))
    _lost(story)
    orders = _back(story, _seen(caller, up=False, entry="support"))
    assert Answer(leg=caller) in orders
    assert StartMusic(leg=caller, music="default") in orders
    assert orders.index(Answer(leg=caller)) < orders.index(StartMusic(leg=caller, music="default"))


def test_a_caller_who_was_answered_is_not_answered_again() -> None:
    story = _story()
    caller = story.caller()
    story.happens(LegAnswered(at=story.now, leg=caller))
    _lost(story)
    assert Answer(leg=caller) not in _back(story, _seen(caller))


def test_a_session_that_was_answered_unheard_is_in_use_after_the_gap() -> None:
    story = _story(ConnectMode.NAILED_UP)
    session = story.world.agents["bob"].session
    assert session is not None
    _lost(story)
    _back(story, _seen(session))
    assert story.state("bob") == "ready"


def test_a_session_that_the_pbx_lost_is_made_again() -> None:
    story = _story(ConnectMode.NAILED_UP)
    session = story.world.agents["bob"].session
    assert session is not None
    story.happens(LegAnswered(at=story.now, leg=session))
    _lost(story)
    orders = _back(story)
    assert Probe(leg=session) in orders
    orders = story.happens(LegEnded(at=story.now, leg=session, estimated=True))
    (ring,) = [order for order in orders if isinstance(order, Ring)]
    assert ring.role == "session"
    story.happens(LegAnswered(at=story.now, leg=ring.leg))
    assert story.state("bob") == "ready"


def test_a_session_lost_under_a_call_is_made_again_when_the_call_is_over() -> None:
    story = _story(ConnectMode.NAILED_UP)
    session = story.world.agents["bob"].session
    assert session is not None
    story.happens(LegAnswered(at=story.now, leg=session))
    caller = story.caller()
    story.wait(3.0)
    (bridge,) = [order for order in story.orders if isinstance(order, Bridge)]
    story.join(bridge)
    _lost(story)
    _back(story)
    orders = story.happens(LegEnded(at=story.now, leg=session, estimated=True))
    orders += story.happens(LegEnded(at=story.now, leg=caller, estimated=True))
    orders += story.wait(1.0)
    assert [order.role for order in orders if isinstance(order, Ring)] == ["session"]


def test_a_session_that_its_agent_hung_up_is_not_rung_again() -> None:
    story = _story(ConnectMode.NAILED_UP)
    session = story.world.agents["bob"].session
    assert session is not None
    story.happens(LegAnswered(at=story.now, leg=session))
    assert story.gone(session) == []
    assert story.state("bob") == "offline"


def test_a_session_whose_phone_cannot_be_called_is_not_tried_for_ever() -> None:
    story = _story(ConnectMode.NAILED_UP)
    ring = next(order for order in story.sent if isinstance(order, Ring))
    story.happens(OrderFailed(at=story.now, order=ring, why=Why.REFUSED, status=500, detail="Allocation failed"))
    orders = story.happens(LegEnded(at=story.now, leg=ring.leg, estimated=True))
    assert not [order for order in orders + story.wait(60.0) if isinstance(order, Ring)]
    assert story.state("bob") == "offline"


def test_a_half_made_session_is_ended_and_made_again() -> None:
    story = _story(ConnectMode.NAILED_UP)
    session = story.world.agents["bob"].session
    assert session is not None
    _lost(story)
    orders = _back(story, _seen(session, up=False))
    assert HangUp(leg=session) in orders
    orders += story.gone(session)
    assert [order.role for order in orders if isinstance(order, Ring)] == ["session"]


def test_a_bridge_of_a_half_made_offer_is_dropped_once_and_is_no_difference() -> None:
    story = _story()
    caller = story.caller()
    leg = story.ring().leg
    bridge = story.pick_up(leg)
    _lost(story)
    orders = _back(story, _seen(caller), _seen(leg), bridges=(SeenBridge(bridge=bridge.bridge, legs=(caller,)),))
    assert len([order for order in orders if isinstance(order, DropBridge)]) == 1
    assert not [fact for fact in story.facts if isinstance(fact, DifferenceFound)]


def test_an_agent_without_a_caller_whose_call_is_found_is_served_like_any_caller() -> None:
    story = _story()
    found = _seen(LegId("pbx/consult"), entry="support", name="PJSIP/bob-00000007")
    _lost(story)
    _back(story, found)
    (call,) = story.world.calls.values()
    assert (call.leg, call.phase, story.state("bob")) == (LegId("pbx/consult"), Phase.WAITING, "busy_elsewhere")


def test_a_caller_who_left_while_nothing_was_heard_left_in_the_middle_of_the_gap() -> None:
    story = Story(plan([queue("support", routing(("support", None)))], []))
    caller = story.caller()
    story.wait(10.0)
    _lost(story)
    heard = story.now
    story.now += 4.0
    story.happens(PbxSnapshot(at=story.now, pbx=PBX, requested_at=story.now, last_heard_at=heard, legs=(), bridges=()))
    story.happens(LegEnded(at=story.now, leg=caller, estimated=True))
    (ended,) = [fact for fact in story.told if isinstance(fact, VisitEnded)]
    assert ended.estimated
    assert ended.at == heard + 2.0


def test_a_leg_that_rang_after_it_was_hung_up_is_hung_up_again_after_the_gap() -> None:
    story = _story()
    caller = story.caller()
    leg = story.ring().leg
    story.gone(caller)
    _lost(story)
    assert HangUp(leg=leg) in _back(story, _seen(leg, up=False))
    assert HangUp(leg=leg) in story.happens(LegRinging(at=story.now, leg=leg))
    story.gone(leg)
    assert published(story.world.agents["bob"])[0] == "ready"
