"""Transfers: to an agent, a queue or an outside number, blind or attended. Consults of a queue: ``queue_consults``.

    talking -- blind -------------------------> transferring -- joined --> talking, or outside
    talking (consult) -- complete, agent gone -> transferring -- joined --> talking, or outside
    talking (consult) -- return, target gone --> talking, as before
    transferring -- no answer ----------------> transferring (back to the agent) -- no answer --> waiting

While the target rings, the caller hears music, and during a consult the agent hears ringing. Nobody is ever left alone in a
bridge: after a failure the caller goes back to the agent, then to the queue.
"""

from __future__ import annotations

from typing import assert_never

from callbridge.core.entities import agent_states, recordings
from callbridge.core.model.agent import Work, named, published
from callbridge.core.model.call import (
    Call,
    Move,
    OfferResult,
    Phase,
    Segment,
    Transfer,
    TransferKind,
    VisitOutcome,
    after,
)
from callbridge.core.model.events import DigitPressed
from callbridge.core.model.facts import TalkBegan
from callbridge.core.model.flow import fits
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import Bridge, DropBridge, Play, StartMusic, StartRinging, StopPlaying
from callbridge.core.model.plan import ConsultQueue, Plan, Target, ToAgent, ToNumber, ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence, Unknown, Word
from callbridge.core.model.world import World
from callbridge.core.routing import announcements, answers, displays, offers, segments
from callbridge.core.transfers import conferences, holds, queue_consults, records, returns, targets

NOBODY_FREE = "nobody_free"
"""Why a consult of a queue is over that has rung everybody who was free."""


# -- requests of agents and supervisors -------------------------------------------------------------------------------


def refusal(world: World, call: Call, to: Target | None, kind: TransferKind, how: ConsultQueue | None = None) -> Sentence | None:
    """Why the call cannot be transferred to this target now; None when it can. ``how``: a queue is consulted."""
    if call.phase is not Phase.TALKING or call.segment is None:
        return Sentence("no agent is talking to the caller")
    if call.transfer is not None:
        return Sentence("a transfer is already in progress")
    if pbx_of(call.leg) in world.down:
        return Sentence("PBX {pbx} cannot be reached", pbx=pbx_of(call.leg))
    match to:
        case ToQueue(queue) if kind is TransferKind.CONSULT:
            return queue_consults.refusal(world, call, queue, how)
        case ToQueue(queue):
            return None if queue in world.plan.queues else Unknown("no such queue: {queue}", queue=queue)
        case ToAgent(name):
            return _agent_refusal(world, call.segment, name)
        case ToNumber(number):
            return _number_refusal(world.plan, number)
        case None:
            return Sentence("the target is missing")
        case _:
            assert_never(to)


def _agent_refusal(world: World, segment: Segment, name: str) -> Sentence | None:
    agent = world.agents.get(name)
    if agent is None:
        return Unknown("no such agent: {agent}", agent=name)
    if agent.id == segment.agent:
        return Sentence("the call is already with {agent}", agent=named(agent))
    if targets.can_take(agent):
        return None
    return Sentence("{agent} cannot take the call now: {state}", agent=named(agent), state=Word(f"state.{published(agent)[0]}"))


def _number_refusal(plan: Plan, number: str) -> Sentence | None:
    if not plan.outside:
        return Sentence("outside numbers cannot be called: the setting 'outside' is missing")
    allowed = plan.transfer_to is None or any(fits(pattern, number) for pattern in plan.transfer_to)
    return None if allowed else Sentence("calls may not be transferred to this number")


def begin(world: World, call: Call, to: Target, kind: TransferKind, how: ConsultQueue | None = None) -> None:
    """Start the transfer. Call ``refusal`` first."""
    call = answers.count(world, call)
    segment = call.segment
    assert segment is not None, "an agent transfers"
    if isinstance(to, ToQueue) and kind is TransferKind.CONSULT:
        call, segment = holds.part(world, call, segment)
        world.order(StartMusic(leg=call.leg, music=targets.music(world, segment.queue)))
        queue_consults.begin(world, call, segment, to, how)
        return
    if isinstance(to, ToQueue):
        call = _leave_talk(world, call, segment)
        records.emit_transferred(world, call, segment.agent, targets.target_text(to), attended=False)
        segments.queue_again(world, call, to.queue)
        return
    if kind is TransferKind.BLIND:
        call = _leave_talk(world, call, segment)
        call = evolve(segments.out_of_bridge(world, call), phase=after(call.phase, Move.TRANSFER))
    else:
        call, segment = holds.part(world, call, segment)
        world.order(StartRinging(leg=segment.leg))
    world.order(StartMusic(leg=call.leg, music=targets.music(world, segment.queue)))
    records.put(world, evolve(call, transfer=targets.reach(world, call, to, by=segment.agent, queue=segment.queue, kind=kind)))


def complete(world: World, call: Call, by: str = "transfer") -> Sentence | None:
    """The agent leaves; caller and target continue, or the target goes on ringing for the caller. ``by``: how the segment
    ended."""
    transfer, segment = call.transfer, call.segment
    if transfer is None or segment is None:
        return Sentence("no consult is in progress")
    leg = world.legs.get(segment.leg)
    queue_consults.quiet(world, call)
    call = queue_consults.certain(world, announcements.stop_prompt(world, call))
    transfer = call.transfer or transfer
    call = _leave_talk(world, call, segment, by)
    if call.consults_queue:
        call = records.ended(world, call, transfer, "completed")
        records.emit_transferred(world, call, transfer.by, transfer.to, attended=True)
        queue_consults.to_caller(world, call, transfer, segment.leg)
        return None
    call = evolve(call, phase=after(call.phase, Move.TRANSFER))
    if not transfer.reached:
        records.put(world, evolve(call, transfer=evolve(transfer, kind=TransferKind.BLIND)))
        return None
    if leg is not None and leg.role is LegRole.SESSION and call.bridge is not None:
        world.order(DropBridge(bridge=call.bridge, pbx=pbx_of(call.leg), legs=(call.leg, segment.leg, transfer.leg or call.leg)))
        call = evolve(call, bridge=None)
        targets.unbridge(world, call.leg, transfer.leg)
    _join(world, call, transfer)
    joined(world, world.calls[call.id])
    return None


def go_back(world: World, call: Call) -> Sentence | None:
    """Cancel the consult: the target leaves; agent and caller continue."""
    if call.transfer is None or call.segment is None:
        return Sentence("no consult is in progress")
    _back_to_caller(world, call, "returned")
    return None


def conference(world: World, call: Call) -> Sentence | None:
    """The caller joins agent and target."""
    transfer = call.transfer
    if transfer is None or call.segment is None:
        return Sentence("no consult is in progress")
    if not transfer.reached or transfer.until is not None or call.bridge is None:
        return Sentence("the target has not answered yet")
    world.order(Bridge(bridge=call.bridge, legs=(call.leg,), call=call.id))
    if not transfer.together:
        share = conferences.emit_began(world, call, transfer)
        records.put(world, evolve(call, transfer=evolve(transfer, together=True, together_at=world.now, conference=share)))
    return None


# -- progress and failures --------------------------------------------------------------------------------------------


def answered(world: World, call: Call) -> None:
    """The target answered: connect it to the caller, or to the agent during a consult."""
    transfer = call.transfer
    if transfer is None or transfer.reached or transfer.confirming:
        return
    plan = world.plan.agents.get(transfer.agent)
    agent = world.agents.get(transfer.agent)
    if plan is not None and plan.confirm and agent is not None and transfer.leg is not None and transfer.leg != agent.session:
        playback = world.mint("confirm")
        world.order(Play(leg=transfer.leg, playback=playback, media=world.plan.prompts.confirm, language=plan.language))
        until = world.now + offers.CONFIRM_WITHIN
        records.put(world, evolve(call, transfer=evolve(transfer, confirming=True, playback=playback, until=until)))
        return
    _reached(world, call, transfer)


def pressed(world: World, event: DigitPressed) -> None:
    """A target agent with ``confirm`` accepts the call with a key, or rejects it."""
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    transfer = call.transfer if call is not None else None
    if call is None or transfer is None or transfer.leg != event.leg or not transfer.confirming:
        return
    if event.digit == offers.TAKE:
        world.order(StopPlaying(leg=event.leg, playback=transfer.playback))
        _reached(world, call, evolve(transfer, confirming=False, playback=""))
    elif event.digit == offers.REFUSE:
        target_gone(world, call, "rejected")


def _reached(world: World, call: Call, transfer: Transfer) -> None:
    queue_consults.quiet(world, call)
    if call.consults_queue:
        call = announcements.stop_prompt(world, call)
    _join(world, call, evolve(transfer, reached=True))


def _join(world: World, call: Call, transfer: Transfer) -> None:
    assert transfer.leg is not None
    first = call.segment.leg if call.segment is not None else call.leg
    bridge, agent = call.bridge or world.mint("bridge"), call.segment.agent if call.segment is not None else transfer.agent
    world.order(Bridge(bridge=bridge, legs=(first, transfer.leg), call=call.id, queue=transfer.queue, agent=agent))
    displays.show_on_line(world, call, transfer.leg, transfer.target_queue)
    records.put(world, evolve(call, bridge=bridge, transfer=evolve(transfer, until=world.now + offers.JOIN_CHECK)))


def joined(world: World, call: Call, said_at: float | None = None, *, estimated: bool = False) -> None:
    """A leg entered the bridge, at ``said_at`` by the PBX's clock: are both parties there now? ``estimated``: they were found
    together, and have been so for a while."""
    transfer = call.transfer
    if transfer is None or not transfer.reached or call.bridge is None:
        return
    first = world.legs.get(call.segment.leg if call.segment is not None else call.leg)
    target = world.legs.get(transfer.leg)
    if first is None or target is None or first.bridge != call.bridge or target.bridge != call.bridge:
        return
    agent = world.agents.get(transfer.agent)
    if agent is not None and agent.work is Work.OFFERED:
        misses = agent.misses if transfer.offer is not None else 0
        agent = agent_states.change(world, agent, work=Work.TALKING, misses=misses)
    if call.phase is Phase.TRANSFERRING:
        _arrived(world, call, transfer, target.id, said_at, estimated=estimated)
    elif transfer.until is not None:
        call = evolve(call, transfer=evolve(transfer, until=None))
        records.put(world, call)
        queue_consults.joined(world, call)


def _arrived(world: World, call: Call, transfer: Transfer, leg: LegId, said_at: float | None, *, estimated: bool) -> None:
    """The target has the call."""
    call = records.ended(world, call, transfer, "completed")
    if transfer.kind is not TransferKind.BACK:
        records.emit_transferred(world, call, transfer.by, transfer.to, attended=transfer.kind is TransferKind.CONSULT)
    call = evolve(call, transfer=None, deadline=None, failures=0)
    if not transfer.agent:
        world.calls.put(call.id, evolve(call, phase=after(call.phase, Move.GO_OUTSIDE), far=leg))
        return
    met_at = transfer.together_at if transfer.together else None
    segment = Segment(
        agent=transfer.agent,
        leg=leg,
        queue=transfer.target_queue,
        began_at=world.now,
        began_said_at=said_at,
        met_at=met_at,
        estimated=estimated,
    )
    segment = recordings.begin(world, call, segment)
    seq = world.next_seq()
    segment = evolve(segment, id=seq)
    call = evolve(call, phase=after(call.phase, Move.JOIN), segment=segment, segments=call.segments + 1)
    world.calls.put(call.id, call)
    world.emit(
        TalkBegan(
            seq=seq,
            at=world.now,
            call=call.id,
            agent=transfer.agent,
            queue=transfer.target_queue,
            leg=leg,
            waited=world.now - call.waiting_since,
            transfer=transfer.id,
            estimated=estimated,
        )
    )


def target_gone(world: World, call: Call, result: str, *, cause: int = 0, trouble: str = "", costs: bool = True) -> None:
    """The target hung up, did not answer, or cannot be reached. ``cause`` and ``trouble`` of the phone, and whether it ``costs``
    the agent a penalty: if the consult of a queue was offered."""
    transfer = call.transfer
    if transfer is None:
        return
    if transfer.offer is not None and call.segment is not None:
        _offer_failed(world, call, result, cause=cause, trouble=trouble, costs=costs)
        return
    if call.phase not in (Phase.TALKING, Phase.TRANSFERRING):
        world.calls.put(call.id, targets.free(world, call))
        return
    if call.segment is not None:
        _back_to_caller(world, call, "returned" if transfer.reached else result)
        return
    call = targets.free(world, records.ended(world, call, transfer, result))
    if transfer.kind is TransferKind.BACK:
        returns.to_queue(world, call)
    else:
        returns.come_back(world, call)


def _offer_failed(world: World, call: Call, result: str, *, cause: int, trouble: str, costs: bool) -> None:
    """An agent of the consulted queue did not take it: the next one may."""
    if result == "failed":  # to join them
        result, call = OfferResult.CANCELLED, evolve(call, failures=call.failures + 1)
    call = queue_consults.withdraw(world, call, OfferResult(result), costs=costs, cause=cause, trouble=trouble)
    if call.failures >= offers.MAX_FAILURES:
        _give_up_consult(world, call, VisitOutcome.FAILED, "bridge")
    elif not queue_consults.stand(world, call):
        _give_up_consult(world, call, VisitOutcome.FAILED, "queue_removed")


def _give_up_consult(world: World, call: Call, outcome: VisitOutcome, reason: str) -> None:
    """The consulted queue has nobody for the agent, who goes back to the caller."""
    assert call.transfer is not None
    to = f"agent:{call.transfer.by}" if outcome is VisitOutcome.OVERFLOWED else ""
    call = queue_consults.end(world, call, outcome, reason, to=to)
    _back_to_caller(world, call, reason if reason == NOBODY_FREE else "failed")


def stand_again(world: World, call: Call) -> None:
    """The time of a consult in line is over: of its step, or of who was free. Or its queue has been changed."""
    transfer = call.transfer
    assert transfer is not None
    if call.visit is not None and call.visit.queue not in world.plan.queues:
        _give_up_consult(world, call, VisitOutcome.FAILED, "queue_removed")
    elif transfer.waits:
        queue_consults.stand(world, call)
    else:
        _give_up_consult(world, call, VisitOutcome.OVERFLOWED, NOBODY_FREE)


def agent_gone(world: World, call: Call, by: str = "transfer") -> None:
    """The agent hung up during a consult: as if completed."""
    complete(world, call, by)


def cancel(world: World, call: Call) -> Call:
    """The call is sent elsewhere: release the target. Returns the call without it."""
    if call.transfer is None:
        return call
    queue_consults.quiet(world, call)
    waits = call.consults_queue
    call = queue_consults.end(world, call, None, "consult_cancelled")
    leg = call.transfer.leg if call.transfer is not None else None
    if call.transfer is not None and (leg is not None or waits):
        call = records.ended(world, call, call.transfer, "cancelled")
    call = targets.free(world, call)
    if call.phase is Phase.TRANSFERRING and leg is not None:
        # On the same lanes after the order that was to join them, which would otherwise create the bridge again.
        call = segments.drop_bridge(world, call, (call.leg, leg))
        targets.unbridge(world, call.leg)
    return call


def failed(world: World, call: Call, result: str, trouble: str = "") -> None:
    """An order about the target failed."""
    target_gone(world, call, result, trouble=trouble)


def reconcile(world: World, call: Call) -> None:
    """After a gap in the events: a joined transfer continues, anything else is undone."""
    transfer = call.transfer
    if transfer is None or transfer.leg is None:
        return  # back to an agent whose phone is not free yet, or in the line of a queue
    target = world.legs.get(transfer.leg)
    if transfer.reached and target is not None and target.missing_since is None and target.bridge == call.bridge:
        joined(world, call, estimated=True)
        return
    target_gone(world, call, "cancelled")


def deadline_passed(world: World, call: Call) -> None:
    """The target has rung for long enough, or what was ordered has not happened."""
    transfer = call.transfer
    if transfer is not None and transfer.offer is not None and world.now >= (transfer.offer.certain_at or world.now + 1.0):
        call = queue_consults.count(world, call)
        transfer = call.transfer
    if transfer is None or transfer.until is None or transfer.until > world.now:
        records.put(world, call)
    elif call.consults_queue and transfer.leg is None and (transfer.waits or pbx_of(call.leg) not in world.down):
        stand_again(world, call)
    elif pbx_of(call.leg) in world.down:
        records.put(world, evolve(call, transfer=evolve(transfer, until=world.now + offers.JOIN_CHECK)))
    elif transfer.leg is None:
        returns.try_again(world, evolve(call, transfer=None), world.agents.get(transfer.by), transfer.began_at)
    elif transfer.playback and not (transfer.reached or transfer.confirming):
        answered(world, call)
    else:
        target_gone(world, call, "failed" if transfer.reached else "no_answer")


# -- bricks -----------------------------------------------------------------------------------------------------------


def _leave_talk(world: World, call: Call, segment: Segment, by: str = "transfer") -> Call:
    call = segments.end_segment(world, call, by, world.now, keep_bridge=True)
    return evolve(call, transferred_by=segment.agent, transferred_from=segment.queue)


def _back_to_caller(world: World, call: Call, result: str) -> None:
    segment = call.segment
    queue_consults.quiet(world, call)
    call = queue_consults.end(world, call, None, "consult_cancelled")
    transfer = call.transfer
    assert transfer is not None and segment is not None
    call = targets.free(world, records.ended(world, call, transfer, result))
    bridge = call.bridge or world.mint("bridge")
    world.order(Bridge(bridge=bridge, legs=(call.leg, segment.leg), call=call.id, queue=segment.queue, agent=segment.agent))
    records.put(world, evolve(call, bridge=bridge))
