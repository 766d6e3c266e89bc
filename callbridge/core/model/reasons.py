"""Reasons for being not ready that callbridge gives itself, and those that people choose."""

from __future__ import annotations

from collections.abc import Iterable

from callbridge.core.model.agent import DND
from callbridge.core.model.plan import Reason

RONA = "rona"
"""Ring on no answer: by default the reason after an offer that the agent missed."""
FAULT = "fault"
"""The reason after an internal error with the agent or the call."""
SET_BY_CALLBRIDGE = frozenset({RONA, FAULT, DND})
"""They say what happened to an agent, not what the agent does: a person who chose one would falsify what is counted by it."""


def chosen_by_people(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """The names of the reasons that people may give: of callbridge's own only those that were given a key of the phone."""
    return tuple(one.name for one in reasons if one.name not in SET_BY_CALLBRIDGE or one.digit)
