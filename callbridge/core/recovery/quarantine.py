"""Quarantine: an entity whose step raised an exception is given up in the simplest way that leaves nobody in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callbridge.core.entities import agent_states, attempts, callbacks, legs, recordings
from callbridge.core.flows import interpreter
from callbridge.core.model.agent import Agent, Intent, Work
from callbridge.core.model.attempt import Attempt
from callbridge.core.model.call import Call, DiversionReason, OfferResult, VisitOutcome
from callbridge.core.model.callback import Callback
from callbridge.core.model.events import EntityFaulted
from callbridge.core.model.facts import CallDiverted, EntityQuarantined
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import DropBridge, HangUp, LeaveToDialplan
from callbridge.core.model.plan import SAFE_HARBOUR_CONTEXT
from callbridge.core.model.reasons import FAULT
from callbridge.core.model.saved_tables import SAVED_TABLES
from callbridge.core.model.world import World
from callbridge.core.outbound import campaigns
from callbridge.core.requests import feature_codes
from callbridge.core.routing import answers, segments, visits

_TIE = "tie"
QUARANTINE_KINDS = (*(one.kind for one in SAVED_TABLES), _TIE)
"""The kinds of entities that can be quarantined."""


def faulted(world: World, event: EntityFaulted) -> None:
    """The step of this entity raised: give it up in the simplest way that leaves nobody in silence."""
    world.emit(EntityQuarantined(seq=world.next_seq(), at=world.now, kind=event.kind, id=event.id))
    if event.kind == "campaign":
        campaigns.stop_all(world, "fault")
        return
    if event.kind == _TIE:
        world.ties.drop(event.id)
        return
    table = next((world.saved(one) for one in SAVED_TABLES if one.kind == event.kind), None)
    row = table.get(event.id) if table is not None else None
    if table is None or row is None:
        return
    if event.kind in _GIVE_UP:
        _GIVE_UP[event.kind](world, row)
    else:
        table.drop(event.id)


def _give_up_leg(world: World, leg: Leg) -> None:
    """With a leg goes its call; with an agent's leg that has none, the agent."""
    if leg.role is LegRole.FEATURE:
        feature_codes.give_up(world, leg)
        return
    call, agent = world.calls.get(leg.call), world.agents.get(leg.agent)
    if call is not None:
        give_up_call(world, call)
    if agent is not None and (agent.session == leg.id or (call is None and agent.leg == leg.id)):
        _give_up_agent(world, world.agents[agent.id])
    elif call is None:
        world.legs.drop(leg.id)
        world.order(HangUp(leg=leg.id))


def give_up_call(world: World, call: Call) -> None:
    """A tombstone: the customer to the fallback, all other legs hung up, its agent in wrap-up."""
    call = segments.end_supervision(world, interpreter.leave(world, call, "failed"))
    if call.offer is not None:
        answers.emit_offer_ended(world, call, call.offer, OfferResult.CANCELLED)
    if call.transfer is not None and call.transfer.offer is not None:
        answers.emit_offer_ended(world, call, call.transfer.offer, OfferResult.CANCELLED)
    if call.segment is not None:
        recordings.end(world, call, call.segment, world.now)
        segments.emit_talk_ended(world, call, call.segment, "fault", world.now)
    if call.visit is not None:
        call = visits.end_visit(world, call, VisitOutcome.FAILED, reason="fault")
    for leg in world.legs.values():
        if leg.call == call.id and leg.role is not LegRole.CUSTOMER and leg.role is not LegRole.SESSION:
            world.put_leg(leg, call="")
            legs.hang_up(world, leg.id)
    if call.bridge is not None:
        world.order(DropBridge(bridge=call.bridge, pbx=pbx_of(call.leg), legs=(call.leg,)))
    for agent in world.agents.values():
        if agent.call == call.id:
            _free_agent(world, agent, call)
    customer = world.legs.get(call.leg)
    if customer is not None and call.placed and customer.up_at is None:
        world.put_leg(customer, call="")
        legs.hang_up(world, customer.id)  # a phone that no longer rings for a caller
    elif customer is not None:
        world.legs.drop(call.leg)
        ours = bool(call.campaign) and call.placed
        context = SAFE_HARBOUR_CONTEXT if ours else world.plan.fallback_context
        world.order(LeaveToDialplan(leg=call.leg, context=context, extension=call.campaign if ours else call.entry))
        why = DiversionReason.FAULT
        world.emit(CallDiverted(seq=world.next_seq(), at=world.now, call=call.id, leg=call.leg, entry=call.entry, reason=why))
    world.calls.drop(call.id)
    segments.emit_ended(world, call, world.now)


def _free_agent(world: World, agent: Agent, call: Call) -> None:
    session = world.legs.get(agent.session)
    if session is not None and agent.leg == agent.session:
        world.put_leg(session, call="", bridge=None)
        agent = agent_states.change(world, agent, leg=None)
    queue = call.segment.queue if call.segment is not None else ""
    plan = world.plan.queues.get(queue)
    segment = call.segment.id if call.segment is not None else 0
    wrap_up = plan.wrap_up if plan is not None else 0.0
    agent_states.release(world, agent, queue, wrap_up, call=call, segment=segment)


def _give_up_agent(world: World, agent: Agent) -> None:
    for key in (agent.leg, *agent.also_ringing, agent.session):
        leg = world.legs.get(key)
        if leg is not None:
            world.put_leg(leg, call="", agent="")
            legs.hang_up(world, leg.id)
    call = world.calls.get(agent.call)
    out = agent.intent is Intent.LOGGED_OUT
    agent = agent_states.change(
        world,
        agent,
        intent=Intent.LOGGED_OUT if out else Intent.NOT_READY,
        reason="" if out else FAULT,
        work=Work.IDLE,
        call="",
        leg=None,
        also_ringing=(),
        session=None,
        session_up=False,
        next_phone="",
        wrap_queue="",
        rest_until=0.0,
        return_at=None,
        inspect_at=None,
        idle_since=world.now,
    )
    agent_states.refresh_device(world, agent)
    if call is not None:
        give_up_call(world, call)


def _give_up_callback(world: World, callback: Callback) -> None:
    callbacks.end(world, callback, "failed", "fault")


def _give_up_attempt(world: World, attempt: Attempt) -> None:
    call = world.calls.get(attempt.call)
    if call is not None:
        give_up_call(world, call)
    left = world.attempts.get(attempt.id)
    if left is not None:
        attempts.close(world, left, "unknown" if left.dialled_at is not None else "unsent")


_GIVE_UP: dict[str, Callable[[World, Any], None]] = {
    "call": give_up_call,
    "leg": _give_up_leg,
    "agent": _give_up_agent,
    "callback": _give_up_callback,
    "attempt": _give_up_attempt,
}
"""Where giving up a row is more than to drop it."""
