"""Decodes ARI's answers: lists become a snapshot of what is ours, a channel the answer of a probe.

On a shared PBX most channels are not ours. Ours are those that our application lists and that are in its
Stasis() now; of those whose ids begin with our prefix also the ones that are in the dialplan for a while. An id alone makes
nothing ours: another callbridge may have the same prefix. A Local channel's second half carries the first one's id and ``;2``:
it runs dialplan for the other side and is no leg.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from callbridge.core.model.attempt import ATTEMPT
from callbridge.core.model.events import LegEnded, LegProbed, PbxSnapshot, PhoneInspected, SeenBridge, SeenLeg
from callbridge.core.model.ids import LegId, channel_of, leg_id, pbx_of
from callbridge.core.model.orders import InspectPhone, Probe
from callbridge.wire.ari.caller_id import NOBODY, caller_id
from callbridge.wire.ari.events import OWN_ROLES
from callbridge.wire.ari.shapes import Malformed, epoch, identity, moment, optional_part, parse, stepped, whole
from callbridge.wire.text import NAME_LIMIT, NUMBER_LIMIT, clean

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Lists:
    """The answers to ``list_requests``, as they came."""

    application: bytes
    channels: bytes
    bridges: bytes


def snapshot(
    lists: Lists,
    *,
    pbx: str,
    app: str,
    prefix: str,
    at: float,
    requested_at: float,
    last_heard_at: float,
    ahead: float = 0.0,
) -> PbxSnapshot:
    """What is ours in the three lists; ``ahead``: seconds by which the wall clock is ahead of ``at``. Raises Malformed for an
    invalid list; an invalid entry within a list is skipped."""
    application = parse(lists.application)
    if not isinstance(application, dict) or not isinstance(application.get("channel_ids"), list):
        raise Malformed("the application lists no channels")
    ours = OwnedObjects(app, prefix, application)
    mine = f"{prefix}-"
    channels = [(channel_id, channel) for channel_id, channel in entries(lists.channels) if ours.channel(channel_id, channel)]
    members = frozenset(channel_id for channel_id, _ in channels)

    return PbxSnapshot(
        at=at,
        pbx=pbx,
        requested_at=requested_at,
        last_heard_at=last_heard_at,
        legs=tuple(_seen_leg(leg_id(pbx, channel_id), channel, app, mine, at, ahead) for channel_id, channel in channels),
        bridges=tuple(
            _seen_bridge(bridge_id, bridge, pbx, at, ahead)
            for bridge_id, bridge in entries(lists.bridges)
            if ours.bridge(bridge_id, bridge, members)
        ),
    )


class OwnedObjects:
    """What belongs to our application on a PBX. ``listed``: the PBX's answer about the application; None: it does not exist."""

    def __init__(self, app: str, prefix: str, listed: Mapping[str, Any] | None) -> None:
        self.app = app
        self._mine = f"{prefix}-"
        self._channels, self._bridges = (_ids(listed, key) for key in ("channel_ids", "bridge_ids"))

    def channel(self, channel_id: str, channel: dict[str, Any]) -> bool:
        if channel_id.endswith(";2") and channel_id.startswith(self._mine):
            return False
        listed, here = channel_id in self._channels, in_stasis(channel, self.app)
        if optional_part(channel, "dialplan").get("app_name") == "Stasis" and not here:
            return False  # another application's
        return (listed or _named(channel) == self.app) if channel_id.startswith(self._mine) else listed and here

    def bridge(self, bridge_id: str, bridge: dict[str, Any], members: Container[str]) -> bool:
        """``members``: our channels. The bridge's name counts first: an empty bridge has nothing else."""
        app, *_ = about(bridge)
        if app or not bridge_id.startswith(self._mine):
            return app == self.app and bridge_id.startswith(self._mine)
        inside = bridge.get("channels")
        return bridge_id in self._bridges or (isinstance(inside, list) and any(channel in members for channel in inside))


def _ids(listed: Mapping[str, Any] | None, key: str) -> frozenset[str]:
    found = listed.get(key) if listed is not None else None
    return frozenset(one for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()


def _named(channel: dict[str, Any]) -> str:
    """The application whose Stasis() the channel is in, by name."""
    dialplan = optional_part(channel, "dialplan")
    return arguments(dialplan)[0] if dialplan.get("app_name") == "Stasis" else ""


def probed(
    order: Probe, status: int, answer: bytes, *, app: str, prefix: str, at: float, replied: bool | None = None
) -> LegProbed | LegEnded:
    """Decode ``GET /channels/{id}``: 404 confirms its end, at an unknown time. ``replied``: see ``has_replied``."""
    if status == 404:
        return LegEnded(at=at, leg=order.leg, estimated=True)
    channel = parse(answer)
    if not isinstance(channel, dict):
        raise Malformed("no channel")
    minted = channel_of(order.leg).startswith(f"{prefix}-")
    in_app, up = minted or in_stasis(channel, app), channel.get("state") == "Up"
    return LegProbed(at=at, leg=order.leg, in_app=in_app, up=up, replied=replied)


def has_replied(status: int, answer: bytes) -> bool | None:
    """Decode the answer to ``replies_request``; None when the PBX cannot say (func_hangupcause.so is not loaded)."""
    return bool(variable_value(answer)) if status == 200 else None


def is_audible(status: int, answer: bytes) -> bool | None:
    """Decode the answer to ``audio_request``: has any RTP come from the channel? True also when there is no telling: it has
    no RTP, or Asterisk no such request. None when the channel is gone."""
    if status == HTTPStatus.NOT_FOUND and trouble_in(status, answer) == "Channel not found":
        return None
    if status != HTTPStatus.OK:
        return True
    said = parse(answer)
    received = whole(said.get("rxcount")) if isinstance(said, dict) else None
    return received is None or received > 0


def variable_value(answer: bytes) -> str:
    """Decode the value of a channel's variable."""
    said = parse(answer)
    value = said.get("value") if isinstance(said, dict) else None
    if not isinstance(value, str):
        raise Malformed("no value")
    return value


def inspected(order: InspectPhone, answer: bytes, *, at: float) -> PhoneInspected:
    """Decode ``GET /endpoints/{tech}/{resource}``."""
    endpoint = parse(answer)
    if not isinstance(endpoint, dict):
        raise Malformed("no endpoint")
    return PhoneInspected(at=at, phone=order.phone, legs=_legs(order.pbx, endpoint.get("channel_ids")))


def channel_name(status: int, answer: bytes) -> str:
    """Decode the name in ``GET /channels/{id}``; empty when the channel is gone."""
    if status == 404:
        return ""
    channel = parse(answer)
    if not isinstance(channel, dict):
        raise Malformed("no channel")
    return clean(channel.get("name"), NAME_LIMIT)


def members(status: int, answer: bytes) -> frozenset[str] | None:
    """The ids of the channels in a bridge, by the answer to ``bridge_request``; None when there is no such bridge."""
    if status == 404:
        return None
    bridge = parse(answer)
    listed = bridge.get("channels") if isinstance(bridge, dict) else None
    if not isinstance(listed, list):
        raise Malformed("no bridge")
    return frozenset(channel for channel in listed if isinstance(channel, str))


def trouble_in(status: int, answer: bytes) -> str:
    """Why ARI refused: its ``message``, or the ``error`` of a failed allocation; else the name of the status.

    The HTTP server below ARI answers with HTML when it is overloaded or shutting down.
    """
    try:
        said = parse(answer)
    except Malformed:
        said = None
    found = said.get("message") or said.get("error") if isinstance(said, dict) else None
    return clean(found, 200) or _PHRASES.get(status, "")


def in_stasis(channel: dict[str, Any], app: str) -> bool:
    """Is the channel in our Stasis() application now, judging by its dialplan position?"""
    dialplan = optional_part(channel, "dialplan")
    return dialplan.get("app_name") == "Stasis" and arguments(dialplan)[0] in (app, "")


def arguments(dialplan: dict[str, Any]) -> list[str]:
    """The arguments of the application that the dialplan runs."""
    data = dialplan.get("app_data")
    return data.split(",") if isinstance(data, str) else [""]


def entries(listing: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ids and objects of a list; Malformed when it is none, an odd entry is left out."""
    found = parse(listing)
    if not isinstance(found, list):
        raise Malformed("no list")
    for entry in found:
        try:
            if isinstance(entry, dict):
                yield identity(entry.get("id")), entry
        except Malformed:
            continue


def _seen_leg(leg: LegId, channel: dict[str, Any], app: str, mine: str, at: float, ahead: float) -> SeenLeg:
    application, first, *rest = arguments(optional_part(channel, "dialplan")) + [""] * 5
    arrived = application == app and first == "inbound"
    transferred = application == app and (rest[4] not in ("", channel_of(leg)) if arrived else not first)
    # The dialplan's arguments are about the channel before; whether this one's number is withheld is not known.
    caller = NOBODY if transferred else caller_id(channel, rest[2:4] if arrived else ())
    since = epoch(rest[1], at, ahead) if arrived else None
    told = application == app and first in OWN_ROLES
    tags = optional_part(channel, "channelvars")
    return SeenLeg(
        leg=leg,
        name=clean(channel.get("name"), NAME_LIMIT),
        up=channel.get("state") == "Up",
        created_at=_created(channel, at, ahead) if since is None else since,
        number=caller.number,
        caller_name=caller.name,
        withheld=caller.withheld,
        transferred=transferred,
        entry=clean(rest[0], NUMBER_LIMIT) if arrived else None,
        feature=application == app and first == "feature",
        role=first if told else _role_by_id(channel_of(leg), mine),
        agent=clean(rest[0], NAME_LIMIT) if told else "",
        customer=leg_id(pbx_of(leg), identity(rest[1])) if told and rest[1] else None,
        call=clean(tags.get("CALLBRIDGE_CALL"), NAME_LIMIT),
    )


def _role_by_id(channel: str, mine: str) -> str:
    """The role of a leg that is elsewhere in the dialplan now: our IDs contain the role."""
    if not channel.startswith(mine):
        return ""
    kind = channel.removeprefix(mine).partition("-")[0].partition(".")[0]
    return "customer" if kind == ATTEMPT else kind if kind in OWN_ROLES else ""


def about(bridge: dict[str, Any]) -> tuple[str, str, str, str]:
    """Application, call, queue and agent, as we wrote them on the bridge (an older version wrote the call alone)."""
    name = clean(bridge.get("name"), 4 * NAME_LIMIT)
    app, call, queue, agent, *_ = [*(name if "," in name else f",{name}").split(","), "", "", ""]
    return app, call, queue, agent


def _seen_bridge(bridge_id: str, bridge: dict[str, Any], pbx: str, at: float, ahead: float) -> SeenBridge:
    _, call, queue, agent = about(bridge)
    return SeenBridge(
        bridge=bridge_id,
        legs=_legs(pbx, bridge.get("channels")),
        call=call,
        queue=queue,
        agent=agent,
        created_at=_created(bridge, at, ahead),
    )


def _created(thing: Mapping[str, Any], at: float, ahead: float) -> float:
    """By our clock; the PBX writes wall time."""
    written = moment(thing.get("creationtime"))
    return at if written is None else min(written - stepped(ahead), at)


def _legs(pbx: str, channels: object) -> tuple[LegId, ...]:
    if not isinstance(channels, list):
        return ()
    return tuple(leg_id(pbx, channel) for channel in channels if isinstance(channel, str) and channel)
