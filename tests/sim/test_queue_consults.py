"""Days on which agents consult queues all the time: the rules of every other day hold, and planted faults are noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from callbridge.core.entities import agent_states
from callbridge.core.model.agent import Agent, Work
from callbridge.core.model.call import Call, Transfer
from callbridge.core.model.events import CallRequest, CallRequested
from callbridge.core.model.facts import VisitBegan, VisitEnded
from callbridge.core.model.plan import ConsultQueue, ToQueue
from callbridge.core.model.world import World
from callbridge.core.transfers import conferences, queue_consults, targets, transfers
from tests.sim.drive import Day
from tests.sim.planting import Mutant, Patch, Without, kill, nothing

ACTS = 60
AFTER_IT = [CallRequest.COMPLETE, CallRequest.RETURN, CallRequest.CONFERENCE, CallRequest.MOVE, CallRequest.TAKE_OVER]


class DayOfConsults(Day):
    """An agent who has a caller consults a queue; then something else is asked for, or nothing."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, forgets=seed % 7 == 6)
        self.scene = replace(self.scene, acts=ACTS)
        self.people.manners = replace(self.scene.manners, transfer=0.0)  # by their phones: other days are about that

    def _act(self) -> None:
        rng, talks = self.rng, [call for call in self.world.calls.values() if call.segment is not None]
        if not talks or (self.together is not None and self.together.active):
            return
        call = rng.choice(talks)
        request = CallRequest.CONSULT
        if call.transfer is not None:
            if rng.random() < 0.4:
                return
            request = rng.choice([*AFTER_IT, CallRequest.HEAD_START])
        self.hear(
            CallRequested(
                at=self.agenda.now,
                call=call.id,
                request=request,
                to=ToQueue(rng.choice(list(self.scene.plan.queues))),
                seconds=60.0,
                phone="PJSIP/boss",
                by="eva",
                consult_queue=rng.choice([ConsultQueue.WAIT, ConsultQueue.WAIT, ConsultQueue.OFFER, None]),
            )
        )


def _outcomes(day: Day) -> Counter[str]:
    """How the visits ended that began as consults."""
    open_consults, found = set[tuple[str, str]](), Counter[str]()
    for fact in day.watch.told:
        if isinstance(fact, VisitBegan) and fact.consulted_by:
            open_consults.add((fact.call, fact.queue))
        elif isinstance(fact, VisitEnded) and (fact.call, fact.queue) in open_consults:
            open_consults.discard((fact.call, fact.queue))
            found[fact.outcome] += 1
    return found


BLOCK = 25


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 400, BLOCK))
def test_every_rule_holds_on_days_of_consults(first: int) -> None:
    found = Counter[str]()
    for seed in range(first, first + BLOCK):
        try:
            found += _outcomes(DayOfConsults(seed).run())
        except Exception as broken:
            broken.add_note(f"seed {seed}")
            raise
    assert found["answered"] >= 3
    assert found["abandoned"] + found["short_abandoned"] >= 3


def _nobody_is_free(patch: Patch) -> None:
    patch.setattr(transfers, "stand_again", nothing)


def _stays_open(patch: Patch) -> None:
    def stay(world: World, call: Call, *_: object, **__: object) -> Call:
        return call

    patch.setattr(transfers, "queue_consults", Without(queue_consults, end=stay))


def _no_wrap_up(patch: Patch) -> None:
    def idle(world: World, agent: Agent, _call: str, _transfer: Transfer) -> Agent:
        return agent_states.change(world, agent, work=Work.IDLE, call="", idle_since=world.now)

    patch.setattr(targets, "conferences", Without(conferences, release=idle))


def _never_again(patch: Patch) -> None:
    patch.setattr(queue_consults, "stand", lambda *_: True)


MUTANTS: dict[str, Callable[[Patch], None]] = {
    "the agent for whom nobody is free is forgotten": _nobody_is_free,
    "a cancelled consult stays in the figures": _stays_open,
    "the agent who was consulted has no wrap-up": _no_wrap_up,
    "a consult is never in line again": _never_again,
}
NOTICED = {
    "the agent for whom nobody is free is forgotten": 8,
    "a cancelled consult stays in the figures": 9,
    "the agent who was consulted has no wrap-up": 8,
}
"""Days on which faults have been noticed that do not show on the first days."""


@pytest.mark.slow
@pytest.mark.parametrize("story", MUTANTS)
def test_a_planted_fault_in_consults_is_noticed(story: str) -> None:
    assert kill(Mutant(story, story, MUTANTS[story], seed=NOTICED.get(story)), range(100), DayOfConsults) is not None
