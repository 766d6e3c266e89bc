"""Prometheus: the published metrics of one instance.

What facts count comes from the totals, is shown when it is saved, and goes on over restarts. What this process measures of
itself (links, orders, saves, the loop) is on a registry and begins at zero with every start. Gauges of queues are copied
from the board when somebody scrapes, and the text is made in a thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from callbridge import __version__
from callbridge.adapters.facts.counts import QUICK, Series, seconds
from callbridge.adapters.facts.privacy import label
from callbridge.adapters.facts.totals import FreeValues, Total, Totals
from callbridge.adapters.files.disk import FreeSpace
from callbridge.adapters.metrics.dialer import DialerGauges, LedgerGauges
from callbridge.adapters.metrics.exposition import Exposition
from callbridge.adapters.metrics.history import HistoryGauge
from callbridge.adapters.metrics.queue_gauges import PREFIX, QueueGauges
from callbridge.adapters.metrics.recordings import RecordingMetrics
from callbridge.adapters.metrics.reports import ReportMetrics
from callbridge.adapters.metrics.standby import StandbyGauge
from callbridge.adapters.system.threads import Threads
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.campaigns import CampaignFigures
from callbridge.adapters.webhooks.delivery import reader_of
from callbridge.core.entities.switches import FIXED_SWITCHES
from callbridge.core.model.agent import published
from callbridge.core.model.facts import AnyFact, OfferEnded, OfferMade, SwitchChanged
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import LookUp, OfLedger, Order
from callbridge.core.model.plan import Plan
from callbridge.core.model.switch import Switch

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series of its own for each series, that nobody asked for

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HANDOVER = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_RESULTS = ("done", "refused", "timeout", "unsent", "cancelled")
"""What becomes of orders."""
_ORDERS = tuple(order.__name__ for order in get_args(Order) if order not in (LookUp, *get_args(OfLedger)))
"""Those that go to a PBX."""
_DELIVERED = ("done", "refused", "rejected", "gone", "timeout", "unreachable", "expired")


_OF_A_STANDBY = [f"{PREFIX}leader", f"{PREFIX}build_info"]


class Metrics:
    """All metrics of one instance. ``clock`` is the runtime's: epoch seconds, as facts have.

    ``totals`` counts facts; a count is exported once ``note`` has reported it as saved.
    ``recordings``: the folder on whose disk the free space is measured, in bytes.
    ``link``, ``received`` and ``performed`` are called by the PBX links, ``delivered``, ``backlog`` and ``hook_gone`` by the
    webhooks, ``behind``, ``facts_lost`` and ``reader_gone`` by the readers of the outbox.
    """

    def __init__(
        self, board: Board, clock: Callable[[], float], totals: Totals | None = None, *, recordings: Path | None = None
    ) -> None:
        self.registry = CollectorRegistry()
        self._board = board
        self._clock = clock
        self.totals = totals or Totals()
        self._shown = self.totals.shown()
        self._until = 0.0
        """The time of the last saved event: agents' seconds are counted up to there, so that no later fact reduces them."""
        self.lost: dict[str, float] = {}
        """Facts that a reader has lost, as they are exported."""
        self.facts_not_read: dict[str, int] = {}
        self._exposition = Exposition(PREFIX, self.totals.families)
        self._threads = Threads("metrics")
        """One: so a text is made after the other."""
        self._recordings_space = FreeSpace(recordings) if recordings is not None else None
        self._gauges = QueueGauges()
        self.registry.register(self._gauges)
        self._freed: dict[str, tuple[float, str]] = {}
        """Leg -> when its agent became free, queue: until its Ring is done."""
        self._offered: dict[str, str] = {}
        """Call -> the leg of its offer, if that is to be measured: it may not have been rung when the offer ends."""
        self._performed: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._heard: dict[tuple[str, str], Counter] = {}
        """Series by their values, of which there are closed sets for each PBX: finding one takes longer than counting."""
        self._reader = FreeValues()
        self._make_own_metrics()
        self._make_reader_metrics()
        self._dialer = DialerGauges()
        self.registry.register(self._dialer)
        self.reports = ReportMetrics(self.registry)
        self.recordings = RecordingMetrics(self.registry)
        self.history = HistoryGauge()
        self.registry.register(self.history)
        self.standby = StandbyGauge()
        self.registry.register(self.standby)
        self.campaigns: Callable[[], Sequence[CampaignFigures]] = tuple
        self.ledger: Callable[[], tuple[bool, int] | None] = lambda: None
        """The state of the campaigns and of their ledger, read at every scrape."""
        self._ledger = LedgerGauges()
        self.registry.register(self._ledger)

    def begin_term(self, board: Board, totals: Totals, clock: Callable[[], float]) -> None:
        """This instance leads: from now on its world is exported. What the process measures of itself is kept."""
        self._board, self._clock, self.totals = board, clock, totals
        self._shown, self._until = totals.shown(), 0.0
        self._exposition = Exposition(PREFIX, totals.families)
        self._freed.clear()
        self._offered.clear()
        self.on_leader(True)

    def end_term(self) -> None:
        """We lead no more: what was shown last stays until another term begins."""
        self.on_leader(False)

    def adopt(self, plan: Plan, hooks: Iterable[str] = ()) -> None:
        """Everything that this configuration can bring is there from the next scrape on, at zero."""
        self.totals.adopt(plan)
        self._shown = self.totals.shown() | self._shown
        for queue in plan.queues:
            self._handover.labels(label(queue))
        self._facts_lost.labels("outbox")
        for hook in hooks:
            self._facts_lost.labels(self._reader(reader_of(hook)))
            for result in _DELIVERED:
                self._deliveries.labels(label(hook), result)

    def _make_own_metrics(self) -> None:
        self._disk_free = self._gauge("recording_disk_free_bytes", "Free disk space for recordings; NaN if it cannot be read.")
        self._disk_free.set(math.nan)
        self._switch = self._gauge("switch_on", "1 while the switch is on.", "switch")
        for switch in FIXED_SWITCHES:
            self._switch.labels(switch).set(0)
        self._handover = self._histogram(
            "handover_seconds", "Time from an agent becoming free to the next INVITE, with callers waiting.", _HANDOVER, "queue"
        )
        self._pbx_up = self._gauge("pbx_up", "1 while the link to the PBX is up.", "pbx", "link")
        self._pbx_events = self._counter("pbx_events", "Events received from the PBX.", "pbx", "type")
        self._orders = self._counter("orders", "Orders sent to the PBX, by result.", "pbx", "order", "result")
        self._order_seconds = self._histogram("order_seconds", "Duration of orders.", QUICK, "pbx", "order")
        self._event_age = self._histogram("event_age_seconds", "Age of events when they are processed.", QUICK)
        self._inbox = self._gauge("inbox_depth", "Events waiting to be processed.")
        self._lag = self._histogram("loop_lag_seconds", "Delay of the event loop.", QUICK)
        self._collection = self._histogram(
            "gc_pause_seconds", "Duration of Python's garbage collections, during which nothing else runs.", QUICK, "generation"
        )
        for generation in range(3):
            self._collection.labels(str(generation))
        self._save_seconds = self._histogram("save_seconds", "Duration of saves.", QUICK)
        self._degraded = self._gauge("store_degraded", "1 while the saved state is behind.")
        self._redis_up = self._gauge("redis_up", "1 while Redis answers; NaN if it is not used.")
        self._redis_up.set(math.nan)
        self._leader = self._gauge("leader", "1 while this instance leads.")
        self._gauge("build_info", "Version of callbridge.", "version").labels(__version__).set(1)

    def _make_reader_metrics(self) -> None:
        self._deliveries = self._counter("webhook_deliveries", "Webhook delivery attempts, by result.", "hook", "result")
        self._backlog = self._gauge("webhook_backlog", "Webhook deliveries pending in memory.", "hook")
        self._http_refused = self._counter(
            "http_refused", "HTTP connections, event readers and requests refused, by reason.", "reason"
        )
        self._facts_lost = self._counter("facts_lost", "Facts lost because a reader was too far behind.", "reader")
        self._facts_behind = self._gauge("facts_behind", "Facts saved that the reader has not been handed yet.", "reader")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(PREFIX + name, text, labels, registry=self.registry, buckets=buckets)

    # -- facts --------------------------------------------------------------------------------------------------

    def on_facts(self, facts: Iterable[AnyFact]) -> None:
        """What is not counted but shown as it is, or measured from a fact on."""
        for fact in facts:
            match fact:
                case OfferMade(freed_at=float(freed_at)):
                    self._freed[fact.leg] = (freed_at, label(fact.queue))
                    self._offered[fact.call] = fact.leg
                case OfferEnded():  # perhaps at another of the agent's devices
                    self._freed.pop(self._offered.pop(fact.call, fact.leg), None)
                case SwitchChanged():
                    self._switch.labels(label(fact.switch)).set(fact.on)

    def note(self, changed: Mapping[tuple[str, str], object | None], until: float) -> None:
        """What a batch changed is saved; the world has come up to ``until``."""
        self._until = max(self._until, until)
        for row in changed.values():
            if isinstance(row, Total):
                self._shown[self.totals.series_of(row)] = row.values

    # -- the PBX ------------------------------------------------------------------------------------------------

    def rang(self, leg: LegId) -> None:
        """The Ring of this leg went out: the INVITE is on its way."""
        freed = self._freed.pop(leg, None)
        if freed is not None:
            self._handover.labels(freed[1]).observe(max(0.0, self._clock() - freed[0]))

    def performed(self, pbx: str, order: str, result: str, seconds: float) -> None:
        """An order came to an end; ``result`` is ``done``, ``refused``, ``timeout``, ``unsent`` or ``cancelled``."""
        done = self._performed.get((pbx, order, result))
        if done is None:
            labels = label(pbx), label(order)
            done = self._orders.labels(*labels, label(result)), self._order_seconds.labels(*labels)
            self._performed[pbx, order, result] = done
        done[0].inc()
        done[1].observe(seconds)

    def expect(self, pbx: str, links: Iterable[str] = ("ari", "ami")) -> None:
        """This PBX is configured: its links count as down until ``link`` reports them."""
        for link in links:
            self.link(pbx, link, False)
        for order in _ORDERS:
            self._order_seconds.labels(label(pbx), order)
            for result in _RESULTS:
                self._orders.labels(label(pbx), order, result)

    def link(self, pbx: str, link: str, up: bool) -> None:
        """A link to a PBX went up or down; ``link``: ``ari`` or ``ami``."""
        self._pbx_up.labels(label(pbx), label(link)).set(up)

    def received(self, pbx: str, kind: str) -> None:
        """An event of this kind came from the PBX; ``kind``: the name by which the PBX calls it."""
        heard = self._heard.get((pbx, kind))
        if heard is None:
            heard = self._heard[pbx, kind] = self._pbx_events.labels(label(pbx), label(kind))
        heard.inc()

    # -- readers of the facts -----------------------------------------------------------------------------------

    def delivered(self, hook: str, result: str) -> None:
        """A webhook's delivery ended with this result."""
        self._deliveries.labels(label(hook), label(result)).inc()

    def backlog(self, hook: str, waiting: int) -> None:
        """The number of deliveries that wait for this webhook."""
        self._backlog.labels(label(hook)).set(waiting)

    def hook_gone(self, hook: str) -> None:
        """The webhook is no longer configured: its backlog is no longer exported."""
        self._backlog.remove(label(hook))

    def facts_lost(self, reader: str, count: int) -> None:
        """This many facts will never reach the reader; the reader ``outbox`` means all of them."""
        name = self._reader(reader)
        self._facts_lost.labels(name).inc(count)
        self.lost[name] = self.lost.get(name, 0.0) + count

    def behind(self, reader: str, facts: int) -> None:
        """The number of facts that this reader has not read yet."""
        name = self._reader(reader)
        self._facts_lost.labels(name)  # it is there at zero before it loses any
        self._facts_behind.labels(name).set(facts)
        self.facts_not_read[name] = facts

    def reader_gone(self, reader: str) -> None:
        """The reader has ended for good: how far it is behind is no longer exported."""
        self._facts_behind.remove(self._reader(reader))
        self.facts_not_read.pop(self._reader(reader), None)

    def http_refusals(self, reasons: Iterable[str]) -> Callable[[str], None]:
        """Returns the function that counts one refusal by HTTP. ``reasons``: all that occur, which start at zero."""
        counters = {reason: self._http_refused.labels(reason) for reason in reasons}
        return lambda reason: counters[reason].inc()

    # -- ourselves ----------------------------------------------------------------------------------------------

    def on_batch(self, ages: Iterable[float], inbox_depth: int) -> None:
        """A batch was stepped. ``ages``: of its events, in seconds; ``inbox_depth``: events that still wait."""
        for age in ages:
            self._event_age.observe(max(0.0, age))
        self._inbox.set(inbox_depth)

    def on_save(self, seconds: float, *, degraded: bool) -> None:
        """A save ended after so many seconds; ``degraded``: the store does not keep up, and the core acts unsaved."""
        self._save_seconds.observe(seconds)
        self._degraded.set(degraded)

    def on_degraded(self, degraded: bool) -> None:
        """The store began or ceased to be degraded, without a save."""
        self._degraded.set(degraded)

    def on_loop_lag(self, seconds: float) -> None:
        """The seconds by which the event loop woke up too late."""
        self._lag.observe(max(0.0, seconds))

    def on_collection(self, generation: int, seconds: float) -> None:
        self._collection.labels(str(generation)).observe(seconds)

    def on_redis(self, up: bool) -> None:
        """Redis answers, or does not."""
        self._redis_up.set(up)

    def on_leader(self, leads: bool) -> None:
        """This instance became the leader, or is no longer."""
        self._leader.set(leads)

    def on_switches(self, switches: Iterable[Switch]) -> None:
        """The state of the switches at the start."""
        for switch in switches:
            self._switch.labels(label(switch.id)).set(switch.on)

    async def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        shown = self._shown | self._in_progress()
        self._gauges.figures, self._gauges.now = self._board.figures(), self._clock()
        self._gauges.not_ready = self._board.not_ready()
        self._dialer.figures = self.campaigns()
        self._ledger.figures = self.ledger()
        if self._recordings_space is not None:
            self._disk_free.set(await self._recordings_space.bytes())
        return await self._threads.run(lambda: self._text(shown))

    async def render_standby(self) -> bytes:
        """The same while another instance leads: its figures are those of the calls, and ours would be old."""
        return bytes(generate_latest(self.registry.restricted_registry(_OF_A_STANDBY)))

    def _in_progress(self) -> dict[Series, tuple[float, ...]]:
        """Agents' seconds with those of the states that they are in now."""
        now: dict[Series, float] = {}
        for name, agent in self._board.agents.items():
            for family, values, lasted in seconds(*published(agent), name, max(0.0, self._until - agent.since)):
                if family in self.totals.families:
                    series = family, self.totals.labels(family, values)
                    now[series] = now.get(series, self._shown.get(series, (0.0,))[0]) + lasted
        return {series: (lasted,) for series, lasted in now.items()}

    def _text(self, shown: Mapping[Series, tuple[float, ...]]) -> bytes:
        return self._exposition.text(shown).encode() + bytes(generate_latest(self.registry))
