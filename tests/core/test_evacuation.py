"""Before a fatal exit: callers who talk to nobody are sent where somebody helps, talks are left alone."""

from __future__ import annotations

import pytest

from callbridge.core.model.call import Phase
from callbridge.core.model.events import AgentRequest, CallRequest, LegAnswered
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import HangUp, LeaveToDialplan
from callbridge.core.model.plan import SAFE_HARBOUR_CONTEXT, ConnectMode, ToAgent, ToDialplan, ToNumber
from callbridge.core.model.world import World
from callbridge.core.recovery.evacuation import Evacuee, evacuation
from tests.core.flows import floor, flow, menu, stage, the_call
from tests.core.story import START, Story, agent, one_queue, plan, queue, routing
from tests.core.test_campaigns import begin, house, rings, spring
from tests.core.test_supervised_calls import Talk
from tests.core.toy import NEVER

FALLBACK = "callbridge-fallback"


def sent(world: World) -> list[Evacuee]:
    return list(evacuation(world).evacuees)


def hung_up(world: World) -> set[LegId]:
    return {order.leg for order in evacuation(world).hang_ups}


def to_the_fallback(story: Story, leg: LegId, entry: str = "support") -> list[Evacuee]:
    (call,) = story.world.calls.values()
    return [Evacuee(call=call.id, order=LeaveToDialplan(leg=leg, context=FALLBACK, extension=entry))]


def test_a_waiting_caller_goes_to_the_fallback() -> None:
    story = one_queue(agent("bob", login=False))
    leg = story.caller()
    assert sent(story.world) == to_the_fallback(story, leg)
    assert hung_up(story.world) == set()


def test_a_caller_for_whom_a_phone_rings_goes_and_the_phone_is_hung_up() -> None:
    story = one_queue(agent("bob"))
    leg = story.caller()
    ringing = story.ring().leg
    assert sent(story.world) == to_the_fallback(story, leg)
    assert hung_up(story.world) == {ringing}


def test_the_line_of_a_nailed_up_agent_stays() -> None:
    story = one_queue(agent("nan", connect=ConnectMode.NAILED_UP))
    story.happens(LegAnswered(at=story.now, leg=story.world.agents["nan"].session or LegId("")))
    leg = story.caller()
    assert story.world.agents["nan"].call
    assert sent(story.world) == to_the_fallback(story, leg)
    assert hung_up(story.world) == set()


def test_a_talk_is_left_alone() -> None:
    story = one_queue(agent("bob"))
    story.talk()
    assert sent(story.world) == []
    assert hung_up(story.world) == set()
    story.wait(30.0)  # and after its answer counts
    assert (sent(story.world), hung_up(story.world)) == ([], set())


def test_a_caller_in_a_flow_goes_to_the_fallback() -> None:
    toy = stage(floor(flow({"hello": menu({"1": "bye"})})))
    leg = toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 0.5)
    assert the_call(toy).phase is Phase.FLOW
    assert sent(toy.story.world) == to_the_fallback(toy.story, leg, "welcome")


def test_a_caller_who_is_being_transferred_goes_and_the_target_is_hung_up() -> None:
    talk = Talk()
    talk.act(CallRequest.TRANSFER, ToNumber("442079460000"))
    target = talk.ring().leg
    assert talk.call().phase is Phase.TRANSFERRING
    assert sent(talk.world) == to_the_fallback(talk, talk.customer)
    assert target in hung_up(talk.world)
    assert talk.customer not in hung_up(talk.world)


@pytest.mark.parametrize("reached", [False, True])
def test_a_caller_who_hears_music_while_the_agent_consults_goes_and_both_phones_are_free(reached: bool) -> None:
    talk = Talk()
    talk.act(CallRequest.CONSULT, ToAgent("cid"))
    target = talk.ring().leg
    if reached:
        talk.connect(target)
    assert talk.call().phase is Phase.TALKING
    assert sent(talk.world) == to_the_fallback(talk, talk.customer)
    assert hung_up(talk.world) == {talk.bob, target}


def test_a_talk_of_three_and_one_with_somebody_outside_are_left_alone() -> None:
    talk = Talk()
    talk.consult()
    talk.join(next(order for order in talk.act(CallRequest.CONFERENCE) if type(order).__name__ == "Bridge"))  # type: ignore[arg-type]
    assert (sent(talk.world), hung_up(talk.world)) == ([], set())
    outside = Talk()
    outside.act(CallRequest.TRANSFER, ToNumber("442079460000"))
    outside.connect(outside.ring().leg)
    outside.gone(outside.bob)
    assert outside.call().phase is Phase.OUTSIDE
    assert (sent(outside.world), hung_up(outside.world)) == ([], set())


def test_somebody_on_the_way_to_the_dialplan_is_sent_there_again() -> None:
    steps = routing(("support >= 1", 5.0), then=ToDialplan("voicemail", "box"))
    story = Story(plan([queue("support", steps)], [agent("bob")]))
    story.ask("bob", AgentRequest.NOT_READY, reason="lunch")
    leg = story.caller()
    story.wait(10.0)
    (call,) = story.world.calls.values()
    assert call.phase is Phase.LEAVING
    assert sent(story.world) == [Evacuee(call=call.id, order=LeaveToDialplan(leg=leg, context="voicemail", extension="box"))]


def test_a_person_whom_a_campaign_called_and_who_has_answered_hears_the_message() -> None:
    toy = begin(house(spring(connect_within=10.0)), people={0: 1.0}, amy=NEVER)
    toy.run(START + 3.0)
    customer = rings(toy)[0].leg
    (call,) = toy.story.world.calls.values()
    assert toy.story.world.legs[customer].up_at is not None
    assert call.segment is None
    order = LeaveToDialplan(leg=customer, context=SAFE_HARBOUR_CONTEXT, extension="spring")
    assert sent(toy.story.world) == [Evacuee(call=call.id, order=order)]
    assert HangUp(leg=customer) not in evacuation(toy.story.world).hang_ups


def test_a_phone_that_rings_for_a_campaign_rings_no_more() -> None:
    toy = begin(house(), people={0: NEVER})
    toy.run(START + 3.0)
    customer = rings(toy)[0].leg
    assert sent(toy.story.world) == []
    assert customer in hung_up(toy.story.world)


def test_who_has_hung_up_is_left_alone() -> None:
    story = one_queue(agent("bob"))
    customer, bob = story.talk()
    story.wait(30.0)
    story.gone(bob)
    assert customer in story.hung_up()
    assert (sent(story.world), hung_up(story.world)) == ([], set())
