"""Between a PBX's link and the inbox: who calls gets the tier of the number, as the tier file in force says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from callbridge.core.model.events import AnyEvent, CallerArrived, PbxSnapshot


def with_tiers(event: AnyEvent, tier_of: Callable[[str], str]) -> AnyEvent:
    """The event as the core is to know it."""
    match event:
        case CallerArrived():
            return replace(event, tier=tier_of(event.number))
        case PbxSnapshot():
            legs = (leg if leg.entry is None else replace(leg, tier=tier_of(leg.number)) for leg in event.legs)
            return replace(event, legs=tuple(legs))
        case _:
            return event
