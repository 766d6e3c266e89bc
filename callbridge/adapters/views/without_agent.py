"""Waiting callers whom no agent on duty can serve: nobody will answer them unless an agent's state or a step changes.

Pure: the world is only read. In an ordinary rush agents who fit are talking, and callers wait for them: those are not meant.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from callbridge.core.model import waiting_groups
from callbridge.core.model.agent import State, published
from callbridge.core.model.call import Call, Phase
from callbridge.core.model.matcher import GroupKey
from callbridge.core.model.skills import Profile
from callbridge.core.model.world_view import MatcherView, WorldView

ON_DUTY = frozenset({State.READY, State.RINGING, State.TALKING, State.WRAP_UP})


def without_agent(world: WorldView, calls: Iterable[Call]) -> Counter[str]:
    """Queue -> how many of these calls wait there without an agent who fits their present step."""
    groups = Counter(
        waiting_groups.of_call(call, visit)
        for call in calls
        if call.phase is Phase.WAITING and (visit := call.standing) is not None and not visit.prefers
    )
    if not groups:
        return Counter()
    on_duty = defaultdict[Profile, set[str]](set)
    for agent in world.agents.values():
        if published(agent)[0] in ON_DUTY:
            on_duty[agent.profile].add(agent.id)
    found = Counter[str]()
    for key, number in groups.items():
        without = world.matcher.barred_from(key) if key.is_picky else frozenset()
        if not _served(world.matcher, key, (profile for profile, agents in on_duty.items() if agents - without)):
            found[key.queue] += number
    return found


def _served(matcher: MatcherView, key: GroupKey, on_duty: Iterable[Profile]) -> bool:
    routing, text = matcher.routing(key.queue, key.tier), matcher.needs_of(key)
    needs = [step.needs for step in routing.steps if step.needs.text == text][:1] if routing is not None else []
    return any(matcher.strength(need, profile) is not None for need in needs for profile in on_duty)
