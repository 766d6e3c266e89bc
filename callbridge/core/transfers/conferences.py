"""Conferences in the call's record: from when to when the caller, the agent and the target of the agent's consult all talked.

The agent who has the call keeps the segment. The third one's share is told by ConferenceEnded with its talk time; it counts as a
segment of the call when it is an agent's, and that agent has wrap-up. The next agent has a segment of the usual
kind from then on, which adds to the time in the conference.
"""

from __future__ import annotations

from callbridge.core.entities import agent_states
from callbridge.core.model.agent import Agent
from callbridge.core.model.call import Call, Transfer
from callbridge.core.model.facts import ConferenceBegan, ConferenceEnded
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World


def emit_began(world: World, call: Call, transfer: Transfer) -> int:
    """Returns the number of the target's segment."""
    seq = world.next_seq()
    world.emit(
        ConferenceBegan(
            seq=seq,
            at=world.now,
            call=call.id,
            agent=transfer.agent,
            queue=transfer.target_queue,
            to=transfer.to,
            by=transfer.by,
        )
    )
    return seq


def ended(world: World, call: Call, transfer: Transfer, *, goes_on: bool) -> Call:
    """Not all three talk any more. ``goes_on``: the third one has the call now. Returns the call, with that agent's share."""
    if not transfer.together:
        return call
    world.emit(
        ConferenceEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            agent=transfer.agent,
            queue=transfer.target_queue,
            to=transfer.to,
            by=transfer.by,
            talked=max(0.0, world.now - (world.now if transfer.together_at is None else transfer.together_at)),
            segment=transfer.conference,
            direction=call.direction,
        )
    )
    return evolve(call, segments=call.segments + 1) if transfer.agent and not goes_on else call


def release(world: World, agent: Agent, call: Call, transfer: Transfer) -> Agent:
    """The target, an agent, has left a conference or the consult of a queue: wrap-up as after any talk with a caller."""
    plan = world.plan.queues.get(transfer.target_queue)
    wrap_up = plan.wrap_up if plan is not None else 0.0
    return agent_states.release(world, agent, transfer.target_queue, wrap_up, call=call, segment=transfer.conference)
