"""The longest steps of the core: processor time of what touches many agents or callers at once, on a full floor.

Each row is the median of several runs of one kind of step, everything included that the step does at its end. The floor has ten
queues, half of them with a preferred agent and with rules about who is logged in, and five campaigns with leads at hand. A step
that the core has sliced is measured together with the longest of its ``slices`` (``slice_ms``; each the median of the runs, too).
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count, zip_longest
from typing import Any

from callbridge.adapters.views.explain_agent import MAX_LOOKED_AT, explain_agent
from callbridge.adapters.views.explain_queue import explain_queue
from callbridge.adapters.views.waiters import by_queue
from callbridge.core.engine import step
from callbridge.core.model.attempt import Lead, Running
from callbridge.core.model.call import Phase
from callbridge.core.model.dial_rules import DialLimits
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    AnyEvent,
    CampaignRequested,
    ClockMoved,
    LeadsFound,
    LegEnded,
    PbxSnapshot,
    PlanChanged,
    SeenBridge,
    SeenLeg,
    StoreChanged,
)
from callbridge.core.model.flow import Condition
from callbridge.core.model.ids import LegId
from callbridge.core.model.plan import CampaignPlan, DialMode, OverflowRule, Plan, PreferredAgent, ToQueue
from callbridge.core.pacing.budget import Rules
from tests.bench.core import PBX, Floor, make_plan

CAMPAIGNS = 5
RUNS = 7


def house_plan(agents: int) -> Plan:
    """The plan of ``tests.bench.core`` with all that makes the core look at many callers."""
    plan = make_plan(agents, 7)
    away = OverflowRule(when=Condition(agents=0), to=ToQueue("q0"), reason="nobody_here")
    slow = OverflowRule(when=Condition(wait=1e9), to=ToQueue("q0"), reason="slow")
    queues = {
        name: replace(queue, prefer=PreferredAgent(30.0, 86400.0), overflow=(away, slow)) if int(name[1:]) % 2 else queue
        for name, queue in plan.queues.items()
    }
    campaigns = {
        f"k{n}": CampaignPlan(
            name=f"k{n}", queue=f"q{n}", mode=DialMode.PREDICTIVE, limits=DialLimits(), rules=Rules(), dial="PJSIP/{number}@t"
        )
        for n in range(CAMPAIGNS)
    }
    return replace(plan, queues=queues, campaigns=campaigns)


@dataclass
class Steps:
    """A full floor, and its clock."""

    agents: int
    waiting: int
    floor: Floor = field(init=False)

    def __post_init__(self) -> None:
        self.floor = Floor(agents=self.agents, waiting=self.waiting, rng=random.Random(1))
        self.floor.fill()
        self.take(PlanChanged(at=self.tick(), plan=house_plan(self.agents)))
        while self.catch_up():
            pass

    def tick(self, seconds: float = 0.001) -> float:
        self.floor.now += seconds
        return self.floor.now

    def take(self, event: AnyEvent) -> float:
        """Milliseconds of processor time."""
        began = time.process_time()
        outcome = step(self.floor.world, event)
        took = time.process_time() - began
        for order in outcome.orders:
            self.floor.obey(order)
        assert not outcome.faults, outcome.faults
        return 1000.0 * took

    def catch_up(self) -> list[float]:
        """Everything that is due, as it is: the slices of a step among it."""
        found = []
        while (due := self.floor.world.take_due(self.floor.now)) is not None:
            found.append(self.take(due))
        return found

    def row(self, what: str, *make: Callable[[], AnyEvent]) -> dict[str, Any]:
        """Several events in turn."""
        times, slices = [], []
        for _ in range(RUNS):
            for one in make:
                times.append(self.take(one()))
                slices.append(self.catch_up())
        each = [statistics.median(those) for those in zip_longest(*slices, fillvalue=0.0)]
        return self.figures(what, times) | {"slices": len(each), "slice_ms": round(max(each, default=0.0), 2)}

    def figures(self, what: str, times: list[float]) -> dict[str, Any]:
        return {"what": what, "agents": self.agents, "waiting": self.waiting, "ms": round(statistics.median(times), 2)}

    # -- what is measured -----------------------------------------------------------------------------------------------

    def by_agent(self, request: AgentRequest, agent: str = "a7") -> Callable[[], AnyEvent]:
        return lambda: AgentRequested(at=self.tick(), agent=agent, request=request, reason="tea")

    def snapshot(self) -> AnyEvent:
        legs = [
            SeenLeg(leg=leg.id, name=f"PJSIP/x-{leg.id}", up=leg.up_at is not None, created_at=leg.heard_at, role=leg.role.value)
            for leg in self.floor.world.legs.values()
        ]
        inside: dict[str, list[LegId]] = {}
        for leg in self.floor.world.legs.values():
            if leg.bridge is not None:
                inside.setdefault(leg.bridge, []).append(leg.id)
        bridges = tuple(SeenBridge(bridge=bridge, legs=tuple(members)) for bridge, members in inside.items())
        at = self.tick()
        return PbxSnapshot(at=at, pbx=PBX, requested_at=at, last_heard_at=at, legs=tuple(legs), bridges=bridges)

    def other_promises(self) -> Plan:
        """The plan, and every caller has another place by it."""
        plan, within = house_plan(self.agents), 20.0 + self.floor.rng.random()
        queues = {
            name: replace(queue, routings={tier: replace(one, answer_within=within) for tier, one in queue.routings.items()})
            for name, queue in plan.queues.items()
        }
        return replace(plan, queues=queues)

    def start_campaigns(self) -> None:
        for number in range(CAMPAIGNS):
            self.take(CampaignRequested(at=self.tick(), campaign=f"k{number}", to=Running.RUNNING))
            leads = tuple(Lead(id=one, number=f"+49{number}{one:06}") for one in range(100))
            self.take(LeadsFound(at=self.tick(), campaign=f"k{number}", leads=leads, ready=100_000))

    def explained(self, what: str, ask: Callable[[], object]) -> dict[str, Any]:
        times = []
        for _ in range(RUNS):
            began = time.process_time()
            assert ask()
            times.append(1000.0 * (time.process_time() - began))
        return self.figures(what, times)

    def rows(self) -> list[dict[str, Any]]:
        plans = (house_plan(self.agents) for _ in count())
        world = self.floor.world
        lines = by_queue(world.calls.rows().values())  # sorted in a thread by those who ask
        firsts = by_queue(world.calls.rows().values(), MAX_LOOKED_AT)
        name = next(agent.id for agent in world.agents.values() if agent.work != "idle")
        found = [
            self.row("log-out and log-in", self.by_agent(AgentRequest.LOGOUT), self.by_agent(AgentRequest.LOGIN)),
            self.row("pause and back", self.by_agent(AgentRequest.NOT_READY, "a8"), self.by_agent(AgentRequest.READY, "a8")),
            self.row("clock moved", lambda: ClockMoved(at=self.tick(), offset=self.floor.rng.random())),
            self.explained("explain an agent", lambda: explain_agent(world, name, self.floor.now, firsts)),
            self.explained("explain a queue", lambda: explain_queue(world, "q1", self.floor.now, lines)),
            self.row("snapshot", self.snapshot),
            self.row("reload", lambda: PlanChanged(at=self.tick(), plan=next(plans))),
            self.row("reload of every queue", lambda: PlanChanged(at=self.tick(), plan=self.other_promises())),
        ]
        self.start_campaigns()
        found.append(self.row("a campaign's decision", self.time_to_decide))
        assert sum(call.phase is Phase.WAITING for call in world.calls.values()) >= self.waiting * 0.9
        return found

    def time_to_decide(self) -> AnyEvent:
        """The next event at which every campaign may decide again."""
        for state in self.floor.world.campaign_states.values():
            state.changed = True
        return StoreChanged(at=self.tick(0.3), safe=True)


def run(agents: int = 1_000, waiting: int = 5_000) -> dict[str, Any]:
    gc.disable()  # else a full collection, at any moment, is taken for the cost of the step that it meets
    full, empty = Steps(int(agents), int(waiting)), Steps(int(agents), 0)
    while empty.floor.busy:
        empty.take(LegEnded(at=empty.tick(), leg=empty.floor.busy.pop()[0], cause=16))
        empty.floor.serve()
    free = empty.explained("explain a free agent", lambda: explain_agent(empty.floor.world, "a7", empty.floor.now + 60.0))
    return {"runs": RUNS, "steps": [*full.rows(), free]}
