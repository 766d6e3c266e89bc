"""Agents to whom a caller is not offered: those whom a value names, and those who have rejected the call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callbridge.adapters.views.explain_agent import explain_agent
from callbridge.adapters.views.explain_queue import explain_queue
from callbridge.adapters.views.without_agent import without_agent
from callbridge.core.model.events import AgentRequest, PlanChanged
from callbridge.core.model.facts import OfferMade, VisitEnded
from callbridge.core.model.flow import Condition, QueueNode, SetNode
from callbridge.core.model.matcher import GroupKey, Matcher
from callbridge.core.model.plan import AvoidedAgents, OverflowRule, Penalty, Plan, PreferredAgent, QueuePlan, ToQueue
from callbridge.core.model.skills import Profile, profile
from tests.core.flows import floor, flow
from tests.core.story import PBX, Story, agent, plan, queue, routing
from tests.examples import examples

NOT_BEN = flow({"set": SetNode(next="in", values={"avoid": "ben"}), "in": QueueNode(queue="support")}, "not-ben")
NOBODY = flow({"set": SetNode(next="in", values={"avoid": "ben, amy; zoe"}), "in": QueueNode(queue="support")}, "nobody")
AVOID = AvoidedAgents(value="avoid")
REJECTED = 21


def house(avoid: AvoidedAgents | None = AVOID, queues: list[QueuePlan] | None = None, **more: Any) -> Plan:
    """Ben is idle longer than Amy."""
    made = queues or [queue("support", avoid=avoid, rejected=Penalty(rest=1.0), **more)]
    return floor(NOT_BEN, NOBODY, queues=made, agents={"ben": True, "amy": True})


def opened(made: Plan) -> Story:
    story = Story(made)
    story.wait(1.0)
    story.ask("amy", AgentRequest.NOT_READY)
    story.ask("amy", AgentRequest.READY)
    return story


def arrives(story: Story, name: str = "ann", entry: str = "not-ben") -> None:
    story.happens(story.arrival(name, entry=entry))
    story.wait(0.0)


def rejects(story: Story) -> None:
    story.gone(story.ring().leg, REJECTED)


def why(story: Story, name: str = "support") -> str:
    return "\n".join(line.text for line in explain_queue(story.world, name, story.now) or [])


# -- a value ----------------------------------------------------------------------------------------------------------


def test_nobody_whom_a_long_list_names_is_offered_the_caller() -> None:
    crowd = {f"a{number}": True for number in range(30)}
    named = SetNode(next="in", values={"avoid": ",".join(crowd)})
    everybody = flow({"set": named, "in": QueueNode(queue="support")}, "everybody")
    story = Story(floor(everybody, queues=[queue("support", avoid=AVOID)], agents=crowd))
    arrives(story, entry="everybody")
    assert story.rung() == []


def test_who_is_named_is_not_offered_the_caller_though_idle_longer() -> None:
    story = opened(house())
    arrives(story)
    assert story.rung() == ["amy"]


def test_an_agent_who_pauses_while_it_rings_has_not_rejected_the_caller() -> None:
    story = Story(
        floor(NOT_BEN, NOBODY, queues=[queue("support", rejected=Penalty(rest=1.0))], agents={"ben": True, "amy": True})
    )
    story.ask("amy", AgentRequest.NOT_READY)
    story.caller()
    assert story.ring().agent == "ben"
    story.ask("ben", AgentRequest.NOT_READY)
    assert story.world.calls.rows()[story.call().id].rejected_by == ()


def test_without_the_setting_the_value_means_nothing() -> None:
    story = opened(house(None))
    arrives(story)
    assert story.rung() == ["ben"]


def test_others_are_offered_to_the_agent_though_the_caller_waits_before_them() -> None:
    story = opened(house())
    story.ask("amy", AgentRequest.NOT_READY)
    arrives(story)
    assert story.state("ben") == "ready"
    story.caller("bob")
    assert story.rung() == ["ben"]
    assert story.fact(OfferMade).call == story.call("bob").id


def test_who_becomes_free_is_offered_the_caller_and_who_is_named_is_not() -> None:
    story = opened(house())
    for who in ("ben", "amy"):
        story.ask(who, AgentRequest.NOT_READY)
    arrives(story)
    assert story.ask("ben", AgentRequest.READY) == []
    story.ask("amy", AgentRequest.READY)
    assert story.rung() == ["amy"]


def test_a_step_that_only_avoided_agents_could_serve_is_skipped() -> None:
    steps = routing(("support >= 4", 60.0), ("support >= 1", None))
    made = house(queues=[queue("support", steps, avoid=AVOID)])
    made = replace(made, agents={**made.agents, "ben": agent("ben", {"support": 5})})
    story = opened(made)
    arrives(story)
    assert story.rung() == ["amy"]


def test_after_a_time_of_the_settings_everybody_is_offered_the_caller() -> None:
    story = opened(house(AvoidedAgents(value="avoid", lasts=60.0)))
    story.ask("amy", AgentRequest.LOGOUT)
    arrives(story)
    story.wait(59.0)
    assert story.state("ben") == "ready"
    story.wait(1.1)
    assert story.rung() == ["ben"]


def test_a_rule_about_logged_in_agents_does_not_count_the_avoided_ones() -> None:
    rule = OverflowRule(when=Condition(agents=0), to=ToQueue("general"), reason="nobody")
    made = house(queues=[queue("support", avoid=AVOID, overflow=(rule,)), queue("general", routing(("support >= 5", None)))])
    story = opened(made)
    arrives(story)
    story.gone(story.ring().leg, 16)
    story.ask("amy", AgentRequest.LOGOUT)
    assert story.fact(VisitEnded).to == "queue:general"
    story.caller("bob")
    assert story.rung() == ["ben"], "for others somebody is there"


def test_the_preferred_agent_is_not_preferred_when_avoided() -> None:
    both = {"avoid": "ben", "agent": "ben"}
    own = flow({"set": SetNode(next="in", values=both), "in": QueueNode(queue="support")}, "not-ben")
    made = house(prefer=PreferredAgent(lasts=20.0))
    story = opened(replace(made, flows={**made.flows, "not-ben": own}))
    arrives(story)
    assert story.rung() == ["amy"]


@pytest.mark.parametrize(("before", "now", "rings"), [(None, AVOID, []), (AVOID, None, ["ben"])])
def test_a_reload_applies_to_those_who_wait(before: AvoidedAgents | None, now: AvoidedAgents | None, rings: list[str]) -> None:
    story = opened(house(before))
    for who in ("ben", "amy"):
        story.ask(who, AgentRequest.NOT_READY)
    arrives(story)
    story.happens(PlanChanged(at=story.now, plan=house(now)))
    story.ask("ben", AgentRequest.READY)
    assert story.rung() == rings


# -- explained --------------------------------------------------------------------------------------------------------


def test_it_is_explained_who_is_left_out_and_why() -> None:
    story = opened(house())
    story.ask("amy", AgentRequest.NOT_READY)
    arrives(story)
    assert "not offered to Ben (ben): named by the caller's value avoid" in why(story)
    assert "available now" not in why(story)
    lines = [line.text for line in explain_agent(story.world, "ben", story.now) or []]
    assert f"queue support: is not offered 1 caller; ***** ({story.call().id}): named by the caller's value avoid" in lines


def test_a_caller_whom_only_avoided_agents_fit_counts_as_without_agent() -> None:
    story = opened(house())
    arrives(story, entry="nobody")
    arrives(story, "bob", entry="nobody")
    assert without_agent(story.world, story.world.calls.values()) == {"support": 2}
    assert "no other agent has the required skills" in why(story)


# -- rejected ---------------------------------------------------------------------------------------------------------


def test_who_has_rejected_the_call_is_not_offered_it_again_while_another_fits() -> None:
    story = opened(house(short_talk=0.0))
    story.caller("bob")
    story.connect(story.ring().leg)  # ben talks
    story.caller()
    rejects(story)
    story.wait(30.0)
    assert [fact.agent for fact in story.all_told(OfferMade) if fact.call == story.call().id] == ["amy"]
    story.gone(story.call("bob").segment.leg)  # type: ignore[union-attr]
    story.ask("ben", AgentRequest.END_WRAP_UP)
    assert story.rung() == ["ben"]


def test_with_nobody_else_ready_the_call_is_offered_to_who_rejected_it_after_the_rest() -> None:
    story = opened(house())
    story.ask("amy", AgentRequest.NOT_READY)
    story.caller()
    rejects(story)
    story.wait(1.1)
    assert story.rung() == ["ben"]


def test_who_goes_to_lunch_keeps_nobody_waiting() -> None:
    story = opened(house())
    story.caller("bob")
    story.connect(story.ring().leg)  # ben talks
    story.caller()
    rejects(story)  # amy
    story.wait(5.0)
    assert story.state("amy") == "ready", "ben may be free soon"
    assert "not offered to Amy (amy): rejected this call, and another ready agent fits" in why(story)
    story.ask("ben", AgentRequest.NOT_READY)
    assert story.rung() == ["amy"]


def test_the_setting_offers_it_again_as_before() -> None:
    story = opened(house(skip_rejecters=False))
    story.caller("bob")
    story.connect(story.ring().leg)
    story.caller()
    rejects(story)
    story.wait(1.1)
    assert story.rung() == ["amy"]


def test_a_rejection_counts_in_the_next_queue_of_the_call_too() -> None:
    first = routing(("support >= 1", 30.0), then=ToQueue("general"))
    story = opened(house(queues=[queue("support", first, rejected=Penalty(rest=1.0)), queue("general")]))
    story.caller("bob")
    story.connect(story.ring().leg)  # ben talks
    story.caller()
    rejects(story)
    story.wait(60.0)
    call = story.call()
    assert call.visit is not None
    assert call.visit.queue == "general"
    assert [fact.agent for fact in story.all_told(OfferMade) if fact.call == call.id] == ["amy"]


def test_another_call_is_offered_to_who_rejected_this_one() -> None:
    story = opened(house())
    story.caller("bob")
    story.connect(story.ring().leg)
    story.caller()
    rejects(story)
    story.wait(1.1)
    story.caller("eve")
    assert story.rung() == ["amy"]
    assert story.fact(OfferMade).call == story.call("eve").id


# -- against everybody looked at ----------------------------------------------------------------------------------------

PEOPLE = tuple(f"a{n}" for n in range(5))
names = st.lists(st.sampled_from(PEOPLE), max_size=3, unique=True).map(lambda names: tuple(sorted(names)))
profiles = st.builds(lambda level, other: profile({"x": level, "y": other}), st.integers(0, 3), st.integers(0, 1))
moves = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(0, 9), st.integers(0, 20), names, names),
        st.tuples(st.just("unwait"), st.integers(0, 9)),
        st.tuples(st.just("ready"), st.sampled_from(PEOPLE), st.integers(0, 20)),
        st.tuples(st.just("busy"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("paused"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("out"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("decide")),
    ),
    max_size=60,
)
STEPS = (("x >= 3", 10.0), ("x >= 1", None))


class Everybody:
    """The same by looking at everybody."""

    def __init__(self, people: dict[str, Profile]) -> None:
        self.people = people
        self.waiting: dict[str, tuple[float, tuple[str, ...], tuple[str, ...]]] = {}
        self.there: dict[str, bool] = {}
        self.idle: dict[str, float] = {}

    def best(self) -> tuple[str, str] | None:
        for _, call in sorted((rank, call) for call, (rank, *_) in self.waiting.items()):
            able = [(since, who) for who, since in self.idle.items() if self.may(call, who)]
            if able:
                return call, min(able)[1]
        return None

    def may(self, call: str, who: str) -> bool:
        _, avoids, rejecters = self.waiting[call]
        every = {*avoids, *rejecters}
        level = next((n for out in (every, {*avoids}) for n in (3, 1) if self.any(n, self.there, out)), 3)
        barred = every if self.any(level, [one for one, ready in self.there.items() if ready], every) else {*avoids}
        return who not in barred and dict(self.people[who]).get("x", 0) >= level

    def any(self, level: int, among: object, out: set[str]) -> bool:
        return any(dict(self.people[who]).get("x", 0) >= level for who in among if who not in out)  # type: ignore[attr-defined]


@settings(max_examples=examples(150))
@given(st.lists(profiles, min_size=5, max_size=5), moves)
def test_decisions_are_those_of_who_looks_at_everybody(levels: list[Profile], story: list[tuple[object, ...]]) -> None:
    people = dict(zip(PEOPLE, levels, strict=True))
    matcher, everybody = Matcher(plan([queue("q", routing(*STEPS))], [])), Everybody(people)
    matcher.agents_known(True)
    for move in [*story, ("decide",)]:
        match move:
            case ("wait", int(n), int(rank), tuple(avoids), tuple(rejecters)):
                matcher.wait(f"c{n}", GroupKey(PBX, "q", "standard", 0, "", avoids, rejecters), float(rank))
                everybody.waiting[f"c{n}"] = (float(rank), avoids, rejecters)
            case ("unwait", int(n)):
                matcher.unwait(f"c{n}")
                everybody.waiting.pop(f"c{n}", None)
            case ("decide",):
                while (pair := matcher.next_pair()) is not None:
                    assert (pair.call, pair.agent) == everybody.best()
                    matcher.unwait(pair.call)
                    matcher.unidle(pair.agent)
                    del everybody.waiting[pair.call], everybody.idle[pair.agent]
                assert everybody.best() is None
            case (str(what), str(who), *since):
                _on_duty(matcher, everybody, what, who, *since)


def _on_duty(matcher: Matcher, everybody: Everybody, what: str, who: str, since: object = 0) -> None:
    there, wanted = who in everybody.there, what != "out"
    if there != wanted:
        matcher.log(everybody.people[who], +1 if wanted else -1)
    matcher.duty(who, everybody.people[who] if wanted else None, ready=what in ("ready", "busy"))
    everybody.there.pop(who, None)
    if wanted:
        everybody.there[who] = what in ("ready", "busy")
    if what == "ready":
        matcher.idle(who, everybody.people[who], float(str(since)))
        everybody.idle[who] = float(str(since))
    else:
        matcher.unidle(who)
        everybody.idle.pop(who, None)
