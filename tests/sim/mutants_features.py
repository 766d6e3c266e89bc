"""Planted faults in feature calls: who is let in, what the phone gets meanwhile, and who hangs up."""

from __future__ import annotations

from typing import Any

from callbridge.core import engine
from callbridge.core.entities import agent_states, legs
from callbridge.core.model.agent import Agent
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.recovery import snapshots
from callbridge.core.requests import feature_codes, pin_guards
from tests.sim.planting import Patch, Without, mutant, nothing


@mutant("any PIN will do", seed=3)
def any_pin(patch: Patch) -> None:
    patch.setattr(pin_guards, "right", lambda pin, digits: bool(pin))


@mutant("what was asked for is said, and the line stays open")
def feature_leg_left(patch: Patch) -> None:
    patch.setattr(feature_codes, "legs", Without(legs, hang_up=nothing))


@mutant("a nailed-up agent's phone is rung while the feature call is up", seed=26)
def session_opened_at_once(patch: Patch) -> None:
    opened, found = agent_states.open_session, World.features_at

    def at_once(world: World, agent: Agent) -> Agent:
        setattr(World, "features_at", lambda world, phone: frozenset())  # noqa: B010
        try:
            return opened(world, agent)
        finally:
            setattr(World, "features_at", found)  # noqa: B010

    patch.setattr(agent_states, "open_session", at_once)


@mutant("a phone that makes a feature call counts as free", seed=26)
def feature_call_unseen(patch: Patch) -> None:
    patch.setattr(World, "features_at", lambda world, phone: frozenset())


@mutant("the end of a feature call does not free its phone", seed=7)
def phone_not_freed(patch: Patch) -> None:
    patch.setattr(agent_states, "feature_gone", nothing)


@mutant("nobody waits for somebody who types nothing, for ever", seed=2)
def silence_unnoticed(patch: Patch) -> None:
    patch.setattr(engine, "feature_codes", Without(feature_codes, deadline_passed=nothing))


@mutant("a feature call survives the loss of the link, and nobody listens to it", seed=8)
def feature_call_survives(patch: Patch) -> None:
    patch.setattr(snapshots, "feature_codes", Without(feature_codes, give_up=nothing))


@mutant("a code acts for anybody who the argument names", seed=2)
def anybody_s_pause(patch: Patch) -> None:
    asked = feature_codes._request

    def for_another(world: World, talk: Any, ask: Any, argument: str = "") -> None:
        others = [agent.id for agent in world.agents.values() if agent.id != talk.who]
        asked(world, evolve(talk, who=others[0]) if others else talk, ask, argument)

    patch.setattr(feature_codes, "_request", for_another)
