"""What stands around the world of every term, whether it serves calls or only observes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from callbridge.adapters.facts.totals import Totals
from callbridge.adapters.history import HistoryReader, HistoryStore, Survivors
from callbridge.adapters.http.explain_routes import Explainer
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.store import Saved
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.campaigns import campaign_figures
from callbridge.core.model.agent import published
from callbridge.core.model.plan import Plan
from callbridge.core.model.world import World
from callbridge.runtime import Clock, Runtime
from callbridge.runtime.saver import Saver
from callbridge.service.adapter_settings import history_days, history_people, history_url, redis_settings
from callbridge.service.callers import CallerSources
from callbridge.service.fact_readers import FactReaders
from callbridge.service.links import Links
from callbridge.service.parts import Parts
from callbridge.service.starting import Taken
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.service.process import Process

HISTORY_STATEMENT_WITHIN = 20.0
"""Seconds that one statement of the history may take on the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Nothing of it runs yet."""

    token: int
    clock: Clock
    world: World
    board: Board
    parts: Parts
    links: Links
    memory: LastAgents
    readers: FactReaders
    saver: Saver
    explainer: Explainer

    def callers(self, runtime: Runtime, settings: Settings) -> CallerSources:
        return CallerSources(self.parts, runtime.post, self.clock.now, self.memory, redis=redis_settings(settings))


def surroundings(process: Process, taken: Taken, clock: Clock, world: World, plan: Plan) -> Surroundings:
    """``plan``: with all the queues that are counted."""
    board = Board.of(world, masked=process.settings.log.mask_numbers)
    totals = _totals(process, plan, taken.saved)
    _show_world(process, world, board, totals, clock)
    parts, links = Parts(process.part_failed), Links(process.metrics)
    memory = LastAgents(clock.now, board.number_of, redis=redis_settings(process.settings))
    readers = _readers(process, world, board, taken.token, memory, links, clock)
    process.metrics.history.is_up = _history_is_written(readers.history)
    return Surroundings(
        token=taken.token,
        clock=clock,
        world=world,
        board=board,
        parts=parts,
        links=links,
        memory=memory,
        readers=readers,
        saver=_saver(process, world, totals),
        explainer=Explainer(world, board, process.timelines, clock.now, readers.archive),
    )


def _totals(process: Process, plan: Plan, saved: Saved | None) -> Totals:
    totals = Totals(label_agents=process.settings.metrics.label_agents)
    totals.restore(saved.totals if saved else (), plan)
    return totals


def _show_world(process: Process, world: World, board: Board, totals: Totals, clock: Clock) -> None:
    """The metrics show this world from now on."""
    metrics = process.metrics
    metrics.begin_term(board, totals, clock.now)
    metrics.adopt(world.plan, [hook.name for hook in process.settings.webhooks])
    metrics.note({}, world.now)
    metrics.campaigns = lambda: campaign_figures(world)
    metrics.on_switches(world.switches.values())


def _readers(
    process: Process, world: World, board: Board, token: int, memory: LastAgents, links: Links, clock: Clock
) -> FactReaders:
    return FactReaders(
        Parts(process.part_failed),
        world,
        board,
        token,
        store=process.store,
        redis=redis_settings(process.settings),
        metrics=process.metrics,
        timelines=process.timelines,
        memory=memory,
        fallbacks=links.fallbacks,
        log=process.fact_log,
        history=_history(process.settings, clock, _survivors(world, token)),
        masked=process.settings.log.mask_numbers,
        shows_numbers=process.settings.http.agents_see_numbers,
    )


def _survivors(world: World, token: int) -> Survivors:
    """What goes on of all that the history may hold as open."""
    return Survivors(
        token=token,
        calls=frozenset(world.calls.rows()) | frozenset(world.observed_calls.rows()),
        callbacks=frozenset(world.callbacks.rows()),
        agents={one.id: published(one)[0] for one in (*world.observed_agents.values(), *world.agents.values())},
    )


def _history(settings: Settings, clock: Clock, survivors: Survivors) -> HistoryReader | None:
    url = history_url(settings)
    if url is None:
        return None
    store = HistoryStore(url, history_people(settings), HISTORY_STATEMENT_WITHIN, survivors)
    return HistoryReader(store, history_days(settings), clock.wall, ZoneInfo(settings.instance.timezone))


def _history_is_written(history: HistoryReader | None) -> Callable[[], bool | None]:
    return lambda: None if history is None else not history.trouble()


def _saver(process: Process, world: World, totals: Totals) -> Saver:
    lost = process.metrics.facts_lost
    return Saver(process.store, world, process.displaced, on_lost=lambda count: lost("outbox", count), totals=totals)
