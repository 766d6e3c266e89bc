"""Days on which agents put callers on hold all the time: the rules of every other day hold, and planted faults are noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from callbridge.core.calls import call_requests
from callbridge.core.model.call import Call, Segment
from callbridge.core.model.events import CallRequest, CallRequested, LegHeld, LegUnheld
from callbridge.core.model.facts import RequestGranted, TalkEnded
from callbridge.core.model.plan import ToAgent, ToQueue
from callbridge.core.model.world import World
from callbridge.core.transfers import holds, transfers
from tests.sim.drive import Day
from tests.sim.planting import Mutant, Patch, Without, kill

ACTS = 80
FIRST, BLOCK = 8, 25
WHILE_HELD = [CallRequest.CONSULT, CallRequest.TRANSFER, CallRequest.MOVE, CallRequest.BARGE, CallRequest.TAKE_OVER]
FITTING = {"request": CallRequest.UNHOLD, "phone": CallRequest.UNHOLD, "consult": CallRequest.RETURN, "": CallRequest.HOLD}


class DayOfHolds(Day):
    """An agent puts the caller on hold, by request or at the phone; then the hold ends, or something else is asked for."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, forgets=seed % 7 == 6)
        self.scene = replace(self.scene, acts=ACTS)
        # Long talks, in which holds last; transfers by phones have other days.
        self.people.manners = replace(self.scene.manners, transfer=0.0, talk=15.0)

    def _act(self) -> None:
        rng, talks = self.rng, [call for call in self.world.calls.values() if call.segment is not None]
        if not talks or (self.together is not None and self.together.active):
            return
        call = rng.choice(talks)
        assert call.segment is not None
        if rng.random() < 0.2:
            kind = LegUnheld if call.segment.phone_holds else LegHeld
            self.hear(kind(at=self.agenda.now, leg=call.segment.leg))
            return
        held = "consult" if call.transfer is not None else "request" if call.segment.on_hold else ""
        if held == "request" and rng.random() < 0.7:
            return  # it lasts
        request = rng.choice([*[FITTING[held]] * 6, *WHILE_HELD, CallRequest.HOLD])
        queue, agent = ToQueue(rng.choice(list(self.plan.queues))), ToAgent(rng.choice(list(self.plan.agents)))
        self.hear(
            CallRequested(
                at=self.agenda.now,
                call=call.id,
                request=request,
                to=agent if request is not CallRequest.MOVE and rng.random() < 0.5 else queue,
                phone="PJSIP/boss",
                by="eva",
            )
        )


@pytest.mark.parametrize("first", [0, *(pytest.param(one, marks=pytest.mark.slow) for one in range(FIRST, 300, BLOCK))])
def test_every_rule_holds_on_days_of_holds(first: int) -> None:
    found, held = Counter[str](), 0.0
    for seed in range(first, first + (BLOCK if first else FIRST)):
        try:
            day = DayOfHolds(seed).run()
        except Exception as broken:
            broken.add_note(f"seed {seed}, holds")
            raise
        found += Counter(fact.request for fact in day.watch.told if isinstance(fact, RequestGranted))
        held += sum(fact.hold_seconds for fact in day.watch.told if isinstance(fact, TalkEnded))
    assert found["hold"] >= 3
    assert found["unhold"] >= 1, "most holds end with a transfer, a hang-up or the phone's own way back"
    assert held > 3.0


def _stays_in_the_bridge(patch: Patch) -> None:
    def stay(_world: World, call: Call, segment: Segment) -> tuple[Call, Segment]:
        return call, segment

    patch.setattr(holds, "part", stay)


def _without_music(patch: Patch) -> None:
    def quiet(world: World, call: Call) -> str:
        segment = call.segment
        if segment is None or call.transfer is not None or segment.held_since is not None:
            return "no"
        call, segment = holds.part(world, call, segment)
        held = holds.changed(segment, world.now, on_hold=True, phone_holds=False)
        world.calls.put(call.id, replace(call, segment=held))
        return ""

    patch.setattr(call_requests, "holds", Without(holds, hold=quiet))


def _not_counted(patch: Patch) -> None:
    change = holds.changed

    def uncounted(segment: Segment, at: float, *, on_hold: bool, phone_holds: bool) -> Segment:
        changed = change(segment, at, on_hold=on_hold, phone_holds=phone_holds)
        return replace(changed, hold_seconds=segment.hold_seconds)

    patch.setattr(holds, "changed", uncounted)


def _counts_on(patch: Patch) -> None:
    """The consult began, and the row says on hold still."""

    def part(world: World, call: Call, segment: Segment) -> tuple[Call, Segment]:
        apart, _ = holds.part(world, call, segment)
        return replace(apart, segment=segment), segment

    patch.setattr(transfers, "holds", Without(holds, part=part))


MUTANTS: dict[str, Callable[[Patch], None]] = {
    "the caller on hold stays in the bridge": _stays_in_the_bridge,
    "the caller on hold hears no music": _without_music,
    "the time on hold is not counted": _not_counted,
    "the hold goes on during a consult": _counts_on,
}
NOTICED = {
    "the caller on hold hears no music": 12,
    "the hold goes on during a consult": 40,
}
"""Days on which faults have been noticed that do not show on the first days."""


@pytest.mark.slow
@pytest.mark.parametrize("story", MUTANTS)
def test_a_planted_fault_in_holds_is_noticed(story: str) -> None:
    assert kill(Mutant(story, story, MUTANTS[story], seed=NOTICED.get(story)), range(100), DayOfHolds) is not None
