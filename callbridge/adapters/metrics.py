"""Prometheus: the published metric names, derived from facts, orders' results and batches.

Counters and histograms are fed as things happen; gauges of queues are copied from the board when somebody scrapes,
and the text is made in a thread. Label values come from the configuration or from closed sets; the two that people
may choose freely (reasons, targets) are cleaned and counted: beyond MOST_VALUES they are ``other``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from callbridge import __version__
from callbridge.adapters.dialer_metrics import CampaignFigures, DialerMetrics, LedgerGauges
from callbridge.adapters.disk import FreeSpace
from callbridge.adapters.privacy import label, scrub
from callbridge.adapters.threads import Threads
from callbridge.adapters.views import Board, QueueFigures
from callbridge.core.agent import State, published
from callbridge.core.call import Outcome
from callbridge.core.facts import (
    AGENT_ALERTS,
    AgentAlerted,
    AgentChanged,
    AnyFact,
    AskRefused,
    AttemptEnded,
    AttemptMade,
    CallbackTried,
    CallDiverted,
    CallRecorded,
    CallRepeated,
    DifferenceFound,
    EntityQuarantined,
    FlowEnded,
    LeadDispositioned,
    LookupEnded,
    OfferEnded,
    OfferMade,
    OptedOut,
    PromiseEnded,
    PromiseMade,
    PromptFailed,
    RecordingFailed,
    SurveyAnswered,
    SurveyEnded,
    SurveyMissed,
    SwitchChanged,
    TalkEnded,
    VisitBegan,
    VisitEnded,
    VoicemailLeft,
    WrapUpEnded,
)
from callbridge.core.ids import LegId, pbx_of
from callbridge.core.switch import Switch
from callbridge.core.switches import KNOWN

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series of its own for each series, that nobody asked for

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_VALUES = 100
MOST_AGENTS = 500
_PREFIX = "callbridge_"
_NUMBER = re.compile(r"\+?\d{6,}")
"""What could be a phone number in something that people may choose."""
_WAITS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600)
_LONG_WAITS = (60, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800)
_TALKS = (5, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200)
_QUICK = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_HANDOVER = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_QUARANTINED = ("call", "agent")
_NOT_SERVED = ("bypass", "overload", "unknown_entry", "fault")
"""Why a call goes to the fallback though nobody asked for that in the configuration."""


class _Values:
    """The first MOST_VALUES values that somebody may choose; the rest are ``other``."""

    def __init__(self, most: int = MOST_VALUES) -> None:
        self._most = most
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        value = scrub(_NUMBER.sub("number", label(value)))
        if value not in self._seen:
            if len(self._seen) >= self._most:
                return "other"
            self._seen.add(value)
        return value


class _AgentClocks:
    """Seconds of agents in states, counted up to now whenever somebody looks, and never twice.

    ``begin``: since when this run counts; what came before was counted by the run before."""

    def __init__(self, board: Board, begin: float, count: Callable[[str, str, str, float], None]) -> None:
        self._board = board
        self._begin = begin
        self._count = count
        self._until: dict[str, tuple[State, str, float]] = {}
        """Agent -> state, reason, and up to when it is counted."""
        for name, agent in board.agents.items():
            self._enter(name, *published(agent), max(begin, agent.since))

    def changed(self, fact: AgentChanged) -> None:
        """A state is over. Times may be estimated backwards: the counted ones never shrink."""
        if fact.agent not in self._until:
            self._enter(fact.agent, State(fact.previous), fact.previous_reason, max(self._begin, fact.at - fact.lasted))
        state, reason, counted = self._until.pop(fact.agent, (State.LOGGED_OUT, "", fact.at))
        if state is not State.LOGGED_OUT:
            self._count(fact.agent, state, reason, max(0.0, fact.at - counted))
        self._enter(fact.agent, State(fact.state), fact.reason, max(fact.at, counted))

    def tick(self, now: float) -> None:
        """Count what is in progress."""
        for name, (state, reason, counted) in list(self._until.items()):
            if name not in self._board.agents:
                del self._until[name]
            elif now > counted:
                self._until[name] = state, reason, now
                self._count(name, state, reason, now - counted)

    def _enter(self, name: str, state: State, reason: str, at: float) -> None:
        if state is not State.LOGGED_OUT:
            self._until[name] = state, reason, at


class _QueueGauges(Collector):
    """Shows the copy that the last scrape took."""

    def __init__(self) -> None:
        self.figures: Mapping[str, QueueFigures] = {}
        self.now = 0.0

    def collect(self) -> Iterable[Metric]:
        waiting = GaugeMetricFamily(f"{_PREFIX}queue_calls_waiting", "Callers in the queue now.", labels=["queue"])
        oldest = GaugeMetricFamily(f"{_PREFIX}queue_oldest_wait_seconds", "Wait of who waits longest.", labels=["queue"])
        promises = GaugeMetricFamily(f"{_PREFIX}queue_callbacks_waiting", "Callbacks owed now.", labels=["queue"])
        agents = GaugeMetricFamily(f"{_PREFIX}queue_agents", "Agents that fit the queue.", labels=["queue", "state"])
        for name, figures in self.figures.items():
            queue = label(name)
            since = figures.oldest_arrived_at
            waiting.add_metric([queue], figures.waiting)
            promises.add_metric([queue], figures.promises)
            oldest.add_metric([queue], 0.0 if since is None else max(0.0, self.now - since))
            for state in State:
                agents.add_metric([queue, state.value], figures.agents.get(state, 0))
        return (waiting, oldest, promises, agents)


class Metrics:
    """All metrics of one instance, on a registry of its own. ``clock`` is the runtime's: epoch seconds, as facts have.

    ``recordings``: the folder whose disk's free space is told.
    ``begin``: when the run before this one ended, as far as its saved world says; agents' seconds count from there.
    ``link``, ``heard`` and ``performed`` are what an observer of the PBX links is told, ``delivered``, ``backlog``,
    ``facts_lost`` and ``hook_gone`` one of the webhooks.
    """

    def __init__(
        self,
        board: Board,
        clock: Callable[[], float],
        *,
        begin: float | None = None,
        label_agents: bool = False,
        recordings: Path | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self._board = board
        self._clock = clock
        self._label_agents = label_agents
        self._recordings_space = FreeSpace(recordings) if recordings is not None else None
        self._threads = Threads("metrics")
        self._gauges = _QueueGauges()
        self.registry.register(self._gauges)
        self._freed: dict[str, tuple[float, str]] = {}
        """Leg -> when its agent became free, queue: until its Ring is done."""
        self._reason, self._to, self._ask, self._reader = _Values(), _Values(), _Values(), _Values()
        self._agent = _Values(MOST_AGENTS)
        self._make_call_metrics()
        self._make_own_metrics()
        self._make_reader_metrics()
        self._dialer = DialerMetrics(self.registry)
        self.campaigns: Callable[[], Sequence[CampaignFigures]] = tuple
        self.ledger: Callable[[], tuple[bool, int] | None] = lambda: None
        """How the campaigns and their ledger stand, asked at every scrape."""
        self._ledger = LedgerGauges()
        self.registry.register(self._ledger)
        self._clocks = _AgentClocks(board, clock() if begin is None else begin, self._spent)
        for kind in _QUARANTINED:
            self._quarantines.labels(kind)

    def _make_call_metrics(self) -> None:
        self._offered = self._counter("visits_offered", "Visits begun.", "queue", "tier")
        self._ended = self._counter("visits_ended", "Visits ended.", "queue", "tier", "outcome")
        self._within = self._counter("visits_within_target", "Visits answered within target.", "queue", "tier")
        self._answer_wait = self._histogram("answer_wait_seconds", "Wait of answered visits.", _WAITS, "queue", "tier")
        self._abandon_wait = self._histogram("abandon_wait_seconds", "Wait of abandoned visits.", _WAITS, "queue", "tier")
        self._talk = self._histogram("talk_seconds", "Talk of a segment without hold.", _TALKS, "queue")
        self._hold = self._histogram("hold_seconds", "Hold of a segment.", _TALKS, "queue")
        self._wrap_up = self._histogram("wrap_up_seconds", "Wrap-up.", _TALKS, "queue")
        self._offers = self._counter("offers", "Offers ended.", "queue", "result")
        self._handover = self._histogram(
            "handover_seconds", "Agent free to next INVITE, with callers waiting.", _HANDOVER, "queue"
        )
        self._overflows = self._counter("overflows", "Visits overflowed.", "queue", "to", "reason")
        self._ewt_error = self._histogram(
            "ewt_error_seconds", "Estimated wait when the visit began against the wait of those answered.", _WAITS, "queue"
        )
        self._flows = self._counter("flows_ended", "Flows that callers left.", "flow", "result")
        self._survey_answers = self._counter("survey_answers", "Answers to surveys.", "queue", "question", "answer")
        self._surveys = self._counter("surveys_ended", "Surveys that callers left.", "queue", "result")
        self._promises = self._counter("callbacks", "Callbacks made, kept, failed, expired and cancelled.", "queue", "outcome")
        self._promise_wait = self._histogram("callback_wait_seconds", "From promised to kept.", _LONG_WAITS, "queue")
        self._disk_free = self._gauge("recording_disk_free_bytes", "Free where recordings go; NaN when that cannot be seen.")
        self._disk_free.set(math.nan)
        self._recordings = self._counter("recordings", "Talks recorded, or not.", "queue", "result")
        self._repeated = self._counter("repeat_calls", "Calls of numbers that talked to the queue a short time ago.", "queue")
        self._callbacks = self._counter("callback_attempts", "Customers called back.", "queue", "result")
        self._voicemails = self._counter("voicemails", "Messages left.", "queue")
        self._prompts = self._counter("prompts_failed", "Prompts that could not be played.", "where")
        self._lookups = self._counter("lookups", "Other systems asked about callers.", "lookup", "result")
        self._lookup_seconds = self._histogram("lookup_seconds", "Time that a lookup took.", _QUICK, "lookup")
        self._diverted = self._counter("calls_diverted", "Calls sent to the dialplan.", "pbx", "reason")
        labels = ("state", "reason", "agent") if self._label_agents else ("state", "reason")
        self._agent_seconds = self._counter("agent_state_seconds", "Time that agents spent in states.", *labels)
        self._estimated = self._counter("estimated_times", "Facts whose time is estimated: nobody listened.")
        self._alerts = self._counter("agent_alerts", "Agents whom somebody should look after.", "kind")
        for kind in AGENT_ALERTS:
            self._alerts.labels(kind)
        self._refused = self._counter("asks_refused", "Asks of people that were refused.", "ask")
        self._switch = self._gauge("switch_on", "1 while the switch is on.", "switch")
        for switch in KNOWN:
            self._switch.labels(switch).set(0)

    def _make_own_metrics(self) -> None:
        self._pbx_up = self._gauge("pbx_up", "Is the link to the PBX up?", "pbx", "link")
        self._pbx_events = self._counter("pbx_events", "Events heard.", "pbx", "type")
        self._orders = self._counter("orders", "Orders given to the PBX.", "pbx", "order", "result")
        self._order_seconds = self._histogram("order_seconds", "Time that an order took.", _QUICK, "pbx", "order")
        self._differences = self._counter("audit_differences", "Differences between books and PBX.", "pbx", "kind")
        self._quarantines = self._counter("quarantines", "Entities set aside after a fault of ours.", "kind")
        self._event_age = self._histogram("event_age_seconds", "Age of events when they are stepped.", _QUICK)
        self._inbox = self._gauge("inbox_depth", "Events that wait in the inbox.")
        self._lag = self._histogram("loop_lag_seconds", "How late the event loop runs.", _QUICK)
        self._save_seconds = self._histogram("save_seconds", "Time that a save took.", _QUICK)
        self._degraded = self._gauge("store_degraded", "1 while the stored world is behind.")
        self._redis_up = self._gauge("redis_up", "1 while Redis answers; NaN when none was asked.")
        self._redis_up.set(math.nan)
        self._leader = self._gauge("leader", "1 while this instance leads.")
        self._gauge("build_info", "What runs here.", "version").labels(__version__).set(1)

    def _make_reader_metrics(self) -> None:
        self._deliveries = self._counter("webhook_deliveries", "Attempts to deliver.", "hook", "result")
        self._backlog = self._gauge("webhook_backlog", "Deliveries in memory that are not done.", "hook")
        self._http_refused = self._counter("http_refused", "Connections, event readers and requests that were refused.", "reason")
        self._facts_lost = self._counter("facts_lost", "Facts lost to a reader that was too far behind.", "reader")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(_PREFIX + name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(_PREFIX + name, text, labels, registry=self.registry, buckets=buckets)

    # -- facts --------------------------------------------------------------------------------------------------

    def on_facts(self, facts: Iterable[AnyFact]) -> None:
        for fact in facts:
            self._on_fact(fact)
            if getattr(fact, "estimated", False):
                self._estimated.inc()

    def _on_fact(self, fact: AnyFact) -> None:
        queue = label(fact.queue)
        match fact:
            case VisitBegan():
                self._visit_began(queue, label(fact.tier))
            case VisitEnded():
                self._visit_ended(fact, queue, label(fact.tier))
            case OfferMade(freed_at=float(freed_at)):
                self._freed[fact.leg] = (freed_at, queue)
            case OfferEnded():
                self._freed.pop(fact.leg, None)
                self._offers.labels(queue, label(fact.result)).inc()
            case FlowEnded():
                self._flows.labels(label(fact.flow), label(fact.result)).inc()
            case PromptFailed():
                self._prompts.labels(label(fact.where)).inc()
            case SurveyAnswered():
                self._survey_answers.labels(queue, label(fact.question), label(fact.answer)).inc()
            case SurveyEnded():
                self._surveys.labels(queue, label(fact.result)).inc()
            case PromiseMade():
                self._promises.labels(queue, "made").inc()
            case PromiseEnded():
                self._promises.labels(queue, label(fact.outcome)).inc()
                if fact.outcome == "kept":
                    self._promise_wait.labels(queue).observe(fact.waited)
            case CallRecorded():
                self._recordings.labels(queue, "recorded").inc()
            case RecordingFailed():
                self._recordings.labels(queue, "failed").inc()
            case CallRepeated():
                self._repeated.labels(queue).inc()
            case CallbackTried():
                self._callbacks.labels(queue, label(fact.result)).inc()
            case SurveyMissed():
                self._surveys.labels(queue, "hung_up_first").inc()
            case VoicemailLeft():
                self._voicemails.labels(queue).inc()
            case LookupEnded():
                self._lookups.labels(label(fact.lookup), label(fact.result)).inc()
                self._lookup_seconds.labels(label(fact.lookup)).observe(fact.lasted)
            case TalkEnded(ended_by="short"):
                pass  # nobody has answered
            case TalkEnded():
                self._talk.labels(queue).observe(max(0.0, fact.talked - fact.held))
                self._hold.labels(queue).observe(fact.held)
            case WrapUpEnded():
                self._wrap_up.labels(queue).observe(fact.lasted)
            case CallDiverted():
                self._diverted.labels(label(pbx_of(LegId(fact.leg))), label(scrub(fact.reason))).inc()
            case AgentChanged():
                self._clocks.changed(fact)
            case AgentAlerted():
                self._alerts.labels(label(fact.kind)).inc()
            case AskRefused():
                self._refused.labels(self._ask(fact.ask)).inc()
            case AttemptMade() | AttemptEnded() | LeadDispositioned() | OptedOut():
                self._dialer.on_fact(fact)
            case SwitchChanged():
                self._switch.labels(label(fact.switch)).set(fact.on)
            case DifferenceFound():
                self._differences.labels(label(fact.pbx), label(fact.kind)).inc()
            case EntityQuarantined():
                self._quarantines.labels(label(fact.kind)).inc()

    def _visit_began(self, queue: str, tier: str) -> None:
        self._offered.labels(queue, tier).inc()
        # Its end is counted from nothing to one: Prometheus sees no increase in a series that begins with one.
        for outcome in Outcome:
            self._ended.labels(queue, tier, outcome.value)
        for metric in (self._within, self._answer_wait, self._abandon_wait):
            metric.labels(queue, tier)

    def _visit_ended(self, fact: VisitEnded, queue: str, tier: str) -> None:
        self._ended.labels(queue, tier, label(fact.outcome)).inc()
        if fact.within_target:
            self._within.labels(queue, tier).inc()
        if fact.outcome == Outcome.ANSWERED:
            self._answer_wait.labels(queue, tier).observe(fact.waited)
            if fact.expected is not None:
                self._ewt_error.labels(queue).observe(abs(fact.expected - fact.lasted))
        elif fact.outcome == Outcome.ABANDONED:
            self._abandon_wait.labels(queue, tier).observe(fact.waited)
        elif fact.outcome == Outcome.OVERFLOWED:
            self._overflows.labels(queue, self._to(fact.to), label(scrub(fact.reason))).inc()

    def _spent(self, agent: str, state: str, reason: str, seconds: float) -> None:
        who = (self._agent(agent),) if self._label_agents else ()
        self._agent_seconds.labels(label(state), self._reason(reason), *who).inc(seconds)

    # -- the PBX ------------------------------------------------------------------------------------------------

    def rang(self, leg: LegId) -> None:
        """The Ring of this leg went out: the INVITE is on its way."""
        freed = self._freed.pop(leg, None)
        if freed is not None:
            self._handover.labels(freed[1]).observe(max(0.0, self._clock() - freed[0]))

    def performed(self, pbx: str, order: str, result: str, seconds: float) -> None:
        """An order came to an end; ``result`` is ``done``, ``refused``, ``timeout``, ``unsent`` or ``cancelled``."""
        self._orders.labels(label(pbx), label(order), label(result)).inc()
        self._order_seconds.labels(label(pbx), label(order)).observe(seconds)

    def expect(self, pbx: str) -> None:
        """This PBX is configured: its links are down until they are told to be up."""
        for link in ("ari", "ami"):
            self.link(pbx, link, False)
        for reason in _NOT_SERVED:
            self._diverted.labels(label(pbx), reason)

    def link(self, pbx: str, link: str, up: bool) -> None:
        self._pbx_up.labels(label(pbx), label(link)).set(up)

    def heard(self, pbx: str, kind: str) -> None:
        self._pbx_events.labels(label(pbx), label(kind)).inc()

    # -- readers of the facts -----------------------------------------------------------------------------------

    def delivered(self, hook: str, result: str) -> None:
        self._deliveries.labels(label(hook), label(result)).inc()

    def backlog(self, hook: str, waiting: int) -> None:
        self._backlog.labels(label(hook)).set(waiting)

    def hook_gone(self, hook: str) -> None:
        self._backlog.remove(label(hook))

    def facts_lost(self, reader: str, count: int) -> None:
        """So many facts will never reach this reader; ``outbox`` stands for all of them."""
        self._facts_lost.labels(self._reader(reader)).inc(count)

    def http_refusals(self, reasons: Iterable[str]) -> Callable[[str], None]:
        """What HTTP refuses, for these reasons: gives the function that counts one."""
        counters = {reason: self._http_refused.labels(reason) for reason in reasons}
        return lambda reason: counters[reason].inc()

    # -- ourselves ----------------------------------------------------------------------------------------------

    def on_batch(self, ages: Iterable[float], inbox_depth: int) -> None:
        """A batch was stepped: how old its events were, and how many still wait."""
        for age in ages:
            self._event_age.observe(max(0.0, age))
        self._inbox.set(inbox_depth)

    def on_save(self, seconds: float, *, degraded: bool) -> None:
        self._save_seconds.observe(seconds)
        self._degraded.set(degraded)

    def on_degraded(self, degraded: bool) -> None:
        self._degraded.set(degraded)

    def on_loop_lag(self, seconds: float) -> None:
        self._lag.observe(max(0.0, seconds))

    def on_redis(self, up: bool) -> None:
        self._redis_up.set(up)

    def on_leader(self, leads: bool) -> None:
        self._leader.set(leads)

    def on_switches(self, switches: Iterable[Switch]) -> None:
        """How the switches stand when we begin."""
        for switch in switches:
            self._switch.labels(label(switch.id)).set(switch.on)

    async def render(self) -> bytes:
        """The text for Prometheus."""
        self._clocks.tick(self._clock())
        self._gauges.figures, self._gauges.now = self._board.figures(), self._clock()
        self._dialer.figures(self.campaigns())
        self._ledger.figures = self.ledger()
        if self._recordings_space is not None:
            self._disk_free.set(await self._recordings_space.bytes())
        return bytes(await self._threads.run(lambda: generate_latest(self.registry)))
