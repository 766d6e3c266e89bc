"""Decodes a frame of the ARI event socket into events of the core.

``read`` never raises: a frame that is malformed, unknown or not ours comes back as a kind to count, without events.
The kinds are a closed set (they become a metric's label): ARI's type names plus ``malformed``, ``unknown``,
``foreign`` (an application, or arguments of StasisStart, that are not ours), ``echo`` and ``replaced``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from callbridge.core.model.events import (
    AmdDetourEnded,
    AnyEvent,
    CallerArrived,
    DigitPressed,
    FeatureDialled,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegHeld,
    LegJoined,
    LegLeft,
    LegMoved,
    LegParted,
    LegReplaced,
    LegRinging,
    LegTransferred,
    LegUnheld,
    PlaybackEnded,
    RecordingEnded,
)
from callbridge.core.model.ids import LegId, channel_of, endpoint_of, leg_id
from callbridge.wire.ari.caller_id import caller_id
from callbridge.wire.ari.keys import RepeatedKeys, ReportedKey
from callbridge.wire.ari.shapes import Malformed, epoch, identity, moment, optional_part, parse, part, text, whole
from callbridge.wire.text import NAME_LIMIT, NUMBER_LIMIT, clean

ECHO = "callbridge-echo"
"""The name of the user event by which we prove that the socket is still ours."""

OWN_ROLES = frozenset({"agent", "session", "outside", "supervisor", "customer", "snoop", "resync"})
"""First arguments of StasisStart for legs that we made or moved ourselves."""

SILENCED = (
    "ChannelVarset",
    "ChannelDialplan",
    "ChannelCreated",
    "ChannelCallerId",
    "ChannelConnectedLine",
    "ChannelHangupRequest",
    "ChannelToneDetected",
    "ChannelTalkingStarted",
    "ChannelTalkingFinished",
    "Dial",
    "PlaybackStarted",
    "PlaybackContinuing",
    "BridgeCreated",
    "BridgeDestroyed",
    "BridgeMerged",
    "BridgeVideoSourceChanged",
    "DeviceStateChanged",
    "EndpointStateChange",
    "ContactStatusChange",
    "PeerStatusChange",
)
"""Event types that the core does not need: filtered out by the PBX, and ignored if they come all the same."""

_COUNTED = frozenset({*SILENCED, "ChannelUserevent", "RecordingStarted"})


@dataclass(frozen=True, slots=True)
class Heard:
    """A decoded frame: its ``kind`` for counting, and the events for the core (an attended transfer has two)."""

    kind: str
    events: tuple[AnyEvent, ...] = ()
    echo: str = ""
    """With kind ``echo``: the mark that we had sent."""
    entered: str = ""
    """The channel, when a leg that we made has entered Stasis: no news, but it can be dialled now."""

    @property
    def event(self) -> AnyEvent | None:
        return self.events[0] if self.events else None


@dataclass(slots=True)
class _Frame:
    message: dict[str, Any]
    pbx: str
    at: float
    app: str
    ordered: Callable[[str], bool]
    keys: RepeatedKeys | None

    @property
    def said_at(self) -> float | None:
        """By the PBX's clock."""
        return moment(self.message.get("timestamp"))

    def leg(self, key: str = "channel") -> LegId:
        return leg_id(self.pbx, identity(part(self.message, key).get("id")))


def _never(_channel: str) -> bool:
    return False


def read(
    frame: str | bytes,
    *,
    pbx: str,
    at: float,
    app: str,
    ordered: Callable[[str], bool] = _never,
    keys: RepeatedKeys | None = None,
) -> Heard:
    """Decode one WebSocket frame, received at ``at`` (epoch seconds). Never raises.

    ``ordered`` says whether we have sent that channel to the dialplan with ``/continue``, so that its StasisEnd is LegMoved.
    ``keys``: what has been pressed so far; a key that Asterisk reports again is no event. Callers have no tier yet.
    """
    try:
        message = parse(frame)
        if not isinstance(message, dict):
            return Heard("malformed")
        kind = text(message, "type")
        if message.get("application") != app:
            return Heard("foreign" if kind in _READERS or kind in _COUNTED else "unknown")
        reader = _READERS.get(kind)
        if reader is None:
            return Heard(kind if kind in _COUNTED else "unknown")
        return reader(_Frame(message, pbx, at, app, ordered, keys))
    except Malformed:
        return Heard("malformed")


def _stasis_start(frame: _Frame) -> Heard:
    kind = "StasisStart"
    channel = part(frame.message, "channel")
    leg = frame.leg()
    name = clean(channel.get("name"), NAME_LIMIT)
    if frame.message.get("replace_channel") is not None:
        return Heard(kind, (_leg_replaced(frame, leg, name, up=channel.get("state") == "Up"),))
    said = frame.message.get("args")
    args: list[Any] = [*said, "", ""] if isinstance(said, list) else [""]
    if args[0] == "feature":
        return Heard(kind, (_feature(frame, channel, args),))
    if args[0] == "amd":
        verdict, cause = (clean(arg, NUMBER_LIMIT) for arg in args[1:3])
        return Heard(kind, (AmdDetourEnded(at=frame.at, leg=leg, verdict=verdict, cause=cause),))
    if args[0] != "inbound":
        ours = isinstance(args[0], str) and args[0] in OWN_ROLES
        made = ours and args[0] != "resync"
        events = (LegEntered(at=frame.at, leg=leg),) if made else ()
        return Heard(kind, events, entered=channel_of(leg)) if ours else Heard("foreign")
    caller = caller_id(channel, args[3:5])
    arrived = CallerArrived(
        at=frame.at,
        leg=leg,
        entry=clean(args[1], NUMBER_LIMIT),
        channel_name=name,
        number=caller.number,
        name=caller.name,
        tier="",
        withheld=caller.withheld,
        up=channel.get("state") == "Up",
        uniqueid=identity(channel.get("id")),
        since=epoch(args[2], frame.at, (frame.said_at or frame.at) - frame.at),
        # ARI reports no linkedid by default; it comes only if channelvars in ari.conf request it.
        linkedid=clean(optional_part(channel, "channelvars").get("CHANNEL(linkedid)"), NAME_LIMIT),
    )
    return Heard(kind, (arrived,))


def _leg_replaced(frame: _Frame, by: LegId, by_name: str, *, up: bool) -> LegReplaced:
    before = clean(part(frame.message, "replace_channel").get("name"), NAME_LIMIT)
    leg, phone = frame.leg("replace_channel"), endpoint_of(before)
    return LegReplaced(at=frame.at, leg=leg, by=by, by_name=by_name, phone=phone, up=up)


def _feature(frame: _Frame, channel: dict[str, Any], args: list[Any]) -> FeatureDialled:
    return FeatureDialled(
        at=frame.at,
        leg=frame.leg(),
        feature=clean(args[1], NUMBER_LIMIT),
        argument=clean(args[2], NUMBER_LIMIT),
        channel_name=clean(channel.get("name"), NAME_LIMIT),
        up=channel.get("state") == "Up",
    )


def _stasis_end(frame: _Frame) -> Heard:
    leg = frame.leg()
    if frame.ordered(part(frame.message, "channel")["id"]):
        return Heard("StasisEnd", (LegMoved(at=frame.at, leg=leg),))
    return Heard("StasisEnd", (LegLeft(at=frame.at, leg=leg),))


def _state_change(frame: _Frame) -> Heard:
    leg = frame.leg()
    match part(frame.message, "channel").get("state"):
        case "Ringing":
            return Heard("ChannelStateChange", (LegRinging(at=frame.at, leg=leg),))
        case "Up":
            return Heard("ChannelStateChange", (LegAnswered(at=frame.at, leg=leg, said_at=frame.said_at),))
        case _:
            return Heard("ChannelStateChange")


def _destroyed(frame: _Frame) -> Heard:
    cause = whole(frame.message.get("cause")) or 0
    sip = whole(frame.message.get("tech_cause"))
    ended = LegEnded(at=frame.at, leg=frame.leg(), said_at=frame.said_at, cause=cause, sip=sip)
    return Heard("ChannelDestroyed", (ended,))


def _entered(frame: _Frame) -> Heard:
    bridge = identity(part(frame.message, "bridge").get("id"))
    joined = LegJoined(at=frame.at, leg=frame.leg(), bridge=bridge, said_at=frame.said_at)
    return Heard("ChannelEnteredBridge", (joined,))


def _left(frame: _Frame) -> Heard:
    bridge = identity(part(frame.message, "bridge").get("id"))
    return Heard("ChannelLeftBridge", (LegParted(at=frame.at, leg=frame.leg(), bridge=bridge),))


def _hold(frame: _Frame) -> Heard:
    return Heard("ChannelHold", (LegHeld(at=frame.at, leg=frame.leg()),))


def _unhold(frame: _Frame) -> Heard:
    return Heard("ChannelUnhold", (LegUnheld(at=frame.at, leg=frame.leg()),))


def _digit(frame: _Frame) -> Heard:
    digit = text(frame.message, "digit")
    if len(digit) != 1 or digit not in "0123456789*#ABCDabcd":
        raise Malformed("no digit")
    leg, lasted, said_at = frame.leg(), whole(frame.message.get("duration_ms")), frame.said_at
    if frame.keys is not None and lasted is not None and said_at is not None:
        key = ReportedKey(digit=digit, lasted=lasted / 1000, said_at=said_at, at=frame.at)
        if frame.keys.repeats(channel_of(leg), key):
            return Heard("ChannelDtmfReceived")
    return Heard("ChannelDtmfReceived", (DigitPressed(at=frame.at, leg=leg, digit=digit),))


def _playback_finished(frame: _Frame) -> Heard:
    playback = part(frame.message, "playback")
    target, _, channel = text(playback, "target_uri").partition(":")
    if target != "channel":
        return Heard("PlaybackFinished")
    ended = PlaybackEnded(
        at=frame.at,
        leg=leg_id(frame.pbx, identity(channel)),
        playback=identity(playback.get("id")),
        failed=playback.get("state") == "failed",
    )
    if frame.keys is not None:
        frame.keys.prompt_ended(channel, frame.at)
    return Heard("PlaybackFinished", (ended,))


def _recording_ended(frame: _Frame) -> Heard:
    recording = part(frame.message, "recording")
    kind = text(frame.message, "type")
    target, _, channel = text(recording, "target_uri").partition(":")
    if target != "channel":
        return Heard(kind)
    ended = RecordingEnded(
        at=frame.at,
        leg=leg_id(frame.pbx, identity(channel)),
        recording=identity(recording.get("name")),
        lasted=float(whole(recording.get("duration")) or 0),
        failed=kind == "RecordingFailed",
    )
    return Heard(kind, (ended,))


def _blind_transfer(frame: _Frame) -> Heard:
    target = f"{clean(frame.message.get('exten'), NUMBER_LIMIT)}@{clean(frame.message.get('context'), NUMBER_LIMIT)}"
    return Heard("BridgeBlindTransfer", (_transferred(frame, "channel", target, attended=False),))


def _attended_transfer(frame: _Frame) -> Heard:
    to = optional_part(frame.message, "transfer_target")
    target = clean(optional_part(to, "caller").get("number"), NUMBER_LIMIT) or clean(to.get("name"), NAME_LIMIT)
    target_leg = leg_id(frame.pbx, identity(to.get("id"))) if to else None
    legs = ("transferer_first_leg", "transferer_second_leg")
    told = tuple(_transferred(frame, leg, target, attended=True, target_leg=target_leg) for leg in legs)
    return Heard("BridgeAttendedTransfer", told)


def _transferred(frame: _Frame, key: str, target: str, *, attended: bool, target_leg: LegId | None = None) -> LegTransferred:
    worked = frame.message.get("result") == "Success"
    leg = frame.leg(key)
    return LegTransferred(at=frame.at, leg=leg, target=target, attended=attended, worked=worked, target_leg=target_leg)


def _user_event(frame: _Frame) -> Heard:
    if frame.message.get("eventname") != ECHO:
        return Heard("ChannelUserevent")
    return Heard("echo", echo=clean(optional_part(frame.message, "userevent").get("mark"), NAME_LIMIT))


def _replaced(_frame: _Frame) -> Heard:
    return Heard("replaced")


_READERS: Mapping[str, Callable[[_Frame], Heard]] = {
    "StasisStart": _stasis_start,
    "StasisEnd": _stasis_end,
    "ChannelStateChange": _state_change,
    "ChannelDestroyed": _destroyed,
    "ChannelEnteredBridge": _entered,
    "ChannelLeftBridge": _left,
    "ChannelHold": _hold,
    "ChannelUnhold": _unhold,
    "ChannelDtmfReceived": _digit,
    "PlaybackFinished": _playback_finished,
    "RecordingFinished": _recording_ended,
    "RecordingFailed": _recording_ended,
    "BridgeBlindTransfer": _blind_transfer,
    "BridgeAttendedTransfer": _attended_transfer,
    "ChannelUserevent": _user_event,
    "ApplicationReplaced": _replaced,
}
