"""At which phones agents log in and supervisors join: those of agents in the configuration, and those that it allows besides.

A technology and an address make a channel to anywhere (``SIP/203.0.113.9``, ``IAX2/host``), so what a request or a code names is
never rung because it looks like a phone.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from callbridge.core.entities import phone_troubles
from callbridge.core.model.phones import parts_of
from callbridge.core.model.sentence import Sentence, Unknown
from callbridge.core.model.world import World


def refusal(world: World, phone: str) -> Sentence | None:
    """Why nobody may use this phone; None when they may."""
    pbx, endpoint = parts_of(world.plan, phone)
    if not pbx:
        return Sentence("{phone} names no PBX: log in at a phone such as {pbx}/{phone}", phone=phone, pbx=world.plan.pbxs[0])
    if endpoint in world.plan.trunks:
        return Sentence("{phone} is a trunk, not a phone", phone=phone)
    if any(phone in agent.phones for agent in world.plan.agents.values()):
        return None
    if any(fnmatchcase(endpoint, pattern) for pattern in world.plan.phones.allowed):
        return None
    return Sentence(
        "{phone} may not be used: it is not an agent's phone, and phones.allowed in the configuration does not list it",
        phone=phone,
    )


def named_refusal(world: World, phone: str) -> Sentence | None:
    """The same for a phone that a request names: it must also be one of the PBX."""
    refused = refusal(world, phone)
    if not refused and phone_troubles.is_unknown(world, phone):
        return Unknown("no such phone: {phone} is not an endpoint of the PBX", phone=phone)
    return refused
