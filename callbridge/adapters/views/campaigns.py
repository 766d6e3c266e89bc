"""Campaigns as others see them: what runs, what is decided and why, and how the window stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from callbridge.adapters.views.phrasing import in_parts
from callbridge.core.model.attempt import AttemptStage, Campaign, Running
from callbridge.core.model.campaign_state import CampaignState
from callbridge.core.model.plan import CampaignPlan, DialMode
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.world_view import WorldView
from callbridge.core.pacing.budget import Counts

ANSWERED_WITHIN = 5.0
"""Seconds after which requested leads count as late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFigures:
    """The figures of one campaign. Ratios are 0 to 1."""

    name: str
    running: bool
    outstanding: int
    leads_ready: int
    agents: int
    busy: int
    decided: int
    expected: float
    abandoned: dict[str, float]
    """Window -> share of the people who answered."""


def campaigns(world: WorldView) -> list[dict[str, object]]:
    """Every campaign of the configuration."""
    return [dict(_row(world, plan)) for plan in world.plan.campaigns.values()]


def campaign(world: WorldView, name: str) -> dict[str, object] | None:
    """One campaign; None when it is not configured."""
    plan = world.plan.campaigns.get(name)
    return None if plan is None else dict(_row(world, plan))


def _row(world: WorldView, plan: CampaignPlan) -> Iterator[tuple[str, object]]:
    row, campaign_state = world.campaigns.get(plan.name), world.campaign_states.get(plan.name)
    stages = Counter(world.attempts[key].stage for key in world.attempts_of(plan.name))
    yield "name", plan.name
    yield "state", (row.state if row is not None else Running.STOPPED).value
    yield "by", row.by if row is not None else ""
    yield "since", row.since if row is not None and row.since else ""
    yield "mode", plan.mode.value
    yield "queue", plan.queue
    yield "outstanding", stages[AttemptStage.RESERVING] + stages[AttemptStage.DIALLING]
    yield "live", stages[AttemptStage.LIVE]
    talked = (world.attempts[key] for key in world.attempts_of(plan.name))
    yield "talking", sum(one.stage is AttemptStage.TALKED and one.call in world.calls for one in talked)
    yield "agents", campaign_state.agents if campaign_state is not None else 0
    yield "busy", campaign_state.busy if campaign_state is not None else 0
    yield "leads_ready", campaign_state.ready if campaign_state is not None else 0
    decision = campaign_state.decision if campaign_state is not None else None
    yield "decided", decision.dials if decision is not None else 0
    yield "why", decision.why if decision is not None else ""
    dials = stages[AttemptStage.RESERVING] + stages[AttemptStage.DIALLING]
    why_not = "" if dials else _why_not(world, plan, row, campaign_state)
    yield "why_not", why_not
    yield "why_not_parts", in_parts(why_not)
    yield "risk", round(decision.risk, 4) if decision is not None else 0.0
    yield "risk_allowed", round(decision.theta, 4) if decision is not None else 0.0
    yield "answer_chance", round(decision.answer_chance, 4) if decision is not None else 0.0
    counts = campaign_state.pacer.budget.counts(world.now) if campaign_state is not None else Counts()
    yield "answers", counts.answers
    yield "abandoned", counts.abandoned
    yield "abandon_rate", round(counts.rate, 5)
    yield "cap", plan.rules.cap
    yield "window_seconds", plan.rules.window


def _why_not(world: WorldView, plan: CampaignPlan, row: Campaign | None, campaign_state: CampaignState | None) -> str:
    """Why nobody is being dialled, for people; empty when somebody is about to be."""
    if row is None or row.state is not Running.RUNNING:
        paused = row is not None and row.state is Running.PAUSED
        return Sentence("it is paused") if paused else Sentence("it is stopped")
    if campaign_state is None:
        return ""
    if campaign_state.held_back:
        return campaign_state.held_back
    if not campaign_state.agents:
        return Sentence("no agent who serves {queue} is ready for it", queue=plan.queue)
    if campaign_state.decision.dials <= 0:
        return _nobody_free(world, plan, campaign_state)
    match campaign_state.short_of:
        case "leads" if campaign_state.requested_at is not None and world.now - campaign_state.requested_at > ANSWERED_WITHIN:
            return Sentence("the ledger does not answer")
        case "leads":
            return Sentence("no lead may be dialled now") if campaign_state.dry else Sentence("leads are being fetched")
        case "lines":
            return Sentence("every line is taken (lines: {lines})", lines=str(plan.lines))
        case "lines of the PBX":
            pbx = world.plan.pbx_of_campaign(plan.name)
            lines = str(world.plan.lines.get(pbx))
            return Sentence("the campaigns take every line of PBX {pbx} (its lines: {lines})", pbx=pbx, lines=lines)
    return ""


def _nobody_free(world: WorldView, plan: CampaignPlan, campaign_state: CampaignState) -> str:
    if campaign_state.agents > campaign_state.busy:
        return Sentence("every free agent is kept for callers, or has a lead already")
    if plan.rules.hard and plan.mode is DialMode.PREDICTIVE and not campaign_state.pacer.budget.bears_one_more(world.now):
        return Sentence("no agent is free, and the abandon rate allows no dialling ahead")
    return Sentence("no agent is free")


DAY = 86400.0


def campaign_figures(world: WorldView) -> list[CampaignFigures]:
    """For the metrics."""
    return [_figures(world, plan) for plan in world.plan.campaigns.values()]


def _figures(world: WorldView, plan: CampaignPlan) -> CampaignFigures:
    row, campaign_state = world.campaigns.get(plan.name), world.campaign_states.get(plan.name)
    stages = [world.attempts[key].stage for key in world.attempts_of(plan.name)]
    budget = campaign_state.pacer.budget if campaign_state is not None else None
    spans = {"24h": DAY, "30d": 30 * DAY}
    return CampaignFigures(
        name=plan.name,
        running=row is not None and row.state is Running.RUNNING,
        outstanding=sum(stage in (AttemptStage.RESERVING, AttemptStage.DIALLING) for stage in stages),
        leads_ready=campaign_state.ready if campaign_state is not None else 0,
        agents=campaign_state.agents if campaign_state is not None else 0,
        busy=campaign_state.busy if campaign_state is not None else 0,
        decided=campaign_state.decision.dials if campaign_state is not None else 0,
        expected=campaign_state.decision.risk if campaign_state is not None else 0.0,
        abandoned={name: budget.over(world.now - span) if budget is not None else 0.0 for name, span in spans.items()},
    )
