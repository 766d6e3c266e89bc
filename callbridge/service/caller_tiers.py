"""Between a PBX link and the inbox: sets the tier of each caller, according to the tier file in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from callbridge.core.model.events import AnyEvent, CallerArrived, PbxSnapshot


def with_tiers(event: AnyEvent, tier_of: Callable[[str], str]) -> AnyEvent:
    """The event with the tiers of its callers."""
    match event:
        case CallerArrived():
            return replace(event, tier=tier_of(event.number))
        case PbxSnapshot():
            legs = (leg if leg.entry is None else replace(leg, tier=tier_of(leg.number)) for leg in event.legs)
            return replace(event, legs=tuple(legs))
        case _:
            return event
