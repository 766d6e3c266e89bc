"""Which series a configuration may bring: they exist at zero before anything has happened.

Prometheus sees no increase in a series that begins with one. Not here, because nobody can name them before: a supervisor's
move (``overflows``, any queue to any other), codes and reasons that somebody types who is not asked to choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import product

from callbridge.adapters.facts import counts as c
from callbridge.adapters.facts.counts import Family, Series
from callbridge.core.model.agent import DND, MISCONFIGURED, SILENT, State
from callbridge.core.model.attempt import OUTCOMES, Running
from callbridge.core.model.call import DiversionReason, OfferResult, VisitOutcome
from callbridge.core.model.callback import TRY_RESULTS
from callbridge.core.model.events import AgentRequest, CallbackChange, CallRequest
from callbridge.core.model.facts import AGENT_ALERTS
from callbridge.core.model.flow import (
    CallbackNode,
    DialplanNode,
    DoNotCallNode,
    Flow,
    FlowNode,
    GoodbyeNode,
    MenuNode,
    QueueNode,
    VoicemailNode,
)
from callbridge.core.model.plan import MEMORY, SURVEY, Plan, QueuePlan, Then, ToDialplan, ToFlow, ToQueue
from callbridge.core.model.reasons import FAULT, RONA
from callbridge.core.recovery import quarantine

_FLOW_RESULTS = ("queue", "flow", "dialplan", "goodbye", "hung_up", "moved", "failed")
_SURVEY_RESULTS = ("complete", "partial", "refused", "no_answer", "skipped", "hung_up_first")
_CALLBACKS = ("made", "refused", "kept", "failed", "expired", "cancelled")
_DIFFERENCES = (
    "bridge_without_call",
    "conversation_over",
    "conversation_without_call",
    "leg_without_owner",
    "feature_leftover",
    "caller_not_known",
    "transfer_leftover",
    "stray_in_app",
)
_OPT_OUTS = ("complaint", "asked", "opted_out")
_REQUESTED = (
    "reload",
    "switch",
    "set_disposition",
    "note",
    "script_answer",
    "close",
    "reopen",
    *(f"callback_{change}" for change in CallbackChange),
    *(f"campaign_{to}" for to in Running),
)
"""Of the configuration, of closures, of callbacks and of campaigns; those of agents and calls have types of their own."""


def series(plan: Plan) -> Iterator[Series]:
    """Every series that this configuration may bring, some of them more than once."""
    for queue in plan.queues.values():
        yield from _of_queue(plan, queue)
        yield from _of_tiers(queue)
        yield from _overflows(plan, queue)
        yield from _of_scores(plan, queue.name)
        if queue.survey in plan.surveys:
            yield from _of_survey(queue.name, plan.flows.get(SURVEY + queue.survey))
    for flow in plan.flows.values():
        yield from _of_flow(flow)
    for lookup in plan.lookups:
        if lookup != MEMORY and not lookup.startswith(SURVEY):
            yield from _each(c.LOOKUPS, (lookup,), ("found", "failed"))
            yield c.LOOKUP_SECONDS, (lookup,)
    for pbx in plan.pbxs:
        yield from _each(c.DIVERTED, (pbx,), tuple(DiversionReason))
        yield from _each(c.CALLS_REFUSED, (pbx,), ("pbx", "entry", "queue", "load"))
        yield from _each(c.DIFFERENCES, (pbx,), _DIFFERENCES)
        yield c.APPLICATION_REPLACED, (pbx,)
        for to in plan.pbxs if pbx in plan.ties else ():
            if to != pbx:
                yield c.TIE_LINE_FAILED, (pbx, to)
    yield from _of_agents(plan)
    yield from _of_campaigns(plan)
    yield from _each(c.QUARANTINES, (), quarantine.QUARANTINE_KINDS)
    yield c.ESTIMATED, ()


def names(plan: Plan) -> Mapping[str, Set[str]]:
    """Label -> the values that the configuration knows; of labels that are not here every value is welcome."""
    return {
        "queue": plan.queues.keys(),
        "tier": frozenset(tier for queue in plan.queues.values() for tier in queue.routings),
        "campaign": plan.campaigns.keys(),
        "flow": plan.flows.keys(),
        "lookup": plan.lookups.keys(),
        "pbx": frozenset(plan.pbxs),
        "to": frozenset(plan.pbxs),
        "agent": plan.agents.keys() | {"other"},
    }


def _each(family: Family, values: tuple[str, ...], last: Sequence[str]) -> Iterator[Series]:
    for value in last:
        yield family, (*values, value)


def _of_queue(plan: Plan, queue: QueuePlan) -> Iterator[Series]:
    name = (queue.name,)
    for family in (c.EWT_ERROR, c.REPEATED):
        yield family, name
    for family in (c.TALK, c.HOLD, c.WRAP_UP):
        yield from _each(family, name, _directions(plan))
    yield from _each(c.OFFERS, name, tuple(OfferResult))
    yield from _each(c.QUEUE_DISPOSITIONS, name, tuple(queue.dispositions))
    yield c.MOS, name
    yield from _each(c.PACKETS, name, ("received", "lost"))
    yield from _each(c.RECORDINGS, name, ("recorded", "failed"))
    if queue.callback is not None:
        yield from _each(c.CALLBACKS, name, _CALLBACKS)
        yield from _each(c.CALLBACK_ATTEMPTS, name, TRY_RESULTS)
        yield c.CALLBACK_WAIT, name
    said, confirms = queue.announcements, any(agent.confirm for agent in plan.agents.values())
    for what, media in {
        "greeting": said.greeting,
        "position": said.position or said.wait,
        "periodic": said.periodic,
        "busy": said.busy,
        "connection_lost": said.connection_lost,
        "callback": queue.callback.greeting if queue.callback is not None else "",
        "confirming": plan.prompts.confirm if confirms else "",
        "whisper": queue.whisper,
        "read_out": queue.read_out or queue.record is not None,
    }.items():
        if media:
            yield c.PROMPTS, (f"queue:{queue.name}/{what}",)


def _of_scores(plan: Plan, queue: str) -> Iterator[Series]:
    for form in plan.score_forms:
        for family in (c.SCORE, c.POINTS):
            yield family, (queue, form)
        yield from _each(c.REVIEWS, (queue, form), ("yes", "no"))


def _directions(plan: Plan) -> tuple[str, ...]:
    """``out`` only where calls are made."""
    makes_calls = bool(plan.campaigns) or any(queue.callback is not None for queue in plan.queues.values())
    return ("in", "out") if makes_calls else ("in",)


def _of_tiers(queue: QueuePlan) -> Iterator[Series]:
    for tier in queue.routings:
        for family in (c.OFFERED, c.WITHIN_TARGET, c.ANSWER_WAIT, c.ABANDON_WAIT):
            yield family, (queue.name, tier)
        yield from _each(c.VISITS_ENDED, (queue.name, tier), tuple(VisitOutcome))


def _overflows(plan: Plan, queue: QueuePlan) -> Iterator[Series]:
    for routing in queue.routings.values():
        if routing.then is not None:
            yield c.OVERFLOWS, (queue.name, _place(routing.then), "waited")
    for rule in queue.overflow:
        yield c.OVERFLOWS, (queue.name, _place(rule.to), rule.reason)
    for flow in queue.keys.values():
        for to in _ways_out(plan, flow):
            if to != f"queue:{queue.name}":
                yield c.OVERFLOWS, (queue.name, to, "key")


def _place(then: Then) -> str:
    match then:
        case ToQueue(queue):
            return f"queue:{queue}"
        case ToFlow(flow):
            return f"flow:{flow}"
        case ToDialplan(context, extension):
            return f"dialplan:{context},{extension}"


def _ways_out(plan: Plan, name: str) -> Iterator[str]:
    """Where a flow that a waiting caller's key opens may lead: the visit ends there."""
    flow = plan.flows.get(name)
    for node in flow.nodes.values() if flow is not None else ():
        match node:
            case QueueNode():
                yield from (f"queue:{queue}" for queue in (plan.queues if node.by else (node.queue,)))
            case FlowNode():
                yield f"flow:{node.flow}"
            case DialplanNode():
                yield f"dialplan:{node.context},{node.extension}"
            case CallbackNode():
                yield f"callback:{node.queue}"
            case GoodbyeNode():
                yield "goodbye"


def _of_survey(queue: str, flow: Flow | None) -> Iterator[Series]:
    yield from _each(c.SURVEYS, (queue,), _SURVEY_RESULTS)
    for node in flow.nodes.values() if flow is not None else ():
        if isinstance(node, MenuNode) and node.question:
            yield from _each(c.SURVEY_ANSWERS, (queue, node.question), tuple(node.keys))


def _of_flow(flow: Flow) -> Iterator[Series]:
    if not flow.name.startswith(MEMORY):
        yield from _each(c.FLOWS, (flow.name,), _FLOW_RESULTS)
    for name, node in flow.nodes.items():
        if getattr(node, "media", ""):
            yield c.PROMPTS, (f"flow:{flow.name}/{name}",)
        if isinstance(node, VoicemailNode):
            yield c.VOICEMAILS, (node.queue,)
        if isinstance(node, DoNotCallNode):
            yield c.OPT_OUTS, (node.reason,)


def _of_agents(plan: Plan) -> Iterator[Series]:
    for state, reason in _states(plan):
        yield c.AGENT_SECONDS, (state, reason)
    for (state, reason), agent in product(tuple(_states(plan)), plan.agents):
        yield c.EACH_AGENTS_SECONDS, (state, reason, agent)
    yield from _each(c.ALERTS, (), AGENT_ALERTS)
    yield from _each(c.REQUESTS_REFUSED, (), (*AgentRequest, *CallRequest, *_REQUESTED))


def _states(plan: Plan) -> Iterator[tuple[str, str]]:
    for state in State:
        if state not in (State.LOGGED_OUT, State.NOT_READY):
            yield state, ""
    for trouble in (SILENT, *MISCONFIGURED):
        yield State.OFFLINE, trouble
    yield State.BUSY_ELSEWHERE, DND
    penalties = [one for queue in plan.queues.values() for one in (queue.no_answer, queue.rejected, queue.offline)]
    forced = {one.not_ready for one in penalties if one.not_ready}
    if plan.phones.pause_on_dnd:
        forced.add(DND)
    for reason in sorted({"", RONA, FAULT, *forced, *plan.reasons}):
        yield State.NOT_READY, reason


def _of_campaigns(plan: Plan) -> Iterator[Series]:
    for campaign in plan.campaigns.values():
        yield from _each(c.ATTEMPTS, (campaign.name,), OUTCOMES)
        for family in (c.DIALS, c.DIALER_LATE, c.IDLE, c.DELAY):
            yield family, (campaign.name,)
        yield from _each(c.DISPOSITIONS, (campaign.name,), tuple(campaign.dispositions))
        yield from _each(c.OPT_OUTS, (), tuple(one.code for one in campaign.dispositions.values() if one.block))
    if plan.campaigns:
        yield from _each(c.OPT_OUTS, (), _OPT_OUTS)
