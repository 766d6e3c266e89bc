"""What an agent writes about a conversation, during it or in wrap-up: notes, and a disposition.

A note is kept as it is, and another one is added to it: nothing is overwritten. A disposition replaces the one before. The codes
are those of the campaign whose lead was called, otherwise those of the queue.
"""

from __future__ import annotations

from callbridge.core.entities import own_talk, refusals
from callbridge.core.model.events import DispositionRequested, NoteRequested
from callbridge.core.model.facts import CallNoted, DispositionSet
from callbridge.core.model.sentence import Sentence, Unknown
from callbridge.core.model.world import World
from callbridge.core.outbound import campaigns


def noted(world: World, event: NoteRequested) -> None:
    """Keep a note of the agent's present or last conversation."""
    talk = own_talk.of(world, event.agent)
    if talk is None:
        _refuse_without_call(world, "note", event)
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


def set_disposition(world: World, event: DispositionRequested) -> Sentence | None:
    """Set the disposition of the agent's current or last call. Returns why not; None when it is being saved."""
    if event.agent not in world.agents or campaigns.attempt_of(world, event.agent) is not None:
        return campaigns.set_disposition(world, event)
    talk = own_talk.of(world, event.agent)
    queue = world.plan.queues.get(talk.queue) if talk is not None else None
    if talk is None or queue is None:
        return _refuse_without_call(world, "set_disposition", event)
    code = next((one for one in queue.dispositions.values() if event.code and event.code in (one.code, one.digit)), None)
    if code is None:
        known = ", ".join(queue.dispositions) or "none"
        return _refuse(world, event, Unknown("no such disposition: {code} (known: {known})", code=event.code, known=known))
    if event.call_back_at is not None:
        return _refuse(world, event, Sentence("call_back_at is for leads of a campaign: make a callback"))
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
    return None


def _refuse_without_call(world: World, request: str, event: NoteRequested | DispositionRequested) -> Sentence:
    if event.agent not in world.agents:
        reason: Sentence = Unknown("no such agent: {agent}", agent=event.agent)
    else:
        reason = Sentence("agent {agent} has no call, and is not in wrap-up", agent=event.agent)
    refusals.refuse(world, request, reason, by=event.by, agent=event.agent)
    return reason


def _refuse(world: World, event: DispositionRequested, reason: Sentence) -> Sentence:
    refusals.refuse(world, "set_disposition", reason, by=event.by, agent=event.agent)
    return reason
