"""Sites: callers are offered to agents of their own site for a while, before the others."""

from __future__ import annotations

from dataclasses import replace

from callbridge.core.model.events import AgentRequest, PlanChanged
from callbridge.core.model.facts import OfferMade, StepBegan
from callbridge.core.model.orders import Ring
from callbridge.core.model.plan import AgentOrder, AgentPlan, Plan
from callbridge.core.model.sites import at_site
from tests.core.story import PBX, Story, agent, plan, queue, routing

OWN = 10.0


def at(site: str, name: str, level: int = 3) -> AgentPlan:
    one = agent(name, {"support": level})
    return replace(one, skills=at_site(one.skills, site))


def house(*agents: AgentPlan, **more: object) -> Plan:
    """The PBX is in London; the longest idle agent is the first."""
    return replace(plan([queue("support", **{"own_site": OWN, "wrap_up": 0.0, **more})], [*agents]), sites={PBX: "london"})  # type: ignore[arg-type]


def opened(made: Plan) -> Story:
    """Those who are idle longest are the last."""
    story = Story(made)
    for one in reversed([*made.agents]):
        story.wait(1.0)
        story.ask(one, AgentRequest.NOT_READY)
        story.ask(one, AgentRequest.READY)
    return story


def offered(story: Story) -> list[str]:
    return [fact.agent for fact in story.told if isinstance(fact, OfferMade)]


def test_an_agent_of_the_own_site_is_offered_before_one_who_is_idle_longer() -> None:
    story = opened(house(at("london", "ann"), at("paris", "bob")))
    story.caller()
    assert offered(story) == ["ann"]


def test_the_others_are_offered_when_the_time_is_over() -> None:
    story = opened(house(at("london", "ann"), at("paris", "bob")))
    story.caller("one")
    story.connect(story.ring().leg)
    story.caller("two")
    story.wait(OWN - 1.0)
    assert offered(story) == ["ann"], "bob waits for callers of Paris"
    story.wait(1.0)
    assert offered(story) == ["ann", "bob"]
    needs = [fact.needs for fact in story.told if isinstance(fact, StepBegan)]
    assert needs == ["support >= 1 and @london >= 1"] * 2 + ["support >= 1"]


def test_nobody_waits_for_a_site_of_which_nobody_is_logged_in() -> None:
    story = opened(house(at("london", "ann"), at("paris", "bob")))
    story.ask("ann", AgentRequest.LOGOUT)
    story.caller()
    assert offered(story) == ["bob"]


def test_who_logs_out_last_leaves_the_waiting_callers_to_the_others() -> None:
    story = opened(house(at("london", "ann"), at("paris", "bob")))
    story.ask("ann", AgentRequest.NOT_READY)
    story.caller()
    assert offered(story) == []
    story.ask("ann", AgentRequest.LOGOUT)
    assert offered(story) == ["bob"]


def test_an_entry_may_be_of_another_site_than_its_pbx() -> None:
    made = house(at("london", "ann"), at("paris", "bob"))
    story = opened(replace(made, entry_sites={"support": "paris"}))
    story.caller()
    assert offered(story) == ["bob"]


def test_steps_go_on_and_the_level_counts_among_those_of_the_site() -> None:
    steps = routing(("support >= 5", 5.0), ("support >= 2", None))
    agents = at("london", "low", 2), at("london", "high", 4), at("paris", "far", 4)
    made = house(*agents, plain=steps, pick=AgentOrder.HIGHEST_LEVEL)
    story = opened(made)
    story.caller()
    assert offered(story) == ["high"]


def test_without_own_site_all_are_alike_and_a_new_plan_counts_at_once() -> None:
    made = house(at("london", "ann"), at("paris", "bob"))
    story = opened(made)
    story.ask("ann", AgentRequest.NOT_READY)
    story.caller()
    assert not [order for order in story.orders if isinstance(order, Ring)]
    queues = {name: replace(one, own_site=0.0) for name, one in made.queues.items()}
    story.happens(PlanChanged(at=story.now, plan=replace(made, queues=queues)))
    story.wait(0.1)
    assert offered(story) == ["bob"]
