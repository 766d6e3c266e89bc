"""Staffing of campaigns at one moment: which agents work for which campaign, and who waits for them.

No agent and no caller changes while campaigns decide, so what one campaign has counted holds for the others.
"""

from __future__ import annotations

from collections import Counter

from callbridge.core.model.agent import Agent, Intent
from callbridge.core.model.attempt import Running
from callbridge.core.model.call import Phase
from callbridge.core.model.campaign_state import CampaignState
from callbridge.core.model.plan import CampaignPlan
from callbridge.core.model.skills import Profile
from callbridge.core.model.world import World
from callbridge.core.pacing.pacer import Pacer


def campaign_state_of(world: World, plan: CampaignPlan) -> CampaignState:
    campaign_state = world.campaign_states.get(plan.name)
    if campaign_state is None:
        campaign_state = world.campaign_states[plan.name] = CampaignState(Pacer(plan.rules))
    return campaign_state


def running(world: World) -> list[CampaignPlan]:
    rows = world.campaigns.rows()
    return [plan for name, plan in world.plan.campaigns.items() if name in rows and rows[name].state is Running.RUNNING]


class Staffing:
    """Of one step. Counted when it is asked for the first time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._allocated: dict[tuple[str, ...], dict[str, list[Agent]]] = {}
        """Campaigns that share the agents -> the agents of each."""
        self._waiting: Counter[str] | None = None

    def agents_of(self, plan: CampaignPlan) -> list[Agent]:
        """Those at work who serve the campaign's queue; agents whom several campaigns share are allocated by weight."""
        shares = [one for one in running(self._world) if one.name == plan.name or self._has_work(one)]
        names = tuple(one.name for one in shares)
        if names not in self._allocated:
            self._allocated[names] = _allocate(self._world, shares)
        return self._allocated[names][plan.name]

    def waiting_for(self, agents: list[Agent]) -> int:
        """People on the line, and callbacks due, for whom the next of these agents will be taken."""
        profiles = {agent.profile for agent in agents}
        serves = self._world.matcher.serves
        if self._waiting is None:
            self._waiting = _count_waiting(self._world)
        queues = [(queue, self._waiting[name]) for name, queue in self._world.plan.queues.items()]
        return sum(count for queue, count in queues if count and any(serves(profile, queue) for profile in profiles))

    def _has_work(self, plan: CampaignPlan) -> bool:
        """Are there leads for it now? A campaign without leads needs no agents."""
        campaign_state = campaign_state_of(self._world, plan)
        return bool(campaign_state.hopper or campaign_state.ready or self._world.attempts_of(plan.name))


def _allocate(world: World, shares: list[CampaignPlan]) -> dict[str, list[Agent]]:
    allocated = dict.fromkeys((one.name for one in shares), 0.0)
    agents_of: dict[str, list[Agent]] = {one.name: [] for one in shares}
    able: dict[Profile, list[CampaignPlan]] = {}
    for key in sorted(world.agents) if len(shares) > 1 else world.agents:
        agent = world.agents[key]
        if agent.intent is not Intent.READY:
            continue
        who = able.get(agent.profile)
        if who is None:
            queues = world.plan.queues
            who = able[agent.profile] = [one for one in shares if world.matcher.serves(agent.profile, queues[one.queue])]
        if not who:
            continue
        whose = min(who, key=lambda one: (allocated[one.name] + 1.0) / one.weight)
        allocated[whose.name] += 1.0
        agents_of[whose.name].append(agent)
    return agents_of


def _count_waiting(world: World) -> Counter[str]:
    """By queue. A customer who is not called before an agent is there waits for one already, but not on the line."""
    count = world.matcher.waiting()
    calls = [attempt.call for attempt in world.attempts.rows().values()]
    calls += [callback.call for callback in world.callbacks.rows().values() if callback.call]
    for key in calls:
        call = world.calls.get(key)
        if call is not None and call.visit is not None and call.phase is Phase.WAITING and call.leg not in world.legs:
            count[call.visit.queue] -= 1
    return count
