"""Requests of agents: login, ready, not ready, logout, wrap-up."""

from __future__ import annotations

from typing import assert_never

from callbridge.core.entities import agent_states, allowed_phones, refusals
from callbridge.core.model.agent import Agent, Intent, Work
from callbridge.core.model.call import OfferResult, Phase
from callbridge.core.model.events import AgentRequest, AgentRequested
from callbridge.core.model.facts import RequestGranted
from callbridge.core.model.plan import Plan
from callbridge.core.model.reasons import SET_BY_CALLBRIDGE, chosen_by_people
from callbridge.core.model.sentence import Sentence, Unknown
from callbridge.core.model.world import World
from callbridge.core.outbound import callback_calls
from callbridge.core.routing import offers
from callbridge.core.transfers import transfers


def requested(world: World, event: AgentRequested) -> Sentence | None:
    """Carry out a request, now or after the present call; or refuse it with a reason, which is emitted and returned (None: it
    was granted)."""
    agent = world.agents.get(event.agent)
    if agent is None or (agent.id not in world.plan.agents and event.request is AgentRequest.LOGIN):
        unknown = Unknown("no such agent: {agent}", agent=event.agent)
        _refuse(world, event, unknown)
        return unknown
    refusal = _carry_out(world, agent, event)
    if refusal is not None:
        _refuse(world, event, refusal)
    elif event.by and event.by != event.agent:
        world.emit(
            RequestGranted(
                seq=world.next_seq(), at=world.now, agent=event.agent, request=event.request, by=event.by, reason=event.reason
            )
        )
    return refusal


def _carry_out(world: World, agent: Agent, event: AgentRequested) -> Sentence | None:
    """Returns why not; None when it is done."""
    if agent.intent is Intent.LOGGED_OUT and event.request in (AgentRequest.READY, AgentRequest.NOT_READY):
        return Sentence("not logged in")
    if agent.work is not Work.WRAP_UP and event.request in (AgentRequest.END_WRAP_UP, AgentRequest.EXTEND_WRAP_UP):
        return Sentence("not in wrap-up")
    match event.request:
        case AgentRequest.LOGIN:
            return _login(world, agent, event)
        case AgentRequest.READY:
            return _ready(world, agent)
        case AgentRequest.NOT_READY:
            if refusal := _reason_refused(world.plan, event.reason):
                return refusal
            agent = decline_offer(world, agent)
            agent_states.change(world, agent, **agent_states.not_ready(world, event.reason))
        case AgentRequest.LOGOUT:
            agent_states.settle(world, agent_states.change(world, decline_offer(world, agent), **agent_states.LOGGED_OUT))
        case AgentRequest.END_WRAP_UP:
            _end_wrap_up(world, agent)
        case AgentRequest.EXTEND_WRAP_UP:
            return _extend_wrap_up(world, agent)
        case _:
            assert_never(event.request)
    return None


def _reason_refused(plan: Plan, reason: str) -> Sentence | None:
    """Why nobody may request this reason; without a list of reasons any but callbridge's own is accepted."""
    chosen = chosen_by_people(plan.reasons.values())
    listed = ", ".join(chosen)
    if not reason:
        if not plan.reason_required:
            return None
        return (
            Sentence("a reason is required; the reasons are {reasons}", reasons=listed)
            if chosen
            else Sentence("a reason is required")
        )
    if reason in SET_BY_CALLBRIDGE and reason not in chosen:
        if not chosen:
            return Sentence("reason '{reason}' is set by callbridge only", reason=reason)
        return Sentence("reason '{reason}' is set by callbridge only; the reasons are {reasons}", reason=reason, reasons=listed)
    if chosen and reason not in chosen:
        return Sentence("unknown reason '{reason}'; the reasons are {reasons}", reason=reason, reasons=listed)
    return None


def _login(world: World, agent: Agent, event: AgentRequested) -> Sentence | None:
    phone = event.phone or agent.next_phone or agent.phone or agent.home
    named = bool(event.by and event.phone)  # a phone that dials a code exists
    if phone and (refusal := (allowed_phones.named_refusal if named else allowed_phones.refusal)(world, phone)):
        return refusal
    if phone != agent.phone:
        other = taken_by(world, agent, phone)
        if other is not None:
            return Sentence("phone {phone} is in use by agent {agent}", phone=phone, agent=other.id)
        agent = agent_states.settle(world, agent_states.change(world, agent, next_phone=phone))
    elif agent.next_phone:
        agent = agent_states.change(world, agent, next_phone="")
    elif agent.intent is Intent.LOGGED_OUT:
        agent = agent_states.with_other_phones(world, agent)
    if agent.intent is Intent.LOGGED_OUT:
        agent = agent_states.change(world, agent, idle_since=world.now, rest_until=0.0)
    return _ready(world, agent, logged_in=True)


def taken_by(world: World, agent: Agent, phone: str) -> Agent | None:
    """The other agent who uses this phone, or will use it next."""
    holder = world.agent_at(phone)
    others = [*([holder] if holder is not None else []), *world.waiting_for(phone)]
    return next((other for other in others if other.id != agent.id and agent_states.in_use(other)), None)


def _ready(world: World, agent: Agent, *, logged_in: bool = False) -> Sentence | None:
    if not (agent.phone or agent.next_phone):
        return Sentence("no phone: log in with a phone")
    if agent.intent is not Intent.READY and agent.work is Work.IDLE:
        agent = agent_states.change(world, agent, idle_since=world.now)
    agent = agent_states.phone_works(world, agent)  # says the agent, who is there
    agent = agent_states.change(world, agent, **(agent_states.READY | {"rest_until": 0.0}))
    if agent.work is Work.WRAP_UP and not logged_in:
        agent = _end_wrap_up(world, agent)
    agent_states.open_session(world, agent)
    return None


def _extend_wrap_up(world: World, agent: Agent) -> Sentence | None:
    """Extend wrap-up to the queue's maximum; once."""
    queue = world.plan.queues.get(agent.wrap_queue)
    most = agent.wrap_began + (queue.wrap_up_most if queue is not None else 0.0)
    if most <= agent.wrap_until:
        return Sentence("wrap-up cannot be extended further")
    agent_states.change(world, agent, wrap_until=most)
    return None


def _end_wrap_up(world: World, agent: Agent) -> Agent:
    return agent_states.settle(world, agent_states.change(world, agent, wrap_until=world.now))


def decline_offer(world: World, agent: Agent) -> Agent:
    """An agent who requests a pause while the phone rings does not want this call: it is offered to the next agent."""
    call = world.calls.get(agent.call)
    if agent.work is Work.OFFERED and call is not None and call.offer is not None and call.bridge is None:
        if call.phase is Phase.DIALLING:
            callback_calls.give_up(world, call, "agent_gone")
        else:
            offers.retry(world, call, OfferResult.REJECTED, costs=False)
    transfer = call.transfer if call is not None and agent.work is Work.OFFERED else None
    if call is not None and transfer is not None and transfer.offer is not None and not transfer.reached:
        transfers.target_gone(world, call, OfferResult.REJECTED, costs=False)
    return world.agents[agent.id]


def _refuse(world: World, event: AgentRequested, reason: Sentence) -> None:
    refusals.refuse(world, event.request, reason, by=event.by, agent=event.agent)
