"""Tie lines between PBXs: one to which the other end does not reply is given no calls for a while.

Asterisk replies to an INVITE with 100 before its dialplan runs. So where no reply came over a tie line, or the caller's PBX could
send nothing because it finds the other one unreachable (``qualify_frequency``), the line or the other PBX is at fault, never the
agent's phone: the agent gets no penalty, and is still offered the callers of the phone's own PBX.

    in use -- UNANSWERED calls in a row without any reply --> out of use for OUT_OF_USE_FOR --> in use; one more puts it out again
           <-- a call over it is replied to -----------------
"""

from __future__ import annotations

from dataclasses import replace

from callbridge.core.model.facts import TieLineFailed
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.phones import pbx_of_phone
from callbridge.core.model.tie_line import TieLine, key_of
from callbridge.core.model.world import World

UNANSWERED = 2
"""So many calls in a row without a reply take the line out of use: each costs a caller ``phones.silent_after``."""
OUT_OF_USE_FOR = 60.0
"""Seconds until it is tried again."""


def end_of(world: World, leg: Leg) -> str:
    """The PBX to which the leg goes over a tie line; empty for a phone of the leg's own PBX, and for one of none."""
    if len(world.plan.pbxs) == 1 or leg.role is not LegRole.AGENT:
        return ""
    agent = world.agents.get(leg.agent)
    to = pbx_of_phone(world.plan, leg.device or (agent.phone if agent is not None else ""))
    return to if to != pbx_of(leg.id) else ""


def unanswered(world: World, leg: Leg, to: str) -> None:
    """The PBX ``to`` has not replied to the call of this leg."""
    pbx = pbx_of(leg.id)
    line = world.ties.get(key_of(pbx, to)) or TieLine(pbx=pbx, to=to)
    line = replace(line, unanswered=line.unanswered + 1)
    if line.unanswered >= UNANSWERED and line.deadline is None:
        line = replace(line, deadline=world.now + OUT_OF_USE_FOR)
        world.emit(TieLineFailed(seq=world.next_seq(), at=world.now, pbx=pbx, to=to, lasts=OUT_OF_USE_FOR))
    world.ties.put(line.key, line)


def answered(world: World, leg: Leg) -> None:
    """The call of this leg was replied to: if it goes over a tie line, that works."""
    if world.ties and (to := end_of(world, leg)):
        world.ties.drop(key_of(pbx_of(leg.id), to))


def deadline_passed(world: World, line: TieLine) -> None:
    """The line is tried again."""
    world.ties.put(line.key, replace(line, deadline=None))
