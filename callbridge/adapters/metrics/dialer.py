"""Gauges of campaigns: the state of each, and the pacer's estimates. Dials and their outcomes are counted in ``counts``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from callbridge.adapters.facts.privacy import label
from callbridge.adapters.views.campaigns import CampaignFigures

_DIALER_PREFIX = "callbridge_dialer_"


class DialerGauges(Collector):
    """Shows the copy that the last scrape took."""

    def __init__(self) -> None:
        self.figures: Sequence[CampaignFigures] = ()

    def collect(self) -> Iterable[Metric]:
        """One sample per campaign and gauge, in Prometheus' units: ratios 0 to 1, counts of numbers and leads."""

        def gauge(name: str, text: str, *more: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(_DIALER_PREFIX + name, text, labels=["campaign", *more])

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
    """Whether the campaigns' ledger is up, and how many writes wait for it, as of the last scrape."""

    def __init__(self) -> None:
        self.figures: tuple[bool, int] | None = None

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("callbridge_ledger_up", "1 while the database answers.")
        pending = GaugeMetricFamily("callbridge_ledger_pending", "Writes pending for the database.")
        if self.figures is not None:
            for family, value in zip((up, pending), self.figures, strict=True):
                family.add_metric([], value)
        return up, pending
