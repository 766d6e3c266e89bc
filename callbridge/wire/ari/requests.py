"""The core's orders as ARI requests. Ids and values are percent-encoded here and nowhere else."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, assert_never
from urllib.parse import quote, urlencode

from callbridge.core.model.ids import channel_of
from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.orders import (
    Answer,
    BlockNumber,
    Bridge,
    CheckRecording,
    CloseAttempt,
    DropBridge,
    FindLeads,
    FindParty,
    HangUp,
    IdentifyCaller,
    InspectPhone,
    LeaveToDialplan,
    LookUp,
    Order,
    PauseRecording,
    Play,
    Probe,
    ReadReferral,
    Record,
    ReserveAttempts,
    Ring,
    ShowCaller,
    Snoop,
    StartAmdDetour,
    StartMusic,
    StartRecording,
    StartRinging,
    StopMusic,
    StopPlaying,
    StopRecording,
    StopRinging,
    Subscribe,
    WatchAudio,
)
from callbridge.wire.ari import display
from callbridge.wire.ari.events import ECHO, SILENCED
from callbridge.wire.ari.referrals import REFER_TO, REFERRED_BY

BRIDGE_TYPE = "mixing,dtmf_events"

STAYS = "CALLBRIDGE_STAYS"
"""The channel's variable that keeps a caller in the fallback queue."""
_PARDON_NOT_FOUND = (404,)
_GONE_OR_OUT = (404, 409)
_NO_BRIDGE = (404, 409)
"""Version 16 answers 409 for a bridge that it has just destroyed."""
_ALREADY_THERE = (409,)
_PARDON_ANYTHING = range(400, 600)
_REASONS = frozenset({"normal", "busy", "congestion", "no_answer", "answered_elsewhere"})
"""Hangup reasons that every version from 16 knows; any other one would be a 400 there."""

_PLAIN = re.compile(r"[\w.:@/+ -]*")
"""Characters allowed in an argument of an application."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request below ARI's root; ``path`` has its query and is encoded already."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    pardons: Container[int] = ()
    """Statuses of 400 and above that are as good as success."""


def requests(
    order: Order, *, app: str, bridge_type: str = BRIDGE_TYPE, inside: Container[str] | None = None
) -> tuple[Request, ...]:
    """The requests for ``order``, to be sent one after the other.

    ``inside``: the bridge of a Bridge order already exists and has these channels; None: create it.
    """
    match order:
        case Subscribe(leg=leg):
            source = f"channel:{channel_of(leg)}"
            return (Request("POST", _path("applications", app, "subscription", eventSource=source)),)
        case Answer(leg=leg):
            return (_on_channel("POST", leg, "answer"),)
        case StartMusic(leg=leg, music=music):
            return (_on_channel("POST", leg, "moh", mohClass=music),)
        case StopMusic(leg=leg):
            return (_on_channel("DELETE", leg, "moh"),)
        case StartRinging(leg=leg):
            return (_on_channel("POST", leg, "ring"),)
        case StopRinging(leg=leg):
            return (_on_channel("DELETE", leg, "ring"),)
        case Snoop(leg=leg, of=of, whisper=whisper):
            heard = {"app": app, "appArgs": "snoop", "spy": "both", "whisper": "out" if whisper else "none"}
            return (_on_channel("POST", of, "snoop", channel_of(leg), **heard),)
        case Play(leg=leg, playback=playback, media=media, language=language):
            spoken = {"lang": language} if language else {}
            return (_on_channel("POST", leg, "play", playback, media=media, **spoken),)
        case Record(leg=leg, recording=recording, longest=longest, silence=silence):
            wanted = {
                "name": recording,
                "format": "wav",
                "maxDurationSeconds": str(math.ceil(longest)),
                "maxSilenceSeconds": str(math.ceil(silence)),
                "beep": "true",
                "terminateOn": "#",
            }
            return (_on_channel("POST", leg, "record", **wanted),)
        case StopPlaying(playback=playback):
            return (Request("DELETE", _path("playbacks", playback), pardons=_PARDON_NOT_FOUND),)
        case Ring():
            return _ring(order, app)
        case Bridge():
            return _bridge(order, app, bridge_type, inside)
        case DropBridge(bridge=bridge):
            return (Request("DELETE", _path("bridges", bridge), pardons=_NO_BRIDGE),)
        case HangUp(leg=leg, reason=reason):
            known = reason if reason in _REASONS else "normal"
            return (Request("DELETE", _path("channels", channel_of(leg), reason=known), pardons=_PARDON_NOT_FOUND),)
        case (
            LeaveToDialplan(leg=leg, context=context, extension=extension, stays=False)
            | StartAmdDetour(leg=leg, context=context, extension=extension)
        ):
            return (_on_channel("POST", leg, "continue", context=context, extension=extension, priority="1"),)
        case LeaveToDialplan(leg=leg, context=context, extension=extension):
            away = _on_channel("POST", leg, "continue", context=context, extension=extension, priority="1")
            return _on_channel("POST", leg, "variable", variable=STAYS, value="1"), away
        case Probe(leg=leg, replies=replies):
            exists = Request("GET", _path("channels", channel_of(leg)), pardons=_PARDON_NOT_FOUND)
            return (exists, replies_request(channel_of(leg))) if replies else (exists,)
        case ReadReferral(leg=leg):
            return tuple(variable_request(channel_of(leg), name) for name in (REFER_TO, REFERRED_BY))
        case ShowCaller(leg=leg, number=number, name=name):
            return tuple(set_variable(channel_of(leg), *each) for each in display.shows(number, name))
        case FindParty(leg=leg) | IdentifyCaller(leg=leg):
            return (Request("GET", _path("channels", channel_of(leg)), pardons=_PARDON_NOT_FOUND),)
        case WatchAudio(leg=leg):
            return (audio_request(channel_of(leg)),)
        case InspectPhone(phone=phone):
            technology, _, rest = phone.partition("/")
            # A phone may name one contact (PJSIP/1001/sip:...); the endpoint ends at the second slash.
            return (Request("GET", _path("endpoints", technology, rest.partition("/")[0])),)
        case LookUp() | StartRecording() | CheckRecording() | PauseRecording() | StopRecording():
            return ()  # not by ARI
        case FindLeads() | ReserveAttempts() | CloseAttempt() | BlockNumber():
            return ()  # for the ledger
        case _:
            assert_never(order)


def _ring(order: Ring, app: str) -> tuple[Request, ...]:
    channel = channel_of(order.leg)
    body: dict[str, Any] = {
        "endpoint": order.phone,
        "app": app,
        "appArgs": _said_of(order),
        "channelId": channel,
        "variables": _ring_variables(order),
    }
    if order.originator is not None:
        body["originator"] = channel_of(order.originator)
    give_up = str(max(1, math.ceil(order.give_up)))
    return (Request("POST", "/channels/create", body), Request("POST", _path("channels", channel, "dial", timeout=give_up)))


def _said_of(order: Ring) -> str:
    """The leg's application arguments, which every list shows, for a start without the saved world: role, agent, customer."""
    customer = channel_of(order.originator) if order.originator is not None else ""
    words = (order.role, order.agent, customer)
    return ",".join(word if _PLAIN.fullmatch(word) else "" for word in words).rstrip(",")


def _ring_variables(order: Ring) -> dict[str, str]:
    """Channel variables for recovery, the phone's display, and headers for SIP phones."""
    variables = {"CALLBRIDGE_ROLE": order.role}
    if order.call:
        variables["CALLBRIDGE_CALL"] = order.call
    if shown := display.party(order.number, order.name):
        # A carrier is to see an anonymous caller, not a word of ours.
        anonymous = order.number == WITHHELD and order.role == "outside"
        kept = display.kept(shown, anonymous=anonymous)
        variables |= kept if order.role != "customer" else {display.CONNECTED_LINE: shown}
    if order.phone.startswith("PJSIP/") and order.role != "customer":  # a carrier need not see our headers
        if order.call:
            variables["PJSIP_HEADER(add,X-Callbridge-Call)"] = order.call
        variables |= {f"PJSIP_HEADER(add,{name})": text for name, text in order.headers}
    return variables


def _bridge(order: Bridge, app: str, bridge_type: str, inside: Container[str] | None) -> tuple[Request, ...]:
    channels = [channel_of(leg) for leg in order.legs]
    # Joining a bridge does not stop a channel's music; where none plays the answer is an error.
    stop = Request("DELETE", _path("channels", channels[0], "moh"), pardons=_PARDON_ANYTHING)
    name = ",".join((app, order.call, order.queue, order.agent)).rstrip(",")
    create = Request("POST", _path("bridges", type=bridge_type, bridgeId=order.bridge, name=name), pardons=_ALREADY_THERE)
    # A channel that is in the bridge already would leave it and enter again if added once more.
    missing = [channel for channel in channels if inside is None or channel not in inside]
    join = Request("POST", _path("bridges", order.bridge, "addChannel", channel=",".join(missing)))
    if inside is None:
        return (stop, create, join)
    return (stop, join) if missing else (stop,)


def replies_request(channel: str) -> Request:
    """Query of which channels this one knows a cause. Its own is among them as soon as its phone has sent any reply to our
    INVITE, be it 100 Trying, which no event reports: ``has_replied`` decodes the answer."""
    return variable_request(channel, "HANGUPCAUSE_KEYS()")


def audio_request(channel: str) -> Request:
    """Query how much audio has come from a channel: ``is_audible`` decodes the answer."""
    return Request("GET", _path("channels", channel, "rtp_statistics"), pardons=_PARDON_ANYTHING)


def variable_request(channel: str, variable: str) -> Request:
    """Query a variable, or a function, of the channel with this id or name; one that it has not is no failure."""
    return Request("GET", _path("channels", channel, "variable", variable=variable), pardons=_PARDON_ANYTHING)


def set_variable(channel: str, variable: str, value: str) -> Request:
    """Set a variable, or a function, of a channel in Stasis; one that is gone is no failure."""
    return Request("POST", _path("channels", channel, "variable", variable=variable, value=value), pardons=_PARDON_ANYTHING)


def bridge_request(bridge: str) -> Request:
    """Query a bridge: ``members`` decodes the answer."""
    return Request("GET", _path("bridges", bridge), pardons=_PARDON_NOT_FOUND)


def event_socket(app: str) -> str:
    """Path of the event WebSocket. Never with subscribeAll=true: it can deadlock Asterisk."""
    return _path("events", app=app, subscribeAll="false")


def set_filter(app: str) -> Request:
    """Filter out the events that we do not need. The filter belongs to Asterisk's application object: it is sent at every
    connect."""
    return Request("PUT", _path("applications", app, "eventFilter"), {"disallowed": [{"type": kind} for kind in SILENCED]})


def list_requests(app: str) -> tuple[Request, Request, Request]:
    """Query the application, all channels and all bridges: ``snapshot`` decodes the answers."""
    return Request("GET", _path("applications", app)), Request("GET", "/channels"), Request("GET", "/bridges")


def echo(app: str, mark: str) -> Request:
    """A user event that comes back on the socket that owns the application."""
    return Request("POST", _path("events", "user", ECHO, application=app), {"variables": {"mark": mark}})


def owner_variable(app: str) -> str:
    """The PBX's global variable with the owner's stamp."""
    return "CALLBRIDGE_OWNER" if app == "callbridge" else f"CALLBRIDGE_OWNER_{app.replace('.', '_')}"


RESTARTING = "restarting"
"""The stamp of an owner that starts again and again: it never changes, so that ``rescue`` acts."""


def starts(app: str, moments: str) -> Request:
    """Write when the owners of late were started."""
    return Request("POST", _path("asterisk", "variable", variable=f"{owner_variable(app)}_STARTS", value=moments))


def starts_request(app: str) -> Request:
    """Query that: ``stamped`` decodes the answer."""
    return Request("GET", _path("asterisk", "variable", variable=f"{owner_variable(app)}_STARTS"))


def stamp(app: str, value: str) -> Request:
    """Write the owner's stamp: a new ``value`` each time."""
    return Request("POST", _path("asterisk", "variable", variable=owner_variable(app), value=value))


def stamp_request(app: str) -> Request:
    """Query the owner's last stamp: ``stamped`` decodes the answer."""
    return Request("GET", _path("asterisk", "variable", variable=owner_variable(app)))


def stranded_requests(app: str) -> tuple[Request, Request, Request]:
    """Query the application, which may have ended with its last channel, all channels and all bridges, for ``stranded``."""
    application, channels, bridges = list_requests(app)
    return replace(application, pardons=_PARDON_NOT_FOUND), channels, bridges


def send_on(channel: str, context: str, extension: str) -> Request:
    """A channel on in the dialplan; one that is gone, or has left Stasis already, is as good as sent."""
    path = _path("channels", channel, "continue", context=context, extension=extension, priority="1")
    return Request("POST", path, pardons=_GONE_OR_OUT)


def drop(channel: str) -> Request:
    """Hang up an orphaned channel."""
    return Request("DELETE", _path("channels", channel, reason="normal"), pardons=_PARDON_NOT_FOUND)


def _on_channel(method: str, leg: Any, *parts: str, **query: str) -> Request:
    return Request(method, _path("channels", channel_of(leg), *parts, **query))


_segment = lru_cache(maxsize=4096)(partial(quote, safe=""))
"""A part of a path, encoded: those of one channel's requests are mostly the same."""


def _path(*parts: str, **query: str) -> str:
    path = "/" + "/".join([_segment(part) for part in parts])
    return f"{path}?{urlencode(query, quote_via=quote, safe=',:')}" if query else path
