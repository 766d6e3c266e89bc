"""Days on which audio is waited for, and never comes from some callers: every rule holds, and planted faults are noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from callbridge.core.calls import calls
from callbridge.core.model.facts import CallerInaudible
from callbridge.core.routing import audio, visits
from tests.sim.drive import Day
from tests.sim.planting import Mutant, Patch, Without, kill

BLOCK = 25


def silent_day(seed: int) -> Day:
    return Day(seed, forgets=seed % 5 == 4, reception=seed % 3 == 2, silent=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 500, BLOCK))
def test_every_rule_holds_when_no_audio_comes_from_some_callers(first: int) -> None:
    found = Counter[str]()
    for seed in range(first, first + BLOCK):
        try:
            day = silent_day(seed).run()
        except Exception as broken:
            broken.add_note(f"seed {seed}, silent")
            raise
        found += Counter(fact.outcome for fact in day.watch.told if isinstance(fact, CallerInaudible))
    assert found["heard"] >= 3
    assert found["timed_out"] >= 3


def _not_held(patch: Patch) -> None:
    patch.setattr(visits, "audio", Without(audio, begin=lambda world, call, visit: call))


def _let_go_at_once(patch: Patch) -> None:
    patch.setattr(calls, "audio", Without(audio, is_exempt=lambda *_, **__: True))


MUTANTS: dict[str, Callable[[Patch], None]] = {
    "a caller without audio is offered": _not_held,
    "every caller is exempt": _let_go_at_once,
}


@pytest.mark.slow
@pytest.mark.parametrize("story", MUTANTS)
def test_a_planted_fault_about_audio_is_noticed(story: str) -> None:
    assert kill(Mutant(story, story, MUTANTS[story]), range(10), silent_day) is not None
