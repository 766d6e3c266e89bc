"""How fast the core decides: steps per second with many agents, many callers waiting, and many skill profiles.

The world is kept full by hand: anybody who is served is replaced, so that callers wait throughout. The PBX is played by
the shortest possible script: every ring is answered, every talk ends. ``growth`` compares the time of a step with
that of a floor of 100 agents with the same 200 profiles.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from callbridge.core.engine import step
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
from callbridge.core.model.orders import Bridge, HangUp, Order, Ring
from callbridge.core.model.plan import AgentPlan, Penalty, Plan, QueuePlan, Step, TierRouting, ToQueue
from callbridge.core.model.skills import parse, profile
from callbridge.core.model.world import World

PBX = "pbx"
PROFILES = 200
QUEUES = 10
TIERS = ("diamond", "gold", "silver", "standard")
REJECTED = 0.7
"""Share of ringing phones that decline, so that the decision itself weighs in the mix: a declined call is offered on."""
SKILLS = ("support", "sales", "billing", "expert", "english", "french", "german", "chinese")


def make_plan(agents: int, seed: int) -> Plan:
    """Ten queues with four tiers of three steps each; agents spread over 200 different skill profiles."""
    rng = random.Random(seed)
    profiles: dict[Any, None] = {}
    while len(profiles) < PROFILES:
        chosen = rng.sample(SKILLS, rng.randint(2, 4))
        profiles[profile({skill: rng.randint(1, 5) for skill in chosen})] = None
    kinds = list(profiles)
    queues = {}
    for number in range(QUEUES):
        work, language = SKILLS[number % 4], SKILLS[4 + number % 4]
        routings = {
            tier: TierRouting(
                answer_within=20.0,
                head_start=head_start,
                steps=(
                    Step(parse(f"{work} >= {4 - number % 2} and {language} >= 2"), 20.0 + number),
                    Step(parse(f"{work} >= 2 and ({language} >= 1 or expert >= 3)"), 40.0),
                    Step(parse(f"{work} or {language}"), None),
                ),
                then=ToQueue(f"q{(number + 1) % QUEUES}"),
            )
            for tier, head_start in zip(TIERS, (600.0, 180.0, 60.0, 0.0), strict=True)
        }
        queues[f"q{number}"] = QueuePlan(name=f"q{number}", routings=routings, wrap_up=0.0, short_talk=0.0, rejected=Penalty())
    staff = {f"a{n}": AgentPlan(f"a{n}", f"Agent {n}", kinds[n % PROFILES], f"PJSIP/{n}", login=True) for n in range(agents)}
    return Plan(queues=queues, entries={name: ToQueue(name) for name in queues}, agents=staff, pbxs=(PBX,))


@dataclass
class Floor:
    """One full floor. ``busy`` holds the talks that may end; ``mix`` counts the events that were stepped."""

    agents: int
    waiting: int
    rng: random.Random
    world: World = field(init=False)
    now: float = 1_000_000.0
    busy: list[tuple[LegId, LegId]] = field(default_factory=list)
    ringing: list[LegId] = field(default_factory=list)
    joining: list[Bridge] = field(default_factory=list)
    gone: list[LegId] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    mix: Counter[str] = field(default_factory=Counter)
    offers: int = 0
    callers: int = 0
    least_waiting: int = 10**9

    def fill(self) -> None:
        plan = make_plan(self.agents, 7)
        self.world = World(plan, "bench")
        self.take(DayBegan(at=self.now, day="2026-01-01"))
        self.take(PbxSnapshot(at=self.now, pbx=PBX, requested_at=self.now, last_heard_at=self.now, legs=(), bridges=()))
        self.take(DevicesListed(at=self.now, states={}))
        self.take(PlanChanged(at=self.now, plan=plan))
        while len(self.busy) + len(self.ringing) + len(self.joining) < self.agents or self.queue_length() < self.waiting:
            self.arrive()
            self.serve()
            if self.queue_length() >= self.waiting * 1.05:
                break
        self.mix.clear()
        self.offers = 0
        self.least_waiting = self.queue_length()

    def queue_length(self) -> int:
        return len(self.world.calls) - len(self.busy) - len(self.ringing) - len(self.joining)

    def take(self, event: AnyEvent) -> None:
        self.mix[type(event).__name__] += 1
        for order in step(self.world, event).orders:
            self.obey(order)

    def obey(self, order: Order) -> None:
        match order:
            case Ring(leg=leg):
                self.offers += 1
                self.ringing.append(leg)
            case Bridge():
                self.joining.append(order)
            case HangUp(leg=leg):
                self.gone.append(leg)
            case _:
                pass

    def arrive(self) -> None:
        self.callers += 1
        self.take(
            CallerArrived(
                at=self.now,
                leg=leg_id(PBX, f"c{self.callers}"),
                entry=f"q{self.rng.randrange(QUEUES)}",
                channel_name=f"PJSIP/trunk-{self.callers:08x}",
                number="+4912345",
                name="",
                tier=self.rng.choices(TIERS, (1, 5, 14, 80))[0],
            )
        )

    def serve(self) -> None:
        """Phones that ring are answered, bridges are entered, hung legs end: the PBX does its part."""
        while self.ringing:
            leg = self.ringing.pop()
            if self.rng.random() < REJECTED:
                self.take(LegEnded(at=self.now, leg=leg, cause=17))
            else:
                self.take(LegAnswered(at=self.now, leg=leg))
        while self.joining:
            bridge = self.joining.pop()
            for leg in bridge.legs:
                self.take(LegJoined(at=self.now, leg=leg, bridge=bridge.bridge))
            self.busy.append((bridge.legs[0], bridge.legs[1]))
        while self.gone:
            self.take(LegEnded(at=self.now, leg=self.gone.pop(), cause=16))

    def turn(self) -> None:
        """One talk ends, somebody new arrives; now and then an agent takes a break or comes back."""
        self.now += 0.01
        while (due := self.world.take_due(self.now)) is not None:
            self.take(due)
        if self.busy:
            at = self.rng.randrange(len(self.busy))
            self.busy[at], self.busy[-1] = self.busy[-1], self.busy[at]
            customer, agent = self.busy.pop()
            ends = customer if self.rng.random() < 0.5 else agent
            self.take(LegEnded(at=self.now, leg=ends, cause=16))
            self.serve()
        while self.queue_length() < self.waiting * 1.03:
            self.arrive()
        if self.rng.random() < 0.1:
            agent_id = f"a{self.rng.randrange(self.agents)}"
            self.take(AgentRequested(at=self.now, agent=agent_id, request=AgentRequest.NOT_READY, reason="tea"))
            self.paused.append(agent_id)
        if self.rng.random() < 0.1 and self.paused:
            self.take(AgentRequested(at=self.now, agent=self.paused.pop(0), request=AgentRequest.READY))
        self.serve()
        self.least_waiting = min(self.least_waiting, self.queue_length())


def measure(agents: int, waiting: int, seconds: float) -> dict[str, Any]:
    """Turn a full floor for so long; rates are the median of five rounds."""
    floor = Floor(agents=agents, waiting=waiting, rng=random.Random(1))
    floor.fill()
    rates = []
    total = offers = 0
    for _ in range(5):
        floor.mix.clear()
        floor.offers = 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds / 5:
            floor.turn()
        steps = sum(floor.mix.values())
        rates.append(steps / (time.perf_counter() - began))
        total += steps
        offers += floor.offers
    share = {name: round(count / sum(floor.mix.values()), 3) for name, count in floor.mix.most_common()}
    return {
        "agents": agents,
        "waiting_min": floor.least_waiting,
        "profiles": PROFILES,
        "mix": share,
        "offers_share": round(offers / total, 3),
        "steps_per_s": round(statistics.median(rates)),
    }


def run(seconds: float = 20.0) -> dict[str, Any]:
    """The large floor beside the small one."""
    small = measure(100, 10_000, seconds / 4)
    large = measure(10_000, 10_000, seconds)
    return {**large, "growth": round(small["steps_per_s"] / large["steps_per_s"], 2), "small_steps_per_s": small["steps_per_s"]}
