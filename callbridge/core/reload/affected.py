"""Who stands where in the world: callers, callbacks, talks and attempts by the parts of the configuration that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from callbridge.core.model.attempt import AttemptStage
from callbridge.core.model.call import Call, Segment
from callbridge.core.model.plan import SURVEY
from callbridge.core.model.world import World

Ids = dict[str, list[str]]


def _by(found: Iterable[tuple[str, str]]) -> Ids:
    ids: Ids = {}
    for name, one in found:
        ids.setdefault(name, []).append(one)
    return ids


class Affected:
    """Ids, each list in the world's order. A caller is somebody on the line who waits or is in a flow; whom we are calling, or
    have called for a callback, is no caller. Counted when it is asked for, since a reload seldom changes everything."""

    def __init__(self, world: World) -> None:
        self._calls = world.calls.values()
        self._world = world

    @cached_property
    def _callers(self) -> Ids:
        legs = self._world.legs.rows()
        return _by(
            (visit.queue, call.id)
            for call in self._calls
            if (visit := call.visit) is not None
            and call.leg in legs
            and call.standing is not None
            and not (call.callback and call.is_callback)
        )

    @cached_property
    def _callbacks(self) -> Ids:
        return _by((callback.queue, callback.id) for callback in self._world.callbacks.values())

    @cached_property
    def _reserved(self) -> Ids:
        """By agent: callbacks reserved for this agent."""
        return _by((callback.agent, callback.id) for callback in self._world.callbacks.values() if callback.agent)

    @cached_property
    def _talking(self) -> list[tuple[Segment, Call]]:
        return [(call.segment, call) for call in self._calls if call.segment is not None]

    @cached_property
    def _talks(self) -> Ids:
        return _by((segment.queue, call.id) for segment, call in self._talking)

    @cached_property
    def _agents(self) -> Ids:
        return _by((segment.agent, call.id) for segment, call in self._talking)

    @cached_property
    def _campaign_talks(self) -> Ids:
        return _by((call.campaign, call.id) for _, call in self._talking if call.campaign)

    @cached_property
    def _flows(self) -> Ids:
        return _by((call.flow_position.flow, call.id) for call in self._calls if call.flow_position is not None)

    @cached_property
    def _on_the_way(self) -> list[Call]:
        """Those who wait or are in a flow."""
        return [call for call in self._calls if call.standing is not None or call.flow_position is not None]

    @cached_property
    def _entries(self) -> Ids:
        return _by((call.entry, call.id) for call in self._on_the_way)

    @cached_property
    def _tiers(self) -> Ids:
        return _by((call.tier, call.id) for call in self._on_the_way)

    @cached_property
    def _attempts(self) -> Ids:
        over = (AttemptStage.TALKED, AttemptStage.CLOSING)
        return _by((attempt.campaign, attempt.id) for attempt in self._world.attempts.values() if attempt.stage not in over)

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

    def in_flow(self, flow: str) -> tuple[str, ...]:
        return _of(self._flows, flow)

    def in_survey(self, survey: str) -> tuple[str, ...]:
        return _of(self._flows, SURVEY + survey)

    def of_tier(self, tier: str) -> tuple[str, ...]:
        return _of(self._tiers, tier)


def _of(ids: Ids, name: str) -> tuple[str, ...]:
    return tuple(ids.get(name, ()))
