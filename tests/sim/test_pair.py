"""Two PBXs with a tie line: every rule holds whatever is lost, and faults that somebody could write are noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from callbridge.core.entities import agent_phones, agent_states, tie_lines
from callbridge.core.model.matcher import Matcher
from callbridge.core.recovery import snapshots
from tests.sim.mutants import cancel_skipped, phone_rings_on
from tests.sim.pair import PairDay
from tests.sim.planting import Mutant, Patch, Without, kill, nothing

LONG = True
SEEDS = (*range(60), 143, 243)
"""Each fault is noticed by one of these."""


def days(first: int, end: int) -> Counter[str]:
    broken: Counter[str] = Counter()
    for seed in range(first, end):
        try:
            day = PairDay(seed)
            day.run()
            broken.update(day.broken)
        except Exception as wrong:
            wrong.add_note(f"seed {seed}")
            raise
    return broken


def test_every_rule_holds_on_a_few_days() -> None:
    assert days(0, 8)["pbx"]


@pytest.mark.slow
@pytest.mark.parametrize("first", range(8, 308, 50))
def test_every_rule_holds_on_many_days(first: int) -> None:
    broken = days(first, first + 50)
    assert min(broken[what] for what in ("link", "pbx", "tie", "both")) >= 3


def agents_of_a_lost_pbx_stay(patch: Patch) -> None:
    patch.setattr(snapshots, "agent_states", Without(agent_states, link_changed=nothing))


def callers_of_a_lost_pbx_are_offered(patch: Patch) -> None:
    patch.setattr(Matcher, "close", nothing)


def a_snapshot_of_one_counts_for_both(patch: Patch) -> None:
    patch.setattr(snapshots, "_on", lambda pbx, calls: [*calls])


def a_new_agent_counts_as_there(patch: Patch) -> None:
    patch.setattr(agent_phones, "device_at", lambda world, phone: agent_phones.device_of(world.phones.get(phone) or ""))


def agents_are_blamed_for_the_line(patch: Patch) -> None:
    patch.setattr(tie_lines, "end_of", lambda world, leg: "")


def a_dead_line_is_rung_on(patch: Patch) -> None:
    patch.setattr(Matcher, "cut_off", nothing)


FAULTS = [
    agents_are_blamed_for_the_line,
    a_dead_line_is_rung_on,
    agents_of_a_lost_pbx_stay,
    callers_of_a_lost_pbx_are_offered,
    a_snapshot_of_one_counts_for_both,
    a_new_agent_counts_as_there,
    phone_rings_on,
    cancel_skipped,
]


@pytest.mark.slow
@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_noticed(plant: Callable[[Patch], None]) -> None:
    assert kill(Mutant(plant.__name__, "", plant), SEEDS, PairDay) is not None
