"""How far the scores of reviewed recordings are published: the database numbers them in the order in which they were written."""

from __future__ import annotations

from dataclasses import dataclass

SCORES = "scores"
"""The ID of the only row."""


@dataclass(frozen=True, kw_only=True)
class ScoreCursor:
    """``change``: the number of the last score published as a fact."""

    id: str = SCORES
    change: int
