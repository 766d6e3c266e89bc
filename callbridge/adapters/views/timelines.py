"""What happened to each call, as the last facts told it: kept in memory, to answer why.

Numbers are masked. A call's story holds its last facts; stories of calls that ended are kept for a while.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any

from callbridge.adapters.facts.codec import fact_dict
from callbridge.adapters.facts.masking import personal
from callbridge.core.model.facts import AnyFact, CallEnded


def told(fact: AnyFact, *, mask: bool = True) -> dict[str, Any]:
    """A fact as plain data for others."""
    plain = fact_dict(fact)
    if mask:
        plain.update(personal(fact))
    return plain


class Timelines:
    """``longest``: facts kept of one call. ``most_ended``: calls kept after their end, for ``kept`` seconds."""

    def __init__(self, *, longest: int = 200, most_ended: int = 5_000, kept: float = 86_400.0, mask: bool = True) -> None:
        self._longest = longest
        self._most_ended = most_ended
        self._kept = kept
        self._mask = mask
        self._facts: dict[str, deque[AnyFact]] = {}
        self._ended: OrderedDict[str, float] = OrderedDict()

    def on_facts(self, facts: Iterable[AnyFact]) -> None:
        for fact in facts:
            if not fact.call:
                continue
            timeline = self._facts.get(fact.call)
            if timeline is None:
                timeline = self._facts[fact.call] = deque(maxlen=self._longest)
            timeline.append(fact)
            if isinstance(fact, CallEnded):
                self._ended[fact.call] = fact.at
                self._forget(fact.at)

    def timeline(self, call: str) -> list[dict[str, Any]] | None:
        """The facts of a call, oldest first; None when nothing is known of it."""
        facts = self._facts.get(call)
        return None if facts is None else [told(fact, mask=self._mask) for fact in facts]

    def _forget(self, now: float) -> None:
        while self._ended:
            call, at = next(iter(self._ended.items()))
            if len(self._ended) <= self._most_ended and at > now - self._kept:
                return
            del self._ended[call]
            self._facts.pop(call, None)
