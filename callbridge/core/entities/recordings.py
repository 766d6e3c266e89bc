"""Recordings of conversations: one file per segment, started when both are in the bridge and ended with the segment.

Asterisk's MixMonitor mixes both sides on the customer's channel and follows it through consults. A failed recording raises an
alert and does not affect the call. While a recording is paused, silence is written, also after a transfer to another agent: a
pause for a card number does not apply to one agent only.
"""

from __future__ import annotations

from zlib import crc32

from callbridge.core.model.call import Call, Recording, Segment
from callbridge.core.model.events import CallRequest, OrderFailed, Why
from callbridge.core.model.facts import CallRecorded, RecordingFailed
from callbridge.core.model.flow import filled
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import CheckRecording, OfRecording, PauseRecording, StartRecording, StopRecording
from callbridge.core.model.plan import RecordingPlan
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence, Word, packed
from callbridge.core.model.world import World

_SHARES = 10_000
RECORD_REQUEST = "record"
"""The value with which a flow notes that the caller refuses to be recorded: ``record`` is ``no``."""


def begin(world: World, call: Call, segment: Segment) -> Segment:
    """A conversation starts. Returns the segment, with its recording if it is to be recorded."""
    terms = _terms(world, segment.queue)
    if terms is None or not wanted(call, terms):
        return segment
    segment = _start(world, call, segment, terms, part=_parts(call) + 1)
    if call.recording_paused and segment.recording is not None:
        world.order(PauseRecording(leg=call.leg, call=call.id, file=segment.recording.file, paused=True))
        segment = evolve(segment, recording=evolve(segment.recording, paused_since=world.now))
    return segment


def wanted(call: Call, terms: RecordingPlan) -> bool:
    """Is this call recorded from the beginning?"""
    if terms.on_demand or declined(call):
        return False
    if terms.tiers and call.tier not in terms.tiers:
        return False
    # Not by chance: the same call is always in the sample or out of it, also when a step is taken again.
    return crc32(call.id.encode()) % _SHARES < terms.share * _SHARES


def declined(call: Call) -> bool:
    """Did the caller refuse to be recorded?"""
    return dict(call.values).get(RECORD_REQUEST, "").casefold() in ("no", "false", "off", "0")


def _terms(world: World, queue: str) -> RecordingPlan | None:
    plan = world.plan.queues.get(queue)
    return plan.record if plan is not None else None


def _parts(call: Call) -> int:
    """The number of conversations so far, including the present one once it counts: the number in its file's name."""
    return call.segments + call.short_talks


def _start(world: World, call: Call, segment: Segment, terms: RecordingPlan, *, part: int) -> Segment:
    about = {"day": world.day, "queue": segment.queue, "agent": segment.agent, "tier": call.tier, "call": call.id}
    file = filled(terms.file, about | {"part": str(part)})
    world.order(StartRecording(leg=call.leg, call=call.id, file=file))
    return evolve(segment, recording=Recording(file=file, began_at=world.now))


def end(world: World, call: Call, segment: Segment, when: float) -> Call:
    """The conversation is over: the file is complete. Returns the call, which remembers whether the recording was paused."""
    recording = segment.recording
    if recording is None:
        return call
    if call.leg in world.legs:  # else it ended with the channel
        world.order(StopRecording(leg=call.leg, call=call.id, file=recording.file))
    paused = recording.paused + (max(0.0, when - recording.paused_since) if recording.paused_since is not None else 0.0)
    world.emit(
        CallRecorded(
            seq=world.next_seq(),
            at=when,
            call=call.id,
            agent=segment.agent,
            queue=segment.queue,
            file=recording.file,
            lasted=max(0.0, when - recording.began_at),
            paused=paused,
            segment=segment.id,
        )
    )
    return evolve(call, recording_paused=recording.paused_since is not None)


def move(world: World, call: Call, to: LegId) -> Call:
    """Another channel has replaced the customer's: recording continues there, in a new file. Returns the call."""
    segment = call.segment
    if segment is None or segment.recording is None:
        return evolve(call, leg=to)
    call = evolve(end(world, call, segment, world.now), leg=to)
    stem, _, kind = segment.recording.file.rpartition(".")
    recording = Recording(file=f"{stem}-again.{kind}", began_at=world.now)
    world.order(StartRecording(leg=to, call=call.id, file=recording.file))
    if call.recording_paused:
        world.order(PauseRecording(leg=to, call=call.id, file=recording.file, paused=True))
        recording = evolve(recording, paused_since=world.now)
    return evolve(call, segment=evolve(segment, recording=recording))


def reconcile(world: World, call: Call) -> None:
    """After a gap it is unknown whether the recording was started and the last pause carried out: look, and repeat the pause."""
    recording = call.segment.recording if call.segment is not None else None
    if recording is not None:
        world.order(CheckRecording(leg=call.leg, call=call.id, file=recording.file))
    if recording is not None and recording.paused_since is not None:
        world.order(PauseRecording(leg=call.leg, call=call.id, file=recording.file, paused=True))


def request(world: World, call: Call, what: CallRequest) -> Sentence | None:
    """Start, pause or resume the recording of this conversation. Returns why not; None when it is being done."""
    segment = call.segment
    if segment is None:
        return Sentence("no agent is talking to the caller")
    recording = segment.recording
    terms = _terms(world, segment.queue)
    if what is CallRequest.RECORD and recording is None:
        if terms is None:
            return Sentence("queue {queue} has no recording", queue=segment.queue)
        if declined(call):
            return Sentence("the caller has refused to be recorded")
        world.calls.put(call.id, evolve(call, segment=_start(world, call, segment, terms, part=_parts(call))))
        return None
    if recording is None:
        return Sentence("the conversation is not being recorded")
    if what is CallRequest.RECORD:
        return Sentence("the conversation is already being recorded")
    pause = what is CallRequest.PAUSE_RECORDING
    if pause is (recording.paused_since is not None):
        return Sentence("the recording is already paused") if pause else Sentence("the recording is not paused")
    world.order(PauseRecording(leg=call.leg, call=call.id, file=recording.file, paused=pause))
    if pause:
        recording = evolve(recording, paused_since=world.now)
    else:
        lasted = world.now - (recording.paused_since or world.now)
        recording = evolve(recording, paused_since=None, paused=recording.paused + lasted)
    world.calls.put(call.id, evolve(call, segment=evolve(segment, recording=recording)))
    return None


def failed(world: World, order: OfRecording, event: OrderFailed) -> None:
    """The PBX does not record as ordered: raise an alert, even if the conversation is over meanwhile."""
    call = world.calls.get(order.call)
    segment = call.segment if call is not None else None
    recording = segment.recording if segment is not None else None
    mine = recording is not None and recording.file == order.file
    if isinstance(order, StartRecording | CheckRecording) and not mine:
        return  # the conversation ended before the recording had begun, or while we looked
    unclear = isinstance(order, CheckRecording) and event.why is not Why.REFUSED
    what = Sentence("perhaps not recorded") if unclear else _WHAT[type(order)]
    cause = Word(f"not_executed.{event.why}")
    why = Sentence("{what}: {cause}", what=what, cause=cause)
    if event.detail:
        why = Sentence("{what}: {cause} {detail}", what=what, cause=cause, detail=event.detail)
    emit_failed(world, order.call, segment if mine else None, order.file, why)
    if call is None or segment is None or recording is None or not mine:
        return
    if isinstance(order, StartRecording) and event.why is not Why.TIMEOUT:
        recording = None
    elif isinstance(order, CheckRecording) and event.why is Why.REFUSED:
        recording = _start_late(world, call, recording)
    elif isinstance(order, PauseRecording):  # as it was before: it may be requested again
        recording = evolve(recording, paused_since=None if order.paused else world.now)
    world.calls.put(call.id, evolve(call, segment=evolve(segment, recording=recording)))


def _start_late(world: World, call: Call, recording: Recording) -> Recording:
    """The order to start was lost. What was said until now is in no file, and the file's length says so."""
    world.order(StartRecording(leg=call.leg, call=call.id, file=recording.file))
    if recording.paused_since is None:
        return Recording(file=recording.file, began_at=world.now)
    world.order(PauseRecording(leg=call.leg, call=call.id, file=recording.file, paused=True))
    return Recording(file=recording.file, began_at=world.now, paused_since=world.now)


_WHAT = {
    StartRecording: Sentence("not recorded"),
    CheckRecording: Sentence("not recorded until now"),
    PauseRecording: Sentence("not paused, or not resumed"),
    StopRecording: Sentence("goes on after the talk, until the call ends"),
}


def emit_failed(world: World, call: str, segment: Segment | None, file: str, why: Sentence) -> None:
    world.emit(
        RecordingFailed(
            seq=world.next_seq(),
            at=world.now,
            call=call,
            agent=segment.agent if segment is not None else "",
            queue=segment.queue if segment is not None else "",
            file=file,
            why=why,
            **packed(why),
            segment=segment.id if segment is not None else 0,
        )
    )
