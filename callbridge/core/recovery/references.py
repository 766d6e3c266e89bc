"""References to missing rows, which could not be read when the world was restored. Resolved with the first snapshot.

    a leg that a call or an agent names       recreated; the PBX shows whether it still exists
    the agent of a call                       assigned to it again
    the call of a leg or an agent             found again (``adoption``, or as a caller); else the agent is free
    the callback or attempt of a call         recreated from the call; or the customer hears the safe-harbour message
    the visits of such calls, and the tally   ended as failed; the figures add up again

In a complete world there is nothing to do here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from callbridge.core.entities import agent_states, callbacks, legs
from callbridge.core.model.agent import Agent, Intent, Work
from callbridge.core.model.call import Call, OfferResult, Phase, VisitOutcome
from callbridge.core.model.callback import Callback
from callbridge.core.model.changes import AgentChanges
from callbridge.core.model.events import PbxSnapshot, SeenLeg
from callbridge.core.model.facts import CallEnded, TalkEnded
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.plan import ConnectMode
from callbridge.core.model.rows import evolve
from callbridge.core.model.slices import Slices, each
from callbridge.core.model.world import World
from callbridge.core.recovery import lost_visits, phones, quarantine
from callbridge.core.routing import answers


def is_orphan(world: World, leg: Leg) -> bool:
    """Does it belong to a call that has no row? One that was hung up may well have outlived its call."""
    return leg.hung_at is None and _is_lost(world, leg.call)


def _is_lost(world: World, call: str) -> bool:
    return bool(call) and call not in world.calls


# -- before the world is compared with the PBX ------------------------------------------------------------------------


def complete(world: World, event: PbxSnapshot) -> Slices:
    """Recreate missing rows from the rows that refer to them, so that the snapshot is compared with all that should exist."""
    seen = {leg.leg: leg for leg in event.legs}
    calls = (call for call in world.calls.values() if pbx_of(call.leg) == event.pbx)
    yield from each(world, "call", calls, lambda call: _complete_call(world, call, seen))
    for agent in world.agents.values():
        if agent.session is not None and pbx_of(agent.session) == event.pbx:
            _open(world, agent.session, LegRole.SESSION, call=agent.call if agent.leg == agent.session else "", agent=agent.id)
    for leg in world.legs.values():
        if leg.role is LegRole.SESSION and pbx_of(leg.id) == event.pbx:
            _keep_session(world, leg)
    yield len(world.legs)


def _complete_call(world: World, call: Call, seen: Mapping[LegId, SeenLeg]) -> None:
    owed = call.callback and not call.segments and not call.callback_over and call.dial_result != callbacks.CANCELLED
    if owed and call.callback not in world.callbacks:
        _owe_again(world, call)
    if call.attempt_id and call.attempt_id not in world.attempts and not call.segments and call.phase is Phase.DIALLING:
        call = evolve(call, attempt_id="")  # it rings on; a person who answers hears the safe-harbour message
        world.calls.put(call.id, call)
    holder = world.agents.get(call.reserved_agent)
    if call.reserved_agent and (holder is None or holder.reserved_for != call.id):
        call = evolve(call, reserved_agent="")
        world.calls.put(call.id, call)
    called = call.placed and not call.dial_result and call.phase in (Phase.OFFERED, Phase.WAITING)
    if not called:
        _open(world, call.leg, LegRole.CUSTOMER, call=call.id)
    for who, leg, work in _at_work(world, call):
        role = LegRole.OUTSIDE
        if who:
            role = LegRole.SESSION if _is_session(world, leg, who) else LegRole.AGENT
        _open(world, leg, role, call=call.id, agent=who)
        agent = world.agents.get(who)
        if agent is not None and agent.call != call.id and agent.work is Work.IDLE:
            _at_work_again(world, agent, call, leg, work, seen.get(leg))


def _at_work(world: World, call: Call) -> Iterator[tuple[str, LegId, Work]]:
    """The agents of the call with their legs; without an agent, the other legs that it names."""
    if call.segment is not None:
        yield call.segment.agent, call.segment.leg, Work.TALKING
    elif call.offer is not None:
        yield call.offer.agent, call.offer.leg, Work.OFFERED
    if call.transfer is not None and call.transfer.leg is not None:
        target = world.legs.get(call.transfer.leg)
        joined = target is not None and target.bridge is not None and target.bridge == call.bridge
        yield call.transfer.agent, call.transfer.leg, Work.TALKING if joined else Work.OFFERED
    if call.far is not None:
        yield "", call.far, Work.IDLE


def _is_session(world: World, leg: LegId, who: str) -> bool:
    agent, known = world.agents.get(who), world.legs.get(leg)
    return (agent is not None and agent.session == leg) or (known is not None and known.role is LegRole.SESSION)


def _open(world: World, leg: LegId, role: LegRole, *, call: str, agent: str = "") -> None:
    """Create a leg that is referred to and missing. The snapshot decides whether it still exists."""
    if leg not in world.legs:
        world.put_leg(legs.open_leg(world, leg, role, call=call, agent=agent), heard_at=0.0)


def _at_work_again(world: World, agent: Agent, call: Call, leg: LegId, work: Work, seen: SeenLeg | None) -> None:
    changes: AgentChanges = {"work": work, "call": call.id, "leg": leg}
    if seen is not None:
        changes |= phones.seat(world, agent, seen)
    if agent.intent is Intent.LOGGED_OUT:
        changes |= agent_states.READY
    agent_states.change(world, agent, **changes)


def _keep_session(world: World, leg: Leg) -> None:
    """The session of a nailed-up agent whose row does not name it: kept if the agent is logged in, else ended."""
    agent = world.agents.get(leg.agent)
    if leg.hung_at is not None or (agent is not None and agent.session == leg.id):
        return
    if agent is None or agent.connect is not ConnectMode.NAILED_UP or agent.intent is Intent.LOGGED_OUT:
        legs.hang_up(world, leg.id)
        return
    if agent.session is not None:
        legs.hang_up(world, agent.session)  # the one that was about to be made
    agent_states.refresh_device(world, agent_states.change(world, agent, session=leg.id, session_up=leg.up_at is not None))


def _owe_again(world: World, call: Call) -> None:
    """The callback that this call keeps, as far as the call knows it: it must not be lost with a row."""
    visit, terms = call.visit, callbacks.terms_of(world, call.visit.queue) if call.visit is not None else None
    who = callbacks.who_of(world, call.number)
    if visit is None or terms is None or not who or world.callback_for(visit.queue, who) is not None:
        return
    callback = Callback(
        id=call.callback,
        queue=visit.queue,
        number=call.number,
        who=who,
        tier=call.tier,
        name=call.name,
        entry=call.entry,
        pbx=pbx_of(call.leg),
        made_at=visit.began_at,
        waits_since=visit.began_at,
        rank=visit.rank,
        expires_at=world.now + terms.keep_for,
        agent=visit.prefers,
        values=call.values,
        language=call.language,
        attempts=1 if call.dial_result else 0,
        call=call.id,
    )
    world.callbacks.put(callback.id, callback)


# -- after conversations were adopted ---------------------------------------------------------------------------------


def settle(world: World, event: PbxSnapshot, adopted: Sequence[str]) -> Slices:
    """What still refers to an unknown call continues without it: callers as newly found ones, agents as available.
    ``adopted``: the calls of conversations that were found in this snapshot."""
    there = {leg.leg: leg for leg in event.legs}
    lost = _lost_calls(world, event.pbx)
    yield len(world.legs)
    talked = {agent.call: agent for agent in world.agents.values() if agent.work is Work.TALKING}
    for leg in world.legs.values():
        yield 1
        if leg.call not in lost or pbx_of(leg.id) != event.pbx:
            continue
        if leg.role is LegRole.SESSION:
            world.put_leg(leg, call="", bridge=None)
        elif leg.role is LegRole.CUSTOMER and leg.hung_at is None and leg.id in there:
            world.legs.drop(leg.id)  # found again in the same step
        else:
            legs.hang_up(world, leg.id)
            world.put_leg(world.legs[leg.id], call="")
    agents = (agent for agent in world.agents.values() if agent.leg is None or pbx_of(agent.leg) == event.pbx)
    yield from each(world, "agent", agents, partial(_free, world))
    yield len(world.calls)
    heard_at = min(event.last_heard_at, event.requested_at)
    uncertain = max((queue.short_talk for queue in world.plan.queues.values()), default=0.0)
    for call, result in lost_visits.end(world, lost, there, adopted, heard_at).items():
        talker = talked.get(call)
        if talker is not None and talker.since < world.now and talker.since + uncertain >= heard_at:
            # a conversation whose answer was not certain yet: its offer is still open, too (else the visit is a consult's)
            answers.emit_unheard(world, talker, call, result)
    for call, customer in lost.items():
        _end_call(world, call, customer)
        yield 1


def _lost_calls(world: World, pbx: str) -> dict[str, Leg | None]:
    """The calls that legs, agents and callbacks name and no book has, each with its customer's leg when that is known."""
    lost: dict[str, Leg | None] = {}
    for leg in world.legs.values():
        if pbx_of(leg.id) == pbx and (is_orphan(world, leg) or (leg.role is LegRole.CUSTOMER and _is_lost(world, leg.call))):
            lost[leg.call] = leg if leg.role is LegRole.CUSTOMER else lost.get(leg.call)
    for agent in world.agents.values():
        if _is_lost(world, agent.call) and (agent.leg is None or pbx_of(agent.leg) == pbx):
            lost.setdefault(agent.call, None)
    for callback in world.callbacks.values():
        if _is_lost(world, callback.call) and callback.pbx == pbx:
            lost.setdefault(callback.call, None)
    return lost


def give_up(world: World, pbx: str) -> None:
    """A customer of a campaign whose attempt is unknown at least hears the safe-harbour message."""
    for call in world.calls.values():
        lost = call.attempt_id and call.attempt_id not in world.attempts and not call.segments
        if lost and call.dial_result not in ("abandoned", "machine") and pbx_of(call.leg) == pbx:
            quarantine.give_up_call(world, call)


def _free(world: World, agent: Agent) -> None:
    if agent.leg is not None and agent.leg not in world.legs:
        agent = agent_states.settle(world, agent_states.change(world, agent, leg=None, also_ringing=()))
    if not _is_lost(world, agent.call):
        return
    leg = world.legs.get(agent.leg)
    if leg is not None and leg.role is LegRole.SESSION:
        agent = agent_states.change(world, agent, leg=None)
    elif leg is not None:
        for each_leg in (leg.id, *agent.also_ringing):
            legs.hang_up(world, each_leg)
    call = agent.call
    if agent.work is Work.TALKING:
        _emit_talk_ended(world, agent, call)
        agent_states.release(world, agent, "", 0.0)
    elif agent.work is Work.OFFERED:
        answers.emit_unheard(world, agent, call, OfferResult.CANCELLED)
        agent_states.settle(world, agent_states.change(world, agent, work=Work.IDLE, call="", idle_since=world.now))


def _emit_talk_ended(world: World, agent: Agent, call: str) -> None:
    world.emit(
        TalkEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call,
            agent=agent.id,
            talked=max(0.0, world.now - agent.since),
            hold_seconds=0.0,
            ended_by="lost",
            estimated=True,
        )
    )


def _end_call(world: World, call: str, leg: Leg | None) -> None:
    world.emit(
        CallEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call,
            lasted=lost_visits.lasted(world, leg),
            outcome=VisitOutcome.FAILED,
            segments=0,
            estimated=True,
        )
    )
