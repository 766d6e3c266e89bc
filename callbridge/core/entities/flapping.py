"""Phones that come and go, as behind a bad Wi-Fi or while a PBX reloads: no flood of facts, and no call between two absences.

The first return counts at once. A phone that is back from another absence within FLAPPING must stay for STEADY before it counts.
"""

from __future__ import annotations

from callbridge.core.model.agent import Agent, Device
from callbridge.core.model.changes import AgentChanges
from callbridge.core.model.world import World

FLAPPING = 10.0
"""Seconds after a return within which a second one is doubted."""
STEADY = 3.0
"""Seconds for which a phone that is doubted must be reachable without a break."""


def is_flapping(world: World, agent: Agent) -> bool:
    """Has the phone been back just before?"""
    return world.now - agent.back_at < FLAPPING


def moved(world: World, agent: Agent, device: Device) -> AgentChanges:
    """What changes for an agent whose phone is in this state now; nothing where it is as before."""
    if device is agent.device:
        return {"steady_at": None} if agent.steady_at is not None else {}  # gone again before it counted
    if agent.device is not Device.OFFLINE:
        return {"device": device}
    if agent.steady_at is not None:
        return {}
    if is_flapping(world, agent):
        return {"steady_at": world.now + STEADY}
    return {"device": device, "back_at": world.now}


FORGIVEN: AgentChanges = {"steady_at": None, "back_at": 0.0}
"""The phone has stayed: what it shows next counts at once."""
