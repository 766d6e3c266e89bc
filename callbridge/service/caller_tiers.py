"""Between a PBX link and the inbox: sets the tier of each caller, according to the tier file in force, and takes away what
the caller withholds. Behind it nothing knows a withheld number: neither the core, nor the saved world, nor any output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from callbridge.core.model.events import AnyEvent, CallerArrived, CallerIdentified, PbxSnapshot, SeenLeg
from callbridge.settings.instance import WithheldNumbersConfig

_Known = TypeVar("_Known", CallerArrived, CallerIdentified)


def received(event: AnyEvent, tier_of: Callable[[str], str], withheld: WithheldNumbersConfig) -> AnyEvent:
    """The event with the tiers of its callers, and without what they withhold."""
    match event:
        case CallerArrived():
            return _with_tier(event, tier_of, withheld)
        case CallerIdentified():
            return _with_tier(event, tier_of, withheld)
        case PbxSnapshot():
            return replace(event, legs=tuple(_seen(leg, tier_of, withheld) for leg in event.legs))
        case _:
            return event


def _with_tier(event: _Known, tier_of: Callable[[str], str], withheld: WithheldNumbersConfig) -> _Known:
    if event.withheld is None:
        return replace(event, tier=tier_of(event.number))
    known = event.withheld
    event = replace(event, tier=tier_of(known.number if withheld.route else event.number), withheld=None)
    return replace(event, number=known.number, name="") if withheld.show else event


def _seen(leg: SeenLeg, tier_of: Callable[[str], str], withheld: WithheldNumbersConfig) -> SeenLeg:
    if leg.entry is None:
        return leg
    if leg.withheld is None:
        return replace(leg, tier=tier_of(leg.number))
    known = leg.withheld
    leg = replace(leg, tier=tier_of(known.number if withheld.route else leg.number), withheld=None)
    return replace(leg, number=known.number, caller_name="") if withheld.show else leg
