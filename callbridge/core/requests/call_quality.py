"""How conversations sounded, as phones in the browser measure it."""

from __future__ import annotations

from callbridge.core.model.events import QualityMeasured
from callbridge.core.model.facts import CallQuality
from callbridge.core.model.world import World


def measured(world: World, event: QualityMeasured) -> None:
    """Only published: nothing is decided by it."""
    world.emit(
        CallQuality(
            seq=world.next_seq(),
            at=world.now,
            call=event.call,
            agent=event.agent,
            queue=event.queue,
            codec=event.codec,
            received=event.received,
            lost=event.lost,
            mos=event.mos,
            worst_mos=event.worst_mos,
            jitter=event.jitter,
            rtt=event.rtt,
            loss_sent=event.loss_sent,
        )
    )
