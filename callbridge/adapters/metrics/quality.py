"""How recordings were scored by the API."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from callbridge.adapters.facts.privacy import label

SCORE_BOUNDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)


class QualityMetrics:
    """``queue`` and ``form`` are of the configuration, so there are few series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reviews = Counter(
            "callbridge_quality_reviews",
            "Recordings scored by the API, with `fatal` yes when a fatal criterion was not met.",
            ("queue", "form", "fatal"),
            registry=registry,
        )
        self._scores = Histogram(
            "callbridge_quality_score",
            "Scores given by the API, 0 to 1.",
            ("form",),
            buckets=SCORE_BOUNDS,
            registry=registry,
        )

    def review_scored(self, queue: str, form: str, score: float | None, *, fatal: bool) -> None:
        """``score``: None when no criterion applied."""
        self._reviews.labels(label(queue), label(form), "yes" if fatal else "no").inc()
        if score is not None:
            self._scores.labels(label(form)).observe(score)
