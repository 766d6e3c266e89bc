"""Makes the floor of queues of the PBX's own, which is all there is, or stands beside a floor of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from callbridge.adapters.store import Saved
from callbridge.core.model.call import Call
from callbridge.core.model.plan import Plan
from callbridge.core.model.tally import Tally
from callbridge.core.model.world import World
from callbridge.observe import Beside, ObservedFloor
from callbridge.runtime.observing import OBSERVED_TABLES
from callbridge.settings.models import Settings


def restored(world: World, saved: Saved | None, settings: Settings, rows: Mapping[str, list[Any]]) -> ObservedFloor:
    """The floor of this world, with what was saved of it (``rows``: of its tables). Queues of saved rows are known before the PBX
    lists them."""
    named = settings.observe.queues if settings.observe is not None else ()
    floor = ObservedFloor(world, world.plan.pbxs[0], queues=frozenset(named))
    if saved is not None:
        world.now, world.seq, world.day = saved.meta.now, saved.meta.seq, saved.meta.day
        tallies: list[Tally] = rows["tallies"]
        calls: list[Call] = rows["calls"]
        for queue in {tally.queue for tally in tallies} | {call.visit.queue for call in calls if call.visit is not None}:
            floor.add_queue(queue)
        world.restore(rows)
        world.commit()
    return floor


def floor_beside(ours: World, saved: Saved | None, settings: Settings) -> ObservedFloor:
    """Beside the queues of this world: by default the one that stands in for them."""
    plan = replace(ours.plan, queues={}, entries={}, agents={}, flows={}, campaigns={})
    rows = {table: saved.rows[kept] for table, kept in OBSERVED_TABLES.items()} if saved is not None else {}
    floor = restored(World(plan, ours.boot), saved, settings, rows)
    fallback = settings.fallback.queue
    floor.queues = floor.queues or frozenset({fallback})

    def agent_at(phone: str) -> str:
        agent = ours.agent_at(phone)
        return agent.id if agent is not None else ""

    floor.beside = Beside(fallback=fallback, agent_at=agent_at, known=lambda agent: agent if agent in ours.agents else "")
    return floor


def counted(plan: Plan, floor: ObservedFloor | None) -> Plan:
    """The plan with the observed queues, for those who count by queue."""
    return plan if floor is None else replace(plan, queues={**floor.world.plan.queues, **plan.queues})


def forget_observed(world: World) -> None:
    """Observation has ended: its rows are no longer shown."""
    for kept in OBSERVED_TABLES.values():
        table = world.saved_tables()[kept]
        for key in list(table):
            table.drop(key)
