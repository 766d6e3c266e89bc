"""Closures by date as others see them: what is closed, from when until when, by whom and why."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.adapters.views.phrasing import ExplainedLine, TimeSpan, Value, line, say, word
from callbridge.adapters.views.waiters import SHOW_MASKED, Show
from callbridge.core.entities.hours import wall
from callbridge.core.entities.switches import is_on
from callbridge.core.model import calendars_asked
from callbridge.core.model.closure import Closure
from callbridge.core.model.switch import closing
from callbridge.core.model.world_view import WorldView

SOON = 86_400.0
"""Seconds ahead for which explanations mention a closure that has not begun."""


def closures(world: WorldView, *, masked: bool = True) -> list[dict[str, object]]:
    """Every closure, the next to begin first."""
    show = Show(masked)
    return [_row(world, one, show) for one in sorted(world.closures.values(), key=lambda one: (one.begins, one.target, one.id))]


def closable(world: WorldView) -> list[str]:
    """All that can be closed, as ``kind:name``: calendars, and the queues and entries that depend on one."""
    plan = world.plan
    calendars = (f"calendar:{name}" for name in sorted(plan.calendars))
    queues = (f"queue:{name}" for name in sorted(plan.queues) if calendars_asked.of_queue(plan, name))
    entries = (f"entry:{name}" for name in sorted(plan.entries) if calendars_asked.of_entry(plan, name))
    return [*calendars, *queues, *entries]


def explain_closed(world: WorldView, queue: str, entry: str = "", show: Show = SHOW_MASKED) -> Iterator[ExplainedLine]:
    """What is closed manually, now or within a day, for callers in this queue who came by this entry."""
    plan, now = world.plan, wall(world)
    calendars = calendars_asked.of_queue(plan, queue) | (calendars_asked.of_entry(plan, entry) if entry else frozenset())
    for name in sorted(calendars):
        switch = world.switches.get(closing(name))
        if switch is not None and is_on(world, switch.id):
            yield line("closed.manually", "calendar {name} was closed manually{by}", name=name, by=_by(switch.by, show))
    concerned = {*(("calendar", name) for name in calendars), ("queue", queue), ("entry", plan.entry_named(entry))}
    for one in sorted(world.closures.values(), key=lambda one: one.begins):
        if (one.kind, one.name) in concerned and one.begins < now + SOON:
            kind, by = word("closures.kind", one.kind), _by(one.by, show)
            why: Value = say("closed_why", ": {reason}", reason=show(one.reason)) if one.reason else ""
            if one.holds(now):
                text, left = "{kind} {name} is closed for another {left}{by}{why}", TimeSpan(one.ends - now)
                yield line("closed.for", text, kind=kind, name=one.name, left=left, by=by, why=why)
            else:
                text, left = "{kind} {name} will be closed in {left}{by}{why}", TimeSpan(one.begins - now)
                yield line("closes", text, kind=kind, name=one.name, left=left, by=by, why=why)


def _by(name: str, show: Show) -> Value:
    return say("closed_by", ", by {name}", name=show.requester(name)) if name else ""


def _row(world: WorldView, one: Closure, show: Show) -> dict[str, object]:
    return {
        "id": one.id,
        "target": one.target,
        "begins": one.begins,
        "ends": one.ends,
        "closed": one.holds(wall(world)),
        "reason": show(one.reason),
        "by": one.by,
        "made_at": one.made_at,
    }
