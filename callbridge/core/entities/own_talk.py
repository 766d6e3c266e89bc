"""The conversation that an agent may still write about: the present one, or the one that the wrap-up follows."""

from __future__ import annotations

from dataclasses import dataclass

from callbridge.core.model.agent import Work
from callbridge.core.model.world import World


@dataclass(frozen=True, slots=True)
class OwnTalk:
    """``segment``: the number of the agent's share of the call; 0 where it is not known."""

    call: str
    segment: int
    queue: str


def of(world: World, name: str) -> OwnTalk | None:
    """That of this agent; None: the agent has no caller, or the wrap-up is over."""
    agent = world.agents.get(name)
    if agent is None:
        return None
    if agent.work is Work.WRAP_UP and agent.wrap_call:
        return OwnTalk(agent.wrap_call, agent.wrap_segment, agent.wrap_queue)
    call = world.calls.get(agent.call)
    segment = call.segment if call is not None else None
    if call is None or segment is None or segment.agent != name:
        return None
    return OwnTalk(call.id, segment.id, segment.queue)
