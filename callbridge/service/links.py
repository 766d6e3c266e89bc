"""The links of a term to its PBXs: ARI, AMI and the fallback queue of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from zoneinfo import ZoneInfo

from callbridge.adapters.ami.app_queue import AppQueueLink
from callbridge.adapters.ami.contacts import Contacts
from callbridge.adapters.ami.fallback_queue import FallbackQueue
from callbridge.adapters.ami.hints import Hints
from callbridge.adapters.ami.link import Ami
from callbridge.adapters.ami.recorder import Recorder
from callbridge.adapters.ari.link import Ari
from callbridge.adapters.ari.ownership import Holds
from callbridge.adapters.ari.restarts import Restarts
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.pbx_link import LinkEnded, NotSent
from callbridge.core.entities.switches import is_on
from callbridge.core.model.events import AnyEvent
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.orders import DropBridge, InspectPhone, OfPbx, OfRecording, Ring
from callbridge.core.model.phones import as_dialled, as_named, endpoint_of_phone, is_of_pbx
from callbridge.core.model.plan import Plan
from callbridge.core.model.switch import BYPASS
from callbridge.core.model.world import World
from callbridge.observe import AmiHeard, QueuesListed
from callbridge.runtime import Clock
from callbridge.runtime.clock import day_of
from callbridge.service.adapter_settings import ami_settings, ari_settings, fallback_settings, listener_settings
from callbridge.service.parts import Parts
from callbridge.service.warm_links import GivenLinks
from callbridge.settings.models import Settings

LISTENER = "observe"
"""What metrics call the link that only listens, beside the one that orders."""


def _phones(world: World, pbx: str) -> set[str]:
    """The PBX's phones at which agents are, or may be; those that it does not know would be a warning in its log each time."""
    plan = world.plan
    known = {phone for agent in world.agents.values() for phone in agent.phones if phone in world.phones}
    return {endpoint_of_phone(plan, phone) for phone in known if is_of_pbx(plan, pbx, phone)}


def _hints(world: World, pbx: str) -> dict[str, str]:
    """Agent -> hint of the PBX of the agent's first phone, as the configuration has it."""
    plan = world.plan
    return {agent.id: agent.hint for agent in plan.agents.values() if agent.hint and is_of_pbx(plan, pbx, agent.phone)}


def _naming(world: World, pbx: str, post: Callable[[AnyEvent], None]) -> Callable[[AnyEvent], None]:
    """Post the events of a PBX with the names of its phones as the core knows them."""
    if len(world.plan.pbxs) == 1:  # which PBXs there are changes by a restart only
        return post
    return lambda event: post(as_named(world.plan, pbx, event))


def _received(received: Callable[[AnyEvent], AnyEvent], post: Callable[[AnyEvent], None]) -> Callable[[AnyEvent], None]:
    return lambda event: post(received(event))


class Links:
    """Empty until ``open``, because the runtime needs it before the links can post events to the runtime."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._plan: Callable[[], Plan] = Plan
        self._ari: dict[str, Ari] = {}
        self._ami: dict[str, Ami] = {}
        self._contacts: dict[str, Contacts] = {}
        self._hints: dict[str, Hints] = {}
        self._recorders: dict[str, Recorder] = {}
        self._kept_up: dict[str, asyncio.Task[None]] = {}
        self.fallbacks: list[FallbackQueue] = []
        self._listeners: dict[str, AppQueueLink] = {}

    def open(
        self,
        settings: Settings,
        world: World,
        clock: Clock,
        *,
        post: Callable[[AnyEvent], None],
        received: Callable[[AnyEvent], AnyEvent],
        accepting: Callable[[], bool],
        holds: Holds,
        on_replaced: Callable[[], None],
        last_heard_at: float | None,
        given: GivenLinks,
        restarts: Restarts,
    ) -> None:
        """Create the links of every configured PBX; they connect when started. ``received``: what a PBX
        reports, as the core may know it. ``accepting``: do we accept new callers? ``given``: connections to begin with."""
        self._plan = lambda: world.plan
        for pbx in settings.pbx:
            self._metrics.expect(pbx.name)
            named = _naming(world, pbx.name, post)
            self._ari[pbx.name] = Ari(
                ari_settings(settings, pbx),
                post=_received(received, named),
                now=clock.now,
                on_replaced=on_replaced,
                holds=holds,
                observer=self._metrics,
                last_heard_at=last_heard_at,
                wall_offset=clock.wall_offset,
                pools=partial(given.pools, pbx.name),
                restarts=restarts,
            )
            session = partial(given.session, pbx.name)
            ami = self._ami[pbx.name] = Ami(ami_settings(pbx), post=named, now=clock.now, observer=self._metrics, session=session)
            self._recorders[pbx.name] = Recorder(ami, now=clock.now, observer=self._metrics)
            self._hints[pbx.name] = Hints(ami, partial(_hints, world, pbx.name), post=named, now=clock.now)
            self._contacts[pbx.name] = Contacts(ami, partial(_phones, world, pbx.name), post=named, now=clock.now)
            self.fallbacks.append(
                self._fallback(settings, pbx.name, world, clock, lambda: accepting() and not restarts.too_many())
            )

    def listen_to(self, settings: Settings, clock: Clock, see: Callable[[AmiHeard | QueuesListed], None]) -> None:
        """Create the links that only listen to the queues of every PBX's own."""
        zone, name = ZoneInfo(settings.instance.timezone), LISTENER if self._ami else Ami.link
        for pbx in settings.pbx:
            self._metrics.expect(pbx.name, (name,))
            self._listeners[pbx.name] = AppQueueLink(
                listener_settings(settings, pbx),
                see=see,
                now=clock.now,
                day=lambda: day_of(clock.wall(), zone),
                observer=self._metrics,
                link=name,
            )

    def _fallback(self, settings: Settings, pbx: str, world: World, clock: Clock, accepting: Callable[[], bool]) -> FallbackQueue:
        def serving() -> bool:
            heard = self._ari[pbx].fresh and pbx not in world.down
            return heard and accepting() and not is_on(world, BYPASS)

        return FallbackQueue(fallback_settings(settings, pbx), self._ami[pbx], world, serving=serving, now=clock.now)

    def start(self, parts: Parts) -> None:
        for name, link in self._ari.items():
            self._kept_up[name] = parts.run(f"ari {name}", link.run())
            parts.run(f"ami {name}", self._ami[name].run())
            parts.run(f"contacts {name}", self._contacts[name].run())
            parts.run(f"hints {name}", self._hints[name].run())
        for name, listener in self._listeners.items():
            parts.run(f"{listener.link} {name}", listener.run())
        for fallback in self.fallbacks:
            parts.run(f"fallback {fallback.settings.pbx}", fallback.run())

    async def leave(self) -> None:
        """This process shuts down cleanly: tell every PBX."""
        await asyncio.gather(*(link.leave() for link in self._ari.values()))

    # -- for the runtime ----------------------------------------------------------------------------------------

    async def perform(self, order: OfPbx) -> None:
        """Carry out an order over ARI. Raises OrderTrouble."""
        pbx = order.pbx if isinstance(order, DropBridge | InspectPhone) else pbx_of(order.legs[0])
        link = self._ari.get(pbx)
        if link is None:
            raise NotSent(f"no PBX {pbx} is configured")
        if self._kept_up[pbx].done():
            raise LinkEnded(f"the ARI link to {pbx} has ended")
        await link.perform(as_dialled(self._plan(), order) if len(self._ari) > 1 else order)
        if isinstance(order, Ring):
            self._metrics.rang(order.leg)

    async def record(self, order: OfRecording) -> None:
        """Carry out an order over AMI. Raises OrderTrouble."""
        pbx = pbx_of(order.leg)
        recorder = self._recorders.get(pbx)
        if recorder is None:
            raise NotSent(f"no PBX {pbx} is configured")
        await recorder.record(order)

    def resync(self, pbx: str) -> None:
        self._ari[pbx].resync("overload")

    def listen(self, pbx: str) -> None:
        if pbx in self._ari:
            self._ari[pbx].listen()

    async def caught_up(self) -> None:
        await asyncio.gather(*(link.caught_up() for link in self._ari.values()))

    def unlinked(self) -> list[str]:
        """The PBXs on which the application is not ours."""
        return [name for name, link in self._ari.items() if not link.fresh]

    # -- how they are -------------------------------------------------------------------------------------------

    def serving(self) -> bool:
        """Has one of several PBXs its links? Calls are served there, whatever is wrong with the others."""
        return len(self._ari) > 1 and any(link.fresh and self._ami[name].up for name, link in self._ari.items())

    def missing(self) -> list[str]:
        """What is not there of all PBXs."""
        missing = [f"pbx {name}: no ARI link" for name, link in self._ari.items() if not link.fresh]
        missing += [f"pbx {name}: no AMI link" for name, link in self._ami.items() if not link.up]
        return missing + [
            f"pbx {name}: no AMI link to observe its queues" for name, link in self._listeners.items() if not link.up
        ]

    def unhealthy(self) -> list[str]:
        """Links that are no longer being retried. An unavailable PBX is not a fault of ours."""
        links = [("ARI", name, link.alive) for name, link in self._ari.items()]
        links += [("AMI", name, link.alive) for name, link in [*self._ami.items(), *self._listeners.items()]]
        return [f"pbx {name}: the {kind} link is no longer being retried" for kind, name, alive in links if not alive]
