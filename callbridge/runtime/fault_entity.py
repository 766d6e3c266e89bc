"""The entity that an event is about: the one to quarantine when its step raises an exception."""

from __future__ import annotations

from callbridge.core.model.events import (
    AgentRequested,
    AnyEvent,
    CallbackChangeRequested,
    CallerArrived,
    CallRequested,
    ContactsChanged,
    DeadlinePassed,
    DeviceChanged,
    HintRead,
    LegReplaced,
    OrderFailed,
    PhoneInspected,
)
from callbridge.core.model.world import World


def entity_of(world: World, event: AnyEvent) -> tuple[str, str] | None:
    """The (kind, id) to quarantine when the step of this event raised; None when the event concerns no entity of ours."""
    match event:
        case DeadlinePassed(kind=kind, id=key):
            if kind == "announcing":
                return ("call", key)
            if kind in ("review", "slice"):
                return None
            return _of_leg(world, key) if kind in ("leg", "feature") else (kind, key)
        case CallbackChangeRequested(callback=callback):
            return ("callback", callback) if callback in world.callbacks else None
        case AgentRequested(agent=agent) | HintRead(agent=agent):
            return ("agent", agent) if agent in world.agents else None
        case CallRequested(call=call):
            return ("call", call) if call in world.calls else None
        case DeviceChanged(phone=phone) | PhoneInspected(phone=phone) | ContactsChanged(phone=phone):
            agent_row = world.agent_at(phone)
            return ("agent", agent_row.id) if agent_row is not None else None
        case OrderFailed(order=order):
            return next((found for leg in order.legs if (found := _of_leg(world, leg))), None)
        case CallerArrived():
            return None
        case LegReplaced(leg=leg):
            return _of_leg(world, leg)
        case _:
            leg_name = _leg_named(event)
            return _of_leg(world, leg_name) if leg_name is not None else None


def _leg_named(event: object) -> str | None:
    """An object: mypy would try getattr with each of the kinds of event that are left."""
    leg: str | None = getattr(event, "leg", None)
    return leg


def _of_leg(world: World, key: str) -> tuple[str, str] | None:
    leg = world.legs.get(key)
    if leg is None:
        return None
    if leg.call in world.calls:
        return ("call", leg.call)
    return ("agent", leg.agent) if leg.agent in world.agents and leg.id == world.agents[leg.agent].session else ("leg", key)
