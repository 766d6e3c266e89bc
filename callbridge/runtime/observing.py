"""The runtimes of observed floors: the same batches, saves and watchers, another step, and never an order.

``ObservingRuntime`` has nothing else; ``BesideRuntime`` serves calls of its own, too. There the rows of both stand in one world,
for the one that saves, and their facts have one numbering.
"""

from __future__ import annotations

from typing import cast

import structlog

from callbridge.core.model.events import (
    AnyEvent,
    CallerArrived,
    DayBegan,
    DeadlinePassed,
    SubmittedEvent,
)
from callbridge.core.model.facts import RequestRefused
from callbridge.core.model.ids import channel_of
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.world import Outcome
from callbridge.observe import AmiHeard, CallOverdue, CallTaken, ObservedFloor, QueuesListed, step
from callbridge.runtime.loop import Runtime, merge

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_Seen = AmiHeard | QueuesListed | CallOverdue | CallTaken
REFUSED = Sentence("this floor is only observed: app_queue decides")
OBSERVED_TABLES = {name: f"observed_{name}" for name in ("tallies", "agents", "calls")}
"""Table of an observed floor -> where its rows stand in the world of a callbridge that serves calls of its own."""
_OVERDUE = "observed_call"


class _Observing(Runtime):
    """``watch`` must be called before ``run``."""

    floor: ObservedFloor

    def watch(self, floor: ObservedFloor) -> None:
        self.floor = floor

    def see(self, event: AmiHeard | QueuesListed) -> None:
        """Put what AMI said into the inbox, in order with all else."""
        self.post(cast("AnyEvent", event))

    def _observe(self, event: _Seen) -> Outcome:
        try:
            return step(self.floor, event)
        except Exception as fault:
            log.error("an event of app_queue could not be read", fault=repr(fault), exc_info=fault)
            return Outcome()


class ObservingRuntime(_Observing):
    """The floor's world is the runtime's."""

    def _step(self, event: AnyEvent) -> Outcome:
        self._ages.append(max(0.0, self.clock.now() - event.at))
        seen: object = event
        if isinstance(event, DayBegan):
            seen = AmiHeard(at=event.at, day=event.day, message={})
        elif isinstance(event, DeadlinePassed):
            seen = CallOverdue(at=event.at, day=self.world.day, call=event.id)
        elif isinstance(event, SubmittedEvent):
            refused = RequestRefused(seq=self.world.next_seq(), at=event.at, request=type(event).__name__, reason=REFUSED)
            self.world.emit(refused)
            return self.world.commit()
        return self._observe(seen) if isinstance(seen, AmiHeard | QueuesListed | CallOverdue) else Outcome()


class BesideRuntime(_Observing):
    """Serves calls, and observes a floor beside them whose world is its own."""

    def _step(self, event: AnyEvent) -> Outcome:
        seen: object = event
        if isinstance(seen, AmiHeard | QueuesListed):
            self._ages.append(max(0.0, self.clock.now() - event.at))
            return self._beside(seen)
        if isinstance(event, DeadlinePassed) and event.kind == _OVERDUE:
            return self._beside(CallOverdue(at=event.at, day=self.world.day, call=event.id))
        outcome = super()._step(event)
        if isinstance(event, DayBegan):
            merge(outcome, self._beside(AmiHeard(at=event.at, day=event.day, message={})))
        elif isinstance(event, CallerArrived) and channel_of(event.leg) in self.floor.world.calls:
            merge(outcome, self._beside(CallTaken(at=event.at, day=self.world.day, call=channel_of(event.leg))))
        return outcome

    def _beside(self, event: _Seen) -> Outcome:
        world, theirs = self.world, self.floor.world
        theirs.seq = world.seq
        outcome = self._observe(event)
        world.seq = theirs.seq
        for (table, key), row in outcome.changed.items():
            if table in OBSERVED_TABLES:
                kept = getattr(world, OBSERVED_TABLES[table])
                if row is None:
                    kept.drop(key)
                else:
                    kept.put(key, row)
        return Outcome(facts=outcome.facts, changed=world.commit().changed)
