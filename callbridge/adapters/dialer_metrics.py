"""Metrics of campaigns: what was dialled and what became of it, how agents and people waited, and what the pacer thinks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from callbridge.adapters.privacy import label, scrub
from callbridge.core.attempt import OUTCOMES
from callbridge.core.facts import AttemptEnded, AttemptMade, LeadDispositioned, OptedOut

_PREFIX = "callbridge_dialer_"
_IDLE = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600)
_DELAY = (0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 3, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFigures:
    """How one campaign stands. Ratios are 0 to 1."""

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


class _Gauges(Collector):
    """Shows the copy that the last scrape took."""

    def __init__(self) -> None:
        self.figures: Sequence[CampaignFigures] = ()

    def collect(self) -> Iterable[Metric]:
        def gauge(name: str, text: str, *more: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(_PREFIX + name, text, labels=["campaign", *more])

        running = gauge("running", "1 while the campaign dials.")
        outstanding = gauge("outstanding", "Numbers being dialled now.")
        ready = gauge("leads_ready", "Leads that may be dialled now.")
        busy = gauge("utilisation_ratio", "Of the campaign's agents at work, those who talk or write up.")
        decided = gauge("decided_dials", "Dials that the last decision asked for.")
        expected = gauge("expected_abandon_ratio", "The chance that the last dial placed finds nobody free.")
        abandoned = gauge("abandon_ratio", "Of the people who answered in the window, those who heard no agent.", "window")
        for one in self.figures:
            name = label(one.name)
            running.add_metric([name], one.running)
            outstanding.add_metric([name], one.outstanding)
            ready.add_metric([name], one.leads_ready)
            busy.add_metric([name], one.busy / one.agents if one.agents else 0.0)
            decided.add_metric([name], one.decided)
            expected.add_metric([name], one.expected)
            for window, share in one.abandoned.items():
                abandoned.add_metric([name, window], share)
        return (running, outstanding, ready, busy, decided, expected, abandoned)


class LedgerGauges(Collector):
    """Is the campaigns' ledger up, and what waits for it? Shows the copy that the last scrape took; without a ledger, nothing."""

    def __init__(self) -> None:
        self.figures: tuple[bool, int] | None = None

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("callbridge_ledger_up", "1 while the campaigns' database answers.")
        pending = GaugeMetricFamily("callbridge_ledger_pending", "Orders that the campaigns' database has not carried out yet.")
        if self.figures is not None:
            for family, value in zip((up, pending), self.figures, strict=True):
                family.add_metric([], value)
        return up, pending


class DialerMetrics:
    """Its series are on the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauges = _Gauges()
        registry.register(self._gauges)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(_PREFIX + name, text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(_PREFIX + name, text, ("campaign",), registry=registry, buckets=buckets)

        self._attempts = counter("attempts", "Attempts ended.", "campaign", "outcome")
        self._dials = counter("dials", "Numbers dialled.", "campaign")
        self._late = counter("late", "Talks that began later than allowed; they count as abandoned.", "campaign")
        self._idle = histogram("idle_seconds", "How long agents were free before a campaign's call.", _IDLE)
        self._delay = histogram("connect_delay_seconds", "From the answer to the agent.", _DELAY)
        self._dispositions = counter("dispositions", "What agents said of talks.", "campaign", "code")
        self._opt_outs = counter("opt_outs", "Numbers never to be called again.", "reason")

    def figures(self, figures: Sequence[CampaignFigures]) -> None:
        """What the next scrape shows."""
        self._gauges.figures = figures

    def on_fact(self, fact: AttemptMade | AttemptEnded | LeadDispositioned | OptedOut) -> None:
        match fact:
            case AttemptMade(campaign=campaign):
                self._dials.labels(label(campaign)).inc()
                # Ends are counted from nothing to one: Prometheus sees no increase in a series that begins with one.
                for outcome in OUTCOMES:
                    self._attempts.labels(label(campaign), outcome)
                for ends in (self._delay, self._idle, self._late):
                    ends.labels(label(campaign))
            case AttemptEnded():
                campaign = label(fact.campaign)
                self._attempts.labels(campaign, label(fact.outcome)).inc()
                if fact.outcome == "answered":
                    self._delay.labels(campaign).observe(fact.delay)
                    self._idle.labels(campaign).observe(fact.idle)
                    self._late.labels(campaign).inc(fact.late)
            case LeadDispositioned():
                self._dispositions.labels(label(fact.campaign), label(fact.code)).inc()
            case OptedOut():
                self._opt_outs.labels(label(scrub(fact.reason))).inc()
