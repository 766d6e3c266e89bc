"""What a phone's reply to our INVITE means, and what it means when it does not reply.

A working phone replies with 100 or 180 within a fraction of a second. One that has not after ``silent_after`` is *silent*: it is
off, or its network is down. ARI reports no 100, so the PBX is queried before a phone that does not ring is given up. A phone that
refuses at once (480) has not rung: that is do not disturb, not ring on no answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from callbridge.core.entities import agent_states, phone_troubles, tie_lines
from callbridge.core.model.agent import AUTHENTICATION, DND, NO_COMMON_CODEC, NO_MEDIA, UNKNOWN_ENDPOINT
from callbridge.core.model.call import Call, OfferResult, Phase
from callbridge.core.model.events import LegEnded, LegProbed
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import Probe
from callbridge.core.model.phones import endpoint_of_phone
from callbridge.core.model.plan import Penalty
from callbridge.core.model.world import World

USER_DID_NOT_RESPOND, NO_ANSWER = 18, 19
"""Q.850 causes that Asterisk makes of 408 and of 480. It gives 19 as well when its own time for dialling is over."""
REJECTED_CAUSES = frozenset({16, 17, 21})
"""Normal clearing while ringing, busy, rejected. Everything else says that the phone cannot be reached."""
REFUSED_STATUSES = frozenset({401, 403, 407})
"""SIP: the phone asks the PBX who it is, or takes no calls from it. Versions that do not report the SIP status give 21 for all of
them, as for 603, which a person chose: there they count as rejected."""
UNSUPPORTED_MEDIA = 415
INTERWORKING = 127
"""What Asterisk makes of 415, and how it ends a leg whose phone has answered without SDP."""
FAULTS_BY_CAUSE = {1: UNKNOWN_ENDPOINT, 58: NO_COMMON_CODEC}
"""What Asterisk makes of 404 and of 488 or 606."""
RANG_FOR = 0.5
"""The share of the ring time for which a phone must have rung before an agent is said not to have answered."""
ASK_AGAIN = 1.0
"""Seconds until the PBX is queried again when it did not answer."""
SIP_PHONES = ("PJSIP/", "SIP/")
"""The technologies whose replies the PBX can report."""


@dataclass(frozen=True, slots=True)
class PhoneReply:
    """How a ring ended. ``trouble``: what is wrong with the phone, where that is known."""

    result: OfferResult
    trouble: str = ""


def result_of(cause: int) -> OfferResult:
    """What the end of a ringing leg with this Q.850 cause means, without regard to the phone and the ring time."""
    if cause in (USER_DID_NOT_RESPOND, NO_ANSWER):
        return OfferResult.NO_ANSWER
    return OfferResult.REJECTED if cause in REJECTED_CAUSES else OfferResult.OFFLINE


def reply_of(world: World, leg: Leg, event: LegEnded, queue: str, began_at: float) -> PhoneReply:
    """What the end of an agent's ringing leg says about the phone."""
    result, fault = result_of(event.cause), fault_of(leg, event)
    if fault:
        return PhoneReply(OfferResult.MISCONFIGURED, fault)
    if result is not OfferResult.NO_ANSWER or leg.role is not LegRole.AGENT:
        return PhoneReply(result)
    plan = world.plan.queues.get(queue)
    at_least = RANG_FOR * plan.ring_for if plan is not None else 0.0
    if leg.rang and world.now - began_at >= at_least:
        return PhoneReply(OfferResult.NO_ANSWER)
    if event.cause == NO_ANSWER and world.now - began_at < at_least:
        return PhoneReply(OfferResult.UNAVAILABLE, DND)
    return PhoneReply(OfferResult.OFFLINE)


def reply_after_answer(leg: Leg, event: LegEnded, *, lost: bool, excused: bool) -> PhoneReply:
    """What the end of a leg says about the phone, when the agent had picked up and no conversation came of it.

    ``lost``: the phone or its line is gone, rather than put down. ``excused``: the end is not the agent's doing.
    """
    if fault := fault_of(leg, event):
        return PhoneReply(OfferResult.MISCONFIGURED, fault)
    if lost:
        return PhoneReply(OfferResult.OFFLINE)
    return PhoneReply(OfferResult.CANCELLED if excused else OfferResult.REJECTED)


def fault_of(leg: Leg, event: LegEnded) -> str:
    """What must be set up otherwise before this agent's phone can be called; nothing, if that is not why the leg ended."""
    if leg.role is not LegRole.AGENT:
        return ""
    if event.sip in REFUSED_STATUSES:
        return AUTHENTICATION
    if event.cause == INTERWORKING and (leg.up_at is not None or event.sip in (None, UNSUPPORTED_MEDIA)):
        return NO_MEDIA
    return FAULTS_BY_CAUSE.get(event.cause, "") if leg.up_at is None else ""


# -- silence ----------------------------------------------------------------------------------------------------------


def watch(world: World, leg: Leg) -> None:
    """The leg is there and is being dialled: its phone must reply soon."""
    agent = world.agents.get(leg.agent)
    after = world.plan.phones.silent_after
    phone = (leg.device or agent.phone) if agent is not None else ""
    if after > 0 and _is_ringing(world, leg) and endpoint_of_phone(world.plan, phone).startswith(SIP_PHONES):
        world.put_leg(leg, deadline=world.now + after)


def heard(world: World, leg: Leg) -> Leg:
    """The phone has replied: the watch is over."""
    tie_lines.answered(world, leg)
    return world.put_leg(leg, deadline=None) if leg.deadline is not None and _is_ringing(world, leg) else leg


def ask(world: World, leg: Leg) -> bool:
    """The phone has not rung in time. Query whether it has replied. False: that is not in question."""
    if not _is_ringing(world, leg) or world.plan.phones.silent_after <= 0 or leg.left or leg.missing_since is not None:
        return False
    world.order(Probe(leg=leg.id, replies=True))
    world.put_leg(leg, deadline=world.now + ASK_AGAIN)
    return True


def is_silent(world: World, leg: Leg, event: LegProbed) -> bool:
    """Does the answer confirm that the phone has not replied at all?"""
    return event.replied is False and not event.up and _is_ringing(world, leg)


def _is_ringing(world: World, leg: Leg) -> bool:
    """An agent's leg that was dialled, and of which nothing has been heard."""
    if leg.role is not LegRole.AGENT or leg.rang or leg.up_at is not None or leg.hung_at is not None:
        return False
    call = world.calls.get(leg.call)
    return call is not None and _rings_for(world, call, leg)


def _rings_for(world: World, call: Call, leg: Leg) -> bool:
    agent = world.agents.get(leg.agent)
    also = agent.also_ringing if agent is not None and agent.call == call.id else ()
    if call.offer is not None and leg.id in (call.offer.leg, *also):
        return call.phase is Phase.OFFERED
    return call.transfer is not None and leg.id in (call.transfer.leg, *also) and not call.transfer.reached


# -- what it costs ----------------------------------------------------------------------------------------------------


def penalty(world: World, call: Call, result: OfferResult) -> Penalty | None:
    """What the queue does with an agent whose offer came to nothing in this way."""
    queue = world.plan.queues.get(call.visit.queue) if call.visit else None
    if queue is None:
        return None
    match result:
        case OfferResult.NO_ANSWER:
            return queue.no_answer
        case OfferResult.REJECTED:
            return queue.rejected
        case OfferResult.UNAVAILABLE:
            rest = queue.rejected.rest or phone_troubles.REST
            return Penalty(not_ready=DND) if world.plan.phones.pause_on_dnd else Penalty(rest=rest)
        case OfferResult.OFFLINE | OfferResult.MISCONFIGURED:
            return queue.offline
        case _:
            return None


def note(world: World, leg: Leg, trouble: str) -> None:
    """What a transfer has shown to be wrong with its target's phone: no penalty, but no offers for a while."""
    agent = world.agents.get(leg.agent)
    if agent is not None and trouble:
        agent_states.change(world, agent, **phone_troubles.found(world, agent, trouble, 0.0))
