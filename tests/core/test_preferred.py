"""The preferred agent: tried first and alone for a time, then everybody as the steps say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.events import AgentRequest, LookedUp
from callbridge.core.model.facts import OfferMade, StepBegan
from callbridge.core.model.flow import LookupNode, QueueNode, SetNode
from callbridge.core.model.plan import Plan, PreferredAgent
from tests.core.flows import floor, flow
from tests.core.story import Story, agent, queue, routing

OWN = flow({"set": SetNode(next="in", values={"agent": "ben"}), "in": QueueNode(queue="support")}, "own")
LAST = flow({"ask": LookupNode(lookup="memory", next="in", otherwise="in"), "in": QueueNode(queue="support")}, "last")


PREFER = PreferredAgent(lasts=20.0, last_agent=3600.0)


def house(prefer: PreferredAgent | None = PREFER, **logged_in: bool) -> Plan:
    steps = routing(("support >= 3", 10.0), ("support >= 1", None))
    made = floor(
        OWN,
        LAST,
        queues=[queue("support", steps, prefer=prefer)],
        agents={"amy": True, "ben": True} | logged_in,
        lookups={"memory": 0.3},
    )
    return replace(made, agents={**made.agents, "cat": agent("cat", {"sales": 1}, login=logged_in.get("cat", False))})


def arrives(story: Story, entry: str = "own") -> None:
    story.caller(entry=entry)
    story.wait(0.0)


def knows(story: Story, **values: str) -> None:
    call = story.call()
    assert call.flow_position is not None
    story.happens(LookedUp(at=story.now, call=call.id, question=call.flow_position.playback, found=values))


def test_the_own_agent_is_rung_though_another_is_idle_longer() -> None:
    story = Story(house())
    arrives(story)
    assert story.rung() == ["ben"]
    assert story.fact(OfferMade).needs == "agent ben"


def test_the_own_agent_needs_no_skill_of_the_queue() -> None:
    made = house(cat=True)
    to_cat = flow({"set": SetNode(next="in", values={"agent": "cat"}), "in": QueueNode(queue="support")}, "own")
    story = Story(replace(made, flows={**made.flows, "own": to_cat}))
    arrives(story)
    assert story.rung() == ["cat"]


def test_who_is_busy_is_waited_for_and_then_the_steps_begin() -> None:
    story = Story(house())
    arrives(story)
    bens = story.ring().leg
    story.connect(bens)
    story.happens(story.arrival("bob", entry="own"))
    story.wait(19.0)
    assert story.state("amy") == "ready", "ben is waited for"
    story.wait(1.1)
    assert story.rung() == ["amy"]
    assert [fact.needs for fact in story.all_told(StepBegan)][-1] == "support >= 3"


def test_who_becomes_free_meanwhile_gets_the_call() -> None:
    story = Story(house())
    arrives(story)
    bens = story.ring().leg
    story.connect(bens)
    story.happens(story.arrival("bob", entry="own"))
    story.wait(5.0)
    story.gone(bens)
    story.ask("ben", AgentRequest.END_WRAP_UP)
    assert story.rung() == ["ben"]


@pytest.mark.parametrize("why", [AgentRequest.LOGOUT, AgentRequest.NOT_READY])
def test_who_is_not_at_work_is_not_waited_for(why: AgentRequest) -> None:
    story = Story(house())
    story.ask("ben", why)
    arrives(story)
    assert story.rung() == ["amy"]


def test_who_goes_home_meanwhile_is_waited_for_no_longer() -> None:
    story = Story(house())
    arrives(story)
    story.connect(story.ring().leg)
    story.happens(story.arrival("bob", entry="own"))
    story.wait(3.0)
    story.ask("ben", AgentRequest.LOGOUT)
    assert story.rung() == ["amy"]


def test_whom_the_number_talked_to_last() -> None:
    story = Story(house())
    arrives(story, "last")
    knows(story, last_agent="ben", last_at=str(story.now - 3000.0))
    assert story.rung() == ["ben"]


@pytest.mark.parametrize("last_at", ["", "what", "0", "-1e400"])
def test_too_long_ago_or_nonsense_prefers_nobody(last_at: str) -> None:
    story = Story(house())
    arrives(story, "last")
    knows(story, last_agent="ben", last_at=last_at)
    assert story.rung() == ["amy"]


@pytest.mark.parametrize("prefer", [None, PreferredAgent(lasts=20.0)])
def test_only_where_the_queue_says_so(prefer: PreferredAgent | None) -> None:
    story = Story(house(prefer))
    arrives(story, "last")
    knows(story, last_agent="ben", last_at=str(story.now - 10.0))
    assert story.rung() == ["amy"]


def test_nobody_of_that_name_is_no_preference() -> None:
    story = Story(house())
    arrives(story, "last")
    knows(story, agent="zoe")
    assert story.rung() == ["amy"]


def test_a_diamond_caller_with_the_better_rank_comes_first_to_the_preferred_agent() -> None:
    story = Story(house(amy=False))
    story.ask("ben", AgentRequest.NOT_READY)
    story.ask("ben", AgentRequest.READY)
    arrives(story)
    story.connect(story.ring().leg)
    story.happens(story.arrival("bob", entry="own"))
    story.wait(0.0)
    story.caller("early")
    call = story.call("early")
    assert call.visit is not None
    story.wait(1.0)
    assert story.world.line("support").calls[0] == story.call("bob").id
