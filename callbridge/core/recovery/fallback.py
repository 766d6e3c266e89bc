"""While callbridge is down the PBX's fallback queue answers: who its members are, and which of its callers come back.

Only decisions. Our members are dynamic ones whose names begin with our mark; other members are never touched.
A caller comes back unless we sent the caller there for a reason that still holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from callbridge.core.model.agent import Agent, Intent, Work
from callbridge.core.model.call import DiversionReason
from callbridge.core.model.facts import AnyFact, CallDiverted
from callbridge.core.model.ids import LegId
from callbridge.core.model.phones import endpoint_of_phone, is_of_pbx, phone_of
from callbridge.core.model.plan import Plan
from callbridge.core.model.world_view import WorldView
from callbridge.core.routing.visits import ON_PURPOSE


@dataclass(frozen=True, slots=True)
class QueueMember:
    """One phone in the fallback queue. ``name`` is our mark and the agent's id, ``callbridge:ann``."""

    phone: str
    name: str
    paused: bool


@dataclass(frozen=True, slots=True)
class SeenMember:
    """One member as the PBX lists it. ``dynamic``: added while it runs, not written in its configuration."""

    phone: str
    name: str
    paused: bool
    dynamic: bool


class MembershipAction(StrEnum):
    ADD = "add"
    REMOVE = "remove"
    PAUSE = "pause"
    """Pause or unpause, as in ``member``."""


@dataclass(frozen=True, slots=True)
class MembershipChange:
    act: MembershipAction
    member: QueueMember


@dataclass(frozen=True, slots=True)
class FallbackCaller:
    """A caller in the fallback queue; ``channel`` is Asterisk's name of the leg."""

    leg: LegId
    channel: str


def membership(agents: Iterable[Agent], mark: str, plan: Plan, pbx: str) -> dict[str, QueueMember]:
    """The wanted members by phone: all logged-in agents of this PBX, paused unless the intent is ``ready``.

    Work does not count: a phone that rings, talks or holds a nailed-up line is in use, which keeps the queue away by
    itself, and an agent who was talking when callbridge went away is to take the next caller all the same.
    """
    members = (member_of(agent, mark, plan, pbx) for agent in agents)
    return {member.phone: member for member in members if member is not None}


def member_of(agent: Agent, mark: str, plan: Plan, pbx: str) -> QueueMember | None:
    """What this agent's log-in means for the fallback queue of a PBX."""
    if agent.intent is Intent.LOGGED_OUT or not agent.phone or not is_of_pbx(plan, pbx, agent.phone):
        return None
    return QueueMember(endpoint_of_phone(plan, agent.phone), f"{mark}:{agent.id}", agent.intent is not Intent.READY)


def differences(wanted: Mapping[str, QueueMember], seen: Mapping[str, SeenMember], mark: str) -> list[MembershipChange]:
    """What makes ``seen`` into ``wanted``. A phone at which there is a member that is not ours stays as it is."""
    changes = []
    for there in seen.values():
        wish = wanted.get(there.phone)
        if not is_ours(there, mark):
            continue
        if wish is None or wish.name != there.name:
            changes.append(MembershipChange(MembershipAction.REMOVE, QueueMember(there.phone, there.name, there.paused)))
        elif wish.paused is not there.paused:
            changes.append(MembershipChange(MembershipAction.PAUSE, wish))
    for wish in wanted.values():
        known = seen.get(wish.phone)
        if known is None or (is_ours(known, mark) and known.name != wish.name):
            changes.append(MembershipChange(MembershipAction.ADD, wish))
    return changes


def is_ours(member: SeenMember, mark: str) -> bool:
    return member.dynamic and member.name.startswith(f"{mark}:")


MAX_RETURNS = 3
"""How often one caller is taken back: a caller who ends up in the fallback repeatedly is better served there."""
MAX_REMEMBERED = 10_000

_FOR_GOOD = ON_PURPOSE | {DiversionReason.FAULT}
"""Sent there on purpose, or quarantined."""
_NO_MATTER = frozenset(
    {
        DiversionReason.BYPASS,
        DiversionReason.QUEUE_REMOVED,
        DiversionReason.UNKNOWN_QUEUE,
        DiversionReason.UNKNOWN_FLOW,
        DiversionReason.UNKNOWN_ENTRY,
    }
)
"""Reasons that no longer hold once callers may be taken back at all: nobody is taken back while bypass is on, or while the
caller's entry has no destination. A configuration that gives it one takes the caller back at once."""


class Departures:
    """The callers whom we sent to the dialplan ourselves, and for how long they are left alone."""

    def __init__(self, leave_alone: float) -> None:
        """``leave_alone``: seconds for which a caller sent away for trouble (overload, an unknown entry) stays there."""
        self._leave_alone = leave_alone
        self._left: dict[LegId, CallDiverted] = {}

    def note(self, facts: Iterable[AnyFact]) -> None:
        for fact in facts:
            if isinstance(fact, CallDiverted):
                self._left.pop(LegId(fact.leg), None)
                self._left[LegId(fact.leg)] = fact
        while len(self._left) > MAX_REMEMBERED:
            del self._left[next(iter(self._left))]

    def may_return(self, leg: LegId, now: float) -> bool:
        """May this caller be taken back? Yes, unless we sent the caller away."""
        fact = self._left.get(leg)
        if fact is None or fact.reason in _NO_MATTER:
            return True
        return fact.reason not in _FOR_GOOD and now - fact.at >= self._leave_alone


def may_return(world: WorldView, departures: Departures, caller: FallbackCaller, now: float) -> bool:
    """Would this caller be served here, as a new arrival?

    Not while the leg has a row: it left Stasis unnoticed, and its call must end first. Not from the phone of an agent who has
    a caller: for us that is a consult, which is not queued.
    """
    agent = world.agent_at(phone_of(world.plan, caller.leg, caller.channel))
    if caller.leg in world.legs or (agent is not None and agent.work is Work.TALKING):
        return False
    return departures.may_return(caller.leg, now)
