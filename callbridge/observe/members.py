"""Members as agents: one agent for each extension, in however many queues.

An agent is logged in while member of any queue, and not ready while paused in all of them. Work follows from the offers and
talks that were seen; AMI's *InCall* tells of a talk that began before we listened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from callbridge.core.model.agent import Agent, Device, Intent, Work, published
from callbridge.core.model.facts import AgentChanged
from callbridge.core.model.plan import ConnectMode
from callbridge.core.model.rows import evolve
from callbridge.core.model.skills import profile
from callbridge.observe.floor import AmiMessage, ObservedFloor, ObservedMember

_OFFLINE = frozenset({"4", "5"})
"""AST_DEVICE_INVALID, AST_DEVICE_UNAVAILABLE."""
_BUSY = frozenset({"2", "3", "6", "7", "8"})
"""In use, busy, ringing, ringing while in use, on hold."""


def member_of(message: AmiMessage) -> ObservedMember:
    """QueueStatus and events name the same fields differently."""
    interface = message.get("Interface") or message.get("Location", "")
    return ObservedMember(
        queue=message.get("Queue", ""),
        interface=interface,
        name=message.get("MemberName") or message.get("Name", "") or interface,
        paused=message.get("Paused") == "1",
        reason=message.get("PausedReason", ""),
        status=message.get("Status", "0"),
        in_call=message.get("InCall") == "1",
    )


def changed(floor: ObservedFloor, message: AmiMessage) -> None:
    """A member was added, paused, or its device changed."""
    member = member_of(message)
    if member.queue and member.interface:
        floor.add_queue(member.queue)
        floor.members[member.queue, member.interface] = member
        review(floor, floor.agent_of(member.interface))


def removed(floor: ObservedFloor, message: AmiMessage) -> None:
    member = member_of(message)
    if floor.members.pop((member.queue, member.interface), None) is not None:
        review(floor, floor.agent_of(member.interface))


def listed(floor: ObservedFloor, messages: Iterable[AmiMessage]) -> None:
    """All current members; those that are missing have been removed meanwhile."""
    before = {floor.agent_of(interface) for _, interface in floor.members} | set(floor.world.agents)
    found = [member_of(message) for message in messages]
    floor.members = {(member.queue, member.interface): member for member in found}
    for agent in sorted(before | {floor.agent_of(member.interface) for member in found}):
        review(floor, agent)


def meet(floor: ObservedFloor, message: AmiMessage) -> None:
    """A member who is rung, or talks, before the membership was reported."""
    queue, interface = message.get("Queue", ""), message.get("Interface", "")
    if interface and (queue, interface) not in floor.members:
        floor.members[queue, interface] = member_of({**message, "Status": "2"})


def talk_over(floor: ObservedFloor, agent: str, queue: str) -> None:
    """The next status of the member may be late, or the same as before: it is in no call of this queue now."""
    for key, member in floor.members.items():
        if member.queue == queue and floor.agent_of(member.interface) == agent and member.in_call:
            floor.members[key] = replace(member, in_call=False)
    review(floor, agent)


def review(floor: ObservedFloor, key: str) -> None:
    """The agent's row as it follows from all memberships, offers and talks; a fact when the published state differs."""
    if floor.is_ours(key):
        floor.world.agents.drop(key)  # it was somebody else's before
        return
    world = floor.world
    mine = [member for member in floor.members.values() if floor.agent_of(member.interface) == key]
    old = world.agents.get(key)
    if old is None and not mine:
        return
    old = old or _stranger(mine[0], key, world.now)
    new = _as_of_now(floor, old, mine)
    before, after = published(old), published(new)
    if before != after:
        world.emit(
            AgentChanged(
                seq=world.next_seq(),
                at=world.now,
                agent=key,
                call=new.call,
                name=new.name,
                phone=new.phone,
                state=after[0],
                reason=after[1],
                previous=before[0],
                previous_reason=before[1],
                lasted=max(0.0, world.now - old.since),
            )
        )
        new = evolve(new, since=world.now)
    if new != world.agents.get(key):
        world.agents.put(key, new)


def _as_of_now(floor: ObservedFloor, old: Agent, mine: list[ObservedMember]) -> Agent:
    talks = [call.id for call in floor.world.calls.rows().values() if call.segment is not None and call.segment.agent == old.id]
    rung = [offer.call for offer in floor.offers.values() if offer.agent == old.id]
    unpaused = [member for member in mine if not member.paused]
    if not mine:
        intent, reason = Intent.LOGGED_OUT, ""
    elif unpaused:
        intent, reason = Intent.READY, ""
    else:
        intent, reason = Intent.NOT_READY, next((member.reason for member in mine if member.reason), "")
    work = Work.TALKING if talks or any(member.in_call for member in mine) else Work.OFFERED if rung else Work.IDLE
    status = mine[0].status if mine else "0"
    device = Device.OFFLINE if status in _OFFLINE else Device.BUSY_ELSEWHERE if status in _BUSY else Device.AVAILABLE
    return evolve(
        old,
        name=mine[0].name if mine else old.name,
        phone=mine[0].interface if mine else old.phone,
        home=mine[0].interface if mine else old.home,
        profile=profile({member.queue: 1 for member in mine}) or old.profile,
        intent=intent,
        reason=reason,
        work=work,
        device=device,
        call=talks[-1] if talks else rung[-1] if rung else "",
    )


def _stranger(member: ObservedMember, key: str, now: float) -> Agent:
    return Agent(
        id=key,
        name=member.name,
        profile=profile({member.queue: 1}),
        phone=member.interface,
        home=member.interface,
        connect=ConnectMode.RING,
        since=now,
    )
