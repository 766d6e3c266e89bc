"""The written rules of matching, worked out by looking at everything: slow, plain and independent.

Nothing here asks the core's matcher, routings or requirements to decide; requirements are read from their text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

from callbridge.core.model.agent import Agent, Device, Intent, Work
from callbridge.core.model.call import Call, Phase
from callbridge.core.model.callback import Callback
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.plan import AgentOrder, ConnectMode, Plan, TierRouting
from callbridge.core.model.skills import Profile
from callbridge.core.model.world import World

_AT_LEAST = re.compile(r"([^\W\d][\w-]*) >= (\d)")


@cache
def fits(needs: str, levels: Profile) -> bool:
    have = dict(levels)
    truth = _AT_LEAST.sub(lambda found: str(have.get(found[1], 0) >= int(found[2])), needs)
    return bool(eval(truth, {}))


@cache
def strength(needs: str, levels: Profile) -> int:
    have = dict(levels)
    return sum(have.get(skill, 0) for skill in {found[1] for found in _AT_LEAST.finditer(needs)})


def routing(plan: Plan, queue: str, tier: str) -> TierRouting:
    routings = plan.queues[queue].routings
    return routings.get(tier) or routings[plan.default_tier]


def rank(plan: Plan, call: Call) -> float:
    assert call.visit is not None
    if call.placed:
        return call.visit.rank
    steps = routing(plan, call.visit.queue, call.tier)
    head_start = steps.head_start if call.visit.head_start is None else call.visit.head_start
    return call.arrived_at + steps.answer_within - head_start


def window(steps: TierRouting, waited: float) -> int:
    """The last window that has begun."""
    begun, total = 0, 0.0
    for index, step in enumerate(steps.steps[:-1]):
        if step.lasts is None:
            break
        total += step.lasts
        if waited >= total:
            begun = index + 1
    return begun


def over(world: World, call: Call) -> bool:
    """Are all the caller's windows over, and is there somewhere else to go?"""
    assert call.visit is not None
    steps = routing(world.plan, call.visit.queue, call.tier)
    if call.placed:
        return False
    if steps.then is None or any(step.lasts is None for step in steps.steps):
        return False
    return world.now - call.visit.began_at >= sum(step.lasts or 0.0 for step in steps.steps)


def on_the_edge(world: World, call: Call) -> bool:
    """Does the caller's next window begin in this very moment?"""
    assert call.visit is not None
    steps, waited = routing(world.plan, call.visit.queue, call.tier), world.now - call.visit.began_at
    return window(steps, waited + 1e-6) != window(steps, waited - 1e-6) and waited > 0


def needs(world: World, call: Call) -> str:
    """The requirement in force for a waiting caller now."""
    assert call.visit is not None
    if call.visit.prefers:
        return f"agent {call.visit.prefers}"
    since = call.visit.began_at if call.visit.steps_from is None else call.visit.steps_from
    out = frozenset(call.visit.avoids), _rejecters(world, call.visit.queue, call.rejected_by), beyond(world, pbx_of(call.leg))
    return _in_force(world, call.visit.queue, call.tier, max(0.0, world.now - since), *out)


def beyond(world: World, pbx: str) -> frozenset[str]:
    """The agents whose phones are all on PBXs to which a tie line from this one is out of use."""
    out = {line.to for line in world.ties.values() if line.pbx == pbx and line.deadline is not None}
    if not out:
        return frozenset()
    homes = {agent.id: {phone.partition("/")[0] for phone in agent.phones} for agent in world.agents.values()}
    return frozenset(agent for agent, pbxs in homes.items() if pbxs and pbxs <= out)


def _rejecters(world: World, queue: str, names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names) if world.plan.queues[queue].skip_rejecters else frozenset()


def barred(world: World, call: Call) -> frozenset[str]:
    """Who is not offered this waiting caller now."""
    return skipped(world, call) | beyond(world, pbx_of(call.leg))


def skipped(world: World, call: Call) -> frozenset[str]:
    """Who is left out because of the caller."""
    assert call.visit is not None
    if call.visit.prefers:
        return frozenset()
    rejecters = _rejecters(world, call.visit.queue, call.rejected_by)
    return _skipped(world, needs(world, call), call.visit.avoids, rejecters, beyond(world, pbx_of(call.leg)))


def promise_barred(world: World, callback: Callback) -> frozenset[str]:
    return promise_skipped(world, callback) | beyond(world, callback.pbx)


def promise_skipped(world: World, callback: Callback) -> frozenset[str]:
    if callback.agent:
        return frozenset()
    rejecters = _rejecters(world, callback.queue, callback.rejected_by)
    return _skipped(world, promise_needs(world, callback), callback.avoids, rejecters, beyond(world, callback.pbx))


def _skipped(world: World, text: str, avoids: tuple[str, ...], rejecters: frozenset[str], cut: frozenset[str]) -> frozenset[str]:
    """Who rejected the call is left out while somebody else wants calls and fits; ``cut``: who cannot be reached."""
    if not rejecters:
        return frozenset(avoids)
    out = frozenset(avoids) | rejecters
    others = [agent for agent in world.agents.values() if agent.intent is Intent.READY and agent.id not in out | cut]
    return out if any(fits(text, agent.profile) for agent in others) else frozenset(avoids)


def _in_force(
    world: World,
    queue: str,
    tier: str,
    waited: float,
    avoids: frozenset[str] = frozenset(),
    rejecters: frozenset[str] = frozenset(),
    cut: frozenset[str] = frozenset(),
) -> str:
    steps = routing(world.plan, queue, tier)
    now = window(steps, waited + 1e-6)
    left = [str(step.needs) for step in steps.steps[now:]]
    if len(left) == 1 or not world.matcher.know_agents:
        return left[0]
    for out in (avoids | rejecters | cut, avoids | cut) if rejecters else (avoids | cut,):
        there = [agent for agent in world.agents.values() if agent.intent is not Intent.LOGGED_OUT and agent.id not in out]
        profiles = {agent.profile for agent in there}
        for text in left:
            if any(fits(text, levels) for levels in profiles):
                return text
    return left[0]


def may_be_offered(agent: Agent, now: float) -> bool:
    return (
        agent.intent is Intent.READY
        and agent.work is Work.IDLE
        and agent.device is Device.AVAILABLE
        and agent.leg is None
        and agent.rest_until <= now
        and not agent.reserved_for
        and (agent.connect is not ConnectMode.NAILED_UP or (agent.session is not None and agent.session_up))
    )


def waiting(world: World) -> list[Call]:
    return [call for call in world.calls.values() if in_line(call)]


def in_line(call: Call) -> bool:
    """A caller who waits, and from whom audio has come if it is waited for; or an agent who has a caller and consults a queue
    that is offering the consult to nobody now."""
    consulting = call.transfer is not None and call.transfer.consulted != "" and call.transfer.leg is None
    waits = call.phase is Phase.WAITING and call.audio_until is None
    return call.visit is not None and (waits or (call.phase is Phase.TALKING and consulting))


def free(world: World) -> list[Agent]:
    return [agent for agent in world.agents.values() if may_be_offered(agent, world.now)]


def missed(world: World, closed: frozenset[str]) -> str:
    """A pair that should have been made and was not; empty when there is none. ``closed``: PBXs from which nothing is heard."""
    agents = free(world)
    if not agents:
        return ""
    for call in waiting(world):
        if pbx_of(call.leg) in closed:
            continue
        text = needs(world, call)
        for agent in agents:
            if serves(text, agent) and agent.id not in barred(world, call):
                return f"{agent.id} is free and {call.id} waits for {text}"
    for callback in world.callbacks.values():
        text = promise_needs(world, callback)
        due = callback.stands and not world.unsaved and callback.expires_at > world.now
        for agent in agents if due and callback.pbx not in closed | world.down else ():
            if serves(text, agent) and agent.id not in promise_barred(world, callback):
                return f"{agent.id} is free and {callback.id} stands in line for {text}"
    return ""


def serves(text: str, agent: Agent) -> bool:
    return agent.id == text.removeprefix("agent ") if text.startswith("agent ") else fits(text, agent.profile)


def promise_needs(world: World, callback: Callback) -> str:
    if callback.agent:
        return f"agent {callback.agent}"
    out = frozenset(callback.avoids), _rejecters(world, callback.queue, callback.rejected_by), beyond(world, callback.pbx)
    return _in_force(world, callback.queue, callback.tier, max(0.0, world.now - callback.waits_since), *out)


@dataclass(frozen=True, slots=True)
class Standing:
    """Who waits with what, and who is free: enough to pair by the written rules."""

    calls: dict[str, tuple[float, str, AgentOrder]]
    agents: dict[str, tuple[float, Profile]]
    barred: dict[str, frozenset[str]] = field(default_factory=dict)
    """By call: who is not offered it."""

    def pairs(self) -> list[tuple[str, str]]:
        """All offers, in the order of the rules."""
        calls, agents, made = dict(self.calls), dict(self.agents), []
        for call, (_, text, pick) in sorted(self.calls.items(), key=lambda item: (item[1][0], item[0])):
            by_level = pick is AgentOrder.HIGHEST_LEVEL
            able = [
                (-strength(text, levels) if by_level else 0, since, agent)
                for agent, (since, levels) in agents.items()
                if fits(text, levels) and agent not in self.barred.get(call, ())
            ]
            if able:
                agent = min(able)[2]
                made.append((call, agent))
                del calls[call], agents[agent]
        return made
