"""How a fault is planted in our own core, and how it is found out.

A mutant patches the core for the length of a run. ``kill`` tells how many seeds it took to notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from callbridge.core.entities import legs
from callbridge.core.model.illegal_move import IllegalMove
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import Order
from callbridge.core.model.world import Outcome, World
from tests.sim.drive import Day

Patch = pytest.MonkeyPatch
SEEDS = (*range(200), 225, 413)
"""The last ones are days on which faults show that are rarely seen."""


@dataclass(frozen=True)
class Mutant:
    name: str
    story: str
    plant: Callable[[Patch], None]
    reception: bool = False
    """It shows on days on which a receptionist gives us customers."""
    seed: int | None = None
    """A day on which it has been noticed: tried first, and if it does not show there any more, all others are."""

    def __str__(self) -> str:
        return self.name


MUTANTS: list[Mutant] = []


def mutant(
    story: str, *, reception: bool = False, seed: int | None = None
) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    def enter(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
        MUTANTS.append(Mutant(plant.__name__.replace("_", " "), story, plant, reception, seed))
        return plant

    return enter


def kill(one: Mutant, seeds: Iterable[int] = SEEDS, day: Callable[[int], Day] = Day) -> tuple[int, str] | None:
    """The seed that notices the mutant and what is said of it, by a rule or by an assertion of the core; None when it survives
    all. Any other error is one of the mutant itself, which no longer fits the core, and is raised. ``day``: another sort of
    day."""
    with pytest.MonkeyPatch.context() as patch:
        one.plant(patch)
        for seed in dict.fromkeys([*([] if one.seed is None else [one.seed]), *seeds]):
            try:
                (Day(seed, reception=True) if one.reception else day(seed)).run()
            except (AssertionError, IllegalMove) as noticed:  # Broken is one
                return seed, f"{type(noticed).__name__}: {noticed}".partition("\n")[0]
    return None


# -- tools ------------------------------------------------------------------------------------------------------------


class Without:
    """A module as another one sees it, with some names replaced."""

    def __init__(self, module: ModuleType, **changed: object) -> None:
        self._module = module
        self.__dict__.update(changed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def nothing(*_: object, **__: object) -> None:
    """What a forgotten line does."""


def no_hang_up_in(patch: Patch, module: ModuleType, *roles: LegRole) -> None:
    def hang_up(world: World, leg: Any, reason: str = "normal") -> None:
        known = world.legs.get(leg)
        if known is not None and known.role not in roles:
            legs.hang_up(world, leg, reason)

    patch.setattr(module, "legs", Without(legs, hang_up=hang_up))


def filter_orders(patch: Patch, keep: Callable[[World, Order], bool]) -> None:
    send = World.order

    def order(world: World, order: Order) -> None:
        if keep(world, order):
            send(world, order)

    patch.setattr(World, "order", order)


def filter_saves(patch: Patch, lose: Callable[[tuple[str, str], object | None], bool]) -> None:
    commit = World.commit

    def forgetful(world: World) -> Outcome:
        outcome = commit(world)
        outcome.changed = {key: row for key, row in outcome.changed.items() if not lose(key, row)}
        return outcome

    patch.setattr(World, "commit", forgetful)
