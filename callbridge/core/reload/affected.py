"""Who stands where in the world: callers, callbacks, talks and attempts by the parts of the configuration that hold them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from callbridge.core.model.attempt import AttemptStage
from callbridge.core.model.call import Call
from callbridge.core.model.plan import SURVEY
from callbridge.core.model.world import World

Ids = defaultdict[str, list[str]]


def _ids() -> Ids:
    return defaultdict(list)


@dataclass(slots=True)
class Affected:
    """Ids, each list in the world's order. A caller is somebody on the line who waits or is in a flow; whom we are calling, or
    have called for a callback, is no caller."""

    _callers: Ids = field(default_factory=_ids)
    _callbacks: Ids = field(default_factory=_ids)
    _talks: Ids = field(default_factory=_ids)
    _entries: Ids = field(default_factory=_ids)
    _flows: Ids = field(default_factory=_ids)
    _tiers: Ids = field(default_factory=_ids)
    _agents: Ids = field(default_factory=_ids)
    _reserved: Ids = field(default_factory=_ids)
    """By agent: callbacks that nobody else is to make."""
    _attempts: Ids = field(default_factory=_ids)
    _campaign_talks: Ids = field(default_factory=_ids)

    @classmethod
    def of(cls, world: World) -> Affected:
        """The world as it is."""
        made = cls()
        for call in world.calls.values():
            made._take(world, call)
        for callback in world.callbacks.values():
            made._callbacks[callback.queue].append(callback.id)
            if callback.agent:
                made._reserved[callback.agent].append(callback.id)
        for attempt in world.attempts.values():
            if attempt.stage not in (AttemptStage.TALKED, AttemptStage.CLOSING):
                made._attempts[attempt.campaign].append(attempt.id)
        return made

    def _take(self, world: World, call: Call) -> None:
        waits = call.visit is not None and not call.is_uncertain
        if call.visit is not None and waits and call.leg in world.legs and not call.is_callback:
            self._callers[call.visit.queue].append(call.id)
        if call.segment is not None:
            self._talks[call.segment.queue].append(call.id)
            self._agents[call.segment.agent].append(call.id)
            if call.campaign:
                self._campaign_talks[call.campaign].append(call.id)
        if call.flow_position is not None:
            self._flows[call.flow_position.flow].append(call.id)
        if waits or call.flow_position is not None:
            self._entries[call.entry].append(call.id)
            self._tiers[call.tier].append(call.id)

    def callers(self, queue: str) -> tuple[str, ...]:
        return _of(self._callers, queue)

    def callbacks(self, queue: str) -> tuple[str, ...]:
        return _of(self._callbacks, queue)

    def talks(self, queue: str) -> tuple[str, ...]:
        return _of(self._talks, queue)

    def of_entry(self, entry: str) -> tuple[str, ...]:
        """Callers who wait, or are in a flow, and came by it."""
        return _of(self._entries, entry)

    def of_agent(self, agent: str) -> tuple[str, ...]:
        return _of(self._agents, agent)

    def reserved_for(self, agent: str) -> tuple[str, ...]:
        """Callbacks that this agent alone is to make."""
        return _of(self._reserved, agent)

    def attempts(self, campaign: str) -> tuple[str, ...]:
        """Those under way."""
        return _of(self._attempts, campaign)

    def campaign_talks(self, campaign: str) -> tuple[str, ...]:
        return _of(self._campaign_talks, campaign)

    def has_queue(self, queue: str) -> bool:
        """Does anything stand there?"""
        return any(queue in rows for rows in (self._callers, self._callbacks, self._talks))

    @property
    def flows(self) -> Mapping[str, tuple[str, ...]]:
        return {name: tuple(ids) for name, ids in self._flows.items()}

    @property
    def surveys(self) -> Mapping[str, tuple[str, ...]]:
        return {name.removeprefix(SURVEY): tuple(ids) for name, ids in self._flows.items() if name.startswith(SURVEY)}

    @property
    def tiers(self) -> Mapping[str, tuple[str, ...]]:
        return {name: tuple(ids) for name, ids in self._tiers.items()}


def _of(ids: Ids, name: str) -> tuple[str, ...]:
    return tuple(ids.get(name, ()))
