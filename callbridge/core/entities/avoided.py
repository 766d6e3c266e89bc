"""Agents to whom a caller is not offered: those whom a value of the call names, and those who have rejected the call.

The named ones are not offered the caller for as long as the queue's ``avoid`` says. Those who rejected the call are skipped only
while another ready agent fits, so that one rejection never makes a caller wait: that is decided by the matcher.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from callbridge.core.model.agent import Intent
from callbridge.core.model.call import Call, Visit
from callbridge.core.model.callback import Callback
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

MAX_REJECTERS = 20
"""Agents of whom one call remembers that they rejected it: a decision looks at each of them. Those whom a value names are never
cut: the length of a value limits them."""
_BETWEEN = re.compile(r"[\s,;]+")


def of_visit(world: World, call: Call, visit: Visit) -> Visit:
    """The visit with the agents who are not offered the caller now."""
    names = _named(world, call.values, visit.queue, visit.began_at)
    return visit if names == visit.avoids else evolve(visit, avoids=names)


def of_callback(world: World, callback: Callback) -> Callback:
    return evolve(callback, avoids=_named(world, callback.values, callback.queue, callback.waits_since))


def lifted_at(world: World, queue: str, since: float) -> float | None:
    """When a caller in this queue may be offered to everybody; None when that time has come, or never will."""
    plan = world.plan.queues.get(queue)
    lasts = plan.avoid.lasts if plan is not None and plan.avoid is not None else None
    return since + lasts if lasts is not None and since + lasts > world.now else None


def _named(world: World, values: Iterable[tuple[str, str]], queue: str, since: float) -> tuple[str, ...]:
    plan = world.plan.queues.get(queue)
    avoid = plan.avoid if plan is not None else None
    if avoid is None or (avoid.lasts is not None and world.now >= since + avoid.lasts):
        return ()
    names = _BETWEEN.split(dict(values).get(avoid.value, ""))
    return tuple(dict.fromkeys(name for name in names if name in world.plan.agents))


def skipped(world: World, call: Call, agent: str) -> bool:
    """Has this agent rejected the call, in a queue that skips such agents?"""
    plan = world.plan.queues.get(call.visit.queue) if call.visit is not None else None
    return plan is not None and plan.skip_rejecters and agent in call.rejected_by


def with_rejection(before: tuple[str, ...], agent: str) -> tuple[str, ...]:
    return (*(name for name in before if name != agent), agent)[-MAX_REJECTERS:]


def on_duty(world: World, call: Call) -> int:
    """How many logged-in agents of the caller's queue are not offered this caller."""
    visit = call.visit
    queue = world.plan.queues.get(visit.queue) if visit is not None else None
    if visit is None or queue is None:
        return 0
    agents = [agent for name in visit.avoids if (agent := world.agents.get(name)) is not None]
    return sum(agent.intent is not Intent.LOGGED_OUT and world.matcher.serves(agent.profile, queue) for agent in agents)
