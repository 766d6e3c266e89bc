"""The dialer: how many numbers a campaign calls now, for which leads, and what the pacers learn from the floor.

Inbound callers come first in that they are taken off the free agents before anything is dialled, and a reserve with them.
"""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.core.entities import attempts, dialling
from callbridge.core.model.agent import Agent, Work, eligible
from callbridge.core.model.attempt import ATTEMPT, Attempt, AttemptStage, Lead
from callbridge.core.model.campaign_state import CampaignState
from callbridge.core.model.events import LeadsFound
from callbridge.core.model.facts import TalkEnded, WrapUpEnded
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import FindLeads, ReserveAttempts
from callbridge.core.model.plan import CampaignPlan, DialMode
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.outbound.staffing import Staffing, campaign_state_of, running
from callbridge.core.pacing.pacer import Decision, PacerInput

LEAST_BETWEEN_DECISIONS = 0.25
"""Seconds between two decisions, at least."""
AT_LEAST = 1.0
"""Seconds after which a decision is due although nothing happened: dials and conversations have become older."""
RESERVE_WITHIN = 10.0
"""Seconds after which an attempt that the ledger has not reserved is given up."""
LEADS_RETRY = 5.0
"""Seconds until leads are requested again when there were none."""
LEADS_TIMEOUT = 30.0


def learn(world: World, known: int) -> None:
    """The pacers learn from the facts of this step; ``known``: how many they have learnt from already."""
    for fact in world.emitted()[known:]:
        match fact:
            case TalkEnded(agent=agent, talked=talked, ended_by=by):
                attempts.tidy(world, agent)
                for campaign_state in _campaign_states_of(world, agent):
                    if by != "short":
                        campaign_state.pacer.talked(talked)
            case WrapUpEnded(agent=agent, lasted=lasted):
                attempts.tidy(world, agent)
                for campaign_state in _campaign_states_of(world, agent):
                    campaign_state.pacer.wrapped_up(lasted)


def after_step(world: World) -> None:
    """The pacers decide when it is time."""
    staffing = Staffing(world)
    for plan in running(world):
        campaign_state = campaign_state_of(world, plan)
        if world.now - campaign_state.decided_at >= (LEAST_BETWEEN_DECISIONS if campaign_state.changed else AT_LEAST):
            _pace(world, plan, campaign_state, staffing)
        wakes_at = campaign_state.decided_at + (LEAST_BETWEEN_DECISIONS if campaign_state.changed else AT_LEAST)
        if campaign_state.wakes_at is None or campaign_state.wakes_at > wakes_at:
            campaign_state.wakes_at = wakes_at
            world.wake("campaign", plan.name, wakes_at)


def _campaign_states_of(world: World, agent: str) -> Iterator[CampaignState]:
    known = world.agents.get(agent)
    for plan in running(world):
        if known is not None and world.matcher.serves(known.profile, world.plan.queues[plan.queue]):
            yield campaign_state_of(world, plan)


def _pace(world: World, plan: CampaignPlan, campaign_state: CampaignState, staffing: Staffing) -> None:
    """Decide, and have as many attempts written down as may be made."""
    past = min(1.0, world.now - campaign_state.decided_at)
    campaign_state.allowance = min(max(1.0, plan.per_second), campaign_state.allowance + past * plan.per_second)
    campaign_state.decided_at, campaign_state.changed = world.now, False
    seen = _seen(world, plan, campaign_state, staffing)
    campaign_state.decision = _decide(world, plan, campaign_state, seen)
    campaign_state.held_back, campaign_state.short_of = dialling.held_back(world, plan.name), ""
    _refill(world, plan, campaign_state)
    if campaign_state.held_back:
        return
    out = sum(_has_line(world, attempt) for attempt in _attempts(world, plan.name))
    room = {"leads": len(campaign_state.hopper), "lines": plan.lines - out, "calls per second": int(campaign_state.allowance)}
    if (most := world.plan.lines.get(world.plan.pbx_of_campaign(plan.name))) is not None:
        room["lines of the PBX"] = most - _taken_lines(world, world.plan.pbx_of_campaign(plan.name))
    tightest = min(room, key=lambda name: room[name])
    count = min(campaign_state.decision.dials, room[tightest])
    if count < campaign_state.decision.dials:
        campaign_state.short_of = tightest
    if count <= 0:
        return
    campaign_state.allowance -= count
    made: list[tuple[str, int]] = []
    for _ in range(count):
        lead = campaign_state.hopper.popleft()
        if lead.agent and not _is_free(world, lead.agent):
            continue  # it is found again when its agent is free
        attempt = Attempt(
            id=world.mint(f"{ATTEMPT}.{plan.name}"),
            campaign=plan.name,
            lead=lead,
            reserved_at=world.now,
            risk=campaign_state.decision.risk,
            agent_first=plan.agent_first or bool(lead.agent),
            deadline=world.now + RESERVE_WITHIN,
        )
        world.attempts.put(attempt.id, attempt)
        made.append((attempt.id, lead.id))
    if made:
        world.order(ReserveAttempts(campaign=plan.name, attempts=tuple(made)))
    _refill(world, plan, campaign_state)


def _taken_lines(world: World, pbx: str) -> int:
    """How many lines all campaigns that dial from this PBX take."""
    attempts = (one for one in world.attempts.values() if world.plan.pbx_of_campaign(one.campaign) == pbx)
    return sum(_has_line(world, attempt) for attempt in attempts)


def _has_line(world: World, attempt: Attempt) -> bool:
    """Does it take a line of the trunk, ringing or talking, or will it in a moment?"""
    return (
        attempt.stage is AttemptStage.RESERVING or leg_id(world.plan.pbx_of_campaign(attempt.campaign), attempt.id) in world.legs
    )


def _is_free(world: World, agent: str) -> bool:
    known = world.agents.get(agent)
    return known is not None and eligible(known, world.now)


def _decide(world: World, plan: CampaignPlan, campaign_state: CampaignState, seen: PacerInput) -> Decision:
    out = len(seen.dials)
    match plan.mode:
        case DialMode.PREDICTIVE if not plan.agent_first:
            return campaign_state.pacer.decide(world.now, seen)
        case DialMode.POWER if not campaign_state.pacer.budget.is_over(world.now):
            wanted = int(plan.factor * seen.free + 0.5)
        case _:
            wanted = seen.free
    if campaign_state.agents == 0:
        return Decision(0, "nobody")
    return Decision(max(0, wanted - out), plan.mode.value)


def _seen(world: World, plan: CampaignPlan, campaign_state: CampaignState, staffing: Staffing) -> PacerInput:
    """The campaign's share of the agents, for the pacer. An agent who will be away after this conversation will not be free."""
    free, talking, wrapping = 0, [], []
    mine = staffing.agents_of(plan)
    for agent in mine:
        if agent.work is Work.WRAP_UP:
            wrapping.append(world.now - agent.wrap_began)
        elif agent.work is not Work.IDLE or agent.reserved_for:
            talking.append(_talks_for(world, agent))
        elif eligible(agent, world.now):
            free += 1
    campaign_state.busy = len(talking) + len(wrapping)
    campaign_state.agents = free + campaign_state.busy
    dials = [
        world.now - attempt.dialled_at if attempt.dialled_at is not None else 0.0
        for attempt in _attempts(world, plan.name)
        if attempt.stage in (AttemptStage.RESERVING, AttemptStage.DIALLING) and _wants_an_agent(world, plan, attempt)
    ]
    heard = sum(attempt.stage is AttemptStage.LISTENING for attempt in _attempts(world, plan.name))
    return PacerInput(free - plan.reserve - staffing.waiting_for(mine) - heard, talking, wrapping, dials)


def _wants_an_agent(world: World, plan: CampaignPlan, attempt: Attempt) -> bool:
    """Does this attempt need an available agent? One whose agent is ringing or waiting already has one."""
    call = world.calls.get(attempt.call)
    return (plan.agent_first or not attempt.agent_first) and (call is None or call.offer is None)


def _talks_for(world: World, agent: Agent) -> float:
    call = world.calls.get(agent.call)
    segment = call.segment if call is not None else None
    return world.now - segment.began_at if segment is not None else 0.0


def _attempts(world: World, campaign: str) -> list[Attempt]:
    return [world.attempts[key] for key in world.attempts_of(campaign)]


def _refill(world: World, plan: CampaignPlan, campaign_state: CampaignState) -> None:
    """Ask for leads in time."""
    enough = max(5, plan.lines)
    waiting = campaign_state.requested_at is not None and world.now - campaign_state.requested_at < LEADS_TIMEOUT
    if len(campaign_state.hopper) > enough // 2 or waiting or world.now < campaign_state.request_after:
        return
    campaign_state.requested_at = world.now
    at_hand = {lead.id for lead in campaign_state.hopper} | {attempt.lead.id for attempt in _attempts(world, plan.name)}
    busy = frozenset(key for key in (*world.agents, *world.plan.agents) if not _is_free(world, key))
    world.order(FindLeads(campaign=plan.name, count=enough, known=frozenset(at_hand), busy=busy))


def found(world: World, event: LeadsFound) -> None:
    plan = world.plan.campaigns.get(event.campaign)
    if plan is None:
        return
    campaign_state = campaign_state_of(world, plan)
    campaign_state.requested_at, campaign_state.ready, campaign_state.dry = None, event.ready, not event.leads
    if len(event.leads) < plan.lines:
        campaign_state.request_after = world.now + (LEADS_RETRY if not event.leads else AT_LEAST)
    at_hand = {lead.id for lead in campaign_state.hopper} | {attempt.lead.id for attempt in _attempts(world, plan.name)}
    campaign_state.hopper.extend(_for_somebody(world, lead) for lead in event.leads if lead.id not in at_hand)
    campaign_state.changed = True


def _for_somebody(world: World, lead: Lead) -> Lead:
    """A lead reserved for an agent who has been removed may go to any agent."""
    return lead if lead.agent in world.plan.agents else evolve(lead, agent="")
