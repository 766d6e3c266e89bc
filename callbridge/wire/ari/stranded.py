"""What a dead callbridge left behind in one Asterisk, from the PBX's lists: stranded callers and orphaned legs."""

from __future__ import annotations

from dataclasses import dataclass

from callbridge.core.model.attempt import campaign_of
from callbridge.wire.ari.listing import OwnedObjects, arguments, entries, in_stasis
from callbridge.wire.ari.shapes import Malformed, optional_part, parse
from callbridge.wire.text import NUMBER_LIMIT, clean


@dataclass(frozen=True, slots=True)
class Stranded:
    """A channel of ours that nobody hears. ``entry``: by which the customer came; None for one to be hung up: a leg that we made
    for an agent, or a customer whose conversation is over. ``campaign``: for which we called the customer, who has answered and
    hears nobody."""

    channel: str
    entry: str | None
    campaign: str = ""


def stranded(application: bytes, channels: bytes, bridges: bytes, *, app: str, prefix: str) -> tuple[Stranded, ...]:
    """Legs of agents first, whose phones are needed; then customers, who came first first. Malformed when a list is none.
    ``application``: what the PBX says of ours, or that it knows none: then nothing in the dialplan is ours.

    A channel in any bridge is in a conversation and is left alone, unless it is alone in a bridge of ours: the other
    party hung up while callbridge was down, which ends the call, as it does when callbridge is there.
    """
    listed = parse(application)
    ours = OwnedObjects(app, prefix, listed if isinstance(listed, dict) else None)
    members = frozenset(channel_id for channel_id, channel in entries(channels) if ours.channel(channel_id, channel))
    talking, over = set(), set()
    for bridge_id, bridge in entries(bridges):
        inside = _texts(bridge.get("channels"))
        if len(inside) > 1 or not ours.bridge(bridge_id, bridge, members):
            talking.update(inside)
        else:
            over.update(inside)
    agents, customers = [], []
    for channel_id, channel in entries(channels):
        if channel_id in talking or (channel_id.startswith(f"{prefix}-") and channel_id not in members):
            continue
        if channel.get("state") == "Up" and (campaign := campaign_of(channel_id, prefix)):
            agents.append(Stranded(channel_id, None, "" if channel_id in over else clean(campaign, NUMBER_LIMIT)))
        elif channel_id.startswith(f"{prefix}-") and not channel_id.endswith(";2"):
            agents.append(Stranded(channel_id, None))
        elif in_stasis(channel, app):
            named, first, entry, *_ = arguments(optional_part(channel, "dialplan")) + [""] * 2
            if named == app and first == "inbound":
                stranger = Stranded(channel_id, None if channel_id in over else clean(entry, NUMBER_LIMIT) or "unknown")
                customers.append((str(channel.get("creationtime")), stranger))
    return (*agents, *(customer for _, customer in sorted(customers, key=lambda each: each[0])))


def stamped(answer: bytes) -> str:
    """The value of a global variable, by its ``GET``; empty when it was never set."""
    said = parse(answer)
    value = said.get("value") if isinstance(said, dict) else None
    if not isinstance(value, str):
        raise Malformed("no value")
    return value


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
