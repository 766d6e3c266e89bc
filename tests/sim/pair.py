"""A day with two PBXs, a tie line between them, and callers and agents on either; one is lost, the line, or both."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from callbridge.core.model.agent import SILENT, Agent, Device, Work
from callbridge.core.model.events import AnyEvent, PbxSnapshot
from callbridge.core.model.facts import OfferEnded, OfferMade, TieLineFailed
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.orders import DropBridge, InspectPhone, Order
from callbridge.core.model.phones import pbx_of_phone
from callbridge.core.model.plan import AgentPlan, ConnectMode, Plan
from callbridge.core.model.world import World
from tests.sim import oracle
from tests.sim.connection import Connection
from tests.sim.drive import Day
from tests.sim.lanes import Lanes, Weather
from tests.sim.overdue import ALONE, GHOST, LONG_AGO, STUCK, TROUBLED, Overdue
from tests.sim.parts import Channel, Code, Kind, Phone
from tests.sim.people import Manners, People
from tests.sim.scenario import Scenario, scenario
from tests.sim.tie import LOST_AFTER, Tie
from tests.sim.together import Together
from tests.sim.toy import ToyPbx
from tests.sim.watch import must

EAST, WEST = "east", "west"
SILENCE = 30.0
"""Seconds after which a call that was sent while the tie line was dead has been given up."""
TIES = dict.fromkeys((EAST, WEST), "PJSIP/{phone}@tie-{pbx}")


def pair_scene(rng: Random) -> Scenario:
    """Without what is refused with several PBXs: nailed-up agents, and transfers by the phone."""
    base = scenario(rng)
    weather = Weather(slowest=rng.choice([0.05, 0.1]), outages=rng.choice([0, 1, 3]), kills=rng.choice([0, 0, 0, 1]))
    manners: Manners = replace(base.manners, transfer=0.0)
    acts = rng.choice([0, 0, 30])
    return replace(base, plan=on_two_pbxs(rng, base.plan), weather=weather, manners=manners, codes=0, reloads=0, acts=acts)


def on_two_pbxs(rng: Random, plan: Plan) -> Plan:
    """Agents are on either; some have a phone on each."""

    def seated(agent: AgentPlan) -> AgentPlan:
        home, away = rng.sample([EAST, WEST], 2)
        also = (f"{away}/{agent.phone}",) if rng.random() < 0.2 else ()
        connect = agent.connect if agent.connect is not ConnectMode.NAILED_UP else ConnectMode.AUTO_ANSWER
        return replace(agent, phone=f"{home}/{agent.phone}", also=also, connect=connect)

    agents = {agent.id: seated(agent) for agent in plan.agents.values()}
    return replace(plan, agents=agents, pbxs=(EAST, WEST), ties=TIES)


class OverdueBeside(Overdue):
    """What may not last, on one of two PBXs."""

    tie: Tie

    def _until(self, began: float, patience: float) -> float:
        until = super()._until(began, patience)
        return max(until, began + TROUBLED) if patience and self.tie.troubled_at > began - LONG_AGO else until

    def _of_agent(self, world: World, agent: Agent) -> Iterator[tuple[str, str, float]]:
        """With a phone on the other PBX, too, one of them cannot say what the agent does."""
        if not all(phone in self.toy.phones for phone in agent.phones):
            return
        yield from super()._of_agent(world, agent)
        idle = not any(self.toy.on_phone(phone) for phone in agent.phones)
        if agent.work is Work.TALKING and agent.leg is not None and idle and pbx_of(agent.leg) in world.down - {self.toy.name}:
            yield "a free phone whose agent talks, as the lost PBX of the call does not say otherwise", agent.id, STUCK

    def _wrongs(self, world: World) -> Iterator[tuple[str, str, float]]:
        yield from super()._wrongs(world)
        for end in [channel for channel in self.toy.channels.values() if channel.kind is Kind.FAR_END]:
            yield from self._of_far_end(end)

    def _of_far_end(self, end: Channel) -> Iterator[tuple[str, str, float]]:
        now = self.toy.agenda.now
        if not end.up and end.rings_until < now:
            yield "a phone rings too long over the tie line", end.id, 0.0
        if end.tied in self.tie.other(self.toy).channels:
            return
        if end.up:
            yield "a far leg is left over", end.id, ALONE + 2 * LOST_AFTER
        elif self.tie.dead_at < end.created_at:
            yield "a ghost rings over the tie line", end.id, GHOST


@dataclass(slots=True, eq=False)
class Site:
    """One PBX with its people."""

    toy: ToyPbx
    people: People
    lanes: Lanes
    overdue: OverdueBeside
    together: Together
    connection: Connection


class PairDay(Day):
    """``breaks``: what may be lost, of ``link``, ``pbx``, ``tie`` and ``both``."""

    def __init__(self, seed: int, breaks: tuple[str, ...] = ("link", "pbx", "tie", "both")) -> None:
        super().__init__(seed, scene=pair_scene(Random(seed)))
        self.breaks = breaks
        self.broken: list[str] = []
        self.failed: list[TieLineFailed] = []
        self.sites = {name: self._site(name) for name in (EAST, WEST)}
        east, west = (site.toy for site in self.sites.values())
        self.tie = Tie(self.agenda, self.rng, east, west)
        for site in self.sites.values():
            site.overdue.tie = self.tie
        self.connections = [site.connection for site in self.sites.values()]
        self.toy = _Toys(east, west)  # type: ignore[assignment]
        self.people = _People(self)  # type: ignore[assignment]
        self.lanes = _Lanes(self)  # type: ignore[assignment]
        self.overdue = _Overdue(self)  # type: ignore[assignment]

    def _site(self, name: str) -> Site:
        toy = ToyPbx(self.agenda, self.rng, self.hear, name=name)
        people = People(toy, self.agenda, self.rng, self.scene.manners, list(self.plan.entries))
        toy.people = people
        phones = [phone for agent in self.plan.agents.values() for phone in agent.phones]
        toy.phones = {phone: Phone(phone) for phone in phones if phone.startswith(f"{name}/")}
        lanes = Lanes(self.agenda, self.rng, toy, self.scene.weather, self.hear)
        connection = Connection(self.agenda, self.rng, toy, lanes, self.hear, lambda: None)
        return Site(toy, people, lanes, OverdueBeside(toy, lanes), Together(toy), connection)

    def site_of(self, phone: str) -> Site:
        return self.sites[pbx_of_phone(self.plan, phone) or EAST]

    def hear(self, event: AnyEvent) -> None:
        super().hear(event)
        if isinstance(event, PbxSnapshot):
            _, _, facts = self.lives[-1].steps[-1]
            ended = [fact for fact in facts if isinstance(fact, OfferEnded) and pbx_of(LegId(fact.leg)) != event.pbx]
            must(not ended, "the snapshot of one PBX ended an offer on the other:", ended)
        for agent in self.world.agents.values():
            if all(pbx_of_phone(self.plan, phone) in self.world.down for phone in agent.phones):
                must(agent.device is Device.OFFLINE, "an agent of a lost PBX is not offline:", agent)

        self._tie_lines_are_heeded()

    def _tie_lines_are_heeded(self) -> None:
        """No agent is blamed for a dead line, and none is rung over one that is out of use. No phone of a toy is ever silent."""
        _, _, facts = self.lives[-1].steps[-1]
        for fact in facts:
            if isinstance(fact, OfferEnded):
                must(fact.trouble != SILENT, "an agent is blamed for a dead tie line:", fact)
            elif isinstance(fact, OfferMade):
                must(fact.agent not in oracle.beyond(self.world, pbx_of(LegId(fact.leg))), "rung over a dead tie line:", fact)
            elif isinstance(fact, TieLineFailed):
                must(self.tie.troubled_at > self.agenda.now - SILENCE, "a line that works is taken out of use:", fact)
                self.failed.append(fact)

    def _something_breaks(self) -> None:
        what = self.rng.choice(self.breaks)
        site, other = self.rng.sample([*self.sites.values()], 2)
        self.broken.append(what)
        match what:
            case "link":
                self._guard(other)
                site.connection.lose()
            case "pbx":
                self._guard(other)
                site.connection.crash()
                self.tie.silence()
            case "tie":
                self._guard(site)
                self._guard(other)
                self._cut_the_tie(self.rng.uniform(0.2, 10.0))
            case "both":
                site.connection.crash()
                other.connection.lose()
                self.tie.silence()

    def _cut_the_tie(self, lasts: float) -> None:
        if self.tie.dead:
            return
        self.tie.cut()
        self.agenda.after(lasts, self.tie.heal)

    def _guard(self, site: Site) -> None:
        """Nothing but people ends the conversations of this PBX now, unless a supervisor may."""
        if not self.scene.acts and not self.scene.weather.kills:
            site.together.begin()


# -- two of what a day asks one of -----------------------------------------------------------------------------------


class _Toys:
    def __init__(self, *toys: ToyPbx) -> None:
        self._toys = toys
        self.codes: dict[LegId, Code] = {}
        self.channels = ChainMap(*[toy.channels for toy in toys])
        self.bridges = ChainMap(*[toy.bridges for toy in toys])

    @property
    def customers(self) -> set[LegId]:
        return set().union(*[toy.customers for toy in self._toys])


class _People:
    def __init__(self, day: PairDay) -> None:
        self._day = day

    def call_in(self, entry: str, tier: str) -> None:
        self._day.rng.choice([*self._day.sites.values()]).people.call_in(entry, tier)

    def private_call(self, phone: str, lasts: float) -> None:
        site = self._day.site_of(phone)
        if site.toy.running:
            site.people.private_call(phone, lasts)

    def unplug(self, phone: str, lasts: float) -> None:
        self._day.site_of(phone).people.unplug(phone, lasts)

    def all_leave(self) -> None:
        for site in self._day.sites.values():
            site.people.all_leave()


class _Lanes:
    def __init__(self, day: PairDay) -> None:
        self._day = day

    def put(self, orders: list[Order]) -> None:
        for order in orders:
            self._day.sites[self._pbx_of(order)].lanes.put([order])

    def _pbx_of(self, order: Order) -> str:
        if isinstance(order, DropBridge | InspectPhone):
            return order.pbx
        return pbx_of(order.legs[0]) if order.legs else EAST


class _Overdue:
    def __init__(self, day: PairDay) -> None:
        self._day = day

    def look(self, world: World) -> None:
        for site in self._day.sites.values():
            site.overdue.look(world)

    def nothing_left(self, world: World) -> None:
        for site in self._day.sites.values():
            site.overdue.nothing_left(world)
            left = [channel for channel in site.toy.channels.values() if channel.tied is not None]
            must(not left, "left of the tie line:", left)
