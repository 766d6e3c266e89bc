"""What is known of the observed floor besides the rows of the world: offers under way, members, callers about to leave.

None of it is saved: after a restart the PBX lists members and callers again, and offers are known from the next ring on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from callbridge.core.model.call import Call
from callbridge.core.model.plan import QueuePlan, Step, TierRouting
from callbridge.core.model.skills import AtLeast, Requirement
from callbridge.core.model.tally import Tally, tally_key
from callbridge.core.model.world import World

AmiMessage = Mapping[str, str]
APP_QUEUE, FALLBACK = "app_queue", "fallback"
"""Sources of calls: the PBX's own queues, and the fallback queue."""


def _nobody(_name: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What stands beside an observed floor in the same process: queues and agents of callbridge's own. ``fallback``: the queue
    that stands in for them; ``agent_at``: the agent who uses the phone ``PJSIP/1001`` now, or ""; ``known``: this agent's id, or
    "" for somebody else. Their states are published by callbridge's own floor, never by this one."""

    fallback: str = ""
    agent_at: Callable[[str], str] = _nobody
    known: Callable[[str], str] = _nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedMember:
    """One interface in one queue, as app_queue last described it."""

    queue: str
    interface: str
    name: str
    paused: bool
    reason: str
    status: str
    """Of the device, by Asterisk's numbers."""
    in_call: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOffer:
    """A member who is being rung for a call. ``id``: the ``seq`` of its OfferMade."""

    id: int
    call: str
    agent: str
    queue: str
    channel: str
    at: float
    visit: int
    dial_status: str = ""


@dataclass(slots=True)
class ObservedFloor:
    """``world`` holds the rows; ``answer_within``: the target of queues that have no ``servicelevel`` of their own."""

    world: World
    pbx: str
    answer_within: float = 20.0
    queues: frozenset[str] = frozenset()
    """Queues to observe; empty: all queues of the PBX."""
    beside: Beside = Beside()
    offers: dict[str, OpenOffer] = field(default_factory=dict)
    """By the member's channel."""
    members: dict[tuple[str, str], ObservedMember] = field(default_factory=dict)
    """By queue and interface."""
    leaving: set[str] = field(default_factory=set)
    """Calls that have left the queue's line while a member's phone rang: the next event says whether they were answered."""
    perhaps_rung: set[str] = field(default_factory=set)
    """Calls that waited when the queues were listed: phones may have been ringing for them already."""
    hung_up: set[str] = field(default_factory=set)
    """Calls whose caller has hung up. app_queue reports every other way out of a queue as abandoned, too."""

    taken: dict[str, str] = field(default_factory=dict)
    """Channel of a caller -> the call whose place in a queue it was given by an attended transfer. app_queue goes on with this
    channel, under whose name the call never joined."""

    def observes(self, message: AmiMessage) -> bool:
        """Whether it is about an observed queue, or about no queue in particular."""
        queue = message.get("Queue", "")
        return not self.queues or not queue or queue in self.queues

    def source_of(self, queue: str) -> str:
        return FALLBACK if queue == self.beside.fallback else APP_QUEUE

    def agent_of(self, interface: str) -> str:
        """Whose phone it is: an agent of callbridge's own, or the extension that the interface names."""
        return self.beside.agent_at(interface) or agent_id(interface)

    def is_ours(self, agent: str) -> bool:
        return bool(self.beside.known(agent))

    def call_in_line(self, message: AmiMessage) -> Call | None:
        """The call that the channel of this message, about a queue, stands for in that queue."""
        channel = message.get("Uniqueid", "")
        taken = self.world.calls.get(self.taken.get(channel))
        if taken is not None and taken.visit is not None and taken.visit.queue == message.get("Queue"):
            return taken
        return self.world.calls.get(channel)

    def forget(self, call: str) -> None:
        """The call has ended."""
        self.leaving.discard(call)
        self.hung_up.discard(call)
        self.perhaps_rung.discard(call)
        for channel in [channel for channel, taken in self.taken.items() if taken == call]:
            del self.taken[channel]

    def offers_of(self, call: str) -> list[OpenOffer]:
        return [offer for offer in self.offers.values() if offer.call == call]

    def add_queue(self, name: str, answer_within: float = 0.0) -> None:
        """Make this queue known, or its target up to date. Agents belong to it by a skill of the queue's name."""
        plan = self.world.plan
        known = plan.queues.get(name)
        within = answer_within or (known.routings[plan.default_tier].answer_within if known is not None else self.answer_within)
        if known is None or known.routings[plan.default_tier].answer_within != within:
            steps = (Step(Requirement(AtLeast(name, 1)), None),)
            routing = TierRouting(answer_within=within, head_start=0.0, steps=steps, then=None)
            queue = QueuePlan(name=name, routings={plan.default_tier: routing}, short_abandon=0.0, wrap_up=0.0)
            self.world.plan = replace(plan, queues={**plan.queues, name: queue})
            self.world.matcher.adopt(self.world.plan)
        if self.world.tallies.get(tally_key(name, self.world.day)) is None:
            self.world.tallies.put(tally_key(name, self.world.day), Tally(queue=name, day=self.world.day))


def agent_id(interface: str) -> str:
    """The extension that an interface names: ``1001`` for ``PJSIP/1001``, ``Local/1001@from-queue/n`` and ``SIP/1001``: one
    person, by whatever way the queue rings."""
    return interface.partition("/")[2].partition("@")[0].partition("/")[0] or interface


def known_text(value: str) -> str:
    """AMI writes ``<unknown>`` for a missing value."""
    return "" if value == "<unknown>" else value


def number_in(message: AmiMessage, name: str) -> float:
    value = message.get(name, "")
    return float(value) if value.isascii() and value.isdigit() else 0.0
