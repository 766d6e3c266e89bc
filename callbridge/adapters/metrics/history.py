"""Whether the history is being written."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class HistoryGauge(Collector):
    """``is_up`` is asked at every scrape; None: there is no history, and no series."""

    def __init__(self) -> None:
        self.is_up: Callable[[], bool | None] = lambda: None

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("callbridge_history_up", "1 while the history is written.")
        found = self.is_up()
        if found is not None:
            up.add_metric([], found)
        yield up
