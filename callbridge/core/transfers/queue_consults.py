"""Consults of a queue: the visit of an agent who has a caller on hold, until an agent of that queue answers.

    in line -- a free agent who fits --> offered -- answered, together for ``short_talk`` --> an ordinary consult; visit: answered
    offered -- no answer, rejected ----> in line
    in line -- nobody free (``offer``), queue removed --> back to the caller
    in line, offered -- completed -----> the caller takes the place, with the offer if there is one

The visit is at the caller's rank; its wait counts from the consult's begin, also when the caller takes the place. Overflow rules,
keys and callbacks are for callers: they begin when the caller takes the place.
"""

from __future__ import annotations

from callbridge.core.entities import agent_states, avoided
from callbridge.core.model import waiting_groups
from callbridge.core.model.call import (
    Call,
    Move,
    OfferResult,
    OfferStage,
    Segment,
    Transfer,
    TransferKind,
    Visit,
    VisitOutcome,
    after,
)
from callbridge.core.model.facts import TransferStarted
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.matcher import Pair
from callbridge.core.model.orders import DropBridge, StartMusic, StartRinging, StopMusic, StopPlaying, StopRinging
from callbridge.core.model.plan import ConsultQueue, Penalty, ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence, Unknown
from callbridge.core.model.world import World
from callbridge.core.routing import announcements, answers, offers, phone_replies, visits
from callbridge.core.transfers import records, targets


def refusal(world: World, call: Call, queue: str, how: ConsultQueue | None) -> Sentence | None:
    """Why the queue cannot be consulted now; None when it can."""
    if queue not in world.plan.queues:
        return Unknown("no such queue: {queue}", queue=queue)
    if call.ways >= visits.MAX_WAYS - 1:
        return Sentence("the call has been in too many queues")
    visit = avoided.of_visit(world, call, Visit(queue=queue, began_at=world.now, window=0, rank=0.0, day=""))
    key = waiting_groups.of_call(call, visit)
    if (how or world.plan.consult_queue) is ConsultQueue.OFFER and not world.matcher.is_anybody_free(key):
        return Sentence("no agent of queue {queue} who fits is free", queue=queue)
    return None


def begin(world: World, call: Call, segment: Segment, to: ToQueue, how: ConsultQueue | None) -> None:
    """Caller and agent are apart, the caller with music: the agent is in line. ``refusal`` has been asked."""
    waits = (how or world.plan.consult_queue) is ConsultQueue.WAIT
    text = targets.target_text(to)
    kind = TransferKind.CONSULT
    seq = world.next_seq()
    world.emit(
        TransferStarted(
            seq=seq,
            at=world.now,
            call=call.id,
            agent=segment.agent,
            queue=segment.queue,
            to=text,
            kind=kind,
            leg="",
        )
    )
    call = visits.begin_consult(world, call, to.queue, segment.agent)
    transfer = Transfer(
        to=text,
        leg=None,
        agent="",
        by=segment.agent,
        queue=segment.queue,
        began_at=world.now,
        until=None,
        kind=kind,
        consulted=to.queue,
        waits=waits,
        id=seq,
    )
    call = evolve(call, transfer=transfer)
    visits.emit_step(world, call)
    _let_agent_hear(world, call, segment.leg)
    stand(world, announcements.begin(world, call, greeted=True, sorry=True) if waits else call)


def _let_agent_hear(world: World, call: Call, leg: LegId) -> None:
    """The music of the queue in which the agent waits, or ringing."""
    assert call.transfer is not None
    if call.transfer.waits:
        world.order(StartMusic(leg=leg, music=visits.queue_music(world, call)))
    else:
        world.order(StartRinging(leg=leg))


def quiet(world: World, call: Call) -> None:
    """Stop what the agent hears while nobody has answered."""
    transfer, segment = call.transfer, call.segment
    if segment is None or transfer is None or transfer.reached or segment.leg not in world.legs:
        return
    world.order(StopMusic(leg=segment.leg) if transfer.waits else StopRinging(leg=segment.leg))


def stand(world: World, call: Call) -> bool:
    """In line at the step of now, until the next one. False, and nothing is done: the queue has been removed."""
    transfer, visit = call.transfer, call.visit
    assert transfer is not None and visit is not None
    routing = world.matcher.routing(visit.queue, call.tier)
    if routing is None:
        return False
    window, until = visits.step_of(world, visit, routing)
    visit = avoided.of_visit(world, call, visit)
    lifted = avoided.lifted_at(world, visit.queue, visit.began_at)
    until = min((at for at in (until, lifted) if at is not None), default=None)
    if not transfer.waits:
        until = world.now  # who is free is offered the consult at the end of this step; then it is over
    widened = window != visit.window
    call = evolve(call, visit=evolve(visit, window=window), transfer=evolve(transfer, until=until))
    records.put(world, announcements.resume(world, call))
    if widened:
        visits.emit_step(world, call)
    return True


def offer(world: World, pair: Pair) -> None:
    """Offer the consult to an agent of the queue."""
    call = world.calls[pair.call]
    transfer = call.transfer
    assert transfer is not None and transfer.leg is None, "one offer at a time"
    made, lasts = offers.reach(world, call, pair)
    transfer = evolve(
        transfer, leg=made.leg, agent=made.agent, playback=made.playback, offer=made, until=world.now + lasts, confirming=False
    )
    records.put(world, evolve(call, transfer=transfer))


def joined(world: World, call: Call) -> Call:
    """Both agents are in the bridge: the answer counts, now or once they have talked for long enough. Returns the call."""
    transfer = call.transfer
    if transfer is None or transfer.offer is None or transfer.offer.certain_at is not None:
        return call
    short = answers.short_talk(world, transfer.consulted)
    if short <= 0:
        return count(world, call)
    call = announcements.end(world, call)
    call = evolve(call, transfer=evolve(transfer, offer=evolve(transfer.offer, certain_at=world.now + short)))
    records.put(world, call)
    return call


def certain(world: World, call: Call) -> Call:
    """They talk, and something else happens to the call: the answer counts. Returns the call in any case."""
    transfer = call.transfer
    if transfer is None or transfer.offer is None or transfer.offer.certain_at is None:
        return call
    return count(world, call)


def count(world: World, call: Call) -> Call:
    """The agent of the queue has answered: offer and visit end so, at the time when the talk began. Returns the call."""
    transfer = call.transfer
    if transfer is None or transfer.offer is None or call.visit is None:
        return call
    made, agent, leg = transfer.offer, world.agents.get(transfer.agent), world.legs.get(transfer.leg)
    at = agent.since if agent is not None and made.certain_at is not None else world.now
    rang_until = leg.up_at if leg is not None and not made.nailed else None
    answers.emit_offer_ended(world, call, made, OfferResult.ANSWERED, at=at, rang_until=rang_until)
    if agent is not None:
        agent_states.change(world, agent, misses=0)
    call = visits.end_visit(world, call, VisitOutcome.ANSWERED, at=at)
    call = evolve(call, transfer=evolve(transfer, offer=None))
    records.put(world, call)
    return call


def withdraw(world: World, call: Call, result: OfferResult, *, costs: bool = True, cause: int = 0, trouble: str = "") -> Call:
    """The offer ends without an answer. Returns the call, whose consult is in line again once it stands there."""
    transfer, segment = call.transfer, call.segment
    assert transfer is not None
    made = transfer.offer
    if made is None:
        return call
    answers.emit_offer_ended(world, call, made, result, cause=cause, trouble=trouble)
    if result is OfferResult.REJECTED:
        call = evolve(call, rejected_by=avoided.with_rejection(call.rejected_by, made.agent))
    if made.nailed and not transfer.reached and made.leg in world.legs:
        world.order(StopPlaying(leg=made.leg, playback=made.playback))
    agent = world.agents.get(made.agent)
    if agent is not None and agent.call == call.id:
        penalty: Penalty | None = phone_replies.penalty(world, call, result) if costs else None
        agent_states.change(world, agent, **agent_states.cost(world, agent, penalty, trouble))
    call = targets.free(world, call)
    if call.bridge is not None and segment is not None:
        world.order(DropBridge(bridge=call.bridge, pbx=pbx_of(call.leg), legs=(segment.leg,)))
        targets.unbridge(world, segment.leg)
    if transfer.reached and segment is not None and segment.leg in world.legs:
        _let_agent_hear(world, evolve(call, transfer=transfer), segment.leg)
    transfer = evolve(transfer, leg=None, agent="", playback="", confirming=False, reached=False, offer=None)
    return evolve(call, bridge=None, transfer=transfer)


def end(world: World, call: Call, outcome: VisitOutcome | None, reason: str, *, to: str = "") -> Call:
    """The consult is over before it was answered: its visit ends, by default abandoned. The outcome of the call itself stays.
    Returns the call, whose transfer is still to end."""
    call = certain(world, call)
    if not call.consults_queue:
        return call
    call = withdraw(world, call, OfferResult.CANCELLED, costs=False)
    before = call.outcome
    outcome = outcome or visits.abandoned(world, call, world.now)
    return evolve(visits.end_visit(world, call, outcome, reason=reason, to=to), outcome=before)


def to_caller(world: World, call: Call, transfer: Transfer, agent: LegId) -> None:
    """The agent, with this leg, has left before the two were together: the caller takes the place, and the offer if there is
    one; an agent of the queue who has picked up gets the caller."""
    call = evolve(call, transfer=None, phase=after(call.phase, Move.QUEUE))
    if call.bridge is not None:
        inside = (agent, transfer.leg) if transfer.leg is not None else (agent,)
        world.order(DropBridge(bridge=call.bridge, pbx=pbx_of(call.leg), legs=inside))
        targets.unbridge(world, *inside)
        call = evolve(call, bridge=None)
    call = visits.take_place(world, call)
    if transfer.offer is None:
        visits.wait(world, call)
        return
    stage = OfferStage.CONFIRMING if transfer.confirming else transfer.offer.stage
    made = evolve(transfer.offer, stage=stage, playback=transfer.playback)
    call = evolve(call, phase=after(call.phase, Move.OFFER), offer=made, deadline=transfer.until)
    world.calls.put(call.id, call)
    if transfer.reached:
        offers.join(world, call)
