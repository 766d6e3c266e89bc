"""Campaigns as others see them: what runs, what is decided and why, and how the window stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from callbridge.adapters.dialer_metrics import CampaignFigures
from callbridge.core.attempt import Campaign, Running, Stage
from callbridge.core.floor import Floor
from callbridge.core.plan import CampaignPlan
from callbridge.core.world import World


def campaigns(world: World) -> list[dict[str, object]]:
    """Every campaign of the configuration."""
    return [dict(_row(world, plan)) for plan in world.plan.campaigns.values()]


def campaign(world: World, name: str) -> dict[str, object] | None:
    plan = world.plan.campaigns.get(name)
    return None if plan is None else dict(_row(world, plan))


def _row(world: World, plan: CampaignPlan) -> Iterator[tuple[str, object]]:
    row, floor = world.campaigns.get(plan.name), world.floors.get(plan.name)
    stages = Counter(world.attempts[key].stage for key in world.attempts_of(plan.name))
    yield "name", plan.name
    yield "state", (row.state if row is not None else Running.STOPPED).value
    yield "by", row.by if row is not None else ""
    yield "since", row.since if row is not None and row.since else ""
    yield "mode", plan.mode.value
    yield "queue", plan.queue
    yield "outstanding", stages[Stage.RESERVING] + stages[Stage.DIALLING]
    yield "live", stages[Stage.LIVE]
    talked = (world.attempts[key] for key in world.attempts_of(plan.name))
    yield "talking", sum(one.stage is Stage.TALKED and one.call in world.calls for one in talked)
    yield "agents", floor.agents if floor is not None else 0
    yield "busy", floor.busy if floor is not None else 0
    yield "leads_ready", floor.ready if floor is not None else 0
    decision = floor.decision if floor is not None else None
    yield "decided", decision.dials if decision is not None else 0
    yield "why", decision.why if decision is not None else ""
    yield "why_not", _why_not(plan, row, floor, stages[Stage.RESERVING] + stages[Stage.DIALLING])
    yield "risk", round(decision.risk, 4) if decision is not None else 0.0
    yield "risk_allowed", round(decision.theta, 4) if decision is not None else 0.0
    yield "answer_chance", round(decision.answer_chance, 4) if decision is not None else 0.0
    budget = floor.pacer.budget if floor is not None else None
    yield "answers", int(budget.answers) if budget is not None else 0
    yield "abandoned", int(budget.abandoned) if budget is not None else 0
    yield "abandon_rate", round(budget.rate, 5) if budget is not None else 0.0
    yield "cap", plan.rules.cap
    yield "window_seconds", plan.rules.window


def _why_not(plan: CampaignPlan, row: Campaign | None, floor: Floor | None, out: int) -> str:
    """Why nobody is dialled now, for people; empty when somebody is, or is about to be."""
    if row is None or row.state is not Running.RUNNING:
        return "it is paused" if row is not None and row.state is Running.PAUSED else "it was not started"
    if floor is None or out:
        return ""
    if floor.held_back:
        return floor.held_back
    if floor.decision.why == "nobody":
        return f"nobody who serves {plan.queue} is at work"
    if floor.decision.dials <= 0:
        return "no agent is free, nor will be in time"
    match floor.short_of:
        case "leads" if floor.dry:
            return "no lead may be dialled now"
        case "lines":
            return f"every line is taken (lines: {plan.lines})"
    return ""


DAY = 86400.0


def campaign_figures(world: World) -> list[CampaignFigures]:
    """For the metrics."""
    return [_figures(world, plan) for plan in world.plan.campaigns.values()]


def _figures(world: World, plan: CampaignPlan) -> CampaignFigures:
    row, floor = world.campaigns.get(plan.name), world.floors.get(plan.name)
    stages = [world.attempts[key].stage for key in world.attempts_of(plan.name)]
    budget = floor.pacer.budget if floor is not None else None
    spans = {"24h": DAY, "30d": 30 * DAY}
    return CampaignFigures(
        name=plan.name,
        running=row is not None and row.state is Running.RUNNING,
        outstanding=sum(stage in (Stage.RESERVING, Stage.DIALLING) for stage in stages),
        leads_ready=floor.ready if floor is not None else 0,
        agents=floor.agents if floor is not None else 0,
        busy=floor.busy if floor is not None else 0,
        decided=floor.decision.dials if floor is not None else 0,
        expected=floor.decision.risk if floor is not None else 0.0,
        abandoned={name: budget.over(world.now - span) if budget is not None else 0.0 for name, span in spans.items()},
    )
