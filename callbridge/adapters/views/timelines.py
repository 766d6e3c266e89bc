"""The recent facts of each call, kept in memory to explain what happened to it.

Numbers are masked. A timeline holds a call's last facts; timelines of ended calls are kept for a limited time.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable
from typing import Any

from callbridge.adapters.facts.codec import fact_dict
from callbridge.adapters.facts.masking import personal
from callbridge.adapters.views.board import MAX_ENDED
from callbridge.core.model.facts import AnyFact, CallEnded, CallQuality, CallScored, WrapUpEnded


def plain_fact(fact: AnyFact, *, mask: bool = True) -> dict[str, Any]:
    """A fact as plain data, ready to be shown or sent; numbers masked unless ``mask`` is off."""
    plain = fact_dict(fact)
    if mask:
        plain.update(personal(fact))
    return plain


class Timelines:
    """``longest``: facts kept per call. ``most_ended``: calls kept after they ended, for ``kept`` seconds."""

    def __init__(self, *, longest: int = 200, most_ended: int = MAX_ENDED, kept: float = 86_400.0, mask: bool = True) -> None:
        self._longest = longest
        self._most_ended = most_ended
        self._kept = kept
        self._mask = mask
        self._facts: dict[str, deque[AnyFact]] = {}
        self._ended: OrderedDict[str, float] = OrderedDict()

    def on_facts(self, facts: Iterable[AnyFact]) -> None:
        """Add facts to the timelines of their calls. Facts that belong to no call are ignored."""
        for fact in facts:
            if not fact.call:
                continue
            timeline = self._facts.get(fact.call)
            if timeline is None:
                if isinstance(fact, (WrapUpEnded, CallScored, CallQuality)):
                    continue  # of a call that is forgotten already
                timeline = self._facts[fact.call] = deque(maxlen=self._longest)
            timeline.append(fact)
            if isinstance(fact, CallEnded):
                self._ended[fact.call] = fact.at
                self._forget(fact.at)

    def timeline(self, call: str) -> list[dict[str, Any]] | None:
        """The facts of a call, oldest first; None when the call is unknown."""
        facts = self._facts.get(call)
        return None if facts is None else [plain_fact(fact, mask=self._mask) for fact in facts]

    def of_number(self, is_of: Callable[[str], bool]) -> set[str]:
        """The calls whose facts name a number of which ``is_of`` is true."""
        named = {call: (getattr(fact, "number", "") for fact in facts) for call, facts in self._facts.items()}
        return {call for call, numbers in named.items() if any(number and is_of(number) for number in numbers)}

    def erase(self, calls: Collection[str]) -> int:
        """Forget these calls, unless they go on; returns how many were known."""
        ended = [call for call in calls if self._ended.pop(call, None) is not None]
        for call in ended:
            self._facts.pop(call, None)
        return len(ended)

    def _forget(self, now: float) -> None:
        while self._ended:
            call, at = next(iter(self._ended.items()))
            if len(self._ended) <= self._most_ended and at > now - self._kept:
                return
            del self._ended[call]
            self._facts.pop(call, None)
