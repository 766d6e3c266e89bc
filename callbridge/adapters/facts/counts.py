"""The counters and histograms that continue over restarts, and how much each fact adds to which of them.

Pure, and the only place that knows both a fact and its metrics. What is measured in this process alone (orders, saves, the
loop) is in ``metrics`` and begins at zero with every start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, assert_never, get_args

from callbridge.core.model.agent import State
from callbridge.core.model.call import VisitOutcome
from callbridge.core.model.facts import (
    AgentAlerted,
    AgentChanged,
    AnyFact,
    ApplicationReplaced,
    AttemptEnded,
    AttemptMade,
    CallbackEnded,
    CallbackRefused,
    CallbackRequested,
    CallbackTried,
    CallDiverted,
    CallQuality,
    CallRecorded,
    CallRefused,
    CallRepeated,
    CallScored,
    ConferenceEnded,
    DifferenceFound,
    DispositionSet,
    EntityQuarantined,
    FlowEnded,
    LookupEnded,
    OfferEnded,
    OptedOut,
    PromptFailed,
    RecordingFailed,
    RequestRefused,
    SurveyAnswered,
    SurveyEnded,
    SurveyMissed,
    TalkEnded,
    TieLineFailed,
    VisitBegan,
    VisitEnded,
    VoicemailLeft,
    WrapUpEnded,
)
from callbridge.core.model.ids import LegId, pbx_of

_WAITS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600)
_LONG_WAITS = (60, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800)
_TALKS = (5, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200)
_IDLE = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600)
_DELAY = (0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 3, 5)
_SHARES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)
_MOS = (1.0, 2.0, 2.6, 3.1, 3.6, 4.0, 4.2, 4.5)
QUICK = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric: a counter, or with ``bounds`` (of its buckets) a histogram. ``free``: labels whose values people choose."""

    name: str
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    free: frozenset[str] = frozenset()


Series = tuple[Family, tuple[str, ...]]
"""A metric with a value for each of its labels."""
Growth = tuple[Family, tuple[str, ...], float]
"""By how much a series grows; of a histogram: what was observed."""

_OfVisits = VisitBegan | VisitEnded | CallDiverted | CallRefused
_OfTalks = OfferEnded | TalkEnded | ConferenceEnded | WrapUpEnded | CallRecorded | RecordingFailed | CallRepeated
_OfSelfService = FlowEnded | PromptFailed | LookupEnded | SurveyAnswered | SurveyEnded | SurveyMissed | VoicemailLeft
_OfCallbacks = CallbackRequested | CallbackRefused | CallbackEnded | CallbackTried
_OfAgents = (
    AgentChanged | AgentAlerted | RequestRefused | DifferenceFound | EntityQuarantined | ApplicationReplaced | TieLineFailed
)
_OfCampaigns = AttemptMade | AttemptEnded | DispositionSet | OptedOut


def _counter(name: str, text: str, *labels: str, free: str = "") -> Family:
    return Family(name, text, labels, free=frozenset(free.split()))


def _histogram(name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Family:
    return Family(name, text, labels, bounds)


OFFERED = _counter("visits_offered", "Calls that entered a queue.", "queue", "tier")
VISITS_ENDED = _counter("visits_ended", "Visits ended, by outcome.", "queue", "tier", "outcome")
WITHIN_TARGET = _counter("visits_within_target", "Visits answered within the service level target.", "queue", "tier")
ANSWER_WAIT = _histogram("answer_wait_seconds", "Waiting time of answered visits.", _WAITS, "queue", "tier")
ABANDON_WAIT = _histogram("abandon_wait_seconds", "Waiting time of abandoned visits.", _WAITS, "queue", "tier")
EWT_ERROR = _histogram(
    "ewt_error_seconds", "Absolute error of the wait estimated on arrival, for answered visits.", _WAITS, "queue"
)
OVERFLOWS = _counter("overflows", "Visits overflowed.", "queue", "to", "reason", free="to reason")
OFFERS = _counter("offers", "Offers to agents, by result.", "queue", "result")
TALK = _histogram("talk_seconds", "Talk time per segment, without hold; direction: of the call.", _TALKS, "queue", "direction")
HOLD = _histogram("hold_seconds", "Hold time per segment.", _TALKS, "queue", "direction")
WRAP_UP = _histogram("wrap_up_seconds", "Wrap-up time.", _TALKS, "queue", "direction")
RECORDINGS = _counter("recordings", "Recordings of conversations, by result.", "queue", "result")
REPEATED = _counter("repeat_calls", "Calls from numbers that recently talked to the same queue.", "queue")
VOICEMAILS = _counter("voicemails", "Voicemail messages left.", "queue")
SURVEY_ANSWERS = _counter("survey_answers", "Survey answers.", "queue", "question", "answer")
SURVEYS = _counter("surveys_ended", "Surveys ended, by result.", "queue", "result")
CALLBACKS = _counter("callbacks", "Callbacks requested (made) or refused, and ended by outcome.", "queue", "outcome")
CALLBACK_WAIT = _histogram("callback_wait_seconds", "Time from the callback request to the conversation.", _LONG_WAITS, "queue")
CALLBACK_ATTEMPTS = _counter("callback_attempts", "Callback attempts, by result.", "queue", "result")
FLOWS = _counter("flows_ended", "Flows ended, by result.", "flow", "result")
PROMPTS = _counter("prompts_failed", "Prompts that could not be played.", "where")
LOOKUPS = _counter("lookups", "Caller lookups in other systems, by result.", "lookup", "result")
LOOKUP_SECONDS = _histogram("lookup_seconds", "Duration of caller lookups.", QUICK, "lookup")
DIVERTED = _counter("calls_diverted", "Calls sent back to the dialplan, by reason.", "pbx", "reason", free="reason")
CALLS_REFUSED = _counter("calls_refused", "Callers hung up because a limit was reached, by what was full.", "pbx", "full")
AGENT_SECONDS = _counter("agent_state_seconds", "Time that agents spent in each state.", "state", "reason", free="reason")
EACH_AGENTS_SECONDS = _counter(
    "agent_state_seconds", "Time that agents spent in each state.", "state", "reason", "agent", free="reason agent"
)
ALERTS = _counter("agent_alerts", "Agent alerts raised, by kind.", "kind")
REQUESTS_REFUSED = _counter("requests_refused", "Requests refused, by request.", "request", free="request")
DIFFERENCES = _counter("audit_differences", "Differences found between callbridge's state and the PBX.", "pbx", "kind")
TIE_LINE_FAILED = _counter(
    "tie_line_failed", "Times that a tie line was taken out of use because the other PBX did not reply.", "pbx", "to"
)
APPLICATION_REPLACED = _counter("application_replaced", "Times that another client opened callbridge's ARI application.", "pbx")
QUARANTINES = _counter("quarantines", "Calls, agents and others quarantined after an internal error.", "kind")
ESTIMATED = _counter("estimated_times", "Facts with an estimated time, because the event was missed.")
ATTEMPTS = _counter("dialer_attempts", "Dialling attempts ended, by outcome.", "campaign", "outcome")
DIALS = _counter("dialer_dials", "Numbers dialled.", "campaign")
DIALER_LATE = _counter("dialer_late", "Conversations that started later than allowed; they count as abandoned.", "campaign")
IDLE = _histogram("dialer_idle_seconds", "Idle time of agents before a campaign call.", _IDLE, "campaign")
DELAY = _histogram("dialer_connect_delay_seconds", "Time from the customer's answer to the agent's.", _DELAY, "campaign")
QUEUE_DISPOSITIONS = _counter("dispositions", "Dispositions of a queue's own codes, by code.", "queue", "code")
DISPOSITIONS = _counter("dialer_dispositions", "Dispositions set, by code.", "campaign", "code")
OPT_OUTS = _counter("dialer_opt_outs", "Opt-outs: numbers added to the do-not-call list.", "reason", free="reason")

REVIEWS = _counter("quality_reviews", "Recordings scored; fatal: a fatal criterion was not met.", "queue", "form", "fatal")
SCORE = _histogram("quality_score", "Scores of recordings, 0 to 1.", _SHARES, "queue", "form")
POINTS = _histogram("quality_points", "Points of recordings without fatal criteria, 0 to 1.", _SHARES, "queue", "form")
EACH_AGENTS_REVIEWS = _counter(REVIEWS.name, REVIEWS.text, *REVIEWS.labels, "agent", free="agent")
EACH_AGENTS_SCORE = replace(SCORE, labels=(*SCORE.labels, "agent"), free=frozenset({"agent"}))
EACH_AGENTS_POINTS = replace(POINTS, labels=(*POINTS.labels, "agent"), free=frozenset({"agent"}))

MOS = _histogram("voice_mos", "Voice quality of conversations at phones in the browser, 1 to 4.5.", _MOS, "queue")
PACKETS = _counter("voice_packets", "Packets of callers' voice at phones in the browser, by result.", "queue", "result")

_ALL = tuple(value for value in vars().values() if isinstance(value, Family))
_EACH_AGENTS = (EACH_AGENTS_SECONDS, EACH_AGENTS_REVIEWS, EACH_AGENTS_SCORE, EACH_AGENTS_POINTS)
"""With the opt-in ``metrics.label_agents``, instead of those of the same names without the label."""


def families(*, label_agents: bool) -> tuple[Family, ...]:
    """Every metric that facts feed."""
    left_out = (AGENT_SECONDS, REVIEWS, SCORE, POINTS) if label_agents else _EACH_AGENTS
    return tuple(family for family in _ALL if family not in left_out)


def seconds(state: str, reason: str, agent: str, lasted: float) -> Iterator[Growth]:
    """Time that an agent spent in a state; ``Totals`` keeps one of the two."""
    if state != State.LOGGED_OUT:
        yield AGENT_SECONDS, (state, reason), lasted
        yield EACH_AGENTS_SECONDS, (state, reason, agent), lasted


def _of_visits(fact: _OfVisits) -> Iterator[Growth]:
    match fact:
        case VisitBegan():
            yield OFFERED, (fact.queue, fact.tier), 1.0
        case VisitEnded():
            of_tier = fact.queue, fact.tier
            yield VISITS_ENDED, (*of_tier, fact.outcome), 1.0
            if fact.outcome == VisitOutcome.ANSWERED:
                if fact.within_target:
                    yield WITHIN_TARGET, of_tier, 1.0
                yield ANSWER_WAIT, of_tier, fact.waited
                if fact.expected is not None:
                    yield EWT_ERROR, (fact.queue,), abs(fact.expected - fact.lasted)
            elif fact.outcome == VisitOutcome.ABANDONED:
                yield ABANDON_WAIT, of_tier, fact.waited
            elif fact.outcome == VisitOutcome.OVERFLOWED:
                yield OVERFLOWS, (fact.queue, fact.to, fact.reason), 1.0
        case CallDiverted():
            yield DIVERTED, (pbx_of(LegId(fact.leg)), fact.reason), 1.0
        case CallRefused():
            yield CALLS_REFUSED, (pbx_of(LegId(fact.leg)), fact.full), 1.0
        case _:
            assert_never(fact)


def _of_talks(fact: _OfTalks) -> Iterator[Growth]:
    match fact:
        case OfferEnded():
            yield OFFERS, (fact.queue, fact.result), 1.0
        case TalkEnded(ended_by="short"):
            pass  # nobody has answered
        case TalkEnded():
            yield TALK, (fact.queue, fact.direction), max(0.0, fact.talked - fact.hold_seconds)
            yield HOLD, (fact.queue, fact.direction), fact.hold_seconds
        case ConferenceEnded(agent=""):
            pass  # somebody outside
        case ConferenceEnded():
            yield TALK, (fact.queue, fact.direction), fact.talked
        case WrapUpEnded():
            yield WRAP_UP, (fact.queue, fact.direction), fact.lasted
        case CallRecorded():
            yield RECORDINGS, (fact.queue, "recorded"), 1.0
        case RecordingFailed():
            yield RECORDINGS, (fact.queue, "failed"), 1.0
        case CallRepeated():
            yield REPEATED, (fact.queue,), 1.0
        case _:
            assert_never(fact)


def _of_self_service(fact: _OfSelfService) -> Iterator[Growth]:
    match fact:
        case FlowEnded():
            yield FLOWS, (fact.flow, fact.result), 1.0
        case PromptFailed():
            yield PROMPTS, (fact.where,), 1.0
        case LookupEnded():
            yield LOOKUPS, (fact.lookup, fact.result), 1.0
            yield LOOKUP_SECONDS, (fact.lookup,), fact.lasted
        case SurveyAnswered():
            yield SURVEY_ANSWERS, (fact.queue, fact.question, fact.answer), 1.0
        case SurveyEnded():
            yield SURVEYS, (fact.queue, fact.result), 1.0
        case SurveyMissed():
            yield SURVEYS, (fact.queue, "hung_up_first"), 1.0
        case VoicemailLeft():
            yield VOICEMAILS, (fact.queue,), 1.0
        case _:
            assert_never(fact)


def _of_callbacks(fact: _OfCallbacks) -> Iterator[Growth]:
    match fact:
        case CallbackRequested():
            yield CALLBACKS, (fact.queue, "made"), 1.0
        case CallbackRefused():
            yield CALLBACKS, (fact.queue, "refused"), 1.0
        case CallbackEnded():
            yield CALLBACKS, (fact.queue, fact.outcome), 1.0
            if fact.outcome == "kept":
                yield CALLBACK_WAIT, (fact.queue,), fact.waited
        case CallbackTried():
            yield CALLBACK_ATTEMPTS, (fact.queue, fact.result), 1.0
        case _:
            assert_never(fact)


def _of_agents(fact: _OfAgents) -> Iterator[Growth]:
    match fact:
        case AgentChanged():
            yield from seconds(fact.previous, fact.previous_reason, fact.agent, fact.lasted)
        case AgentAlerted():
            yield ALERTS, (fact.kind,), 1.0
        case RequestRefused():
            yield REQUESTS_REFUSED, (fact.request,), 1.0
        case DifferenceFound():
            yield DIFFERENCES, (fact.pbx, fact.kind), 1.0
        case EntityQuarantined():
            yield QUARANTINES, (fact.kind,), 1.0
        case ApplicationReplaced():
            yield APPLICATION_REPLACED, (fact.pbx,), 1.0
        case TieLineFailed():
            yield TIE_LINE_FAILED, (fact.pbx, fact.to), 1.0
        case _:
            assert_never(fact)


def _of_campaigns(fact: _OfCampaigns) -> Iterator[Growth]:
    match fact:
        case AttemptMade():
            yield DIALS, (fact.campaign,), 1.0
        case AttemptEnded():
            yield ATTEMPTS, (fact.campaign, fact.outcome), 1.0
            if fact.outcome == "answered":
                yield DELAY, (fact.campaign,), fact.delay
                yield IDLE, (fact.campaign,), fact.idle
                yield DIALER_LATE, (fact.campaign,), float(fact.late)
        case DispositionSet() if fact.campaign:
            yield DISPOSITIONS, (fact.campaign, fact.code), 1.0
        case DispositionSet():
            yield QUEUE_DISPOSITIONS, (fact.queue, fact.code), 1.0
        case OptedOut():
            yield OPT_OUTS, (fact.reason,), 1.0
        case _:
            assert_never(fact)


def _of_quality(fact: CallScored) -> Iterator[Growth]:
    """Each recording once; ``Totals`` keeps the families with the agent, or those without."""
    if fact.calibrates or fact.rescored:
        return
    fatal = "yes" if fact.failed else "no"
    yield REVIEWS, (fact.queue, fact.form, fatal), 1.0
    yield EACH_AGENTS_REVIEWS, (fact.queue, fact.form, fatal, fact.agent), 1.0
    of_form, of_agent = (fact.queue, fact.form), (fact.queue, fact.form, fact.agent)
    if fact.score is not None:
        yield SCORE, of_form, fact.score
        yield EACH_AGENTS_SCORE, of_agent, fact.score
    if fact.non_fatal_accuracy is not None:
        yield POINTS, of_form, fact.non_fatal_accuracy
        yield EACH_AGENTS_POINTS, of_agent, fact.non_fatal_accuracy


def _of_voice(fact: CallQuality) -> Iterator[Growth]:
    yield MOS, (fact.queue,), fact.mos
    yield PACKETS, (fact.queue, "received"), float(fact.received)
    yield PACKETS, (fact.queue, "lost"), float(fact.lost)


_READERS: dict[type, Callable[[Any], Iterator[Growth]]] = {
    kind: read
    for kinds, read in (
        (_OfVisits, _of_visits),
        (_OfTalks, _of_talks),
        (_OfSelfService, _of_self_service),
        (_OfCallbacks, _of_callbacks),
        (_OfAgents, _of_agents),
        (_OfCampaigns, _of_campaigns),
    )
    for kind in get_args(kinds)
} | {CallScored: _of_quality, CallQuality: _of_voice}


def counts(fact: AnyFact) -> Iterator[Growth]:
    """What this fact counts. Label values are the facts' own, not yet cleaned."""
    if getattr(fact, "estimated", False):
        yield ESTIMATED, (), 1.0
    read = _READERS.get(type(fact))
    if read is not None:
        yield from read(fact)
