"""A term in which callbridge only observes the PBX's own queues: the parts of a usual term, without ARI, ledger and orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.pbx_link import NotSent
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.orders import Order
from callbridge.core.model.world import World
from callbridge.runtime import Clock
from callbridge.runtime.observing import ObservingRuntime
from callbridge.service import term as terms
from callbridge.service.observed import restored
from callbridge.service.publisher import Publisher, boot_name
from callbridge.service.starting import Taken
from callbridge.service.surroundings import surroundings
from callbridge.service.term import Term
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.service.process import Process


class _QueuesFound:
    """Publishes, and has the metrics show the queues that the PBX turns out to have."""

    def __init__(self, publisher: Publisher, metrics: Metrics, world: World) -> None:
        self._publisher, self._metrics, self._world = publisher, metrics, world
        self._plan = world.plan
        self.saved, self.degraded, self.lagged = publisher.saved, publisher.degraded, publisher.lagged

    def batch(
        self, facts: Sequence[AnyFact], changed: Mapping[tuple[str, str], object | None], ages: Sequence[float], waiting: int
    ) -> None:
        if self._world.plan is not self._plan:
            self._plan = self._world.plan
            self._metrics.adopt(self._plan)
        self._publisher.batch(facts, changed, ages, waiting)


async def begin(process: Process, taken: Taken) -> Term:
    """Build and start such a term. Nothing of it is left when that raises."""
    term = _build(process, taken)
    try:
        await _start(term, process.settings, taken)
    except BaseException:
        await term.end()
        raise
    return term


def _build(process: Process, taken: Taken) -> Term:
    settings, saved = process.settings, taken.saved
    clock = Clock(not_before=saved.meta.now if saved else 0.0)
    plan = settings.plan()
    world = World(plan, boot_name(), terms.EIGHT_DIGITS)
    floor = restored(world, saved, settings, saved.rows if saved is not None else {})
    around = surroundings(process, taken, clock, world, world.plan)
    runtime = ObservingRuntime(
        world,
        clock,
        around.saver,
        perform=_never,
        resync=lambda _pbx: None,
        listen=lambda _pbx: None,
        caught_up=_at_once,
        zone=ZoneInfo(settings.instance.timezone),
        watcher=_QueuesFound(around.readers.publisher, process.metrics, world),
    )
    runtime.watch(floor)
    around.links.listen_to(settings, clock, runtime.see)
    return terms.assembled(around, runtime, around.callers(runtime, settings))


async def _start(term: Term, settings: Settings, taken: Taken) -> None:
    if taken.behind:
        term.saver.start_behind(taken.behind)
    await terms.adopt_settings(term, settings)
    terms.run(term)


async def _never(order: Order) -> None:
    raise NotSent(f"only observed: {type(order).__name__} is not sent")


async def _at_once() -> None:
    """There is no event of ours to wait for."""
