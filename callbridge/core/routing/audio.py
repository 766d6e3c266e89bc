"""Callers from whom no audio has come yet: they keep their place, and are not offered to agents.

Asterisk tells nobody whether a caller has acknowledged the 200 that answered the call; it gives up 32 s later (64 x T1, RFC 3261
13.3.1.4). From such a caller no audio comes, and an agent would talk to nobody. So a queue may wait for the first audio
(``wait_for_audio``): the PBX is asked until it comes (``WatchAudio``).

    joins the queue -> held -- audio, a key, no telling, or the time is over --> offered as usual
"""

from __future__ import annotations

from callbridge.core.model.call import Call, Visit
from callbridge.core.model.facts import CallerInaudible
from callbridge.core.model.ids import LegId
from callbridge.core.model.leg import Leg
from callbridge.core.model.orders import WatchAudio
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

FIRST_AUDIO = 0.1
"""Seconds after the answer before audio is expected: the ACK and the first packet have to travel."""
REMARKABLE = 1.0
"""Seconds without audio from which the timeline mentions it."""
_ROUNDING = 1e-6
_WITH_RTP = ("PJSIP/", "SIP/")


def is_exempt(channel_name: str, *, found: bool) -> bool:
    """Is audio not waited for at all: because the channel has no RTP of its own, as a Local channel, or because the call was
    answered some time ago, and found after a restart?"""
    return found or not channel_name.startswith(_WITH_RTP)


def begin(world: World, call: Call, visit: Visit) -> Call:
    """The call joins the queue of this visit. Returns the call, held if audio is to be waited for."""
    wait, leg = _wait(world, visit), world.legs.get(call.leg)
    talked = call.segments or call.short_talks
    held = None
    if wait and leg is not None and not (call.audible or call.callback or call.campaign or talked):
        since = world.now if leg.up_at is None else leg.up_at
        held = since + wait if since + wait > world.now else None
        if held is not None and leg.up_at is not None:
            _watch(world, call.leg, since, held)
    return call if held == call.audio_until else evolve(call, audio_until=held)


def answered(world: World, call: Call, leg: Leg) -> Call:
    """The caller's leg is up: the time starts now. Returns the call, stored."""
    if call.audio_until is None or call.visit is None or leg.up_at is None:
        return call
    call = evolve(call, audio_until=leg.up_at + _wait(world, call.visit))
    world.calls.put(call.id, call)
    _watch(world, call.leg, leg.up_at, call.audio_until)
    return call


def watch_again(world: World, call: Call, leg: Leg) -> None:
    """The link to the PBX was down, and with it the watch has ended."""
    if call.audio_until is not None and leg.up_at is not None:
        _watch(world, call.leg, leg.up_at, call.audio_until)


def _watch(world: World, leg: LegId, since: float, until: float | None) -> None:
    world.order(WatchAudio(leg=leg, until=until or world.now, after=max(0.0, since + FIRST_AUDIO - world.now)))


def audible(world: World, key: LegId) -> None:
    """Audio has come from this leg, or the PBX cannot tell."""
    leg = world.legs.get(key)
    call = world.calls.get(leg.call) if leg is not None else None
    if call is None or call.leg != key or call.audible:
        return
    _emit(world, call, "heard", world.now)
    world.calls.put(call.id, evolve(call, audible=True, audio_until=None))


def pressed(world: World, key: LegId) -> None:
    """A key is as good as audio: it may come by SIP INFO, without any RTP."""
    leg = world.legs.get(key)
    call = world.calls.get(leg.call) if leg is not None else None
    if call is not None and call.audio_until is not None:
        audible(world, key)


def look(world: World, call: Call) -> Call:
    """Returns the waiting call, no longer held if the time is up or its queue no longer waits for audio."""
    if call.audio_until is None or call.visit is None:
        return call
    wait = _wait(world, call.visit)
    if wait and world.now < call.audio_until - _ROUNDING:
        return call
    if wait:
        _emit(world, call, "timed_out", world.now)
    return evolve(call, audio_until=None)


def gone(world: World, call: Call, at: float, *, lost: bool) -> None:
    """The caller has gone at this time. ``lost``: the PBX gave the caller up."""
    _emit(world, call, "lost" if lost else "hung_up", at)


def _wait(world: World, visit: Visit) -> float:
    queue = world.plan.queues.get(visit.queue)
    return queue.wait_for_audio if queue is not None else 0.0


def _emit(world: World, call: Call, outcome: str, at: float) -> None:
    """``outcome``: how the time in which the caller was held has ended."""
    if call.audio_until is None or call.visit is None:
        return
    lasted = at - (call.audio_until - _wait(world, call.visit))
    if lasted >= REMARKABLE - _ROUNDING:
        queue = call.visit.queue
        world.emit(CallerInaudible(seq=world.next_seq(), at=at, call=call.id, queue=queue, lasted=lasted, outcome=outcome))
