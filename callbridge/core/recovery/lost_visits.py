"""Visits whose calls no longer exist, and tallies that were lost: corrected so that the figures add up again.

At every instant offered is the sum of what has ended and what waits; what is missing from it was in a row that could not be
read. Where a conversation was found whose answer may not have counted yet, the visit was answered; else it has failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from callbridge.core.model.call import Call, OfferResult, VisitOutcome
from callbridge.core.model.events import SeenLeg
from callbridge.core.model.facts import VisitEnded
from callbridge.core.model.ids import LegId
from callbridge.core.model.leg import Leg
from callbridge.core.model.plan import ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.tally import Tally, ended, tally_key
from callbridge.core.model.world import World
from callbridge.core.routing import answers, offers


def end(
    world: World, lost: Mapping[str, Leg | None], there: Mapping[LegId, SeenLeg], adopted: Sequence[str], heard_at: float
) -> dict[str, OfferResult]:
    """End the missing visits. Each is assigned to a call as well as possible: to a caller whose entry leads to the queue, else to
    any. Returns the calls, with the result of an offer that may have been open.

    ``lost``: the calls without a row, with their customers' legs; ``there``: the legs in the PBX; ``adopted``: the calls of
    conversations that were found; ``heard_at``: until when the world was saved."""
    found = [call for key in adopted if (call := world.calls.get(key)) is not None]
    talking = [call for call in found if _may_be_open(world, call, heard_at)]
    callers = {call: leg for call, leg in lost.items() if leg is not None}
    results: dict[str, OfferResult] = {}
    for key, missing in _missing(world).items():
        tally = world.tallies[key]
        for _ in range(missing):
            answered = next((call for call in talking if call.segment is not None and call.segment.queue == tally.queue), None)
            if answered is not None:
                talking.remove(answered)
                results[answered.id] = OfferResult.ANSWERED
                tally = _answered(world, tally, answered)
                continue
            destinations = {call: world.plan.destination_of(_entry(there.get(leg.id))) for call, leg in callers.items()}
            whose = next((one for one in destinations if destinations[one] == ToQueue(tally.queue)), next(iter(destinations), ""))
            if not whose and found:
                whose = found[0].id  # of a consult of the queue: its caller was found with the agent
            results[whose] = OfferResult.CANCELLED
            customer = callers.pop(whose, None)
            seen = there.get(customer.id) if customer is not None else None
            tally = _failed(world, tally, whose, customer, seen.tier if seen is not None else "")
        world.tallies.put(key, tally)
    return results


def _may_be_open(world: World, call: Call, heard_at: float) -> bool:
    """Can it be that the answer of this conversation had not counted yet when the world was saved? Otherwise its visit has
    ended."""
    segment = call.segment
    if segment is None:
        return False
    agent, short = world.agents[segment.agent], answers.short_talk(world, segment.queue)
    if agent.since < world.now:  # talking in the saved world
        return agent.since + short > heard_at
    return segment.began_at + short + offers.JOIN_CHECK > heard_at


def _missing(world: World) -> dict[str, int]:
    """Tally -> visits that were offered, have not ended, and are in no call. A tally that is too small was lost itself: it gets
    those that it must have had."""
    counted = [call for call in world.calls.values() if not call.placed]
    waiting = Counter(tally_key(call.visit.queue, call.visit.day) for call in counted if call.visit is not None)
    for key in waiting.keys() - world.tallies.rows().keys():
        queue, _, day = key.rpartition("|")
        world.tallies.put(key, Tally(queue=queue, day=day))
    missing = {key: tally.offered - tally.ended - waiting[key] for key, tally in world.tallies.rows().items()}
    for key, more in missing.items():
        if more < 0:
            world.tallies.put(key, evolve(world.tallies[key], offered=world.tallies[key].offered - more))
    return {key: visits for key, visits in missing.items() if visits > 0}


def _answered(world: World, tally: Tally, call: Call) -> Tally:
    assert call.segment is not None
    waited = max(0.0, call.segment.began_at - call.arrived_at)
    routing = world.matcher.routing(tally.queue, call.tier)
    within = routing is not None and waited <= routing.answer_within
    _emit_visit_ended(world, tally, call.id, call.tier, VisitOutcome.ANSWERED, waited, within=within)
    return ended(tally, VisitOutcome.ANSWERED, within)


def _entry(seen: SeenLeg | None) -> str:
    return (seen.entry or "") if seen is not None else ""


def _failed(world: World, tally: Tally, call: str, leg: Leg | None, tier: str) -> Tally:
    _emit_visit_ended(world, tally, call, tier or world.plan.default_tier, VisitOutcome.FAILED, lasted(world, leg), within=False)
    return ended(tally, VisitOutcome.FAILED, within_target=False)


def _emit_visit_ended(
    world: World, tally: Tally, call: str, tier: str, outcome: VisitOutcome, waited: float, *, within: bool
) -> None:
    world.emit(
        VisitEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call,
            queue=tally.queue,
            tier=tier,
            outcome=outcome,
            waited=waited,
            within_target=within,
            day=tally.day,
            reason="" if outcome is VisitOutcome.ANSWERED else "lost",
            estimated=True,
            lasted=waited,
        )
    )


def lasted(world: World, leg: Leg | None) -> float:
    """Seconds since the leg was answered, or last reported."""
    since = (leg.up_at or leg.heard_at) if leg is not None else world.now
    return max(0.0, world.now - since)
