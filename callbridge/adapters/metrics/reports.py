"""Deliveries of scheduled reports."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from callbridge.adapters.facts.privacy import label


class ReportMetrics:
    """A schedule has its series from the first look on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._sent = Counter(
            "callbridge_report_deliveries", "Attempts to send scheduled reports.", ("schedule", "result"), registry=registry
        )
        self._owed = Gauge(
            "callbridge_reports_owed",
            "Targets still waiting for a report that could not be sent.",
            ("schedule",),
            registry=registry,
        )

    def report_sent(self, schedule: str, result: str) -> None:
        self._sent.labels(label(schedule), result).inc()

    def reports_owed(self, owed: dict[str, int]) -> None:
        """Schedules that are no longer configured are no longer exported."""
        self._owed.clear()
        for schedule, number in owed.items():
            self._owed.labels(label(schedule)).set(number)
            for result in ("done", "failed"):
                self._sent.labels(label(schedule), result)
