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
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from callbridge.core.model.plan import AgentOrder, Plan, QueuePlan, TierRouting
from callbridge.core.model.sites import of_site
from callbridge.core.model.skills import Profile, Requirement
from callbridge.core.model.tie_line import phones_on
from callbridge.core.model.waiting_line import WaitingLine


class GroupKey(NamedTuple):
    """Callers with the same key have the same requirement. ``agent``: only this agent may serve them, regardless of skills and of
    the other two. ``avoids``: agents who may not serve them. ``rejected_by``: agents who are skipped while another ready agent
    fits, where the queue says so."""

    pbx: str
    queue: str
    tier: str
    window: int
    agent: str = ""
    avoids: tuple[str, ...] = ()
    rejected_by: tuple[str, ...] = ()
    site: str = ""
    """While it is not empty, agents of this site are preferred."""

    @property
    def is_picky(self) -> bool:
        """Are some agents out of the question, whatever their skills?"""
        return bool(self.avoids or self.rejected_by) and not self.agent


@dataclass(slots=True, eq=False)
class _Group:
    key: GroupKey
    line: WaitingLine = field(default_factory=WaitingLine)
    need: int = -1
    """The requirement in force; -1 while its queue or step is not in the plan."""
    pick: AgentOrder = AgentOrder.LONGEST_IDLE
    barred: frozenset[str] = frozenset()
    """Agents who are not offered its callers at present."""


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
        self._fitting: list[list[int]] = []
        """By requirement: the profiles that fit."""
        self._groups: dict[GroupKey, _Group] = {}
        """Those in which somebody waits."""
        self._picky: set[_Group] = set()
        """Groups for whom some agents are out of the question: who is on duty matters to them, not only which profiles are."""
        self._pools: list[WaitingLine] = []
        self._idle: dict[int, int] = {}
        """Idle agents, by profile; none of a profile without any."""
        self._pool_of: dict[str, int] = {}
        self._group_of: dict[str, _Group] = {}
        self._phones_on: list[frozenset[str]] = []
        """By profile: the PBXs that have such agents' phones, where there are several."""
        self._cut: set[tuple[str, str]] = set()
        """Tie lines that are out of use: no phone of the second PBX is rung from the first."""
        self._logged_in: list[int] = []
        """Agents logged in, by profile."""
        self._ready: list[int] = []
        """Those of them who want calls, by profile."""
        self._on_duty: dict[str, tuple[int, bool]] = {}
        """Agents logged in: profile, and whether they want calls."""
        self._staffed: dict[str, int] = {}
        """Cache: the number of logged-in agents who match a queue."""
        self._serving: dict[str, tuple[QueuePlan, dict[Profile, bool]]] = {}
        """Cache: queue -> the profiles that belong to it. It depends only on the queue's plan."""
        self._stirred_agents: set[str] = set()
        self._stirred_groups: set[_Group] = set()
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
            if key.is_picky:
                self._picky.add(group)
            self._resolve(group)
        group.line.add(call, rank)
        self._group_of[call] = group
        self._stirred_groups.add(group)

    def unwait(self, call: str) -> None:
        group = self._group_of.pop(call, None)
        if group is not None:
            group.line.remove(call)
            if not group.line.members:
                del self._groups[group.key]
                self._picky.discard(group)
                self._stirred_groups.discard(group)

    def idle(self, agent: str, profile: Profile, since: float) -> None:
        """The agent may be offered a call from now on."""
        pool = self.profile_number(profile)
        if self._pool_of.get(agent) == pool and self._pools[pool].members.get(agent) == since:
            return
        self.unidle(agent)
        self._pools[pool].add(agent, since)
        self._idle[pool] = len(self._pools[pool].members)
        self._pool_of[agent] = pool
        self._stirred_agents.add(agent)

    def unidle(self, agent: str) -> None:
        pool = self._pool_of.pop(agent, None)
        if pool is not None:
            self._pools[pool].remove(agent)
            self._idle[pool] -= 1
            if not self._idle[pool]:
                del self._idle[pool]
            self._stirred_agents.discard(agent)

    def log(self, profile: Profile, change: int) -> None:
        """An agent of this profile logged in (+1) or out (-1)."""
        number = self.profile_number(profile)
        self._staffed.clear()
        before = self._logged_in[number]
        self._logged_in[number] = before + change
        if (before == 0) != (before + change == 0):
            self._resolve_all()

    def duty(self, agent: str, profile: Profile | None, *, ready: bool = False) -> None:
        """The agent is logged in with this profile, and wants calls or not; None: is logged out. Comes after ``log``."""
        before = self._on_duty.get(agent)
        now = (self.profile_number(profile), ready) if profile is not None else None
        if before == now:
            return
        fewest = []
        for state, change in ((before, -1), (now, +1)):
            if state is not None:
                pool, wants = state
                self._ready[pool] += change if wants else 0
                fewest += [self._logged_in[pool] - 1, self._ready[pool] - 1]
        if now is not None:
            self._on_duty[agent] = now
        else:
            del self._on_duty[agent]
        least = min(fewest)
        for group in self._picky:
            # With more agents of the profile than it bars, somebody else is there before and after.
            if least <= len(group.key.avoids) + len(group.key.rejected_by):
                self._resolve_again(group)

    # -- queries ------------------------------------------------------------------------------------------------

    def next_pair(self) -> Pair | None:
        """The next offer to make: lowest rank first, then the agent whom the queue prefers. None when done."""
        while self._stirred_agents or self._stirred_groups:
            best = self._best_caller()
            if best is None:
                self._stirred_agents.clear()
                self._stirred_groups.clear()
                break
            call, group, pools = best
            agent = self._best_agent(group, pools)
            if agent is not None:
                return Pair(call, agent, self.needs_of(group.key))
            self._stirred_groups.discard(group)
        return None

    def needs_of(self, key: GroupKey) -> str:
        """The requirement in force for a group, as text."""
        if key.agent:
            return f"agent {key.agent}"
        group = self._groups.get(key)
        if group is None:
            group = _Group(key)
            self._resolve(group)
        return self._requirements[group.need].text if group.need >= 0 else ""

    def is_anybody_free(self, key: GroupKey) -> bool:
        """Would a caller of this group be offered to somebody at once?"""
        group = self._groups.get(key)
        if group is None:
            group = _Group(key)
            self._resolve(group)
        return group.need >= 0 and key.pbx not in self._closed and self._best_agent(group, None) is not None

    def reaches(self, pbx: str, agent: str) -> bool:
        """Can this PBX reach a phone of the agent, who is idle, as far as is known of the tie lines?"""
        pool = self._pool_of.get(agent)
        return pool is None or not self._is_cut_off(pbx, pool)

    def barred_from(self, key: GroupKey) -> frozenset[str]:
        """The agents who are not offered the callers of this group at present, whatever their skills."""
        group = self._groups.get(key)
        if group is None:
            group = _Group(key)
            self._resolve(group)
        return group.barred

    def serves(self, profile: Profile, queue: QueuePlan) -> bool:
        """Does an agent with this profile belong to the queue: does any step of any tier fit?"""
        known = self._serving.get(queue.name)
        if known is None or known[0] is not queue:  # also of a plan that is not, or not yet, in force
            known = self._serving[queue.name] = (queue, {})
        found = known[1].get(profile)
        if found is None:
            needs = {step.needs.text: step.needs for routing in queue.routings.values() for step in routing.steps}
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
        for key, group in self._groups.items():
            found[key.queue] += len(group.line.members)
        return found

    def routing(self, queue: str, tier: str) -> TierRouting | None:
        found = self.plan.queues.get(queue)
        if found is None:
            return None
        return found.routings.get(tier) or found.routings.get(self.plan.default_tier)

    def close(self, pbx: str) -> None:
        """Make no offers to callers on this PBX until it is opened again."""
        self._closed.add(pbx)

    def open(self, pbx: str) -> None:
        self._closed.discard(pbx)
        self._stirred_groups.update(self._groups.values())

    def cut_off(self, pbx: str, to: str, *, cut: bool) -> None:
        """Callers on ``pbx`` are not offered to agents whose phones are all on ``to``, or are offered to them again."""
        (self._cut.add if cut else self._cut.discard)((pbx, to))
        self._resolve_all()
        self._stirred_groups.update(self._groups.values())

    def adopt(self, plan: Plan) -> None:
        """A new plan: the requirements in force are worked out again."""
        self.plan = plan
        self._serving.clear()
        self._staffed.clear()
        self._resolve_all()
        self._stirred_groups.update(self._groups.values())

    def agents_known(self, known: bool) -> None:
        if known != self.know_agents:
            self.know_agents = known
            self._resolve_all()

    def profile_number(self, profile: Profile) -> int:
        number = self._profiles.get(profile)
        if number is None:
            number = self._profiles[profile] = len(self._profile_list)
            self._profile_list.append(profile)
            self._pools.append(WaitingLine())
            self._phones_on.append(phones_on(profile))
            self._logged_in.append(0)
            self._ready.append(0)
            for need, row in enumerate(self._strength):
                strength = self._requirements[need].strength(profile)
                row.append(strength)
                if strength is not None:
                    self._fitting[need].append(number)
        return number

    # -- inside -------------------------------------------------------------------------------------------------

    def _best_caller(self) -> tuple[str, _Group, set[int] | None] | None:
        """The waiting caller of lowest rank among stirred groups and those whom a stirred agent fits; with it the
        pools worth asking (None: all)."""
        best: tuple[float, str] | None = None
        found: _Group | None = None
        for group in [*self._stirred_groups]:
            first = group.line.first()
            if first is None or (best is not None and first >= best):
                continue
            if self._reaches(group, self._idle, self._pool_of):
                best, found = first, group
            else:
                self._stirred_groups.discard(group)
        pools: dict[int, int] = {}
        for agent in self._stirred_agents:
            pool = self._pool_of[agent]
            pools[pool] = pools.get(pool, 0) + 1
        for group in self._groups.values() if pools else ():
            first = group.line.first()
            if first is None or (best is not None and first >= best):
                continue
            if group not in self._stirred_groups and self._reaches(group, pools, self._stirred_agents):
                best, found = first, group
        if best is None or found is None:
            return None
        return best[1], found, None if found in self._stirred_groups else set(pools)

    def _reaches(self, group: _Group, pools: Mapping[int, int], among: Container[str]) -> bool:
        """May one of these agents, counted by pool, serve the group now?"""
        key = group.key
        if group.need < 0 or key.pbx in self._closed:
            return False
        if key.agent:
            return key.agent in among and not self._is_cut_off(key.pbx, self._pool_of[key.agent])
        row = self._strength[group.need]
        for pool, number in pools.items():
            if (
                row[pool] is not None
                and not self._is_cut_off(key.pbx, pool)
                and (not group.barred or number > sum(agent in among and self._pool_of[agent] == pool for agent in group.barred))
            ):
                return True
        return False

    def _best_agent(self, group: _Group, pools: set[int] | None) -> str | None:
        if group.key.agent:
            pool = self._pool_of.get(group.key.agent)
            return group.key.agent if pool is not None and not self._is_cut_off(group.key.pbx, pool) else None
        row = self._strength[group.need]
        by_level = group.pick is AgentOrder.HIGHEST_LEVEL
        best: tuple[int, float, str] | None = None
        for pool in self._idle if pools is None else pools & self._idle.keys():
            strength = row[pool]
            if strength is None or self._is_cut_off(group.key.pbx, pool):
                continue
            first = self._pools[pool].first_but(group.barred) if group.barred else self._pools[pool].first()
            if first is None:
                continue
            candidate = (-strength if by_level else 0, *first)
            if best is None or candidate < best:
                best = candidate
        return None if best is None else best[2]

    def _is_cut_off(self, pbx: str, pool: int) -> bool:
        """Are all phones of these agents out of reach of this PBX?"""
        if not self._cut:
            return False
        there = self._phones_on[pool]
        return bool(there) and all((pbx, other) in self._cut for other in there)

    def _resolve_all(self) -> None:
        for group in self._groups.values():
            self._resolve_again(group)

    def _resolve_again(self, group: _Group) -> None:
        before = group.need, group.barred
        self._resolve(group)
        if before != (group.need, group.barred):
            self._stirred_groups.add(group)

    def _resolve(self, group: _Group) -> None:
        """Determine the requirement in force: that of the window, or the next one that a logged-in agent can serve."""
        queue, tier, window = group.key.queue, group.key.tier, group.key.window
        routing = self.routing(queue, tier)
        if routing is None:
            group.need = -1
            return
        group.pick = self.plan.queues[queue].pick
        window = min(window, len(routing.steps) - 1)
        steps, site = routing.steps[window:], group.key.site
        wanted = [need for step in steps for need in ((of_site(step.needs, site), step.needs) if site else (step.needs,))]
        needs = [self._need_number(need) for need in wanted]
        group.need = needs[0]
        if group.key.is_picky:
            self._resolve_picky(group, needs)
        elif self.know_agents:
            group.need = next((need for need in needs if self._any_fits(group, need, self._logged_in)), needs[0])

    def _resolve_picky(self, group: _Group, needs: list[int]) -> None:
        """The same where some agents do not count. Those who have rejected the caller count after all when nobody else is ready:
        nobody waits because of one rejection."""
        avoids = frozenset(group.key.avoids)
        skips = self.plan.queues[group.key.queue].skip_rejecters
        barred = avoids | frozenset(group.key.rejected_by) if skips else avoids
        if self.know_agents:
            tries = [(need, without) for without in (barred, avoids) for need in needs]
            in_force = (need for need, without in tries if self._any_fits(group, need, self._logged_in, without))
            group.need = next(in_force, needs[0])
        group.barred = barred if self._any_fits(group, group.need, self._ready, barred, ready=True) else avoids

    def _any_fits(
        self, group: _Group, need: int, counts: list[int], without: frozenset[str] = frozenset(), *, ready: bool = False
    ) -> bool:
        """Does one of these agents, counted by profile, fit, and can be reached? ``without``: who does not count here."""
        absent: dict[int, int] = {}
        for agent in without:
            pool, wants = self._on_duty.get(agent, (-1, False))
            if wants or not ready:
                absent[pool] = absent.get(pool, 0) + 1
        fitting = [pool for pool in self._fitting[need] if counts[pool] > absent.get(pool, 0)]
        return any(not self._is_cut_off(group.key.pbx, pool) for pool in fitting)

    def _need_number(self, requirement: Requirement) -> int:
        text = requirement.text
        number = self._needs.get(text)
        if number is None:
            number = self._needs[text] = len(self._requirements)
            self._requirements.append(requirement)
            row = [requirement.strength(profile) for profile in self._profile_list]
            self._strength.append(row)
            self._fitting.append([pool for pool, strength in enumerate(row) if strength is not None])
        return number
