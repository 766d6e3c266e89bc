"""The rank: of all customers whom an agent fits, the one of the lowest rank comes first.

It is the time by which the customer is to be answered, less the head start; so it is set when the wait begins and does not change
as time passes. The tier gives a head start; a flow, an apology and a lost phone add to it. Once something was added, the head
start is the customer's own and no longer follows the plan.
"""

from __future__ import annotations

from callbridge.core.model.plan import TierRouting


def rank_within(since: float, within: float, head_start: float = 0.0) -> float:
    """The rank of a customer who has waited since then and is to be answered within so many seconds."""
    return since + within - head_start


def rank_of(routing: TierRouting | None, since: float, own: float | None = None) -> float:
    """The rank of a customer of this tier who has waited since then. ``own``: a head start of the customer's own, instead of the
    tier's. Without a queue there is no target."""
    if routing is None:
        return since
    return rank_within(since, routing.answer_within, routing.head_start if own is None else own)


def head_start_with(routing: TierRouting | None, so_far: float | None, more: float) -> float:
    """The customer's own head start when ``more`` is added to the one so far; None so far: the tier's."""
    tiers = routing.head_start if routing is not None else 0.0
    return (tiers if so_far is None else so_far) + more


def head_start_for(routing: TierRouting, since: float, rank: float) -> float:
    """The head start of the customer's own with which ``rank_of`` gives this rank."""
    return rank_within(since, routing.answer_within) - rank


def rank_shift(before: TierRouting, now: TierRouting) -> float:
    """What another plan adds to the rank of all who have no head start of their own."""
    return rank_of(now, 0.0) - rank_of(before, 0.0)
