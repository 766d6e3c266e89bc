"""A new plan: refused if it would remove a queue with callers or callbacks without force, else adopted by all entities.

    PlanChanged --(a queue with callers or callbacks is removed)--> refused: nothing is changed
                +--> agents, phones, renamed queues, campaigns, callbacks and callers adopt the new plan

The difference that it made, or would have made, is the step's answer to the requester.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from callbridge.core.entities import agent_states, callbacks, refusals
from callbridge.core.model.agent import Agent, Work
from callbridge.core.model.call import Phase
from callbridge.core.model.events import AgentRequest, AgentRequested, PlanChanged
from callbridge.core.model.facts import ConfigReloaded
from callbridge.core.model.plan import AgentPlan, OverflowRule, Plan
from callbridge.core.model.rank import rank_of
from callbridge.core.model.rows import evolve
from callbridge.core.model.slices import Slices, each
from callbridge.core.model.world import World
from callbridge.core.outbound import campaigns
from callbridge.core.reload import identities, renames
from callbridge.core.reload.plan_diff import difference
from callbridge.core.reload.sentences import one_after_another
from callbridge.core.requests import agent_requests
from callbridge.core.routing import visits
from callbridge.core.transfers import transfers

PLACING = 10
"""How many rows of a slice one whose place is recomputed counts as: every rule of its queue is evaluated."""


def changed(world: World, event: PlanChanged) -> Slices:
    """Adopt the plan, or refuse it with reasons."""
    found = difference(world, event.plan)
    world.answer(found)
    if found.refusals and not event.force:
        refusals.refuse(world, "reload", one_after_another(found.refusals), by=event.by)
        return
    if event.plan is not world.plan:  # at a start it is in force already: nobody has reloaded it
        world.emit(ConfigReloaded(seq=world.next_seq(), at=world.now, by=event.by, forced=event.force, details=event.details))
    yield from _adopt(world, event.plan)


def restored(world: World) -> None:
    """Adapt a saved world to the present plan, before the first deadline of its rows, which may have passed long ago."""
    renames.carry(world)
    identities.read_again(world)


def _adopt(world: World, plan: Plan) -> Slices:
    """Agents are added, changed or removed; callers get their place by the new plan, and their waiting time continues."""
    # At a start this plan is already in force, and the rows were saved under an unknown one: every place is recomputed.
    placed = _in_place(world.plan, plan) if plan is not world.plan else frozenset[str]()
    names, before = plan.renamed_queues(), world.plan.numbers
    old = _under_new_names(world.plan, names)
    world.keep_flows(lambda flow: renames.renamed_flow(flow, names))
    world.plan = plan
    world.matcher.adopt(plan)
    renames.carry(world)
    if plan.numbers != before:
        identities.read_again(world)
    for agent in world.agents.values():
        if agent.id not in plan.agents:
            _remove(world, agent)
    yield len(world.calls)
    yield from each(world, "agent", plan.agents.values(), partial(_fit, world))
    _new_homes(world, plan, old)
    campaigns.adopt(world)
    owed = world.callbacks.values()
    yield from each(world, "callback", owed, lambda callback: _place_callback(world, callback.id, old), cost=PLACING)
    calls = [call for call in world.calls.values() if call.visit is not None and (call.placed or call.visit.queue not in placed)]
    yield len(world.calls)
    yield from each(world, "call", calls, lambda call: _place_again(world, call.id), cost=PLACING)


def _in_place(old: Plan, new: Plan) -> frozenset[str]:
    """The queues in which no caller's place can change. Rules about logged-in agents are reviewed when log-ins change."""
    if new.default_tier != old.default_tier:
        return frozenset()
    same = {name for name, queue in new.queues.items() if queue == old.queues.get(name)}
    hours = new.calendars == old.calendars

    def stays(rule: OverflowRule) -> bool:
        return (hours or not (rule.when.open or rule.when.closed)) and (not rule.when.queue or rule.when.queue in same)

    return frozenset(name for name in same if all(map(stays, new.queues[name].overflow)))


def _fit(world: World, wanted: AgentPlan) -> None:
    """This agent as the plan has it."""
    known = world.agents.get(wanted.id)
    if known is None:
        known = agent_states.add(world, wanted)
        if wanted.login:
            agent_requests.requested(world, AgentRequested(at=world.now, agent=wanted.id, request=AgentRequest.LOGIN))
        return
    if (known.name, known.profile, known.connect) == (wanted.name, wanted.skills, wanted.connect):
        return
    refitted = known.connect is not wanted.connect
    known = agent_states.change(world, known, name=wanted.name, profile=wanted.skills, connect=wanted.connect)
    if refitted:
        agent_states.refresh_device(world, agent_states.open_session(world, agent_states.settle(world, known)))


def _place_callback(world: World, key: str, old: Plan) -> None:
    callback = world.callbacks.get(key)
    if callback is not None:  # otherwise it was the second one for its number
        callbacks.place_again(world, callback, old)


def _under_new_names(plan: Plan, names: Mapping[str, str]) -> Plan:
    """The old plan with the new names of its queues."""
    renamed = {names[name]: queue for name, queue in plan.queues.items() if name in names}
    return replace(plan, queues={**plan.queues, **renamed}) if renamed else plan


def _new_homes(world: World, plan: Plan, old: Plan) -> None:
    """All phones are reassigned at the same time, so that two agents may swap theirs; a busy agent moves later."""
    moving: list[str] = []
    for wanted in plan.agents.values():
        known = world.agents.get(wanted.id)  # None: a fault about this one
        if known is not None and (known.home != wanted.phone or _sits_at_a_former_phone(known, wanted, old)):
            agent_states.change(world, known, home=wanted.phone, next_phone=wanted.phone)
            moving.append(wanted.id)
    for who in moving:
        known = world.agents[who]
        holder, free = world.agent_at(known.next_phone), known.work is Work.IDLE and known.leg is None
        if holder is not None and holder.id != who and free:
            agent_states.refresh_device(world, agent_states.change(world, known, phone="", also=()))
        elif known.also and free:
            agent_states.change(world, known, also=())
    for who in moving:
        agent_states.settle(world, world.agents[who])
    for wanted in plan.agents.values():
        known = world.agents.get(wanted.id)
        if known is not None and known.phone in wanted.phones and (known.also or wanted.also):
            other = agent_states.with_other_phones(world, known)
            if other.phones != known.phones:  # after a start no state is known yet: nobody becomes available by that
                agent_states.refresh_device(world, other)


def _sits_at_a_former_phone(known: Agent, wanted: AgentPlan, old: Plan) -> bool:
    """Is the phone in force one of those that the plan no longer gives this agent? An unowned phone may be kept."""
    before = old.agents.get(wanted.id)
    return before is not None and known.phone in before.phones and known.phone not in wanted.phones


def _remove(world: World, agent: Agent) -> None:
    agent = agent_requests.decline_offer(world, agent)
    agent = agent_states.settle(world, agent_states.change(world, agent, **agent_states.LOGGED_OUT))
    if agent.work is Work.IDLE and agent.leg is None:
        world.agents.drop(agent.id)


def _place_again(world: World, call_id: str) -> None:
    call = world.calls[call_id]
    visit = call.visit
    if visit is None:
        return
    home = visits.home_of_placed(world, call)
    if home and visit.queue not in world.plan.queues:
        visit = evolve(visit, queue=home)
        call = evolve(call, visit=visit)
    routing = world.matcher.routing(visit.queue, call.tier)
    if routing is not None and not call.placed:
        rank = rank_of(routing, call.waiting_since, visit.head_start)
        call = evolve(call, visit=evolve(visit, rank=rank))
    if call.phase is Phase.WAITING:
        visits.wait(world, call)
    elif call.consults_queue and call.is_in_line and call.segment is not None:
        transfers.stand_again(world, call)
    else:
        world.calls.put(call.id, call)
