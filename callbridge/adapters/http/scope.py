"""What part of the floor somebody may see and act on: queues and agents by name. Nothing here knows who asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from callbridge.adapters.views.rows import agent_of, queue_of
from callbridge.core.model.call import Call


@dataclass(frozen=True, slots=True)
class Scope:
    """``None``: all of them. A call is in the scope of its queue, and in that of the agent who has it."""

    queues: frozenset[str] | None = None
    agents: frozenset[str] | None = None

    @property
    def whole(self) -> bool:
        """Is it the whole floor?"""
        return self.queues is None and self.agents is None

    def queue(self, name: str) -> bool:
        return self.queues is None or name in self.queues

    def agent(self, name: str) -> bool:
        return self.agents is None or name in self.agents

    def either(self, queue: str, agent: str) -> bool:
        """Something that belongs to a queue and an agent, one of which may be empty."""
        return self.queue(queue) or self.agent(agent)

    def row(self, row: Mapping[str, Any]) -> bool:
        """A row with the fields ``queue`` and ``agent``."""
        return self.either(str(row.get("queue") or ""), str(row.get("agent") or ""))

    def call(self, call: Call) -> bool:
        return self.either(queue_of(call), agent_of(call))

    def timeline(self, facts: Iterable[Mapping[str, Any]]) -> bool:
        """A call of which only the facts are left."""
        return self.whole or any(self.row(fact) for fact in facts)


WHOLE_FLOOR = Scope()
