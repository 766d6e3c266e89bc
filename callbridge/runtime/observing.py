"""The runtime of a floor that is only observed: the same batches, saves and watchers, another step, and never an order."""

from __future__ import annotations

from typing import Any, cast

import structlog

from callbridge.core.model.events import (
    AgentRequested,
    AnyEvent,
    CallbackChangeRequested,
    CallRequested,
    CampaignRequested,
    DayBegan,
    DeadlinePassed,
    DispositionRequested,
    SwitchTurned,
)
from callbridge.core.model.facts import RequestRefused
from callbridge.core.model.world import Outcome
from callbridge.observe import AmiHeard, CallOverdue, ObservedFloor, QueuesListed, step
from callbridge.runtime.loop import Runtime

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_Requested = (AgentRequested, CallRequested, CallbackChangeRequested, CampaignRequested, DispositionRequested, SwitchTurned)
REFUSED = "this floor is only observed: app_queue decides"


class ObservingRuntime(Runtime):
    """``watch`` must be called before ``run``."""

    _floor: ObservedFloor

    def watch(self, floor: ObservedFloor) -> None:
        self._floor = floor

    def see(self, event: AmiHeard | QueuesListed) -> None:
        """Put what AMI said into the inbox, in order with all else."""
        self.post(cast("AnyEvent", event))

    def _step(self, event: AnyEvent) -> Outcome:
        self._ages.append(max(0.0, self.clock.now() - event.at))
        seen: Any = event
        if isinstance(event, DayBegan):
            seen = AmiHeard(at=event.at, day=event.day, message={})
        elif isinstance(event, DeadlinePassed):
            seen = CallOverdue(at=event.at, day=self.world.day, call=event.id)
        elif isinstance(event, _Requested):
            refused = RequestRefused(seq=self.world.next_seq(), at=event.at, request=type(event).__name__, reason=REFUSED)
            self.world.emit(refused)
            return self.world.commit()
        elif not isinstance(seen, AmiHeard | QueuesListed):
            return Outcome()  # about the store and the clock: nothing here depends on them
        try:
            return step(self._floor, seen)
        except Exception as fault:
            log.error("an event of app_queue could not be read", fault=repr(fault), exc_info=fault)
            return Outcome()
