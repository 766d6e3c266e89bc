"""Worlds for the tests of the store, the views and HTTP: rows of every table, and random changes to a living world."""

from __future__ import annotations

from random import Random
from zoneinfo import ZoneInfo

from callbridge.core.engine import step
from callbridge.core.model.agent import Agent
from callbridge.core.model.calendar import Calendar
from callbridge.core.model.call import Call, Visit
from callbridge.core.model.dial_rules import DialLimits
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
    PbxSnapshot,
    PlanChanged,
)
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import Bridge, Ring
from callbridge.core.model.plan import (
    AgentPlan,
    CallbackTerms,
    CampaignPlan,
    ConnectMode,
    DialMode,
    Plan,
    QueuePlan,
    Step,
    TierRouting,
    ToQueue,
)
from callbridge.core.model.skills import parse, profile
from callbridge.core.model.world import Outcome, World
from callbridge.core.pacing.budget import Rules

PBX = "pbx"
START = 1_000_000.0
DAY = "2026-11-21"


def call(which: int, **changes: object) -> Call:
    visit = Visit(queue="support", began_at=START, window=0, rank=START + 20, day=DAY)
    fields: dict[str, object] = {
        "id": f"cb-call-t-{which}",
        "leg": leg_id(PBX, f"channel-{which}"),
        "entry": "support",
        "tier": "standard",
        "number": "+442079460123",
        "name": "Ann",
        "arrived_at": START + which,
        "visit": visit,
    }
    return Call(**(fields | changes))  # type: ignore[arg-type]


def customer_leg(number: int) -> Leg:
    name = leg_id(PBX, f"channel-{number}")
    arrival = CallerArrived(
        at=START, leg=name, entry="support", channel_name="PJSIP/t-1", number="+442079460123", name="Ann", tier="standard"
    )
    return Leg(id=name, role=LegRole.CUSTOMER, call=f"cb-call-t-{number}", up_at=START, arrival=arrival)


def agent(name: str) -> Agent:
    return Agent(id=name, name=name, profile=(("support", 3),), phone=f"PJSIP/{name}", home="", connect=ConnectMode.RING)


def plan(queues: int = 3, agents: int = 12) -> Plan:
    def queue(number: int) -> QueuePlan:
        steps = (Step(parse(f"s{number} >= 3"), 20.0), Step(parse(f"s{number} >= 1"), None))
        routing = TierRouting(answer_within=20.0, head_start=0.0, steps=steps, then=None)
        return QueuePlan(
            name=f"q{number}",
            routings={"standard": routing},
            wrap_up=5.0,
            callback=CallbackTerms(calendar="" if number else "q0"),
        )

    def person(number: int) -> AgentPlan:
        skills = {f"s{number % queues}": 1 + number % 5, f"s{(number + 1) % queues}": 2}
        return AgentPlan(id=f"a{number}", name=f"Agent {number}", skills=profile(skills), phone=f"PJSIP/a{number}")

    people = [person(number) for number in range(agents)]
    return Plan(
        queues={f"q{n}": queue(n) for n in range(queues)},
        calendars={"q0": Calendar(name="q0", zone=ZoneInfo("UTC"), week=tuple(((0, 1440),) for _ in range(7)))},
        entries={f"q{n}": ToQueue(f"q{n}") for n in range(queues)},
        agents={one.id: one for one in people},
        pbxs=(PBX,),
        outside="PJSIP/{number}@trunk",
        call_back_to=("X.", "+X."),
        campaigns={
            "spring": CampaignPlan(name="spring", queue="q0", mode=DialMode.PROGRESSIVE, limits=DialLimits(), rules=Rules())
        },
    )


class Busy:
    """A living world in which a seeded chance decides what happens next."""

    def __init__(self, seed: int = 1) -> None:
        self.chance = Random(seed)
        self.world = World(plan(), "t")
        self.now = START
        self.arrived = 0
        self.rings: list[LegId] = []
        self.customers: list[LegId] = []
        self.begin()

    def begin(self) -> list[Outcome]:
        snapshot = PbxSnapshot(at=self.now, pbx=PBX, requested_at=self.now, last_heard_at=self.now, legs=(), bridges=())
        events: list[AnyEvent] = [
            DayBegan(at=self.now, day=DAY),
            snapshot,
            DevicesListed(at=self.now, states={}),
            PlanChanged(at=self.now, plan=self.world.plan),
        ]
        return [self.happens(event) for event in events]

    def happens(self, event: AnyEvent) -> Outcome:
        outcome = step(self.world, event)
        for order in outcome.orders:
            if isinstance(order, Ring):
                self.rings.append(order.leg)
            elif isinstance(order, Bridge):
                for leg in order.legs:
                    self._merge(outcome, step(self.world, LegJoined(at=self.now, leg=leg, bridge=order.bridge)))
        return outcome

    @staticmethod
    def _merge(into: Outcome, later: Outcome) -> None:
        into.facts += later.facts
        into.changed.update(later.changed)

    def any(self) -> Outcome:
        """Something happens."""
        self.now += self.chance.random() * 3
        due = self.world.take_due(self.now)
        if due is not None:
            return self.happens(due)
        match self.chance.randrange(6):
            case 0 | 1:
                return self.happens(self._caller())
            case 2 if self.rings:
                return self.happens(LegAnswered(at=self.now, leg=self.rings.pop(self.chance.randrange(len(self.rings)))))
            case 3 if self.customers:
                leg = self.customers.pop(self.chance.randrange(len(self.customers)))
                return self.happens(LegEnded(at=self.now, leg=leg, cause=16))
            case _:
                ask = self.chance.choice(
                    [
                        AgentRequest.LOGIN,
                        AgentRequest.LOGIN,
                        AgentRequest.READY,
                        AgentRequest.NOT_READY,
                        AgentRequest.LOGOUT,
                        AgentRequest.END_WRAP_UP,
                    ]
                )
                who = f"a{self.chance.randrange(len(self.world.plan.agents))}"
                return self.happens(AgentRequested(at=self.now, agent=who, request=ask, reason="lunch"))

    def _caller(self) -> CallerArrived:
        self.arrived += 1
        leg = leg_id(PBX, f"customer-{self.arrived}")
        self.customers.append(leg)
        return CallerArrived(
            at=self.now,
            leg=leg,
            entry=f"q{self.chance.randrange(len(self.world.plan.queues))}",
            channel_name=f"PJSIP/trunk-{self.arrived}",
            number="+442079460123",
            name="安娜 😀",
            tier="standard",
            uniqueid=f"1.{self.arrived}",
            linkedid=f"1.{self.arrived}",
        )
