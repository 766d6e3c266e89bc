"""A crash at every step: what a new process makes of the saved rows and a snapshot, and what becomes of the callers.

``Forked`` compares, after each step of a usual day, a new process with the old one whose link was lost for a moment: both are
told the same from then on, and must come to the same rows. ``Calm`` is a day on which people do nothing that a moment's delay
could change, so that with a crash at any step each caller must come to the same end as without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import fields, replace
from enum import StrEnum
from random import Random

from callbridge.core.engine import step
from callbridge.core.model.agent import Agent
from callbridge.core.model.call import Call
from callbridge.core.model.events import AnyEvent, DayBegan, PbxLost, PbxSnapshot, PlanChanged
from callbridge.core.model.facts import CallAdopted, CallArrived, TalkBegan, VisitEnded
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import DropBridge, HangUp
from callbridge.core.model.plan import ConnectMode
from callbridge.core.model.world import World
from tests.sim.copies import another
from tests.sim.drive import Day, Saved, _restore
from tests.sim.lanes import Weather
from tests.sim.people import Manners
from tests.sim.scenario import Scenario, simple_plan
from tests.sim.toy import PBX
from tests.sim.watch import Watch, must


class Forked(Day):
    """``every``: how many steps there are from one comparison to the next. Campaigns learn their estimates again: not on their
    days."""

    def __init__(self, seed: int, *, every: int = 1) -> None:
        super().__init__(seed)
        assert self.dialler is None
        self.every = every
        self.compared = 0

    def hear(self, event: AnyEvent) -> None:
        super().hear(event)
        if self.steps % self.every == 0:
            self._compare()

    def _compare(self) -> None:
        lives_on, new = another(self.world), World(self.world.plan, self.world.boot, self.world.minted)
        new.now, new.seq, new.day = self.world.now, self.world.seq, self.world.day
        _restore(new, self.saved)
        first, second = (
            [order for event in self._after_a_start() for order in step(world, event).orders] for world in (lives_on, new)
        )
        must(first == second, "after a crash other orders:", second, "instead of", first)
        self.compared += 1
        for name, table in lives_on.saved_tables().items():
            there, here = dict(new.saved_tables()[name].rows()), dict(table.rows())
            for key in {**there, **here}:
                differs = _different(there.get(key), here.get(key))
                must(not differs, "after a crash", name, key, "differs:", differs)

    def _after_a_start(self) -> Iterable[AnyEvent]:
        now = self.agenda.now
        yield PbxLost(at=now, pbx=PBX)
        yield DayBegan(at=now, day=self.today)
        yield PlanChanged(at=now, plan=self.plan)
        yield self.toy.devices()
        yield self.toy.snapshot(now, now)


TALK = 4.0
"""Seconds that a calm conversation lasts at least: longer than nobody listens after a crash. Of one that begins and ends
meanwhile nobody could know."""


class Dies(StrEnum):
    """When the process is killed at a step."""

    BEFORE_THE_SAVE = "before the save"
    AFTER_THE_SAVE = "after the save"
    AFTER_THE_ORDERS = "after the orders"


def _calm_scene(rng: Random) -> Scenario:
    """Agents who are always there, and queues that callers leave with an agent only."""
    plan = simple_plan(agents=rng.choice([1, 2, 3]))
    connect = rng.choice([ConnectMode.RING, ConnectMode.AUTO_ANSWER])
    agents = {name: replace(one, connect=connect) for name, one in plan.agents.items()}
    queue = replace(plan.queues["q0"], wrap_up=rng.choice([0.0, 1.0]), ring_for=8.0, short_talk=0.0)
    plan = replace(plan, agents=agents, queues={"q0": queue})
    manners = Manners(rude=0.0, race=0.0, dies=0.0, transfer=0.0, hold=rng.choice([0.0, 0.5]), talk=TALK, calm=True)
    return Scenario(
        plan=plan, weather=Weather(), manners=manners, callers=6, asks=0, private_calls=0, codes=0, unplugs=0, length=60.0
    )


class Killed(Day):
    """A day on which the process is killed at step ``dies_at``."""

    def __init__(self, seed: int, *, dies_at: int = 0, when: Dies = Dies.AFTER_THE_SAVE, scene: Scenario | None = None) -> None:
        super().__init__(seed, scene=scene)
        self.dies_at, self.when = dies_at, when

    def hear(self, event: AnyEvent) -> None:
        if self.steps + 1 != self.dies_at:
            super().hear(event)
            return
        self.dies_at, lives = 0, len(self.lives)
        if self.when is Dies.BEFORE_THE_SAVE:
            outcome = step(self.world, event)
            self.lives[-1].steps.append((event, outcome.orders, outcome.facts))
        else:
            self.killed_after_step = self.when is Dies.AFTER_THE_SAVE
            super().hear(event)
        if len(self.lives) == lives:
            self._die()


class Unsaved(Killed):
    """A calm day on which Redis does not reply from step ``fails_at`` on. The process goes on without it, and is killed ``after``
    seconds later: all that it did meanwhile is in the PBX only."""

    def __init__(self, seed: int, *, fails_at: int, after: float) -> None:
        super().__init__(seed, scene=_calm_scene(Random(seed)))
        self.fails_at, self.dies_after = fails_at, after
        self._kept: tuple[Saved, Watch] | None = None
        self.found_talking = 0

    def hear(self, event: AnyEvent) -> None:
        if self.steps + 1 == self.fails_at:
            self._kept = deepcopy((self.saved, self.watch))
            self.agenda.after(self.dies_after, self._die)
        together = self._together() if isinstance(event, PbxSnapshot) and len(self.lives) > 1 else set()
        super().hear(event)
        for order in self.lives[-1].steps[-1][1]:
            legs = set(order.legs) if isinstance(order, DropBridge) else {order.leg} if isinstance(order, HangUp) else set()
            must(not legs & together, "cut a conversation that was never saved:", order)
        self.found_talking += len(together)

    def _together(self) -> set[LegId]:
        """Who is in a conversation with somebody, neither of them hung up by us before."""
        rooms = [[leg for leg in bridge if leg in self.toy.channels] for bridge in self.toy.bridges.values()]
        return {leg for room in rooms if len(room) > 1 for leg in room}

    def _die(self) -> None:
        assert self._kept is not None
        self.saved, self.watch = self._kept
        super()._die()

    def _sometime(self, length: float, action: Callable[[], None]) -> None:
        super()._sometime(length / 3, action)


SERVED = {(1, "answered")}
"""How every caller of a calm day ends: see ``Calm.ends``."""


class Calm(Killed):
    """A day on which every caller is served, with or without a crash."""

    def __init__(self, seed: int, *, dies_at: int = 0, when: Dies = Dies.AFTER_THE_SAVE) -> None:
        super().__init__(seed, dies_at=dies_at, when=when, scene=_calm_scene(Random(seed)))

    def ends(self) -> Counter[tuple[int, str]]:
        """How many conversations the callers had, and how their visits to the queue ended; ``lost`` without any."""
        calls = {fact.leg: fact.call for fact in self.watch.told if isinstance(fact, CallArrived | CallAdopted)}
        talks = Counter(fact.call for fact in self.watch.told if isinstance(fact, TalkBegan))
        visits: dict[str, list[str]] = {}
        for fact in self.watch.told:
            if isinstance(fact, VisitEnded):
                visits.setdefault(fact.call, []).append(str(fact.outcome))
        came = [calls.get(leg, "") for leg in self.toy.customers]
        return Counter((talks[call], " ".join(visits.get(call, ["lost"]))) for call in came)

    def _sometime(self, length: float, action: Callable[[], None]) -> None:
        """Early enough for everybody to be served."""
        super()._sometime(length / 3, action)


def _different(there: object, here: object) -> list[str]:
    """The fields in which two rows differ. Estimates are learned again."""
    if there is None or here is None:
        return [] if there is here else [f"{there} instead of {here}"]
    if isinstance(there, Agent) and isinstance(here, Agent):
        there = replace(there, back_at=here.back_at)
    if isinstance(there, Call) and isinstance(here, Call) and there.visit is not None and here.visit is not None:
        there = replace(there, visit=replace(there.visit, estimate=here.visit.estimate))
    if isinstance(there, Call) and isinstance(here, Call) and there.offer is not None and here.offer is not None:
        there = replace(there, offer=replace(there.offer, id=here.offer.id))
    names = [field.name for field in fields(there)]  # type: ignore[arg-type]
    values = [(name, getattr(there, name), getattr(here, name)) for name in names]
    return [f"{name}: {one} instead of {other}" for name, one, other in values if one != other]
