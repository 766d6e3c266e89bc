"""Requests of agents, supervisors and programs about calls; transfers and supervision themselves are in ``core/transfers``."""

from __future__ import annotations

from typing import assert_never

from callbridge.core.entities import legs, recordings, refusals
from callbridge.core.flows import interpreter, surveys
from callbridge.core.model.agent import eligible, named
from callbridge.core.model.call import Call, Move, OfferResult, Phase, SupervisionMode, TransferKind, VisitOutcome, after
from callbridge.core.model.events import CallRequest, CallRequested
from callbridge.core.model.facts import RequestGranted
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.matcher import Pair
from callbridge.core.model.orders import StartMusic
from callbridge.core.model.plan import ToAgent, ToQueue
from callbridge.core.model.rank import rank_of
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence, Unknown, Word
from callbridge.core.model.world import World
from callbridge.core.routing import answers, offers, segments, visits
from callbridge.core.transfers import holds, queue_consults, supervision, targets, transfers

_OF_THE_AGENT = frozenset(
    {
        CallRequest.TRANSFER,
        CallRequest.CONSULT,
        CallRequest.COMPLETE,
        CallRequest.RETURN,
        CallRequest.CONFERENCE,
        CallRequest.HOLD,
        CallRequest.UNHOLD,
        CallRequest.SURVEY,
        CallRequest.RECORD,
        CallRequest.PAUSE_RECORDING,
        CallRequest.RESUME_RECORDING,
    }
)
"""Requests that an agent may make about the own conversation only, not as the target of a consult."""
_OF_WAITING = frozenset({CallRequest.HANG_UP, CallRequest.MOVE, CallRequest.HEAD_START, CallRequest.PULL})
_OF_CALLBACK = Sentence("a customer is being called back: until an agent talks to them, only the callback can be cancelled")
_OF_CAMPAIGN = Sentence("a campaign is calling this customer: until an agent talks to them, nothing can be done with the call")
GOING = (Phase.LEAVING, Phase.ENDING)


def requested(world: World, event: CallRequested) -> None:
    """Carry out a request about a call, or refuse it with a reason."""
    call = world.calls.get(event.call)
    if call is None:
        _refuse(world, event, Unknown("no such call, or it has ended"))
        return
    call = queue_consults.certain(world, answers.count(world, call))
    if call.phase in GOING:
        _refuse(world, event, Sentence("the call is {phase}", phase=Word(f"phase.{call.phase}")))
    elif call.placed and event.request in _OF_WAITING:
        _refuse(world, event, _OF_CALLBACK if call.callback else _OF_CAMPAIGN)
    elif event.request in _OF_THE_AGENT and event.by in world.plan.agents and _talker(call) != event.by:
        _refuse(world, event, Sentence("the call is not with agent {agent}", agent=event.by))
    else:
        match event.request:
            case CallRequest.HANG_UP:
                _grant(world, event)
                _hang_up(world, call)
            case CallRequest.MOVE:
                _move(world, call, event)
            case CallRequest.HEAD_START:
                _head_start(world, call, event)
            case CallRequest.PULL:
                _pull(world, call, event)
            case CallRequest.TRANSFER:
                _transfer(world, call, event, TransferKind.BLIND)
            case CallRequest.CONSULT:
                _transfer(world, call, event, TransferKind.CONSULT)
            case CallRequest.COMPLETE:
                _conclude(world, event, transfers.complete(world, call))
            case CallRequest.RETURN:
                _conclude(world, event, transfers.go_back(world, call))
            case CallRequest.CONFERENCE:
                _conclude(world, event, transfers.conference(world, call))
            case CallRequest.HOLD:
                _conclude(world, event, holds.hold(world, call))
            case CallRequest.UNHOLD:
                _conclude(world, event, holds.unhold(world, call))
            case CallRequest.SURVEY:
                _survey(world, call, event)
            case CallRequest.RECORD | CallRequest.PAUSE_RECORDING | CallRequest.RESUME_RECORDING:
                _conclude(world, event, recordings.request(world, call, event.request))
            case CallRequest.LISTEN | CallRequest.WHISPER | CallRequest.BARGE | CallRequest.TAKE_OVER:
                _supervise(world, call, event)
            case CallRequest.RELEASE:
                _conclude(world, event, supervision.leave(world, call, event.by))
            case _:
                assert_never(event.request)


def _grant(world: World, event: CallRequested) -> None:
    to = targets.target_text(event.to)
    world.emit(RequestGranted(seq=world.next_seq(), at=world.now, call=event.call, request=event.request, by=event.by, to=to))


def _talker(call: Call) -> str:
    return call.segment.agent if call.segment is not None else ""


def _conclude(world: World, event: CallRequested, reason: Sentence | None) -> None:
    """Emit the result: granted without a reason, refused with one."""
    if reason is not None:
        _refuse(world, event, reason)
    else:
        _grant(world, event)


def _transfer(world: World, call: Call, event: CallRequested, kind: TransferKind) -> None:
    reason = transfers.refusal(world, call, event.to, kind, event.consult_queue)
    _conclude(world, event, reason)
    if reason is None and event.to is not None:
        transfers.begin(world, call, event.to, kind, event.consult_queue)


def _survey(world: World, call: Call, event: CallRequested) -> None:
    """The agent leaves by code or API: the caller stays on the line for the survey."""
    if call.segment is None or call.transfer is not None:
        _refuse(world, event, Sentence("no agent is talking to the caller, or a consult is in progress"))
        return
    queue = world.plan.queues.get(call.segment.queue)
    if queue is None or not queue.survey:
        _refuse(world, event, Sentence("queue {queue} has no survey", queue=call.segment.queue))
        return
    _grant(world, event)
    surveys.after_talk(world, segments.end_segment(world, call, "agent", world.now))


def _supervise(world: World, call: Call, event: CallRequested) -> None:
    reason = supervision.refusal(world, call, event.phone, event.by)
    _conclude(world, event, reason)
    if reason is None:
        supervision.join(world, call, SupervisionMode(event.request), event.phone, event.by)


def _refuse(world: World, event: CallRequested, reason: Sentence) -> None:
    to = targets.target_text(event.to)
    refusals.refuse(world, event.request, reason, by=event.by, call=event.call, to=to)


def _hang_up(world: World, call: Call) -> None:
    """End the call as if the caller had hung up; an unanswered visit ends as failed."""
    if call.offer is not None:
        call = offers.withdraw(world, call, OfferResult.CANCELLED)
    call = transfers.cancel(world, call)
    if call.visit is not None:
        call = visits.end_visit(world, call, VisitOutcome.FAILED, reason="hung_up")
    call = interpreter.leave(world, call, "hung_up")
    if call.segment is not None:
        call = segments.end_segment(world, call, "supervisor", world.now)
    legs.hang_up(world, call.far)
    segments.end_call(world, evolve(call, far=None))


def _move(world: World, call: Call, event: CallRequested) -> None:
    match event.to:
        case ToQueue(queue) if queue in world.plan.queues:
            pass
        case ToQueue(queue):
            _refuse(world, event, Unknown("no such queue: {queue}", queue=queue))
            return
        case _:
            _refuse(world, event, Sentence("a call can be moved only to a queue"))
            return
    if call.visit is not None and call.visit.queue == queue and call.flow_position is None and not call.consults_queue:
        _refuse(world, event, Sentence("the call is already waiting in {queue}", queue=queue))
        return
    if call.phase is Phase.JOINING:
        _refuse(world, event, Sentence("an agent is answering the call"))
        return
    _grant(world, event)
    call = transfers.cancel(world, call)
    if call.offer is not None:
        call = offers.withdraw(world, call, OfferResult.CANCELLED)
        call = evolve(call, phase=after(call.phase, Move.RETRY))
    if call.flow_position is not None:
        call = interpreter.leave(world, call, "moved")
        world.order(StartMusic(leg=call.leg, music=world.plan.queues[queue].music))
    if call.visit is not None and call.visit.queue == queue:
        visits.wait(world, evolve(call, phase=after(call.phase, Move.QUEUE)))
        return
    if call.visit is not None:
        visits.overflow(world, call, event.to, "moved")
        return
    if call.segment is not None:
        call = segments.end_segment(world, call, "moved", world.now, keep_bridge=True)
    legs.hang_up(world, call.far)
    segments.queue_again(world, evolve(call, far=None), queue)


def _head_start(world: World, call: Call, event: CallRequested) -> None:
    if call.visit is None:
        _refuse(world, event, Sentence("the call is not waiting"))
        return
    routing = world.matcher.routing(call.visit.queue, call.tier)
    if routing is None:
        _refuse(world, event, Unknown("no such queue: {queue}", queue=call.visit.queue))
        return
    _grant(world, event)
    rank = rank_of(routing, call.waiting_since, event.seconds)
    world.calls.put(call.id, evolve(call, visit=evolve(call.visit, rank=rank, head_start=event.seconds)))


def _pull(world: World, call: Call, event: CallRequested) -> None:
    match event.to:
        case ToAgent(name):
            agent = world.agents.get(name)
        case _:
            _refuse(world, event, Sentence("a call can be pulled only to an agent"))
            return
    if agent is None:
        _refuse(world, event, Unknown("no such agent: {agent}", agent=name))
    elif call.phase is not Phase.WAITING:
        _refuse(world, event, Sentence("the call is {phase}", phase=Word(f"phase.{call.phase}")))
    elif pbx_of(call.leg) in world.down:
        _refuse(world, event, Sentence("PBX {pbx} cannot be reached", pbx=pbx_of(call.leg)))
    elif not eligible(agent, world.now):
        _refuse(world, event, Sentence("{agent} is not available", agent=named(agent)))
    else:
        _grant(world, event)
        offers.make(world, Pair(call.id, agent.id, f"pulled by {event.by}"))
