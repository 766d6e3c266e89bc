"""Closures by date: made and ended by people, and over when their time is."""

from __future__ import annotations

from callbridge.core.entities import refusals
from callbridge.core.entities.hours import wall
from callbridge.core.model import calendars_asked
from callbridge.core.model.closure import KINDS, Closure
from callbridge.core.model.events import ClosureRequested, ReopeningRequested
from callbridge.core.model.facts import ClosureEnded, ClosureMade
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence, Unknown, Word
from callbridge.core.model.world import World

MOST_CLOSURES = 500
"""Closures at a time, so that a program that goes wrong does not fill the world."""

ROUNDING = 1e-3
"""Seconds after the moment at which it is due: then the clock on the wall shows that moment for sure."""


def requested(world: World, event: ClosureRequested) -> None:
    """Close a calendar, a queue or an entry from ``begins`` until ``ends``; one that has begun holds at once."""
    reason = _refusal(world, event)
    if reason is not None:
        refusals.refuse(world, "close", reason, by=event.by)
        return
    closure = Closure(
        id=world.mint("closure"),
        kind=event.kind,
        name=world.plan.entry_named(event.name) if event.kind == "entry" else event.name,
        begins=event.begins,
        ends=event.ends,
        made_at=world.now,
        by=event.by,
        reason=event.reason,
    )
    world.emit(
        ClosureMade(
            seq=world.next_seq(),
            at=world.now,
            queue=closure.queue,
            closure=closure.id,
            target=closure.target,
            begins=closure.begins,
            ends=closure.ends,
            reason=closure.reason,
            by=closure.by,
        )
    )
    _put(world, closure)


def reopened(world: World, event: ReopeningRequested) -> None:
    """It is open again by its hours, or never closes."""
    closure = world.closures.get(event.closure)
    if closure is None:
        refusals.refuse(world, "reopen", Unknown("no such closure, or it is over"), by=event.by)
    else:
        _end(world, closure, event.by)


def deadline_passed(world: World, closure: Closure) -> None:
    """It has begun, which waiting callers notice at the end of this step; or it is over."""
    if closure.ends <= wall(world):
        _end(world, closure, "")
    else:
        _put(world, closure)


def clock_moved(world: World) -> None:
    """The clock on the wall shows another time: what begins and ends by it is due at another moment."""
    for closure in world.closures.values():
        _put(world, closure)


def _refusal(world: World, event: ClosureRequested) -> Sentence | None:
    """Why it cannot be closed; None when it can."""
    plan, kind = world.plan, Word(f"closures.kind.{event.kind}")
    there = {"calendar": plan.calendars, "queue": plan.queues, "entry": plan.entries}
    if event.kind not in KINDS:
        return Sentence("only a calendar, a queue or an entry can be closed, not: {kind}", kind=event.kind)
    name = plan.entry_named(event.name) if event.kind == "entry" else event.name
    if name not in there[event.kind]:
        return Unknown("no such {kind}: {name}", kind=kind, name=event.name)
    asked = {
        "calendar": frozenset({name}),
        "queue": calendars_asked.of_queue(plan, name),
        "entry": calendars_asked.of_entry(plan, name),
    }
    if not asked[event.kind]:
        return Sentence(
            "{kind} {name} depends on no calendar: use an hours node or an overflow rule to say what happens while it is closed",
            kind=kind,
            name=event.name,
        )
    if event.ends <= wall(world):
        return Sentence("it would already have ended")
    if event.ends <= event.begins:
        return Sentence("it would end before it begins")
    if any((one.kind, one.name, one.begins) == (event.kind, name, event.begins) for one in world.closures.values()):
        return Sentence("{kind} {name} is closed from that moment on already: reopen that first", kind=kind, name=event.name)
    return Sentence("too many closures") if len(world.closures) >= MOST_CLOSURES else None


def _put(world: World, closure: Closure) -> None:
    due = closure.begins if closure.begins > wall(world) else closure.ends
    world.closures.put(closure.id, evolve(closure, deadline=due - world.wall_offset + ROUNDING))


def _end(world: World, closure: Closure, by: str) -> None:
    world.closures.drop(closure.id)
    world.emit(
        ClosureEnded(
            seq=world.next_seq(),
            at=world.now,
            queue=closure.queue,
            closure=closure.id,
            target=closure.target,
            outcome="reopened" if closure.ends > wall(world) else "over",
            by=by,
        )
    )
