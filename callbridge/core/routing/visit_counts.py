"""How visits are counted, wherever they are decided: a fact and the queue's figures of the day, always together."""

from __future__ import annotations

from callbridge.core.model.call import Call, Visit, VisitOutcome
from callbridge.core.model.facts import VisitBegan, VisitEnded
from callbridge.core.model.rows import evolve
from callbridge.core.model.tally import ended, offered, tally_key
from callbridge.core.model.world import World

TIMED = (VisitOutcome.ANSWERED, VisitOutcome.ABANDONED)
"""Outcomes of which a service level may count those within the target."""


def count_begun(world: World, call: Call, visit: Visit, *, position: int, consulted_by: str = "") -> Visit:
    """The visit has begun: returns it with its number."""
    world.tallies.put(tally_key(visit.queue, visit.day), offered(world.tally(visit.queue, visit.day)))
    seq = world.next_seq()
    world.emit(
        VisitBegan(
            seq=seq,
            at=visit.began_at,
            call=call.id,
            queue=visit.queue,
            tier=call.tier,
            rank=visit.rank,
            day=visit.day,
            consulted_by=consulted_by,
            position=position,
        )
    )
    return evolve(visit, id=seq)


def count_ended(
    world: World,
    call: Call,
    visit: Visit,
    outcome: VisitOutcome,
    *,
    at: float,
    waited: float,
    answer_within: float | None,
    position: int,
    to: str = "",
    reason: str = "",
    estimated: bool = False,
) -> None:
    """The visit has ended at ``at``. ``waited``: since the call came into its first queue; ``answer_within``: the target, if
    there is one (any more)."""
    within = outcome in TIMED and answer_within is not None and waited <= answer_within
    world.tallies.put(tally_key(visit.queue, visit.day), ended(world.tally(visit.queue, visit.day), outcome, within))
    world.emit(
        VisitEnded(
            seq=world.next_seq(),
            at=at,
            call=call.id,
            queue=visit.queue,
            tier=call.tier,
            outcome=outcome,
            waited=waited,
            within_target=within,
            day=visit.day,
            to=to,
            reason=reason,
            estimated=estimated,
            expected=visit.estimate,
            lasted=max(0.0, at - visit.began_at),
            visit=visit.id,
            position=position,
        )
    )
