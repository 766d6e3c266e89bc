"""Recordings of talks: one file for each segment, begun when both are in the bridge and ended with the segment.

Asterisk's MixMonitor mixes both sides on the customer's channel and follows it through consults. What cannot be recorded is
told as an alert and changes nothing for the call. While a recording is paused nothing is written.
"""

from __future__ import annotations

from zlib import crc32

from callbridge.core.call import Call, Recording, Segment
from callbridge.core.events import CallAsk
from callbridge.core.facts import CallRecorded, RecordingFailed
from callbridge.core.flow import filled
from callbridge.core.ids import LegId
from callbridge.core.orders import PauseRecording, StartRecording, StopRecording
from callbridge.core.plan import Record
from callbridge.core.rows import evolve
from callbridge.core.world import World

_SHARES = 10_000
REFUSED = "record"
"""The value by which a flow says that the caller does not want to be recorded: ``record`` is ``no``."""


def begin(world: World, call: Call, segment: Segment) -> Segment:
    """A talk begins. Gives the segment, with its recording when there is to be one."""
    terms = _terms(world, segment.queue)
    if terms is None or not wanted(call, terms):
        return segment
    return _start(world, call, segment, terms)


def wanted(call: Call, terms: Record) -> bool:
    """Is this call recorded from the beginning?"""
    if terms.on_demand or dict(call.values).get(REFUSED) == "no":
        return False
    if terms.tiers and call.tier not in terms.tiers:
        return False
    # Not by chance: the same call is always in the sample or out of it, also when a step is taken anew.
    return crc32(call.id.encode()) % _SHARES < terms.share * _SHARES


def _terms(world: World, queue: str) -> Record | None:
    plan = world.plan.queues.get(queue)
    return plan.record if plan is not None else None


def _start(world: World, call: Call, segment: Segment, terms: Record) -> Segment:
    part = str(call.segments + 1)
    about = {"day": world.day, "queue": segment.queue, "agent": segment.agent, "tier": call.tier, "call": call.id, "part": part}
    file = filled(terms.file, about)
    world.order(StartRecording(leg=call.leg, file=file))
    return evolve(segment, recording=Recording(file=file, began_at=world.now))


def end(world: World, call: Call, segment: Segment, when: float) -> None:
    """The talk is over: the file is complete."""
    recording = segment.recording
    if recording is None:
        return
    if call.leg in world.legs:  # else it ended with the channel
        world.order(StopRecording(leg=call.leg))
    paused = recording.paused + (max(0.0, when - recording.paused_since) if recording.paused_since is not None else 0.0)
    world.tell(
        CallRecorded(
            seq=world.next_seq(),
            at=when,
            call=call.id,
            agent=segment.agent,
            queue=segment.queue,
            file=recording.file,
            lasted=max(0.0, when - recording.began_at),
            paused=paused,
        )
    )


def ask(world: World, call: Call, what: CallAsk) -> str:
    """Record this talk, pause, or go on. Gives why not; nothing when it is being done."""
    segment = call.segment
    if segment is None:
        return "no agent talks to the caller"
    recording = segment.recording
    terms = _terms(world, segment.queue)
    if what is CallAsk.RECORD and recording is None:
        if terms is None:
            return f"queue {segment.queue} records nothing"
        if dict(call.values).get(REFUSED) == "no":
            return "the caller does not want to be recorded"
        world.calls.put(call.id, evolve(call, segment=_start(world, evolve(call, segments=call.segments - 1), segment, terms)))
        return ""
    if recording is None:
        return "the talk is not being recorded"
    if what is CallAsk.RECORD:
        return "the talk is being recorded already"
    pause = what is CallAsk.PAUSE_RECORDING
    if pause is (recording.paused_since is not None):
        return f"the recording {'is paused already' if pause else 'is not paused'}"
    world.order(PauseRecording(leg=call.leg, paused=pause))
    if pause:
        recording = evolve(recording, paused_since=world.now)
    else:
        lasted = world.now - (recording.paused_since or world.now)
        recording = evolve(recording, paused_since=None, paused=recording.paused + lasted)
    world.calls.put(call.id, evolve(call, segment=evolve(segment, recording=recording)))
    return ""


def failed(world: World, leg: LegId, file: str, why: str) -> None:
    """The PBX does not record, or not as ordered: somebody should hear of it. A pause that failed is one, too."""
    known = world.legs.get(leg)
    call = world.calls.get(known.call) if known is not None else None
    segment = call.segment if call is not None else None
    if call is None or segment is None or segment.recording is None:
        return
    world.tell(
        RecordingFailed(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            agent=segment.agent,
            queue=segment.queue,
            file=segment.recording.file,
            why=why,
        )
    )
    # A pause that failed is none: what is said goes on being written, and may be paused once more.
    recording = None if file else evolve(segment.recording, paused_since=None)
    world.calls.put(call.id, evolve(call, segment=evolve(segment, recording=recording)))
