"""How many standbys could take over from this leader."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class StandbyGauge(Collector):
    """``count`` is asked at every scrape; None: this instance runs alone, and there is no series."""

    def __init__(self) -> None:
        self.count: Callable[[], int | None] = lambda: None

    def collect(self) -> Iterable[Metric]:
        standbys = GaugeMetricFamily("callbridge_standbys", "Standbys that could take over now.")
        found = self.count()
        if found is not None:
            standbys.add_metric([], found)
        yield standbys
