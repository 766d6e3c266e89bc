"""``step(floor, event)``: one AMI event, or one whole listing, as the facts and changed rows that follow from it.

| AMI event | what it means |
| --- | --- |
| QueueCallerJoin | the call arrives, if it is new; a visit begins |
| AgentCalled | an offer is made |
| DialEnd, AgentRingNoAnswer | an offer ends |
| QueueCallerAbandon, QueueCallerLeave | the visit ends, unless a member has answered |
| AgentConnect | the visit ends answered, a talk begins |
| AgentComplete | the talk ends |
| HangupRequest, SoftHangupRequest | the caller is about to be gone |
| Hangup | the call ends |
| QueueMember... | an agent's state |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callbridge.core.model.call import Phase
from callbridge.core.model.tally import tally_key
from callbridge.core.model.world import Outcome, World
from callbridge.observe import calls, members, talks
from callbridge.observe.floor import AmiMessage, ObservedFloor, number_in

HEARD = frozenset(
    {
        "QueueCallerJoin",
        "QueueCallerAbandon",
        "QueueCallerLeave",
        "AgentCalled",
        "AgentRingNoAnswer",
        "AgentDump",
        "AgentConnect",
        "AgentComplete",
        "DialEnd",
        "Hold",
        "Unhold",
        "BlindTransfer",
        "AttendedTransfer",
        "HangupRequest",
        "SoftHangupRequest",
        "Hangup",
        "QueueMemberAdded",
        "QueueMemberRemoved",
        "QueueMemberStatus",
        "QueueMemberPause",
    }
)
"""The AMI events that are used; all others need not be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiHeard:
    """One AMI event. ``day``: the date at ``at``, in the time zone of the figures."""

    at: float
    day: str
    message: AmiMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuesListed:
    """The whole answer to QueueStatus, after every login: what is not in it has ended since the last event."""

    at: float
    day: str
    messages: Sequence[AmiMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOverdue:
    """The deadline of a call has passed."""

    at: float
    day: str
    call: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTaken:
    """A caller has entered, or re-entered, callbridge itself: what follows is reported as a call of its own."""

    at: float
    day: str
    call: str


Observed = AmiHeard | QueuesListed | CallOverdue | CallTaken


def step(floor: ObservedFloor, event: Observed) -> Outcome:
    """Apply one event. If it raises, no row is changed and no fact is published."""
    world, mark = floor.world, floor.world.mark()
    try:
        world.now = max(world.now, event.at)
        _day_began(world, event.day)
        match event:
            case AmiHeard(message=message):
                if floor.observes(message):
                    _heard(floor, message)
            case QueuesListed(messages=messages):
                _listed(floor, [message for message in messages if floor.observes(message)])
            case CallOverdue(call=call):
                talks.overdue(floor, call)
            case CallTaken(call=call):
                talks.taken(floor, call)
    except Exception:
        world.undo_to(mark)
        raise
    return world.commit()


def _heard(floor: ObservedFloor, message: AmiMessage) -> None:
    match message.get("Event", ""):
        case "QueueCallerJoin":
            calls.joined(floor, message)
        case "QueueCallerAbandon":
            calls.abandoned(floor, message)
        case "QueueCallerLeave":
            calls.left(floor, message)
        case "AgentCalled":
            calls.called(floor, message)
        case "DialEnd":
            calls.dial_ended(floor, message)
        case "AgentRingNoAnswer" | "AgentDump":
            calls.not_answered(floor, message)
        case "AgentConnect":
            talks.connected(floor, message)
        case "AgentComplete":
            talks.completed(floor, message)
        case "Hold" | "Unhold" as kind:
            talks.held(floor, message, on=kind == "Hold")
        case "BlindTransfer" | "AttendedTransfer" as kind if message.get("Result") == "Success":
            talks.transferred(floor, message, attended=kind == "AttendedTransfer")
        case "HangupRequest" | "SoftHangupRequest":
            calls.caller_hangs_up(floor, message)
        case "Hangup":
            talks.gone(floor, message)
        case "QueueMemberRemoved":
            members.removed(floor, message)
        case "QueueMemberAdded" | "QueueMemberStatus" | "QueueMemberPause":
            members.changed(floor, message)


def _listed(floor: ObservedFloor, messages: Sequence[AmiMessage]) -> None:
    """Calls first: what has ended meanwhile is closed before agents are looked at."""
    world = floor.world
    kinds: dict[str, list[AmiMessage]] = {"QueueParams": [], "QueueMember": [], "QueueEntry": []}
    for message in messages:
        kinds.get(message.get("Event", ""), []).append(message)
    for queue in kinds["QueueParams"]:
        floor.add_queue(queue.get("Queue", ""), number_in(queue, "ServiceLevel"))
    entries = {(entry.get("Uniqueid", ""), entry.get("Queue", "")): entry for entry in kinds["QueueEntry"]}
    in_call = {
        (floor.agent_of(member.interface), member.queue)
        for member in (members.member_of(message) for message in kinds["QueueMember"])
        if member.in_call
    }
    floor.leaving.clear()
    standing = {(floor.taken.get(channel, channel), queue) for channel, queue in entries}
    for call in world.calls.values():
        waits = call.visit is not None and (call.id, call.visit.queue) in standing
        in_talk = call.phase is Phase.TALKING and call.segment is not None and (call.segment.agent, call.segment.queue) in in_call
        if not waits and not in_talk:
            talks.end_call(floor, call, estimated=True)
    for (_, name), entry in entries.items():
        known = floor.call_in_line(entry)
        if known is None or known.visit is None or known.visit.queue != name:
            calls.joined(floor, entry, since=world.now - number_in(entry, "Wait"))
    floor.perhaps_rung = {call.id for call in world.calls.rows().values() if call.visit is not None}
    members.listed(floor, kinds["QueueMember"])


def _day_began(world: World, day: str) -> None:
    """Today's figures start at zero; those of days on which nobody who waits arrived are dropped."""
    if day == world.day:
        return
    world.day = day
    alive = {(call.visit.queue, call.visit.day) for call in world.calls.rows().values() if call.visit is not None}
    for tally in world.tallies.values():
        if tally.day != day and (tally.queue, tally.day) not in alive:
            world.tallies.drop(tally_key(tally.queue, tally.day))
    for queue in world.plan.queues:
        world.tallies.put(tally_key(queue, day), world.tally(queue, day))
