"""Who gets whom: rank, head start, tiers, steps, and the choice among agents."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from callbridge.core.model.events import AgentRequest, DeviceChanged, DevicesListed, PbxLost
from callbridge.core.model.matcher import GroupKey, Matcher
from callbridge.core.model.orders import Ring
from callbridge.core.model.plan import AgentOrder, AgentPlan, Plan, ToQueue
from callbridge.core.model.skills import Profile, profile
from tests.core.story import PBX, Story, agent, one_queue, plan, queue, routing
from tests.examples import examples

EXPERTS_FIRST = routing(("support >= 4", 8.0), ("support >= 1", 120.0))


def free(story: Story, who: str) -> list[str]:
    """The agent becomes free: the names of the callers whom the agent's phone now rings for."""
    story.ask(who, AgentRequest.READY)
    return [order.name for order in story.orders if isinstance(order, Ring)]


def test_the_caller_who_waits_longest_comes_first() -> None:
    story = one_queue(agent("bob"))
    story.ask("bob", AgentRequest.NOT_READY)
    for name in ("ann", "eve", "flo"):
        story.caller(name)
        story.wait(1.0)
    assert free(story, "bob") == ["ann"]


def test_a_head_start_puts_a_diamond_caller_before_those_who_came_earlier() -> None:
    story = Story(
        plan([queue("support", routing(("support", None)), routing(("support", None), head_start=600.0))], [agent("bob")])
    )
    story.ask("bob", AgentRequest.NOT_READY)
    story.caller("ann")
    story.wait(599.0)
    story.caller("eve", tier="diamond")
    assert free(story, "bob") == ["eve"]


def test_a_head_start_is_no_more_than_it_says() -> None:
    story = Story(
        plan([queue("support", routing(("support", None)), routing(("support", None), head_start=600.0))], [agent("bob")])
    )
    story.ask("bob", AgentRequest.NOT_READY)
    story.caller("ann")
    story.wait(601.0)
    story.caller("eve", tier="diamond")
    assert free(story, "bob") == ["ann"]


def test_a_tighter_target_counts_as_a_head_start() -> None:
    story = Story(
        plan([queue("support", routing(("support", None), within=20.0), routing(("support", None), within=5.0))], [agent("bob")])
    )
    story.ask("bob", AgentRequest.NOT_READY)
    story.caller("ann")
    story.wait(10.0)
    story.caller("eve", tier="diamond")
    assert free(story, "bob") == ["eve"]


def test_a_tier_that_nobody_configured_is_served_as_the_default() -> None:
    story = one_queue(agent("bob"))
    story.caller("ann", tier="platinum")
    assert story.rung() == ["bob"]


def test_one_agent_serves_the_most_urgent_caller_of_all_queues() -> None:
    story = Story(
        plan(
            [queue("support", routing(("support", None), within=60.0)), queue("sales", routing(("support", None), within=20.0))],
            [agent("bob")],
        )
    )
    story.ask("bob", AgentRequest.NOT_READY)
    story.caller("ann")
    story.wait(30.0)
    story.caller("eve", entry="sales")
    assert free(story, "bob") == ["eve"]


def test_an_ineligible_caller_at_the_head_never_holds_back_an_eligible_one() -> None:
    story = Story(
        plan(
            [
                queue("support", routing(("support >= 5", None)), routing(("support >= 5", None), head_start=600.0)),
                queue("sales", routing(("sales", None))),
            ],
            [agent("bob", {"sales": 1}, login=False), agent("cid", {"support": 5}, login=False)],
        )
    )
    story.ask("cid", AgentRequest.LOGIN)
    story.ask("cid", AgentRequest.NOT_READY)
    story.caller("ann", tier="diamond")
    story.caller("eve", entry="sales")
    story.ask("bob", AgentRequest.LOGIN)
    assert [order.name for order in story.orders if isinstance(order, Ring)] == ["eve"]


def test_the_agent_who_is_idle_longest_is_rung() -> None:
    story = one_queue(agent("bob", login=False), agent("cid", login=False))
    story.ask("cid", AgentRequest.LOGIN)
    story.wait(1.0)
    story.ask("bob", AgentRequest.LOGIN)
    story.caller("ann")
    assert story.rung() == ["cid"]


def test_the_agent_of_the_highest_level_is_rung_where_the_queue_says_so() -> None:
    story = one_queue(agent("bob", {"support": 2}), agent("cid", {"support": 5}, login=False), pick=AgentOrder.HIGHEST_LEVEL)
    story.wait(100.0)
    story.ask("cid", AgentRequest.LOGIN)
    story.caller("ann")
    assert story.rung() == ["cid"]


def test_among_equal_levels_the_longest_idle_is_rung() -> None:
    story = one_queue(agent("bob", login=False), agent("cid", login=False), pick=AgentOrder.HIGHEST_LEVEL)
    story.ask("cid", AgentRequest.LOGIN)
    story.wait(1.0)
    story.ask("bob", AgentRequest.LOGIN)
    story.caller("ann")
    assert story.rung() == ["cid"]


def experts(*logged_in: str) -> Story:
    the_plan = plan(
        [queue("support", EXPERTS_FIRST)],
        [agent("low", {"support": 1}, login="low" in logged_in), agent("top", {"support": 5}, login="top" in logged_in)],
    )
    return Story(the_plan)


def test_a_caller_widens_when_the_window_is_over() -> None:
    story = experts("low", "top")
    story.ask("top", AgentRequest.NOT_READY)
    story.caller("ann")
    assert story.rung() == []
    story.wait(7.9)
    assert story.rung() == []
    story.wait(0.2)
    assert story.rung() == ["low"]


def test_a_window_that_nobody_logged_in_could_serve_is_skipped() -> None:
    story = experts("low")
    story.caller("ann")
    assert story.rung() == ["low"]


def test_the_skipped_step_comes_back_when_somebody_logs_in() -> None:
    story = experts("low")
    story.ask("low", AgentRequest.NOT_READY)
    story.caller("ann")
    story.ask("top", AgentRequest.LOGIN)
    assert story.rung() == ["top"]


def test_while_an_expert_is_logged_in_but_paused_the_first_step_stays_in_force() -> None:
    story = experts("low", "top")
    story.ask("low", AgentRequest.NOT_READY)
    story.ask("top", AgentRequest.NOT_READY)
    story.caller("ann")
    story.ask("low", AgentRequest.READY)
    assert story.rung() == []
    story.ask("top", AgentRequest.LOGOUT)
    assert story.rung() == ["low"], "with the log-out of the last expert the next step applies"


def test_no_step_is_skipped_before_the_phones_states_were_listed() -> None:
    story = experts("low")
    story.ask("low", AgentRequest.NOT_READY)
    story.world.matcher.agents_known(False)
    story.caller("ann")
    story.ask("low", AgentRequest.READY)
    assert story.rung() == []
    story.happens(DevicesListed(at=story.now, states={}))
    assert story.rung() == ["low"]


def test_leaving_comes_only_when_all_windows_are_over_even_if_nobody_could_serve() -> None:
    story = Story(
        plan(
            [
                queue("support", routing(("support >= 4", 8.0), ("support >= 1", 4.0), then=ToQueue("general"))),
                queue("general", routing(("x", None))),
            ],
            [],
        )
    )
    story.caller("ann")
    story.wait(11.9)
    assert story.tally().overflowed == 0
    story.wait(0.2)
    assert story.tally().overflowed == 1


def test_several_agents_and_callers_are_paired_in_one_step() -> None:
    story = one_queue(agent("bob", login=False), agent("cid", login=False), agent("dan", login=False))
    for name in ("ann", "eve", "flo"):
        story.caller(name)
    story.world.matcher.close(PBX)
    for who in ("bob", "cid", "dan"):
        story.ask(who, AgentRequest.LOGIN)
    assert story.rung() == []
    story.snapshot()
    # the callers are not listed by that snapshot, so they are asked about, but offers are made
    assert sorted(story.rung()) == ["bob", "cid", "dan"]


def test_callers_of_a_pbx_that_is_down_are_not_offered() -> None:
    story = one_queue(agent("bob"))
    story.happens(PbxLost(at=story.now, pbx=PBX))
    story.caller("ann")
    assert story.rung() == []


def test_a_phone_that_goes_offline_and_comes_back_gets_the_waiting_caller() -> None:
    story = one_queue(agent("bob"))
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/bob", state="UNAVAILABLE"))
    story.caller("ann")
    assert story.rung() == []
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/bob", state="NOT_INUSE"))
    assert story.rung() == ["bob"]


# -- against an oracle that looks at everything -----------------------------------------------------------------------

LADDERS = {
    "a": routing(("a >= 3", 10.0), ("a >= 1", 10.0), ("b or a", None)),
    "b": routing(("b >= 2 and a", 5.0), ("b", None), within=40.0),
    "c": routing(("c", None), head_start=30.0),
}
ORACLE_PLAN = Plan(
    queues={
        name: queue(name, rungs, routing(*[(str(s.needs), s.lasts) for s in rungs.steps], head_start=15.0), pick=pick)
        for (name, rungs), pick in zip(
            LADDERS.items(), [AgentOrder.LONGEST_IDLE, AgentOrder.HIGHEST_LEVEL, AgentOrder.LONGEST_IDLE], strict=True
        )
    }
)


@dataclass
class Oracle:
    """Everybody and every pair looked at again for each decision."""

    waiting: dict[str, tuple[str, str, int, float]] = field(default_factory=dict)
    idle: dict[str, tuple[Profile, float]] = field(default_factory=dict)
    logged_in: list[Profile] = field(default_factory=list)

    def pairs(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        callers = sorted(self.waiting, key=lambda call: (self.waiting[call][3], call))
        idle = dict(self.idle)
        for call in callers:
            name, tier, window, _ = self.waiting[call]
            steps = [step.needs for step in ORACLE_PLAN.queues[name].routings[tier].steps[window:]]
            servable = [needs for needs in steps if any(needs.strength(p) is not None for p in self.logged_in)]
            needs = [*servable, steps[0]][0]
            strengths = {who: needs.strength(p) for who, (p, _) in idle.items()}
            by_level = ORACLE_PLAN.queues[name].pick is AgentOrder.HIGHEST_LEVEL
            ranked = sorted((-s if by_level else 0, idle[who][1], who) for who, s in strengths.items() if s is not None)
            found += [(call, who) for _, _, who in ranked[:1]]
            idle = {who: row for who, row in idle.items() if who not in {w for _, _, w in ranked[:1]}}
        return found


profiles = st.dictionaries(st.sampled_from("abc"), st.integers(1, 5), max_size=3).map(profile)
queues_and_windows = st.sampled_from([(name, window) for name, rungs in LADDERS.items() for window in range(len(rungs.steps))])
moves = st.one_of(
    st.tuples(
        st.just("wait"), st.integers(0, 30), queues_and_windows, st.sampled_from(["standard", "diamond"]), st.integers(0, 20)
    ),
    st.tuples(st.just("unwait"), st.integers(0, 30)),
    st.tuples(st.just("idle"), st.integers(0, 9), st.integers(0, 20)),
    st.tuples(st.just("unidle"), st.integers(0, 9)),
    st.tuples(st.just("log"), st.integers(0, 9)),
    st.tuples(st.just("decide")),
)


@settings(max_examples=examples(400, fast=30))
@given(st.lists(profiles, min_size=10, max_size=10), st.lists(moves, max_size=60))
def test_decisions_are_those_of_an_oracle_that_looks_at_everybody(people: list[Profile], story: list[tuple[object, ...]]) -> None:
    matcher, oracle = Matcher(ORACLE_PLAN), Oracle()
    matcher.agents_known(True)
    for move in [*story, ("decide",)]:
        _both(matcher, oracle, people, move)


def _both(matcher: Matcher, oracle: Oracle, people: list[Profile], move: tuple[object, ...]) -> None:
    match move:
        case ("wait", int(n), (str(name), int(window)), str(tier), int(rank)):
            matcher.wait(f"c{n}", GroupKey(PBX, name, tier, window), float(rank))
            oracle.waiting[f"c{n}"] = (name, tier, window, float(rank))
        case ("unwait", int(n)):
            matcher.unwait(f"c{n}")
            oracle.waiting.pop(f"c{n}", None)
        case ("idle", int(n), int(since)) if people[n] in oracle.logged_in:
            matcher.idle(f"a{n}", people[n], float(since))
            oracle.idle[f"a{n}"] = (people[n], float(since))
        case ("unidle", int(n)):
            matcher.unidle(f"a{n}")
            oracle.idle.pop(f"a{n}", None)
        case ("log", int(n)):
            matcher.log(people[n], +1)
            oracle.logged_in.append(people[n])
        case ("decide",):
            expected = oracle.pairs()
            found: list[tuple[str, str]] = []
            while (pair := matcher.next_pair()) is not None:
                found.append((pair.call, pair.agent))
                matcher.unwait(pair.call)
                matcher.unidle(pair.agent)
                oracle.waiting.pop(pair.call)
                oracle.idle.pop(pair.agent)
            assert found == expected
        case _:
            pass


skills = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 5), max_size=3)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(skills, min_size=1, max_size=5), st.data())
def test_no_caller_waits_beside_a_free_agent_who_fits(people: list[dict[str, int]], data: st.DataObject) -> None:
    agents: list[AgentPlan] = [agent(f"a{n}", each, login=False) for n, each in enumerate(people)]
    story = Story(
        Plan(queues=ORACLE_PLAN.queues, entries={q: ToQueue(q) for q in "abc"}, agents={a.id: a for a in agents}, pbxs=(PBX,))
    )
    for n in range(data.draw(st.integers(1, 12))):
        who = data.draw(st.sampled_from(agents)).id
        match data.draw(st.sampled_from(["caller", "login", "pause", "logout", "time", "wrong"])):
            case "caller":
                story.caller(
                    f"c{n}", entry=data.draw(st.sampled_from("abc")), tier=data.draw(st.sampled_from(["standard", "diamond"]))
                )
            case "login":
                story.ask(who, AgentRequest.LOGIN)
            case "pause":
                story.ask(who, AgentRequest.NOT_READY)
            case "logout":
                story.ask(who, AgentRequest.LOGOUT)
            case "time":
                story.wait(data.draw(st.sampled_from([1.0, 5.0, 15.0])))
            case _:
                story.happens(
                    DeviceChanged(
                        at=story.now, phone=f"PJSIP/{who}", state=data.draw(st.sampled_from(["UNAVAILABLE", "NOT_INUSE"]))
                    )
                )
        matcher = story.world.matcher
        for group in matcher._groups.values():
            needs = matcher._requirements[group.need]
            assert not [a for a in matcher._pool_of if needs.strength(story.world.agents[a].profile) is not None]
