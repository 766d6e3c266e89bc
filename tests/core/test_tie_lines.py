"""Tie lines to which the other PBX does not reply: no agent pays for it, callers are not sent there for a while."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.adapters.views.explain_agent import explain_agent
from callbridge.core.entities.tie_lines import OUT_OF_USE_FOR, UNANSWERED
from callbridge.core.model.agent import State
from callbridge.core.model.events import DeviceChanged, EntityFaulted, LegEntered, LegProbed, LegRinging, PlanChanged
from callbridge.core.model.facts import AgentAlerted, EntityQuarantined, OfferEnded, OfferMade, TieLineFailed
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.orders import Probe, Ring
from callbridge.core.model.plan import Penalty, PhoneRules
from callbridge.core.model.skills import profile
from tests.core.story import Story, agent, routing
from tests.core.test_several_pbxs import BOB, EAST, WEST, ann, back, bob, both, caller, floor, lost, state

CID = f"{WEST}/PJSIP/1002"


def strict(*agents: str) -> Story:
    """Bob, and who else is named, on a floor where an agent whose phone cannot be reached is not ready any more."""
    known = {"ann": ann(), "bob": bob(), "cid": agent("cid", phone=CID)}
    story = floor(*(known[name] for name in ("bob", *agents)), wrap_up=0.0)
    plan = story.world.plan
    queue = replace(plan.queues["support"], offline=Penalty(not_ready="unreachable"), no_answer=Penalty(not_ready="rona"))
    story.world.plan = replace(plan, queues={"support": queue}, phones=PhoneRules())
    story.world.matcher.adopt(story.world.plan)
    return story


def unanswered(story: Story, replied: bool = False) -> LegId:
    """Who was rung last, to whom no reply comes within ``silent_after``."""
    leg = story.all_sent(Ring)[-1].leg
    story.happens(LegEntered(at=story.now, leg=leg))
    story.wait(2.0)
    assert story.only(Probe).leg == leg
    story.happens(LegProbed(at=story.now, leg=leg, in_app=True, up=False, replied=replied))
    return leg


def next_offer(story: Story, leg: LegId) -> None:
    """The leg that was given up is gone, and the phone is free again."""
    story.gone(leg)
    story.wait(1.0)


def line_dies(story: Story) -> None:
    caller(story, EAST)
    for _ in range(UNANSWERED - 1):
        next_offer(story, unanswered(story))
    story.gone(unanswered(story))


def rings(story: Story) -> list[Ring]:
    return [order for order in story.orders if isinstance(order, Ring)]


def test_a_line_without_replies_costs_no_agent_anything_and_is_left_alone() -> None:
    story = strict("cid")
    line_dies(story)
    assert [(fact.result, fact.trouble) for fact in story.all_told(OfferEnded)] == [("cancelled", "")] * UNANSWERED
    assert [(fact.pbx, fact.to, fact.lasts) for fact in story.all_told(TieLineFailed)] == [(EAST, WEST, OUT_OF_USE_FOR)]
    assert story.all_told(AgentAlerted) == []
    assert "tie_line" in {one.code for one in explain_agent(story.world, "bob", story.now) or ()}
    story.wait(OUT_OF_USE_FOR / 2)
    assert {state(story, who) for who in ("bob", "cid")} == {State.READY}
    assert len(story.all_told(OfferMade)) == UNANSWERED


def test_callers_of_the_other_pbx_are_served_meanwhile_and_so_are_ours_by_our_own_agents() -> None:
    story = strict("ann")
    story.happens(DeviceChanged(at=story.now, phone=ann().phone, state="INUSE"))
    line_dies(story)
    caller(story, WEST, "theirs")
    story.wait(1.0)
    ring = story.all_sent(Ring)[-1]
    assert (ring.agent, ring.phone, pbx_of(ring.leg)) == ("bob", BOB, WEST)
    story.happens(DeviceChanged(at=story.now, phone=ann().phone, state="NOT_INUSE"))
    story.wait(1.0)
    assert [fact.agent for fact in story.all_told(OfferMade)][-1] == "ann"


def test_after_a_while_it_is_tried_again_and_one_more_call_without_a_reply_is_enough() -> None:
    story = strict()
    line_dies(story)
    story.wait(OUT_OF_USE_FOR)
    leg = unanswered(story)
    assert [fact.at for fact in story.all_told(TieLineFailed)][1:] == [story.now]
    story.gone(leg)
    story.wait(OUT_OF_USE_FOR - 1.0)
    assert rings(story) == []


@pytest.mark.parametrize("how", ["rings", "is asked"])
def test_a_call_that_is_replied_to_shows_that_it_works(how: str) -> None:
    story = strict()
    line_dies(story)
    story.wait(OUT_OF_USE_FOR)
    if how == "rings":
        leg = story.ring().leg
        story.happens(LegEntered(at=story.now, leg=leg))
        story.happens(LegRinging(at=story.now, leg=leg))
    else:
        leg = unanswered(story, replied=True)
    assert not story.world.ties
    story.gone(leg, 17)
    next_offer(story, leg)
    story.wait(10.0)
    next_offer(story, unanswered(story))
    assert len(story.all_told(TieLineFailed)) == 1, "it takes as many failures as the first time"


def test_a_phone_of_the_pbx_itself_that_says_nothing_is_at_fault_itself() -> None:
    story = strict()
    caller(story, WEST)
    unanswered(story)
    assert [(fact.agent, fact.kind) for fact in story.all_told(AgentAlerted)] == [("bob", "phone_silent")]
    assert not story.world.ties
    assert state(story, "bob") == State.NOT_READY


def test_a_step_that_only_agents_beyond_the_line_fit_is_passed_over() -> None:
    story = strict("ann")
    steps = routing(("support >= 2", None), ("support >= 1", None))
    support = replace(story.world.plan.queues["support"], routings={"standard": steps})
    agents = [replace(one, skills=profile({"support": level})) for one, level in ((bob(), 2), (ann(), 1))]
    story.happens(PlanChanged(at=story.now, plan=replace(both(*agents), queues={"support": support}, phones=PhoneRules())))
    line_dies(story)
    story.wait(1.0)
    assert [fact.agent for fact in story.all_told(OfferMade)] == ["bob"] * UNANSWERED + ["ann"]


def test_that_the_links_of_the_other_pbx_come_back_says_nothing_of_the_line() -> None:
    story = strict()
    line_dies(story)
    lost(story, WEST)
    back(story, WEST)
    story.wait(1.0)
    assert rings(story) == []


def test_a_line_whose_own_step_fails_is_in_use_again() -> None:
    story = strict()
    line_dies(story)
    (key,) = story.world.ties.rows()
    story.happens(EntityFaulted(at=story.now, kind="tie", id=key))
    assert not story.world.ties
    assert story.all_told(EntityQuarantined)[-1].kind == "tie"
