"""What an agent writes about a conversation, during it or in wrap-up: notes, and a disposition.

A note is kept as it is, and another one is added to it: nothing is overwritten. A disposition replaces the one before. The codes
are those of the campaign whose lead was called, otherwise those of the queue.
"""

from __future__ import annotations

from callbridge.core.entities import own_talk
from callbridge.core.model.events import DispositionRequested, NoteRequested
from callbridge.core.model.facts import CallNoted, DispositionSet, RequestRefused
from callbridge.core.model.world import World
from callbridge.core.outbound import campaigns


def noted(world: World, event: NoteRequested) -> None:
    """Keep a note of the agent's present or last conversation."""
    talk = own_talk.of(world, event.agent)
    if talk is None:
        _refuse(world, "note", event.agent, event.by)
        return
    world.emit(
        CallNoted(
            seq=world.next_seq(),
            at=world.now,
            call=talk.call,
            agent=event.agent,
            queue=talk.queue,
            segment=talk.segment,
            text=event.text,
            by=event.by or event.agent,
        )
    )


def set_disposition(world: World, event: DispositionRequested) -> str:
    """Set the disposition of the agent's current or last call. Returns why not; empty when it is being saved."""
    if event.agent not in world.agents or campaigns.attempt_of(world, event.agent) is not None:
        return campaigns.set_disposition(world, event)
    talk = own_talk.of(world, event.agent)
    queue = world.plan.queues.get(talk.queue) if talk is not None else None
    if talk is None or queue is None:
        return _refuse(world, "set_disposition", event.agent, event.by)
    code = next((one for one in queue.dispositions.values() if event.code and event.code in (one.code, one.digit)), None)
    if code is None:
        known = ", ".join(queue.dispositions) or "none"
        return _refuse(world, "set_disposition", event.agent, event.by, f"no such disposition: {event.code} (known: {known})")
    if event.call_back_at is not None:
        reason = "call_back_at is for leads of a campaign: make a callback"
        return _refuse(world, "set_disposition", event.agent, event.by, reason)
    world.emit(
        DispositionSet(
            seq=world.next_seq(),
            at=world.now,
            call=talk.call,
            agent=event.agent,
            queue=talk.queue,
            segment=talk.segment,
            code=code.code,
            by=event.by or event.agent,
        )
    )
    return ""


def _refuse(world: World, request: str, agent: str, by: str, reason: str = "") -> str:
    unknown = agent not in world.agents
    reason = reason or (f"no such agent: {agent}" if unknown else f"agent {agent} has no call, and is not in wrap-up")
    world.emit(
        RequestRefused(seq=world.next_seq(), at=world.now, agent=agent, request=request, reason=reason, by=by, unknown=unknown)
    )
    return reason
