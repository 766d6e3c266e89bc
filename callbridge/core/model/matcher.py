"""The matcher: waiting callers, available agents, and the next pair. Indexes only; it changes no call and no agent.

Waiting callers stand in groups: one group for each (PBX, queue, tier, window), because all callers of a group need
the same. Idle agents stand in pools: one pool for each skill profile. Which requirement is in force for a group
(its own window's, or a later one's while nobody logged in could serve it) belongs to the group, so a log-in moves
no caller. A decision looks at the heads of groups and pools only: its cost grows with the number of distinct
requirements and profiles, not with callers or agents.

No pair is overlooked: every agent or group whose standing changed is *stirred*, and a pair that fits can only have
come about by such a change.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from callbridge.core.model.plan import AgentOrder, Plan, QueuePlan, TierRouting
from callbridge.core.model.skills import Profile, Requirement


class GroupKey(NamedTuple):
    """Callers with the same key have the same requirement. ``agent``: only this agent may serve them, regardless of skills."""

    pbx: str
    queue: str
    tier: str
    window: int
    agent: str = ""


@dataclass(slots=True)
class _WaitingLine:
    """Members in order of a fixed key, as a heap with lazy deletion."""

    members: dict[str, float] = field(default_factory=dict)
    heap: list[tuple[float, str]] = field(default_factory=list)

    def add(self, member: str, key: float) -> None:
        self.members[member] = key
        if len(self.heap) > 64 + 4 * len(self.members):
            self.heap = [(key, member) for member, key in self.members.items()]
            heapify(self.heap)
        else:
            heappush(self.heap, (key, member))

    def remove(self, member: str) -> None:
        self.members.pop(member, None)

    def first(self) -> tuple[float, str] | None:
        heap = self.heap
        while heap:
            key, member = heap[0]
            if self.members.get(member) == key:
                return heap[0]
            heappop(heap)
        return None


@dataclass(slots=True)
class _Group:
    key: GroupKey
    line: _WaitingLine = field(default_factory=_WaitingLine)
    need: int = -1
    """The requirement in force; -1 while its queue or step is not in the plan."""
    pick: AgentOrder = AgentOrder.LONGEST_IDLE


@dataclass(frozen=True, slots=True)
class Pair:
    call: str
    agent: str
    needs: str


class Matcher:
    """Kept up to date by the world's tables; used by the engine after every step."""

    def __init__(self, plan: Plan) -> None:
        self._needs: dict[str, int] = {}
        self._requirements: list[Requirement] = []
        self._profiles: dict[Profile, int] = {}
        self._profile_list: list[Profile] = []
        self._strength: list[list[int | None]] = []
        """By requirement, then by profile."""
        self._groups: dict[GroupKey, _Group] = {}
        self._filled: dict[GroupKey, _Group] = {}
        self._pools: list[_WaitingLine] = []
        self._filled_pools: set[int] = set()
        self._pool_of: dict[str, int] = {}
        self._group_of: dict[str, _Group] = {}
        self._logged_in: list[int] = []
        """Agents logged in, by profile."""
        self._staffed: dict[str, int] = {}
        """Cache: the number of logged-in agents who match a queue."""
        self._serving: dict[str, tuple[QueuePlan, dict[Profile, bool]]] = {}
        """Cache: queue -> the profiles that belong to it. It depends only on the queue's plan."""
        self._stirred_agents: set[str] = set()
        self._stirred_groups: set[GroupKey] = set()
        self._closed: set[str] = set()
        """PBXs that are down: their callers are not offered."""
        self.know_agents = False
        """Whether the phones' states were listed: before that no step counts as unservable."""
        self.plan = plan

    # -- standing: called whenever a call or an agent changes ---------------------------------------------------

    def wait(self, call: str, key: GroupKey, rank: float) -> None:
        """The call stands in this group from now on, at this rank."""
        group = self._group_of.get(call)
        if group is not None:
            if group.key == key and group.line.members.get(call) == rank:
                return
            self.unwait(call)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(key)
            self._resolve(group)
        group.line.add(call, rank)
        self._filled[key] = group
        self._group_of[call] = group
        self._stirred_groups.add(key)

    def unwait(self, call: str) -> None:
        group = self._group_of.pop(call, None)
        if group is not None:
            group.line.remove(call)
            if not group.line.members:
                self._filled.pop(group.key, None)
                self._groups.pop(group.key, None)

    def idle(self, agent: str, profile: Profile, since: float) -> None:
        """The agent may be offered a call from now on."""
        pool = self.profile_number(profile)
        if self._pool_of.get(agent) == pool and self._pools[pool].members.get(agent) == since:
            return
        self.unidle(agent)
        self._pools[pool].add(agent, since)
        self._filled_pools.add(pool)
        self._pool_of[agent] = pool
        self._stirred_agents.add(agent)

    def unidle(self, agent: str) -> None:
        pool = self._pool_of.pop(agent, None)
        if pool is not None:
            self._pools[pool].remove(agent)
            if not self._pools[pool].members:
                self._filled_pools.discard(pool)
            self._stirred_agents.discard(agent)

    def log(self, profile: Profile, change: int) -> None:
        """An agent of this profile logged in (+1) or out (-1)."""
        number = self.profile_number(profile)
        self._staffed.clear()
        before = self._logged_in[number]
        self._logged_in[number] = before + change
        if (before == 0) != (before + change == 0):
            self._resolve_all()

    # -- queries ------------------------------------------------------------------------------------------------

    def next_pair(self) -> Pair | None:
        """The next offer to make: lowest rank first, then the agent whom the queue prefers. None when done."""
        while True:
            best = self._best_caller()
            if best is None:
                self._stirred_agents.clear()
                self._stirred_groups.clear()
                return None
            call, group, pools = best
            agent = self._best_agent(group, pools)
            if agent is not None:
                return Pair(call, agent, self.needs_of(group.key))
            self._stirred_groups.discard(group.key)

    def needs_of(self, key: GroupKey) -> str:
        """The requirement in force for a group, as text."""
        if key.agent:
            return f"agent {key.agent}"
        group = self._groups.get(key)
        if group is None:
            group = _Group(key)
            self._resolve(group)
        return self._requirements[group.need].text if group.need >= 0 else ""

    def serves(self, profile: Profile, queue: QueuePlan) -> bool:
        """Does an agent with this profile belong to the queue: does any step of any tier fit?"""
        known = self._serving.get(queue.name)
        if known is None or known[0] is not queue:  # also of a plan that is not, or not yet, in force
            known = self._serving[queue.name] = (queue, {})
        found = known[1].get(profile)
        if found is None:
            needs = {step.needs.text: step.needs for ladder in queue.ladders.values() for step in ladder.steps}
            number = self.profile_number(profile)
            found = any(self._strength[self._need_number(need)][number] is not None for need in needs.values())
            known[1][profile] = found
        return found

    def strength(self, requirement: Requirement, profile: Profile) -> int | None:
        """The strength of a profile for a requirement, cached."""
        return self._strength[self._need_number(requirement)][self.profile_number(profile)]

    def staffed(self, queue: QueuePlan) -> int:
        """The number of logged-in agents who match a step of the queue."""
        found = self._staffed.get(queue.name)
        if found is None:
            numbers = [number for number, count in enumerate(self._logged_in) if count]
            found = sum(self._logged_in[number] for number in numbers if self.serves(self._profile_list[number], queue))
            self._staffed[queue.name] = found
        return found

    def waiting(self) -> Counter[str]:
        """Who may be offered, by queue: callers, due callbacks, and campaign leads that are dialled once an agent is there."""
        found: Counter[str] = Counter()
        for key, group in self._filled.items():
            found[key.queue] += len(group.line.members)
        return found

    def ladder(self, queue: str, tier: str) -> TierRouting | None:
        found = self.plan.queues.get(queue)
        if found is None:
            return None
        return found.ladders.get(tier) or found.ladders.get(self.plan.default_tier)

    def close(self, pbx: str) -> None:
        """Make no offers to callers on this PBX until it is opened again."""
        self._closed.add(pbx)

    def open(self, pbx: str) -> None:
        self._closed.discard(pbx)
        self._stirred_groups.update(self._filled)

    def adopt(self, plan: Plan) -> None:
        """A new plan: the requirements in force are worked out again."""
        self.plan = plan
        self._serving.clear()
        self._staffed.clear()
        self._resolve_all()
        self._stirred_groups.update(self._filled)

    def agents_known(self, known: bool) -> None:
        if known != self.know_agents:
            self.know_agents = known
            self._resolve_all()

    def profile_number(self, profile: Profile) -> int:
        number = self._profiles.get(profile)
        if number is None:
            number = self._profiles[profile] = len(self._profile_list)
            self._profile_list.append(profile)
            self._pools.append(_WaitingLine())
            self._logged_in.append(0)
            for need, row in enumerate(self._strength):
                row.append(self._requirements[need].strength(profile))
        return number

    # -- inside -------------------------------------------------------------------------------------------------

    def _best_caller(self) -> tuple[str, _Group, set[int] | None] | None:
        """The waiting caller of lowest rank among stirred groups and those whom a stirred agent fits; with it the
        pools worth asking (None: all)."""
        best: tuple[float, str] | None = None
        found: _Group | None = None
        for key in [*self._stirred_groups]:
            group = self._filled.get(key)
            if group is None or group.need < 0 or key.pbx in self._closed:
                self._stirred_groups.discard(key)
                continue
            first = group.line.first()
            if first is not None and (best is None or first < best):
                best, found = first, group
        pools = {self._pool_of[agent] for agent in self._stirred_agents}
        if pools:
            for key, group in self._filled.items():
                if group.need < 0 or key in self._stirred_groups or key.pbx in self._closed:
                    continue
                if key.agent and key.agent not in self._stirred_agents:
                    continue
                first = group.line.first()
                if first is None or (best is not None and first >= best):
                    continue
                row = self._strength[group.need]
                if key.agent or any(row[pool] is not None for pool in pools):
                    best, found = first, group
        if best is None or found is None:
            return None
        return best[1], found, None if found.key in self._stirred_groups else pools

    def _best_agent(self, group: _Group, pools: set[int] | None) -> str | None:
        if group.key.agent:
            return group.key.agent if group.key.agent in self._pool_of else None
        row = self._strength[group.need]
        by_level = group.pick is AgentOrder.HIGHEST_LEVEL
        best: tuple[int, float, str] | None = None
        for pool in self._filled_pools if pools is None else pools & self._filled_pools:
            strength = row[pool]
            if strength is None:
                continue
            first = self._pools[pool].first()
            if first is None:
                continue
            candidate = (-strength if by_level else 0, *first)
            if best is None or candidate < best:
                best = candidate
        return None if best is None else best[2]

    def _resolve_all(self) -> None:
        for group in self._groups.values():
            before = group.need
            self._resolve(group)
            if group.need != before:
                self._stirred_groups.add(group.key)

    def _resolve(self, group: _Group) -> None:
        """Determine the requirement in force: that of the window, or the next one that a logged-in agent can serve."""
        queue, tier, window = group.key.queue, group.key.tier, group.key.window
        ladder = self.ladder(queue, tier)
        if ladder is None:
            group.need = -1
            return
        group.pick = self.plan.queues[queue].pick
        window = min(window, len(ladder.steps) - 1)
        needs = [self._need_number(step.needs) for step in ladder.steps[window:]]
        group.need = needs[0]
        if self.know_agents:
            group.need = next((need for need in needs if self._servable(need)), needs[0])

    def _servable(self, need: int) -> bool:
        row = self._strength[need]
        return any(count and row[profile] is not None for profile, count in enumerate(self._logged_in))

    def _need_number(self, requirement: Requirement) -> int:
        text = requirement.text
        number = self._needs.get(text)
        if number is None:
            number = self._needs[text] = len(self._requirements)
            self._requirements.append(requirement)
            self._strength.append([requirement.strength(profile) for profile in self._profile_list])
        return number
