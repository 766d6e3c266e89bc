"""Properties of the pure parts, against oracles that are too slow and too plain to be wrong in the same way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callbridge.core.model.matcher import GroupKey, Matcher
from callbridge.core.model.plan import AgentOrder, Plan, QueuePlan, Step, TierRouting
from callbridge.core.model.skills import AllOf, AnyOf, AtLeast, Profile, Requirement, RequirementError, SkillNode, parse, profile
from tests.sim import oracle

SKILLS = ("sales", "support", "français", "日本語")
skills = st.sampled_from(SKILLS)
levels = st.integers(1, 5)
profiles: st.SearchStrategy[Profile] = st.dictionaries(skills, levels).map(profile)


def _nodes(inner: st.SearchStrategy[SkillNode]) -> st.SearchStrategy[SkillNode]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(several.map(AllOf), several.map(AnyOf))


leaves: st.SearchStrategy[SkillNode] = st.builds(AtLeast, skills, levels)
nodes: st.SearchStrategy[SkillNode] = st.recursive(leaves, _nodes, max_leaves=6)
durations = st.one_of(st.none(), st.integers(1, 100).map(float))


@given(nodes, profiles)
def test_a_requirement_means_the_same_after_being_written_and_read(node: SkillNode, who: Profile) -> None:
    written = Requirement(node)
    read = parse(str(written))
    assert str(read) == str(written)
    assert read.strength(who) == written.strength(who)
    assert (read.strength(who) is not None) == oracle.fits(str(written), who)


@given(nodes, profiles)
def test_strength_is_the_sum_of_the_levels_that_were_asked_for(node: SkillNode, who: Profile) -> None:
    found = Requirement(node).strength(who)
    assert found is None or found == oracle.strength(str(Requirement(node)), who)


@given(nodes, profiles, skills, levels)
def test_more_skill_never_shuts_anybody_out(node: SkillNode, who: Profile, skill: str, level: int) -> None:
    needs, better = Requirement(node), dict(who)
    better[skill] = max(level, better.get(skill, 0))
    assert needs.strength(who) is None or needs.strength(profile(better)) is not None


@given(st.text(alphabet="ab_ ()>=<0123456789andor-\n\t", max_size=40))
def test_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    try:
        needs = parse(text)
    except RequirementError as refused:
        assert 0 <= refused.position <= len(text)
        assert str(refused.position + 1) in str(refused)
    else:
        assert str(parse(str(needs))) == str(needs)


@given(st.lists(durations, min_size=1, max_size=5), st.integers(0, 600))
def test_windows_are_laid_end_to_end(lasts: list[float | None], waited: int) -> None:
    steps = tuple(Step(parse("sales"), last) for last in lasts)
    routing = TierRouting(answer_within=1.0, head_start=0.0, steps=steps, then=None)
    window = routing.window_at(float(waited))
    begins = routing.window_ends(window - 1) if window else 0.0
    ends = routing.window_ends(window) if window < len(steps) else None
    assert begins is not None and begins <= waited
    assert ends is None or waited < ends
    assert (window == len(steps)) == (None not in lasts and waited >= sum(last or 0.0 for last in lasts))


callers = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 50)), max_size=8)
idle = st.lists(st.tuples(profiles, st.integers(0, 50)), max_size=6)


@given(st.tuples(nodes, nodes), callers, idle, st.sampled_from(list(AgentOrder)), st.booleans(), st.data())
def test_pairs_are_those_of_the_written_rules(
    needs: tuple[SkillNode, SkillNode],
    waiting: list[tuple[int, int]],
    free: list[tuple[Profile, int]],
    pick: AgentOrder,
    know: bool,
    data: st.DataObject,
) -> None:
    matcher, ways = _matcher(needs, pick), [str(Requirement(node)) for node in needs]
    calls = {f"c{n}": (float(rank), ways[way], pick) for n, (way, rank) in enumerate(waiting)}
    agents = {f"a{n}": (float(since), who) for n, (who, since) in enumerate(free)}
    matcher.agents_known(know)
    arrivals = [*calls, *agents]
    for name in data.draw(st.permutations(arrivals)):
        if name in calls:
            way = waiting[int(name[1:])][0]
            matcher.wait(name, GroupKey("pbx", f"q{way}", "standard", 0), calls[name][0])
        else:
            matcher.log(agents[name][1], +1)
            matcher.idle(name, agents[name][1], agents[name][0])
    made = []
    while (pair := matcher.next_pair()) is not None:
        matcher.unwait(pair.call)
        matcher.unidle(pair.agent)
        made.append((pair.call, pair.agent))
    assert made == oracle.Standing(calls, agents).pairs()


def _matcher(needs: tuple[SkillNode, SkillNode], pick: AgentOrder) -> Matcher:
    queues = {}
    for number, node in enumerate(needs):
        routing = TierRouting(answer_within=20.0, head_start=0.0, steps=(Step(Requirement(node), None),), then=None)
        queues[f"q{number}"] = QueuePlan(name=f"q{number}", routings={"standard": routing}, pick=pick)
    return Matcher(Plan(queues=queues))
