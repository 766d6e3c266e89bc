"""What the configuration says that reports need and the history does not hold: scales of questions, terms of campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTerms:
    """``ratings``: (survey, question) -> its answers from the worst to the best, of questions that ask for a rating. Without
    them, such as of a survey that is no longer configured, its answers are counted only."""

    ratings: Mapping[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
