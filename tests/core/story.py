"""A world in miniature for stories: one queue, some agents, and short words for what happens.

A story gives events and looks at the orders and facts that come of each; time moves only when it is told to.
After every event the laws are checked: sums, pairs of facts, indexes against a scan, deadlines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from callbridge.core.engine import step
from callbridge.core.model.agent import published
from callbridge.core.model.call import Call
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    AnyEvent,
    CallerArrived,
    DayBegan,
    DevicesListed,
    LegAnswered,
    LegEnded,
    LegJoined,
    OrderFailed,
    PbxSnapshot,
    PlanChanged,
    SeenBridge,
    SeenLeg,
    SwitchTurned,
    Why,
)
from callbridge.core.model.facts import AnyFact, Fact
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.orders import Bridge, HangUp, Order, Ring
from callbridge.core.model.plan import AgentPlan, ConnectMode, Plan, QueuePlan, Step, Then, TierRouting, ToQueue
from callbridge.core.model.skills import parse, profile
from callbridge.core.model.tally import Tally
from callbridge.core.model.world import World
from tests.core.laws import Books, check_indexes

PBX = "pbx"
START = 1_000_000.0
DAY = "2026-11-21"

Kind = TypeVar("Kind", bound=Fact)
Asked = TypeVar("Asked", bound=Order)


def routing(
    *steps: tuple[str, float | None], within: float = 20.0, head_start: float = 0.0, then: Then | None = None
) -> TierRouting:
    return TierRouting(
        answer_within=within,
        head_start=head_start,
        steps=tuple(Step(parse(needs), lasts) for needs, lasts in steps),
        then=then,
    )


ANYBODY = routing(("support >= 1", None))


def agent(
    name: str,
    skills: Mapping[str, int] | None = None,
    connect: ConnectMode = ConnectMode.RING,
    *,
    login: bool = True,
    phone: str = "",
) -> AgentPlan:
    """An agent; one who can do ``support`` at level 3 unless said otherwise."""
    return AgentPlan(
        id=name,
        name=name.title(),
        skills=profile(skills if skills is not None else {"support": 3}),
        phone=phone or f"PJSIP/{name}",
        connect=connect,
        login=login,
    )


def queue(name: str, plain: TierRouting = ANYBODY, diamond: TierRouting | None = None, **more: object) -> QueuePlan:
    more = {"short_talk": 0.0, **more}  # in stories agents come and go in no time
    return QueuePlan(name=name, routings={"standard": plain, "diamond": diamond or plain}, **more)  # type: ignore[arg-type]


def plan(queues: list[QueuePlan], agents: list[AgentPlan]) -> Plan:
    return Plan(
        queues={q.name: q for q in queues},
        entries={q.name: ToQueue(q.name) for q in queues},
        agents={a.id: a for a in agents},
        pbxs=(PBX,),
    )


class Story:
    """Drives one world. ``orders`` and ``facts`` hold what the last event brought; ``sent`` and ``told`` all so far."""

    def __init__(self, the_plan: Plan) -> None:
        self.world = World(the_plan, "t")
        self.books = Books()
        self.now = START
        self.orders: list[Order] = []
        self.facts: list[AnyFact] = []
        self.told: list[AnyFact] = []
        self.sent: list[Order] = []
        self.unsettled = False
        """A row is missing since the restart: the laws hold again with the next snapshot."""
        self.happens(DayBegan(at=self.now, day=DAY))
        self.snapshot()
        self.happens(DevicesListed(at=self.now, states={}))
        self.happens(PlanChanged(at=self.now, plan=the_plan))

    # -- what happens -------------------------------------------------------------------------------------------

    def happens(self, event: AnyEvent) -> list[Order]:
        outcome = step(self.world, event)
        assert not outcome.faults, outcome.faults
        self.orders, self.facts = outcome.orders, outcome.facts
        self.sent += outcome.orders
        self.told += outcome.facts
        self.books.enter(outcome.facts)
        self.unsettled = self.unsettled and not isinstance(event, PbxSnapshot)
        if not self.unsettled:
            check_indexes(self.world)
            self.books.check(self.world)
        return outcome.orders

    def wait(self, seconds: float) -> list[Order]:
        """Let time pass; every deadline on the way is met. Gives all orders of that time."""
        until = self.now + seconds
        orders: list[Order] = []
        facts: list[AnyFact] = []
        while (due := self.world.take_due(until)) is not None:
            self.now = max(self.now, due.at)
            orders += self.happens(due)
            facts += self.facts
        self.now = until
        self.orders, self.facts = orders, facts
        return orders

    def arrival(self, name: str = "ann", *, entry: str = "support", tier: str = "standard", channel: str = "") -> CallerArrived:
        return CallerArrived(
            at=self.now,
            leg=leg_id(PBX, name),
            entry=entry,
            channel_name=channel or f"PJSIP/trunk-{name}",
            number="+44",
            name=name,
            tier=tier,
        )

    def caller(self, name: str = "ann", *, entry: str = "support", tier: str = "standard", channel: str = "") -> LegId:
        self.happens(self.arrival(name, entry=entry, tier=tier, channel=channel))
        return leg_id(PBX, name)

    def ask(self, who: str, ask: AgentRequest, reason: str = "", phone: str = "", by: str = "") -> list[Order]:
        return self.happens(AgentRequested(at=self.now, agent=who, request=ask, reason=reason, phone=phone, by=by))

    def turn(self, switch: str, on: bool) -> list[Order]:
        return self.happens(SwitchTurned(at=self.now, switch=switch, on=on))

    def pick_up(self, leg: LegId) -> Bridge:
        self.happens(LegAnswered(at=self.now, leg=leg))
        return self.only(Bridge)

    def join(self, bridge: Bridge) -> None:
        for leg in bridge.legs:
            self.happens(LegJoined(at=self.now, leg=leg, bridge=bridge.bridge))

    def connect(self, leg: LegId) -> Bridge:
        bridge = self.pick_up(leg)
        self.join(bridge)
        return bridge

    def talk(self, name: str = "ann", *, entry: str = "support", tier: str = "standard") -> tuple[LegId, LegId]:
        """A caller arrives and the one agent who is rung picks up: (customer's leg, agent's leg)."""
        customer = self.caller(name, entry=entry, tier=tier)
        leg = self.ring().leg
        self.connect(leg)
        return customer, leg

    def gone(self, leg: LegId, cause: int = 16, *, estimated: bool = False) -> list[Order]:
        return self.happens(LegEnded(at=self.now, leg=leg, cause=cause, estimated=estimated))

    def fails(self, order: Order, why: Why = Why.REFUSED, status: int = 500) -> list[Order]:
        return self.happens(OrderFailed(at=self.now, order=order, why=why, status=status if why is Why.REFUSED else 0))

    def snapshot(
        self, *legs: SeenLeg, bridges: Mapping[str, tuple[LegId, ...]] | None = None, heard_at: float = 0.0
    ) -> list[Order]:
        seen = tuple(SeenBridge(bridge=name, legs=inside) for name, inside in (bridges or {}).items())
        return self.happens(
            PbxSnapshot(
                at=self.now,
                pbx=PBX,
                requested_at=self.now,
                last_heard_at=heard_at or self.now,
                legs=legs,
                bridges=seen,
            )
        )

    # -- what came of it ----------------------------------------------------------------------------------------

    def ring(self) -> Ring:
        """The one phone that the last event made ring."""
        return self.only(Ring)

    def rung(self) -> list[str]:
        """Agents whose phones the last event made ring."""
        return [order.agent for order in self.orders if isinstance(order, Ring)]

    def only(self, kind: type[Asked]) -> Asked:
        (found,) = [order for order in self.orders if isinstance(order, kind)]
        return found

    def fact(self, kind: type[Kind]) -> Kind:
        """The one fact of this kind that the last event brought."""
        (found,) = [fact for fact in self.facts if isinstance(fact, kind)]
        return found

    def all_told(self, kind: type[Kind]) -> list[Kind]:
        return [fact for fact in self.told if isinstance(fact, kind)]

    def all_sent(self, kind: type[Asked]) -> list[Asked]:
        return [order for order in self.sent if isinstance(order, kind)]

    def hung_up(self) -> set[LegId]:
        return {order.leg for order in self.orders if isinstance(order, HangUp)}

    def call(self, name: str = "ann") -> Call:
        """The call of the customer's leg with this channel name."""
        (found,) = [call for call in self.world.calls.values() if call.leg == leg_id(PBX, name)]
        return found

    def state(self, who: str) -> str:
        state, reason = published(self.world.agents[who])
        return f"{state} {reason}".strip()

    def tally(self, queue: str = "support") -> Tally:
        return self.world.tally(queue, DAY)


def one_queue(*agents: AgentPlan, **more: object) -> Story:
    """A story around the queue ``support``, which anybody with the skill serves."""
    return Story(plan([queue("support", ANYBODY, None, **more)], list(agents)))
