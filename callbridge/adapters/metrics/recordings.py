"""Recordings deleted after their retention period."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from callbridge.adapters.facts.privacy import label


class RecordingMetrics:
    """``queue`` is of the configuration, now or before."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deleted = Counter(
            "callbridge_recordings_deleted",
            "Recordings that were due to be deleted, by result.",
            ("queue", "result"),
            registry=registry,
        )

    def recordings_deleted(self, queue: str, result: str, count: int) -> None:
        self._deleted.labels(label(queue), result).inc(count)
