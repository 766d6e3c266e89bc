"""Where agents sit, as the PBX shows it: the phones that our legs to them ring, which may be others than the plan's."""

from __future__ import annotations

from callbridge.core.model.agent import Agent
from callbridge.core.model.changes import AgentChanges
from callbridge.core.model.events import SeenLeg
from callbridge.core.model.ids import endpoint_of, pbx_of
from callbridge.core.model.phones import is_of_pbx, phone_on
from callbridge.core.model.world import World


def seat(world: World, agent: Agent, leg: SeenLeg) -> AgentChanges:
    """What changes for an agent who had logged in at another desk than the plan's: the agent's own phones do not ring then."""
    phone = hot_desk_phone(world, agent, leg)
    return {"phone": phone, "also": ()} if phone and world.agent_at(phone) is None else {}


def hot_desk_phone(world: World, agent: Agent, leg: SeenLeg) -> str:
    """The phone that the leg rang; none when it was reached by a trunk, as a mobile phone is."""
    endpoint = endpoint_of(leg.name)
    if not endpoint.startswith("PJSIP/") or "@" in agent.phone or endpoint in world.plan.trunks:
        return ""
    pbx = pbx_of(leg.leg)
    return phone_on(world.plan, pbx, endpoint) if is_of_pbx(world.plan, pbx, agent.phone) else ""
