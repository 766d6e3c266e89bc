"""One whole day from one seed: the core between a toy PBX, rude callers and agents who ask for things at any time.

The runtime here is the real one's shape without its I/O: a step, a save of its delta, then the orders go out. A kill
throws the world away and builds it again from what was saved. Every life is recorded and replayed at the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

from callbridge.core.engine import step
from callbridge.core.model.agent import Work
from callbridge.core.model.attempt import Running
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    AnyEvent,
    CallbackChange,
    CallbackChangeRequested,
    CallRequest,
    CallRequested,
    DayBegan,
    DeadlinePassed,
    PbxLost,
    PbxSnapshot,
    PlanChanged,
    SwitchTurned,
)
from callbridge.core.model.facts import AnyFact, CallArrived
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Order
from callbridge.core.model.plan import ConsultQueue, Plan, Target, ToAgent, ToNumber, ToQueue
from callbridge.core.model.switch import BYPASS
from callbridge.core.model.table import Table
from callbridge.core.model.world import World
from callbridge.core.recovery import snapshots
from tests.sim.agenda import Agenda
from tests.sim.connection import Connection
from tests.sim.copies import another
from tests.sim.dialler import Dialler
from tests.sim.lanes import Lanes
from tests.sim.overdue import Overdue
from tests.sim.parts import Phone
from tests.sim.people import People
from tests.sim.portrait import Portrait, portrait
from tests.sim.scenario import TIERS, Scenario, changed_plan, scenario, with_second_phones, with_silent_callers
from tests.sim.together import Together
from tests.sim.toy import ToyPbx
from tests.sim.watch import Watch, must

START = 1_000_000.0
DESK = "PJSIP/desk"
"""A phone that is nobody's: for anybody who sits there today."""
STRAGGLERS = 6.0
"""Seconds in which the last keys that somebody pressed may still be heard, and log somebody in."""
LOOK_EVERY = 0.25
CLEAN_UP = 100.0
"""Seconds after the last caller left in which everything must come to rest."""
TRIPS = 0.02
"""Share of the steps that are first tried with a fault planted in them; those that change most always are."""

Saved = dict[str, dict[str, object]]
"""Rows by table and key."""


class Planted(Exception):
    """A fault of our own, planted to see what a step leaves behind."""


@dataclass(slots=True)
class Life:
    """What one process lived through: from which rows it began, and every step."""

    world: World
    plan: Plan
    rows: Saved
    began_at: float
    steps: list[tuple[AnyEvent, list[Order], list[AnyFact]]] = field(default_factory=list)


NOT_HERE = frozenset({CallRequest.SURVEY, CallRequest.HOLD, CallRequest.UNHOLD})
"""No queue here has a survey; holds have days of their own (``test_holds``)."""


class Day:
    """``forgets``: whenever we are killed, the saved world is lost, too. ``reception``: a receptionist gives us customers.
    ``silent``: the share of callers from whom no audio comes, which the queues wait for. ``scene``: in place of the seed's."""

    def __init__(
        self, seed: int, *, forgets: bool = False, reception: bool = False, silent: float = 0.0, scene: Scenario | None = None
    ) -> None:
        self.rng = Random(seed)
        # The first two hundred days are those in which planted faults must be noticed: what is said would only blur them.
        later = seed >= 200
        self.scene: Scenario = scenario(
            self.rng,
            talkative=later and seed % 3 == 0,
            calling=later and seed % 3 == 1 and not forgets,
            dialling=later and seed % 3 == 2 and not forgets,
        )
        if seed >= 400 and seed % 2 == 0:
            self.scene = replace(self.scene, plan=with_second_phones(self.scene.plan))
        if scene is not None:
            self.scene = scene
        if forgets:
            weather, manners = replace(self.scene.weather, kills=6), replace(self.scene.manners, talk=15.0)
            self.scene = replace(self.scene, weather=weather, manners=manners)
        if silent:
            self.scene = replace(self.scene, plan=with_silent_callers(self.scene.plan, 4.0))
        self.given = 8 if reception else 0
        self.plan = self.scene.plan
        self.agenda = Agenda(START)
        weather = self.scene.weather
        self.toy = ToyPbx(self.agenda, self.rng, self.hear, lose=weather.lose)
        self.people = People(self.toy, self.agenda, self.rng, self.scene.manners, list(self.scene.plan.entries))
        self.toy.people = self.people
        self.toy.phones = {phone: Phone(phone) for agent in self.scene.plan.agents.values() for phone in agent.phones} | {
            DESK: Phone(DESK)
        }
        self.lanes = Lanes(self.agenda, self.rng, self.toy, weather, self.hear)
        self.connections = [Connection(self.agenda, self.rng, self.toy, self.lanes, self.hear, self._listed)]
        self.toy.silent = silent
        self.toy.few_numbers = self.scene.callbacks > 0
        self.overdue = Overdue(self.toy, self.lanes)
        self.together = Together(self.toy) if forgets else None
        self.watch = Watch()
        spring = self.plan.campaigns.get("spring")
        self.dialler = Dialler(spring, self.scene.leads, self.agenda, self.rng, self.hear) if spring is not None else None
        self.saved: Saved = defaultdict(dict)
        self.tables: dict[str, Table[Any]] = {}
        """Those of the present life that are saved."""
        self.lives: list[Life] = []
        self.killed_after_step = False
        self.closed: frozenset[str] = frozenset()
        """PBXs from which nothing is heard."""
        self.steps = 0
        self.today = "2026-11-21"

    @property
    def world(self) -> World:
        return self.lives[-1].world

    # -- the day --------------------------------------------------------------------------------------------------

    def run(self) -> Day:
        self._plan_the_day()
        self._begin_life()
        end = START + self.scene.length
        self._until(end)
        self.people.all_leave()
        if self.dialler is not None:
            self.dialler.ask(Running.STOPPED)
        self._all_ask(AgentRequest.LOGOUT)
        self._until(end + STRAGGLERS)
        self._all_ask(AgentRequest.LOGOUT)
        self._come_to_rest(end)
        self.overdue.nothing_left(self.world)
        if self.dialler is not None:
            self.dialler.at_the_end(self.world)
        for life in self.lives:
            replay(life)
        return self

    def _come_to_rest(self, end: float) -> None:
        """Let CLEAN_UP pass; less when nothing has been alive, here or there, for a while."""
        for seconds in range(10, int(CLEAN_UP) + 1, 10):
            quiet = self._quiet()
            self._until(end + seconds)
            if quiet and self._quiet():
                return

    def _quiet(self) -> bool:
        alive = any(channel.in_app for channel in self.toy.channels.values())
        busy = any(agent.work is not Work.IDLE for agent in self.world.agents.values())
        tables = (self.world.callbacks, self.world.calls, self.world.legs, self.world.attempts, self.world.blocks)
        return not (alive or busy or self.toy.bridges or any(len(table) for table in tables))

    def _until(self, end: float) -> None:
        while True:
            due, planned = self.world.next_deadline(), self.agenda.next_at()
            first = planned if due is None or (planned is not None and planned < due) else due
            if first is None or first > end:
                self.agenda.now = end
                return
            if due is not None and due <= first:
                self.agenda.now = max(self.agenda.now, due)
                passed = self.world.take_due(self.agenda.now)
                assert passed is not None
                self.hear(passed)
            else:
                self.agenda.do_next()

    def _plan_the_day(self) -> None:
        scene, rng, length = self.scene, self.rng, self.scene.length
        for _ in range(scene.callers):
            entry, tier = rng.choice(list(scene.plan.entries)), rng.choice(TIERS)
            self._sometime(length, partial(self.people.call_in, entry, tier))
        for _ in range(self.given):
            entry, tier = rng.choice(list(scene.plan.entries)), rng.choice(TIERS)
            self._sometime(length, partial(self.people.call_from_the_desk, entry, tier))
        agents = list(scene.plan.agents.values())
        for _ in range(scene.asks):
            agent, ask = rng.choice(agents), rng.choice([*AgentRequest, AgentRequest.READY, AgentRequest.LOGIN])
            self._sometime(length, partial(self._ask, agent.id, ask))
        for _ in range(scene.acts):
            self._sometime(length, self._act)
        for _ in range(scene.callbacks):
            self._sometime(length, self._promise)
        if self.dialler is not None:
            self._plan_the_campaign(self.dialler)
        for _ in range(scene.private_calls):
            phone = rng.choice([phone for agent in agents for phone in agent.phones])
            self._sometime(length, partial(self.people.private_call, phone, rng.uniform(0.5, 6.0)))
        for _ in range(scene.codes):
            phone = rng.choice([*(phone for agent in agents for phone in agent.phones), DESK])
            self._sometime(length, partial(self.people.dial_code, phone, agents))
        for _ in range(scene.unplugs):
            phone = rng.choice([phone for agent in agents for phone in agent.phones])
            self._sometime(length, partial(self.people.unplug, phone, rng.uniform(0.5, 8.0)))
        for _ in range(scene.weather.outages):
            self._sometime(length, self._something_breaks)
        for _ in range(scene.weather.kills):
            self._sometime(length, self._kill)
        self._sometime(length, self._midnight)
        for _ in range(scene.reloads):
            self._sometime(length, self._reload)
        for tick in range(int((length + CLEAN_UP) / LOOK_EVERY)):
            self.agenda.at(START + tick * LOOK_EVERY, lambda: self.overdue.look(self.world))

    def _plan_the_campaign(self, dialler: Dialler) -> None:
        rng, length = self.rng, self.scene.length
        self.agenda.at(START + 0.5, lambda: dialler.ask(Running.RUNNING))
        for _ in range(rng.choice([0, 2, 5])):
            self._sometime(length, partial(dialler.ask, rng.choice([*Running, Running.RUNNING, Running.RUNNING])))
        for _ in range(rng.choice([0, 10, 40])):
            self._sometime(length, partial(dialler.set_disposition, rng.choice(list(self.scene.plan.agents))))
        for _ in range(rng.choice([0, 3])):
            self._sometime(length, dialler.block)
        for _ in range(rng.choice([0, 0, 2])):
            self._sometime(length, dialler.lose_the_database)

    def _sometime(self, length: float, action: Callable[[], None]) -> None:
        self.agenda.at(START + self.rng.uniform(0.1, length), action)

    def _ask(self, agent: str, ask: AgentRequest) -> None:
        reason = "lunch" if ask is AgentRequest.NOT_READY else ""
        self.hear(AgentRequested(at=self.agenda.now, agent=agent, request=ask, reason=reason))

    def _act(self) -> None:
        """A supervisor does something to some call, sensible or not; or turns the bypass for a moment."""
        rng = self.rng
        if self.together is not None and self.together.active:
            return
        calls = sorted(self.world.calls)
        if rng.random() < 0.02:
            self.hear(SwitchTurned(at=self.agenda.now, switch=BYPASS, on=True, by="eva"))
            self.agenda.after(2.0, lambda: self.hear(SwitchTurned(at=self.agenda.now, switch=BYPASS, on=False, by="eva")))
            return
        if not calls:
            return
        talks = [call.id for call in self.world.calls.values() if call.segment is not None]
        call = rng.choice(talks if talks and rng.random() < 0.8 else calls)
        consulted = self.world.calls[call].transfer is not None
        fitting = (
            [CallRequest.COMPLETE, CallRequest.RETURN, CallRequest.CONFERENCE]
            if consulted
            else [CallRequest.CONSULT, CallRequest.TRANSFER]
        )
        asks = [ask for ask in CallRequest if ask not in NOT_HERE]
        ask = rng.choice([*asks, *[other for other in asks if other is not CallRequest.HANG_UP] * 3, *fitting * 20])
        somebody: list[Target] = [ToAgent(agent) for agent in self.scene.plan.agents]
        queues: list[Target] = [ToQueue(queue) for queue in self.scene.plan.queues]
        to = rng.choice(queues if ask is CallRequest.MOVE else [*somebody, *queues, ToNumber("4711")])
        customer = self.toy.channels.get(self.world.calls[call].leg)
        if ask is CallRequest.HANG_UP and customer is not None:
            customer.unwanted = True
        seconds = rng.choice([0.0, 60.0, 600.0])
        phone = rng.choice(["PJSIP/boss", *(agent.phone for agent in self.scene.plan.agents.values())])
        how = ConsultQueue.WAIT if seconds else None
        asked = CallRequested(
            at=self.agenda.now, call=call, request=ask, to=to, seconds=seconds, phone=phone, by="eva", consult_queue=how
        )
        self.hear(asked)

    def _promise(self) -> None:
        """Somebody asks for a callback, or takes one back."""
        rng, world = self.rng, self.world
        owed = sorted(world.callbacks)
        if owed and rng.random() < 0.1:
            cancel = CallbackChange.CANCEL
            self.hear(CallbackChangeRequested(at=self.agenda.now, change=cancel, callback=rng.choice(owed), by="eva"))
            return
        queue, number = rng.choice(list(self.plan.queues)), f"+4470{rng.randint(0, 9)}"
        wait = rng.choice([0.0, 0.0, 5.0])
        agent = rng.choice(["", "", "", *self.plan.agents])
        asked = CallbackChangeRequested(
            at=self.agenda.now,
            change=CallbackChange.MAKE,
            queue=queue,
            number=number,
            tier=rng.choice(TIERS),
            agent=agent,
            not_before=self.agenda.now + wait,
            by="eva",
        )
        self.hear(asked)

    def _all_ask(self, ask: AgentRequest) -> None:
        for agent in self.scene.plan.agents:
            self._ask(agent, ask)

    def _midnight(self) -> None:
        self.today = "2026-11-22"
        self.hear(DayBegan(at=self.agenda.now, day=self.today))

    def _reload(self) -> None:
        """A supervisor changes promises, steps and skills while everybody works and waits."""
        self.plan = changed_plan(self.rng, self.plan)
        self.hear(PlanChanged(at=self.agenda.now, plan=self.plan))

    # -- the runtime ----------------------------------------------------------------------------------------------

    def hear(self, event: AnyEvent) -> None:
        """Step, save, act; between save and act is where a kill hurts most."""
        life = self.lives[-1]
        self.steps += 1
        if isinstance(event, PlanChanged | PbxSnapshot) or self.rng.random() < TRIPS:
            self._trip(event)
        before = dict(life.world.agents.rows())
        outcome = step(life.world, event)
        life.steps.append((event, outcome.orders, outcome.facts))
        for (name, key), row in outcome.changed.items():
            if row is None:
                self.saved[name].pop(key, None)
            else:
                self.saved[name][key] = row
        for fact in outcome.facts:
            if isinstance(fact, CallArrived) and fact.direction == "in" and not self._from_a_forgotten_desk(fact):
                must(fact.leg in self.toy.customers or self._of_an_idle_agent(fact), "no customer, and counted as one:", fact)
        if isinstance(event, PbxLost | PbxSnapshot):
            self.closed = self.closed | {event.pbx} if isinstance(event, PbxLost) else self.closed - {event.pbx}
        self.watch.after_step(life.world, before, event, outcome, self.toy.codes, closed=self.closed)
        self._saved_all()
        if self.dialler is not None:
            self.dialler.after_step(outcome.orders, outcome.facts)
        if self.killed_after_step and outcome.orders:
            self._die()
        elif self.dialler is not None:
            self.lanes.put(self.dialler.sort(outcome.orders))
        else:
            self.lanes.put(outcome.orders)

    def _of_an_idle_agent(self, fact: CallArrived) -> bool:
        """An agent who has no caller is one who calls a queue; who has one consults."""
        channel = self.toy.channels.get(LegId(fact.leg))
        agent = self.lives[-1].world.agent_at(channel.phone) if channel is not None else None
        return agent is not None and agent.work is not Work.TALKING

    def _from_a_forgotten_desk(self, fact: CallArrived) -> bool:
        """Without the saved world, an agent who had logged in at a phone that is not the plan's looks like a caller there."""
        channel = self.toy.channels.get(LegId(fact.leg))
        return self.together is not None and channel is not None and channel.phone == DESK

    def _saved_all(self) -> None:
        for name, table in self.tables.items():
            must(self.saved[name] == table.rows(), "saved", name, "differ from the world's")

    def _trip(self, event: AnyEvent) -> None:
        """A step that raises leaves the world untouched, wherever it raises."""
        world = another(self.world)
        before, fuse = _but_for(event, portrait(world)), self.rng.randint(1, 6)
        emit = world.emit

        def trip(fact: AnyFact) -> None:
            nonlocal fuse
            fuse -= 1
            if fuse == 0:
                raise Planted
            emit(fact)

        world.emit = trip  # type: ignore[method-assign]
        try:
            faults = step(world, event).faults
        except Planted:
            must(_but_for(event, portrait(world)) == before, "a step that raised left something behind:", event)
        else:
            must(len(faults) <= 1, "one fault set several callers aside")

    def _something_breaks(self) -> None:
        self.connections[0].lose()

    def _listed(self) -> None:
        if self.together is not None and not self.world.calls:
            self.together.begin()

    def _kill(self) -> None:
        if self.rng.random() < 0.5:
            self.killed_after_step = True
        else:
            self._die()

    def _die(self) -> None:
        """kill -9; a supervisor starts us again a little later, with what was saved."""
        self.killed_after_step = False
        for connection in self.connections:
            connection.die()
        if self.dialler is not None:
            self.dialler.die()
        if self.together is not None:
            self.saved = defaultdict(dict)
            self.watch = Watch(told=self.watch.told)
        self._begin_life()

    def _begin_life(self) -> None:
        """Restore, then say what a fresh process is told before anything else."""
        life = new_life(self.plan, self.saved, len(self.lives), self.agenda.now)
        self.lives.append(life)
        self.watch.begin_life()
        self.tables = life.world.saved_tables()
        for connection in self.connections:
            self.hear(PbxLost(at=self.agenda.now, pbx=connection.toy.name))
        while (due := life.world.take_due(self.agenda.now)) is not None:
            self.hear(due)
        self.hear(DayBegan(at=self.agenda.now, day=self.today))
        self.hear(PlanChanged(at=self.agenda.now, plan=self.plan))
        if self.dialler is not None:
            self.dialler.wake(life.world)
        for connection in self.connections:
            self.hear(connection.toy.devices())
        for connection in self.connections:
            if len(self.lives) == 1:
                connection.reconnect()
            else:
                connection.lanes.frozen = True
                self.agenda.after(self.rng.uniform(0.1, 3.0), connection.reconnect)


def _but_for(event: AnyEvent, seen: Portrait) -> Portrait:
    """Without the deadline that has become this event: taken out of the world, it stays in its row, and undoing a change of that
    row arms it again."""
    if not isinstance(event, DeadlinePassed):
        return seen
    return {
        what: [entry for entry in shown if entry[1:] != (event.kind, event.id)] if what.startswith("due") else shown
        for what, shown in seen.items()
    }


def new_life(plan: Plan, rows: Saved, number: int, now: float) -> Life:
    """A fresh process's world, filled with the rows that were saved."""
    world = World(plan, f"b{number}")
    world.now = now
    _restore(world, rows)
    return Life(world, plan, {name: dict(those) for name, those in rows.items()}, now)


def _restore(world: World, rows: Saved) -> None:
    world.restore({name: rows.get(name, {}).values() for name in world.saved_tables()})
    for pbx in world.plan.pbxs:
        snapshots.lost(world, pbx)  # as the service does it: down until the first snapshot


def replay(life: Life) -> None:
    """The record is the whole input: the same events make the same orders, facts and world."""
    fresh = World(life.plan, life.world.boot)
    fresh.now = life.began_at
    _restore(fresh, life.rows)
    for event, orders, facts in life.steps:
        if isinstance(event, DeadlinePassed):
            must(fresh.take_due(event.at) == event, "another deadline in the replay than", event)
        outcome = step(fresh, event)
        must(outcome.orders == orders and outcome.facts == facts, "another outcome in the replay of", event)
    must(portrait(fresh) == portrait(life.world), "another world after the replay")


def replay_in_slices(life: Life, rng: Random) -> int:
    """The same when snapshots and reloads are taken in slices, of which some are left when the next event comes. Gives their
    number. Deadlines come after all slices, as in the runtime."""
    fresh = World(life.plan, life.world.boot)
    fresh.now = life.began_at
    _restore(fresh, life.rows)
    orders: list[Order] = []
    facts: list[AnyFact] = []
    taken = 0

    def take(event: AnyEvent) -> None:
        outcome = step(fresh, event)
        must(not outcome.faults, "deciding raised in a slice:", outcome.faults)
        orders.extend(outcome.orders)
        facts.extend(outcome.facts)

    for event, _, _ in life.steps:
        most = len(life.steps) if isinstance(event, DeadlinePassed) else rng.randrange(20)
        while fresh.unfinished is not None and most:
            take(DeadlinePassed(at=fresh.now, kind="slice", id=""))
            taken, most = taken + 1, most - 1
        if isinstance(event, DeadlinePassed):
            must(fresh.take_due(event.at) == event, "another deadline in slices than", event)
        take(event)
    while fresh.unfinished is not None:
        take(DeadlinePassed(at=fresh.now, kind="slice", id=""))
    must(orders == [order for _, those, _ in life.steps for order in those], "other orders in slices")
    must(facts == [fact for _, _, those in life.steps for fact in those], "other facts in slices")
    must(portrait(fresh) == portrait(life.world), "another world after slices")
    return taken
