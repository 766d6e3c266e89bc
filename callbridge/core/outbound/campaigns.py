"""Campaign calls: starting and stopping campaigns, and each call from dialling to an agent, or to the safe-harbour message.

    reserved -> dialling -> live -> (an agent in time) talking
                              +---> (no agent in time) the message, then a hang-up

A live person waits first in line of the campaign's queue, for as long as the campaign allows. `dialer` says how many and when.
"""

from __future__ import annotations

import re

from callbridge.core.entities import attempts, dialling, own_talk, refusals
from callbridge.core.entities.recordings import RECORD_REQUEST
from callbridge.core.model.attempt import Attempt, AttemptMove, AttemptStage, Campaign, Running, campaign_of
from callbridge.core.model.call import Call, DiversionReason, Move, OfferResult, Phase, Visit, VisitOutcome, after
from callbridge.core.model.events import (
    AmdDetourEnded,
    AttemptsReserved,
    CampaignRecalled,
    CampaignRequested,
    DispositionRequested,
    NumberBlocked,
)
from callbridge.core.model.facts import CampaignChanged, DispositionSet, RequestGranted
from callbridge.core.model.ids import LegId, channel_of, leg_id
from callbridge.core.model.orders import LeaveToDialplan, StartAmdDetour, Subscribe
from callbridge.core.model.plan import AMD_CONTEXT, CAMPAIGN, MACHINE_CONTEXT, SAFE_HARBOUR_CONTEXT, CampaignPlan
from callbridge.core.model.rank import rank_within
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence, Unknown
from callbridge.core.model.world import World
from callbridge.core.outbound.staffing import campaign_state_of
from callbridge.core.routing import offers, segments, visits

LEAST_RING = 15.0
"""Seconds that an unanswered phone rings at least: a call that ends sooner is an abandoned one (16 CFR 310.4(b)(4)(ii))."""
AGENT_WITHIN = 10.0
"""Seconds for which an agent is searched for before the customer is dialled (agent first)."""
CONNECT_WITHIN = 2.0
"""For customers who answer after their campaign has been removed."""
BEHIND = 3600.0
"""Seconds by which an agent-first lead ranks behind inbound callers."""
BLOCKED_FOR = 60.0
"""Seconds for which we remember new entries of the do-not-call list: attempts may have been reserved just before."""
MAX_LISTEN = 10.0
"""Seconds that answering machine detection may take."""


# -- started and stopped ----------------------------------------------------------------------------------------------


def requested(world: World, event: CampaignRequested) -> None:
    plan = world.plan.campaigns.get(event.campaign)
    row = world.campaigns.get(event.campaign) or Campaign(id=event.campaign)
    if plan is None:
        unknown = Unknown("no such campaign: {campaign}", campaign=event.campaign)
        refusals.refuse(world, f"campaign_{event.to}", unknown, by=event.by)
        return
    if event.to is Running.PAUSED and row.state is Running.STOPPED:
        refusals.refuse(world, f"campaign_{event.to}", Sentence("the campaign is not running"), by=event.by)
        return
    world.emit(
        RequestGranted(
            seq=world.next_seq(), at=world.now, request=f"campaign_{event.to}", by=event.by, to=f"campaign:{event.campaign}"
        )
    )
    if row.state is event.to:
        return
    world.campaigns.put(event.campaign, evolve(row, state=event.to, by=event.by, since=world.now))
    world.emit(CampaignChanged(seq=world.next_seq(), at=world.now, campaign=event.campaign, state=event.to, by=event.by))
    campaign_state_of(world, plan).changed = True


def stop_all(world: World, reason: str) -> None:
    """Stop all campaigns until they are started again."""
    for row in world.campaigns.values():
        if row.state is Running.RUNNING:
            _stop(world, row, reason)


def _stop(world: World, row: Campaign, reason: str) -> None:
    world.campaigns.put(row.id, evolve(row, state=Running.STOPPED, by="", since=world.now))
    seq = world.next_seq()
    world.emit(CampaignChanged(seq=seq, at=world.now, campaign=row.id, state=Running.STOPPED, by="", reason=reason))


def adopt(world: World) -> None:
    """A new plan: what was learned stays, the rules are the new ones; leads are requested again."""
    for row in world.campaigns.values():
        if row.id not in world.plan.campaigns and row.state is not Running.STOPPED:
            _stop(world, row, "removed")
    for plan in world.plan.campaigns.values():
        campaign_state = campaign_state_of(world, plan)
        campaign_state.pacer.adopt(plan.rules)
        campaign_state.hopper.clear()
        campaign_state.changed = True


def recalled(world: World, event: CampaignRecalled) -> None:
    """What the window held before we started."""
    plan = world.plan.campaigns.get(event.campaign)
    if plan is not None:
        campaign_state_of(world, plan).pacer.budget.recall(event.hours)


# -- dialled ----------------------------------------------------------------------------------------------------------


def reserved(world: World, event: AttemptsReserved) -> None:
    """The ledger has reserved the attempts: they cannot be dialled twice, so dial them now."""
    for key in event.refused:
        if key in world.attempts and world.attempts[key].stage is AttemptStage.RESERVING:
            world.attempts.drop(key)
    plan = world.plan.campaigns.get(event.campaign)
    row = world.campaigns.get(event.campaign)
    for key in event.reserved:
        attempt = world.attempts.get(key)
        if attempt is None or attempt.stage is not AttemptStage.RESERVING:
            continue  # given up meanwhile, and withdrawn
        allowed = (
            plan is not None
            and row is not None
            and row.state is Running.RUNNING
            and not dialling.held_back(world, event.campaign)
        )
        if plan is None or not allowed or dialling.is_blocked(world, attempt.campaign, attempt.lead):
            attempts.close(world, attempt, "unsent")
        else:
            _begin(world, plan, attempt)


def blocked(world: World, event: NumberBlocked) -> None:
    """On the list: no attempt is written down from now on; those that were, the moment before, are looked after here."""
    world.blocks.drop(event.block)
    still = {key: until for key, until in world.blocked.items() if until > world.now}
    world.blocked = still | {(event.campaign, event.number): world.now + BLOCKED_FOR}


def _begin(world: World, plan: CampaignPlan, attempt: Attempt) -> None:
    lead = attempt.lead
    visit = Visit(
        queue=plan.queue,
        began_at=world.now,
        window=0,
        rank=rank_within(world.now, BEHIND if attempt.agent_first else plan.connect_within),
        day=world.day,
        prefers=lead.agent,
        steps_from=world.now + AGENT_WITHIN if lead.agent else None,
    )
    values = dict(lead.values) | {"campaign": plan.name, "lead": str(lead.id)}
    queue = world.plan.queues[plan.queue]
    if queue.record is not None and queue.record.consent:
        values[RECORD_REQUEST] = (
            "no"  # no recording: there is no time for the recording notice, since an agent must be connected at once
        )
    call = Call(
        id=world.mint("call"),
        leg=leg_id(world.plan.pbx_of_campaign(plan.name), attempt.id),
        entry=f"campaign:{plan.name}",
        tier=world.plan.default_tier,
        number=lead.number,
        name=lead.name,
        arrived_at=world.now,
        queued_at=world.now,
        visit=visit,
        campaign=plan.name,
        attempt_id=attempt.id,
        values=tuple(values.items()),
    )
    until = world.now + AGENT_WITHIN if attempt.agent_first else None
    attempts.put(world, attempt, call=call.id, until=until, deadline=None)
    dialling.emit_begun(world, call, plan.queue)
    if attempt.agent_first:
        visits.wait(world, call)
    else:
        dialling.dial(world, call)


# -- answered ---------------------------------------------------------------------------------------------------------


def answered(world: World, call: Call) -> None:
    """The customer answered: connect the waiting agent, or queue first in line for as long as the campaign allows."""
    attempt, plan = attempts.of(world, call), world.plan.campaigns.get(call.campaign)
    if attempt is None:  # a fault of ours took it: at least the message, and goodbye
        _to_safe_harbour(world, call, DiversionReason.FAULT)
        return
    if attempt.stage is AttemptStage.LISTENING:  # after a gap: the result of AMD is unknown, and whether it is still running
        attempts.close(world, attempt, "abandoned")
        _to_safe_harbour(world, call, DiversionReason.ABANDONED)
        return
    if attempt.stage is not AttemptStage.DIALLING:
        return
    call = evolve(call, dial_result="abandoned")  # unless they talk
    if plan is not None and plan.amd and call.offer is None:
        attempts.move(world, attempt, AttemptMove.LISTEN, answered_at=attempts.up_since(world, call))
        world.calls.put(call.id, evolve(call, deadline=world.now + MAX_LISTEN))
        world.order(Subscribe(leg=call.leg))
        world.order(StartAmdDetour(leg=call.leg, context=AMD_CONTEXT, extension=plan.name))
        return
    attempts.answered(world, call, attempt, plan.connect_within if plan is not None else CONNECT_WITHIN)
    if call.offer is not None:
        world.calls.put(call.id, call)
        offers.join(world, call)
        return
    visits.wait(world, evolve(call, phase=after(call.phase, Move.QUEUE)))


def ring_on(world: World, call: Call) -> None:
    """The waiting agent has gone. A phone that stops before it has rung for long enough is an abandoned call, so it rings on
    until then: a customer who answers goes to the next agent, as without agent first."""
    attempt = attempts.of(world, call)
    if call.offer is not None:
        call = offers.withdraw(world, call, OfferResult.CANCELLED)
    until = world.now
    if attempt is not None:
        attempt = attempts.put(world, attempt, agent_first=False)
        until = max(until, (attempt.dialled_at or world.now) + LEAST_RING)
    world.calls.put(call.id, evolve(call, reserved_agent="", deadline=min(until, call.deadline or until)))


def _to_safe_harbour(world: World, call: Call, reason: DiversionReason) -> None:
    """The customer has answered, but we know too little to connect an agent: play the safe-harbour message in the dialplan."""
    call = visits.end_visit(world, evolve(call, phase=after(call.phase, Move.QUEUE)), VisitOutcome.ABANDONED)
    visits.leave(world, call, SAFE_HARBOUR_CONTEXT, call.campaign, reason)


def is_listening(world: World, call: Call) -> bool:
    attempt = attempts.of(world, call)
    return attempt is not None and attempt.stage is AttemptStage.LISTENING


def returned(world: World, event: AmdDetourEnded) -> None:
    """AMD has ended: connect an agent if it is, or may be, a person; not for a machine."""
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    attempt = attempts.of(world, call) if call is not None else None
    if attempt is not None and attempt.stage in (AttemptStage.LIVE, AttemptStage.TALKED):
        return
    if leg is None or call is None or attempt is None or attempt.stage is not AttemptStage.LISTENING or leg.hung_at is not None:
        name = campaign_of(channel_of(event.leg), world.plan.prefix)
        world.order(LeaveToDialplan(leg=event.leg, context=SAFE_HARBOUR_CONTEXT, extension=name or "unknown"))
        return
    world.put_leg(leg, left=False, missing_since=None, deadline=None)
    heard = f"{event.verdict} {event.cause}".strip()
    plan = world.plan.campaigns.get(call.campaign)
    if event.verdict == "MACHINE":
        attempts.close(world, attempts.put(world, attempt, heard=heard), "machine")
        if plan is not None and plan.leave_message:
            call = visits.end_visit(
                world, evolve(call, phase=after(call.phase, Move.QUEUE), dial_result="machine"), VisitOutcome.FAILED
            )
            visits.leave_for(world, call, MACHINE_CONTEXT, call.campaign, DiversionReason.MACHINE)
        else:
            segments.end_call(world, evolve(call, dial_result="machine"))
        return
    silence = re.fullmatch(r"HUMAN-(\d{1,6})-\d{1,6}", event.cause)
    spoken_at = world.now - int(silence[1]) / 1000 if silence is not None else None
    attempt = attempts.put(world, attempt, heard=heard, spoken_at=spoken_at)
    attempts.to_an_agent(world, attempt, plan.connect_within if plan is not None else CONNECT_WITHIN)
    visits.wait(world, evolve(call, phase=after(call.phase, Move.QUEUE)))


def not_returned(world: World, call: Call) -> None:
    """The AMD detour has taken too long: hang up, since the customer hears nothing there."""
    segments.end_call(world, call)


def answered_too_late(world: World, key: LegId) -> None:
    """The customer answered after we had given up: an abandoned call."""
    leg = world.legs.get(key)
    call = world.calls.get(leg.call) if leg is not None and leg.hung_at is not None and leg.up_at is None else None
    if leg is None or call is None or call.leg != key or not call.campaign or call.segments:
        return
    world.calls.put(call.id, evolve(call, dial_result="abandoned"))


def out_of_time(world: World, call: Call) -> None:
    """No agent in time: a customer on the line hears the campaign's message and may opt out; the others are called later."""
    leg = world.legs.get(call.leg)
    if call.phase not in (Phase.WAITING, Phase.OFFERED):
        return
    if call.offer is not None:
        call = offers.too_late(world, call)
        call = evolve(call, phase=after(call.phase, Move.RETRY))
    if leg is None:
        segments.finish(world, call, world.now)
        return
    call = visits.end_visit(world, call, VisitOutcome.ABANDONED)
    attempt = attempts.of(world, call)
    if attempt is not None:
        attempts.close(world, attempt, "abandoned")
    if CAMPAIGN + call.campaign in world.plan.flows:
        visits.into_flow(world, call, CAMPAIGN + call.campaign, "abandoned")
    else:
        segments.end_call(world, call)


# -- dispositions -----------------------------------------------------------------------------------------------------


def set_disposition(world: World, event: DispositionRequested) -> Sentence | None:
    """Set the disposition of the agent's current or last call. Returns why not; None when it is being saved."""
    attempt = attempt_of(world, event.agent)
    plan = world.plan.campaigns.get(attempt.campaign) if attempt is not None else None
    if event.agent not in world.agents:
        return _disposition_refused(world, event, Unknown("no such agent: {agent}", agent=event.agent))
    if attempt is None or plan is None:
        return _disposition_refused(world, event, Sentence("the agent has no campaign call"))
    by_digit = next((one for one in plan.dispositions.values() if one.digit and one.digit == event.code), None)
    code = plan.dispositions.get(event.code) or by_digit
    if code is None:
        known = ", ".join(plan.dispositions) or "none"
        return _disposition_refused(
            world, event, Unknown("no such disposition: {code} (known: {known})", code=event.code, known=known)
        )
    if event.call_back_at is not None and event.call_back_at <= world.now + world.wall_offset:
        return _disposition_refused(world, event, Sentence("call_back_at is in the past"))
    own = event.agent if event.own else ""
    outcome = "machine" if code.machine else "answered"
    if outcome != attempt.outcome and not attempt.agent_first:
        change, at = -1 if code.machine else 1, attempt.connected_at or world.now
        campaign_state_of(world, plan).pacer.budget.correct(at, change, change if attempts.is_late(attempt, plan) else 0)
    attempts.record(
        world,
        attempt,
        outcome=outcome,
        disposition=code.code,
        call_back_at=event.call_back_at,
        call_back_by=own,
    )
    talk = own_talk.of(world, event.agent)
    world.emit(
        DispositionSet(
            seq=world.next_seq(),
            at=world.now,
            call=attempt.call,
            agent=event.agent,
            queue=plan.queue,
            segment=talk.segment if talk is not None and talk.call == attempt.call else 0,
            campaign=plan.name,
            attempt=attempt.id,
            lead=attempt.lead.id,
            code=code.code,
            by=event.by or event.agent,
        )
    )
    if code.block:
        attempts.block(world, attempt.lead.number, "", code.code, event.by or event.agent)
    return None


def attempt_of(world: World, agent: str) -> Attempt | None:
    """The attempt that the agent's current or last call was."""
    talks = [world.attempts[key] for key in world.talks_of(agent)]
    return max(talks, key=lambda one: one.answered_at or 0.0, default=None) or _current_call(world, agent)


def _current_call(world: World, agent: str) -> Attempt | None:
    """The attempt whose call was transferred to this agent."""
    known = world.agents.get(agent)
    call = world.calls.get(known.call) if known is not None else None
    attempt = attempts.of(world, call) if call is not None and call.segment is not None else None
    return attempt if attempt is not None and attempt.stage is AttemptStage.TALKED else None


def _disposition_refused(world: World, event: DispositionRequested, reason: Sentence) -> Sentence:
    refusals.refuse(world, "set_disposition", reason, by=event.by, agent=event.agent)
    return reason
