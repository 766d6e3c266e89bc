"""app_queue over AMI: its answer to QueueStatus as members and callers, our changes of membership as actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callbridge.core.model.ids import leg_id
from callbridge.core.recovery.fallback import FallbackCaller, MembershipAction, MembershipChange, SeenMember
from callbridge.wire.ami import phone_of
from callbridge.wire.text import NAME_LIMIT, clean

RINGING_FOR_QUEUE = "AppQueue"
"""The ``Application`` of the channel that rings a queue member."""


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """One queue as it is now: its members by phone, its callers in order."""

    members: Mapping[str, SeenMember]
    waiting: tuple[FallbackCaller, ...]


def queue_seen(messages: Iterable[Mapping[str, str]], *, pbx: str, queue: str) -> QueueSeen | None:
    """Decode QueueStatus for ``queue``; None when the PBX has no such queue."""
    there, members, waiting = False, {}, []
    for message in messages:
        if message.get("Queue") != queue:
            continue
        match message.get("Event"):
            case "QueueParams":
                there = True
            case "QueueMember":
                member = _member(message)
                members[member.phone] = member
            case "QueueEntry":
                leg = leg_id(pbx, message.get("Uniqueid", ""))
                waiting.append((_position(message), FallbackCaller(leg, message.get("Channel", ""))))
    if not there:
        return None
    return QueueSeen(members, tuple(caller for _, caller in sorted(waiting, key=lambda each: each[0])))


def _member(message: Mapping[str, str]) -> SeenMember:
    return SeenMember(
        phone=message.get("Location") or message.get("Interface", ""),
        name=message.get("Name") or message.get("MemberName", ""),
        paused=message.get("Paused") == "1",
        dynamic=message.get("Membership") == "dynamic",
    )


def _position(message: Mapping[str, str]) -> int:
    position = message.get("Position", "")
    return int(position) if position.isascii() and position.isdigit() else 0


def membership_action(queue: str, change: MembershipChange) -> tuple[str, dict[str, str]]:
    """The AMI action, and its headers, that carries out ``change``."""
    member = change.member
    where = {"Queue": queue, "Interface": member.phone}
    paused = "true" if member.paused else "false"
    match change.act:
        case MembershipAction.ADD:
            # A phone that names one contact has the device of its endpoint.
            device = phone_of(member.phone) or member.phone
            return "QueueAdd", where | {"Penalty": "0", "Paused": paused, "MemberName": member.name, "StateInterface": device}
        case MembershipAction.REMOVE:
            return "QueueRemove", where
        case MembershipAction.PAUSE:
            return "QueuePause", where | {"Paused": paused}


def being_rung_for(messages: Iterable[Mapping[str, str]]) -> frozenset[str]:
    """The channel IDs of callers for whom a queue is ringing a member now, from the answer to CoreShowChannels."""
    channels = [message for message in messages if message.get("Event") == "CoreShowChannel"]
    rung = {channel.get("Linkedid") for channel in channels if channel.get("Application") == RINGING_FOR_QUEUE}
    return frozenset(channel.get("Uniqueid", "") for channel in channels if channel.get("Linkedid") in rung)


def variable(message: Mapping[str, str]) -> str:
    """The value that Getvar answered; empty when it is not set."""
    value = clean(message.get("Value"), NAME_LIMIT)
    return "" if value == "(null)" else value
