"""Steps in slices: a snapshot or a reload concerns every leg and every caller, and no step may hold the loop for long.

Such a step is written as a generator that yields after each row, or after a scan of many. It is taken until that makes a
slice; the rest is left in ``World.unfinished``. It goes on with the deadline ``slice``, which is due before everything else.
Until it is over nobody is matched and no campaign dials, and an event that comes first all the same finds the rest done at
once. So the outcome is the same, sliced or not.

A fault in the first slice undoes the step, as in any other. What later slices find cannot be undone with the first: the row
that a fault is about is given up, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from callbridge.core.model.events import AnyEvent, DeadlinePassed
from callbridge.core.model.world import DecisionFault, World

Slices = Iterator[DecisionFault | int]
"""How many rows were looked at since it yielded last; or the fault about one that is to be given up."""
MAX_ROWS_PER_SLICE, MAX_CHANGES_PER_SLICE = 2000, 400
"""A slice ends when so many rows were looked at, or so many rows, orders and facts came of it, which cost more."""


class SliceFailed(RuntimeError):
    """The rest of a step raised, and not about one row: what its first slices did stays, so the world is half-way."""


class _Row(Protocol):
    @property
    def id(self) -> str: ...


Row = TypeVar("Row", bound=_Row)


def each(world: World, kind: str, rows: Iterable[Row], do: Callable[[Row], object], *, cost: int = 1) -> Slices:
    """``do`` with every row; ``kind``: what is given up when that raises; ``cost``: as many as each one counts."""
    for row in rows:
        if world.unfinished is None:
            do(row)
            yield cost
            continue
        mark = world.mark()
        try:
            do(row)
        except Exception as error:  # noqa: BLE001 - our own bug, whatever it is: the runtime logs it and quarantines the row
            world.undo_to(mark)
            yield DecisionFault(kind, row.id, error)
        else:
            yield cost


def begin(world: World, rest: Slices) -> None:
    """The first slice of a step."""
    if not _is_over(world, rest):
        world.unfinished = rest


def is_next(world: World, event: AnyEvent) -> bool:
    """Does the unfinished step go on with this event?"""
    return world.unfinished is not None and isinstance(event, DeadlinePassed) and event.kind == "slice"


def go_on(world: World) -> None:
    """The next slice."""
    if world.unfinished is not None and _is_over(world, world.unfinished):
        world.unfinished = None


def finish(world: World) -> None:
    """All that is left, at once."""
    for found in world.unfinished or ():
        if isinstance(found, DecisionFault):
            world.faults.append(found)
    world.unfinished = None


def _is_over(world: World, rest: Slices) -> bool:
    rows, most = 0, world.changes + MAX_CHANGES_PER_SLICE
    for found in rest:
        if isinstance(found, DecisionFault):
            world.faults.append(found)
        else:
            rows += found
        if rows >= MAX_ROWS_PER_SLICE or world.changes >= most:
            return False
    return True
