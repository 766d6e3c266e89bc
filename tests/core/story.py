"""A world in miniature for stories: one queue, some agents, and short words for what happens.

A story gives events and looks at the orders and facts that come of each; time moves only when it is told to.
"""

from __future__ import annotations

from collections.abc import Mapping

from callbridge.core.engine import step
from callbridge.core.events import (
    AgentAsked,
    AnyEvent,
    Ask,
    CallerArrived,
    DayBegan,
    DevicesListed,
    LegAnswered,
    LegEnded,
    LegJoined,
    PbxSnapshot,
    PlanChanged,
)
from callbridge.core.facts import AnyFact
from callbridge.core.ids import LegId, leg_id
from callbridge.core.orders import Bridge, Order, Ring
from callbridge.core.plan import AgentPlan, Connect, Ladder, Penalty, Plan, QueuePlan, Step, Then
from callbridge.core.skills import parse, profile
from callbridge.core.world import World

PBX = "pbx"
START = 1_000_000.0


def ladder(*steps: tuple[str, float | None], within: float = 20.0, head_start: float = 0.0, then: Then | None = None) -> Ladder:
    return Ladder(
        answer_within=within,
        head_start=head_start,
        steps=tuple(Step(parse(needs), lasts) for needs, lasts in steps),
        then=then,
    )


def agent(name: str, skills: Mapping[str, int], connect: Connect = Connect.RING, *, login: bool = True) -> AgentPlan:
    return AgentPlan(id=name, name=name.title(), skills=profile(skills), phone=f"PJSIP/{name}", connect=connect, login=login)


def queue(name: str, plain: Ladder, diamond: Ladder | None = None, **more: object) -> QueuePlan:
    return QueuePlan(name=name, ladders={"standard": plain, "diamond": diamond or plain}, **more)  # type: ignore[arg-type]


def plan(queues: list[QueuePlan], agents: list[AgentPlan]) -> Plan:
    return Plan(
        queues={q.name: q for q in queues},
        entries={q.name: q.name for q in queues},
        agents={a.id: a for a in agents},
        pbxs=(PBX,),
    )


class Story:
    """Drives one world. ``orders`` and ``facts`` hold what the last event brought; ``told`` all facts so far."""

    def __init__(self, the_plan: Plan) -> None:
        self.world = World(the_plan, "t")
        self.now = START
        self.orders: list[Order] = []
        self.facts: list[AnyFact] = []
        self.told: list[AnyFact] = []
        self.sent: list[Order] = []
        self.happens(DayBegan(at=self.now, day="2026-11-21"))
        self.happens(PbxSnapshot(at=self.now, pbx=PBX, requested_at=self.now, last_heard_at=self.now, legs=(), bridges=()))
        self.happens(DevicesListed(at=self.now, states={}))
        self.happens(PlanChanged(at=self.now, plan=the_plan))

    def happens(self, event: AnyEvent) -> list[Order]:
        outcome = step(self.world, event)
        assert not outcome.faults, outcome.faults
        self.orders, self.facts = outcome.orders, outcome.facts
        self.sent += outcome.orders
        self.told += outcome.facts
        return outcome.orders

    def wait(self, seconds: float) -> list[Order]:
        """Let time pass; every deadline on the way is met. Gives all orders of that time."""
        until, orders, facts = self.now + seconds, [], []
        while (due := self.world.take_due(until)) is not None:
            self.now = due.at
            orders += self.happens(due)
            facts += self.facts
        self.now = until
        self.orders, self.facts = orders, facts
        return orders

    def caller(self, name: str = "ann", *, entry: str = "support", tier: str = "standard", channel: str = "") -> LegId:
        leg = leg_id(PBX, name)
        self.happens(
            CallerArrived(
                at=self.now,
                leg=leg,
                entry=entry,
                channel_name=channel or f"PJSIP/trunk-{name}",
                number="+44",
                name=name,
                tier=tier,
            )
        )
        return leg

    def ask(self, who: str, ask: Ask, reason: str = "", phone: str = "") -> list[Order]:
        return self.happens(AgentAsked(at=self.now, agent=who, ask=ask, reason=reason, phone=phone))

    def ring(self) -> Ring:
        """The one phone that the last event made ring."""
        (ring,) = [order for order in self.orders if isinstance(order, Ring)]
        return ring

    def pick_up(self, leg: LegId) -> Bridge:
        self.happens(LegAnswered(at=self.now, leg=leg))
        (bridge,) = [order for order in self.orders if isinstance(order, Bridge)]
        return bridge

    def join(self, bridge: Bridge) -> None:
        for leg in bridge.legs:
            self.happens(LegJoined(at=self.now, leg=leg, bridge=bridge.bridge))

    def connect(self, leg: LegId) -> Bridge:
        bridge = self.pick_up(leg)
        self.join(bridge)
        return bridge

    def gone(self, leg: LegId, cause: int = 16) -> list[Order]:
        return self.happens(LegEnded(at=self.now, leg=leg, cause=cause))

    def state(self, who: str) -> str:
        from callbridge.core.agent import published

        state, reason = published(self.world.agents[who])
        return f"{state} {reason}".strip()

    def penalty(self) -> Penalty:
        return Penalty()
