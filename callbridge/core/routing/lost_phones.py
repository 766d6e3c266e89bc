"""Phones lost during a call: a power cut or a network failure; nobody has hung up.

Asterisk notices missing RTP (``rtp_timeout``) or unanswered SIP requests (session timers), and ends the leg. The cause
distinguishes that from a hang-up. The caller is kept: with an apology, and at the head of the line.
"""

from __future__ import annotations

from callbridge.core.entities import agent_states
from callbridge.core.model.agent import Agent, Work, eligible
from callbridge.core.model.call import Call, Phase
from callbridge.core.model.events import LegEnded
from callbridge.core.model.facts import AgentAlerted
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.matcher import Pair
from callbridge.core.model.world import World
from callbridge.core.routing import announcements, segments, visits

NO_SIP, NO_RTP = 18, 44
"""Q.850 causes with which Asterisk 16 and 22 end an answered leg: a request within the call (that of a session timer) was not
answered; ``rtp_timeout`` has passed. A hang-up by the phone has cause 16."""
HEAD_OF_LINE = 86400.0
"""Seconds of head start for the caller: a day is more than any tier or flow gives."""
PREFER_FOR = 60.0
"""Seconds in which the same agent, if back, gets the caller before anybody else; they start after wrap-up and rest."""
LOST_PHONE_REST = 30.0
"""Seconds for which the phone is left alone where the queue's ``offline`` names no rest: to Asterisk a phone that neither
registers nor is qualified always looks reachable."""


def died(leg: Leg, event: LegEnded) -> bool:
    """Did the phone of this leg die, rather than hang up?"""
    return leg.up_at is not None and leg.hung_at is None and event.cause in (NO_SIP, NO_RTP)


def said_nothing(leg: Leg, event: LegEnded) -> bool:
    """Did the PBX give up this caller's leg because a request was not answered, or our 200 never acknowledged? That takes 32 s,
    during which only the missing sound gives it away."""
    return leg.role is LegRole.CUSTOMER and died(leg, event) and event.cause == NO_SIP


def agents_phone(world: World, agent: Agent, leg: Leg, call: Call | None) -> None:
    """An alert, and a rest; the intent stays. ``call``: the one that the leg was part of, as it was."""
    queue = _queue_of(call)
    world.emit(
        AgentAlerted(
            seq=world.next_seq(),
            at=world.now,
            call=call.id if call is not None else "",
            agent=agent.id,
            queue=queue,
            kind="phone_lost",
        )
    )
    if leg.role is LegRole.AGENT:  # a nailed-up agent gets no call without a new session
        agent_states.change(world, agent, rest_until=max(agent.rest_until, world.now + _rest(world, queue)))


def _rest(world: World, queue: str) -> float:
    plan = world.plan.queues.get(queue)
    return (plan.offline.rest if plan is not None else 0.0) or LOST_PHONE_REST


def _queue_of(call: Call | None) -> str:
    if call is None:
        return ""
    for part in (call.segment, call.transfer, call.visit):
        if part is not None:
            return part.queue
    return ""


def keep_caller(world: World, call: Call, queue: str, agent: str) -> None:
    """The caller whose other party was lost hears an apology and is first in line; ``agent`` was the other party."""
    leg = world.legs.get(call.leg)
    if leg is None or leg.left or leg.hung_at is not None:
        segments.end_call(world, call)  # the caller is going, too
        return
    if queue not in world.plan.queues and segments.by_entry(world, call, "queue_removed"):
        return
    call = segments.out_of_bridge(world, call)
    until = _may_be_back(world, world.agents.get(agent), queue) + PREFER_FOR
    call = visits.begin_visit(world, call, queue, head_start=HEAD_OF_LINE, back_to=agent, back_until=until)
    if call.phase is Phase.WAITING and call.visit is not None and call.visit.back_to:
        announcements.apologise(world, call)


def _may_be_back(world: World, agent: Agent | None, queue: str) -> float:
    """When the agent may be offered a call again, as far as that is known: after wrap-up, and the rest that begins now."""
    busy = [agent.rest_until, agent.wrap_until if agent.work is Work.WRAP_UP else 0.0] if agent is not None else []
    return max(world.now + _rest(world, queue), *busy)


def next_pair(world: World) -> Pair | None:
    """A kept caller and the same agent, if back in time."""
    if not world.kept:
        return None
    for key in sorted(world.kept):
        call = world.calls[key]
        visit = call.visit
        agent = world.agents.get(visit.back_to) if visit is not None else None
        if visit is None or agent is None or world.now >= visit.back_until or pbx_of(call.leg) in world.down:
            continue
        if eligible(agent, world.now) and world.matcher.reaches(pbx_of(call.leg), agent.id):
            return Pair(call.id, agent.id, f"agent {agent.id}")
    return None
