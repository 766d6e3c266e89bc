"""Everything that makes one world equal to another, the indexes included - and the same indexes from a scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from callbridge.core.model.agent import Agent, Intent
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.line import QueueLine
from callbridge.core.model.matcher import GroupKey
from callbridge.core.model.plan import Plan
from callbridge.core.model.skills import Profile
from callbridge.core.model.table import Table
from callbridge.core.model.world import World
from tests.sim import oracle
from tests.sim.changes import TABLES

Portrait = dict[str, Any]


APART = {
    "campaign_states": "estimates, which are not undone with a step",
    "matcher": "see ``indexes`` and below",
    "_deadlines": "see ``due`` below; what was heard of a PBX is not undone with a step",
    "_rows_due": "the tables once more",
}
"""Attributes of the world that are compared in another way, or not at all, and why. Every other one must be equal."""


IN_GROUPS = frozenset({"agents", "callbacks", "calls"})
"""Tables on which it depends who waits with whom for the same agents."""


def portrait(world: World) -> Portrait:
    """Two worlds with equal portraits behave alike from now on."""
    picture = {name: _still(value) for name, value in vars(world).items() if name not in APART and name != "emit"}
    picture["matcher"] = world.matcher.plan, sorted(world.matcher._closed), world.matcher.know_agents
    picture["due"] = sorted(set(world._deadlines.pending()))
    return picture | {f"{name} of the indexes": value for name, value in indexes(world).items()}


def _still(value: Any) -> Any:
    """A copy that does not change with the world."""
    match value:
        case Table():
            return dict(value.rows())
        case dict():
            return {key: _still(item) for key, item in value.items()}
        case list():
            return [_still(item) for item in value]
        case set():
            return set(value)
        case QueueLine():
            return list(value._places)
        case _:
            assert value.__hash__ is not None or isinstance(value, Plan), (
                f"{type(value).__name__} may change: say how to compare it"
            )
            return value


def indexes(world: World, changed: Collection[str] = TABLES) -> Portrait:
    """The indexes of these tables as they are kept, and who is free now; what is empty does not count."""
    matcher = world.matcher
    pools = [profile for profile in matcher._profile_list if matcher._pools[matcher._profiles[profile]].members]
    found: Portrait = {"pools": {profile: dict(matcher._pools[matcher._profiles[profile]].members) for profile in pools}}
    if not IN_GROUPS.isdisjoint(changed):
        found["groups"] = {
            key: (dict(group.line.members), matcher.needs_of(key), matcher.barred_from(key))
            for key, group in matcher._groups.items()
        }
    if "agents" in changed:
        logged_in = zip(matcher._profile_list, matcher._logged_in, strict=True)
        found["logged_in"] = {profile: count for profile, count in logged_in if count}
        found["phones"] = dict(world._agent_by_phone)
    if "legs" in changed:
        found["pairs"] = {pair: sorted(legs) for pair, legs in world._leg_by_pair.items()}
        found["features"] = {phone: sorted(legs) for phone, legs in world._features_at.items()}
    return found


def _as_seen(world: World, agent: Agent) -> Profile:
    """The profile with the PBXs of the phones, where there are several."""
    pbxs = {phone.partition("/")[0] for phone in agent.phones} if len(world.plan.pbxs) > 1 else set()
    return tuple(sorted({**dict(agent.profile), **{f"#{pbx}": 1 for pbx in pbxs}}.items()))


def scanned(world: World, changed: Collection[str] = TABLES) -> Portrait:
    """The same from the tables alone. What is due cannot be seen there: a deadline taken out stays in its row."""
    found: Portrait = {"pools": _pools(world)}
    if not IN_GROUPS.isdisjoint(changed):
        found["groups"] = _groups(world)
    if "agents" in changed:
        agents = world.agents.values()
        found["logged_in"] = Counter(_as_seen(world, agent) for agent in agents if agent.intent is not Intent.LOGGED_OUT)
        found["phones"] = {phone: agent.id for agent in agents for phone in agent.phones}
    if "legs" in changed:
        found["pairs"] = _leg_ids((leg.pair, leg.id) for leg in world.legs.values())
        found["features"] = _leg_ids((leg.phone, leg.id) for leg in world.legs.values())
    return found


def _groups(world: World) -> dict[GroupKey, tuple[dict[str, float], str, frozenset[str]]]:
    groups: dict[GroupKey, tuple[dict[str, float], str, frozenset[str]]] = {}
    for call in world.calls.values():
        visit = call.visit
        if visit is not None and oracle.in_line(call):
            out = tuple(sorted(visit.avoids)), tuple(sorted(call.rejected_by))
            key = GroupKey(pbx_of(call.leg), visit.queue, call.tier, visit.window, visit.prefers, *out)
            if key not in groups:
                groups[key] = {}, oracle.needs(world, call), oracle.skipped(world, call)
            groups[key][0][call.id] = visit.rank
    for callback in world.callbacks.values():
        if callback.stands:
            out = tuple(sorted(callback.avoids)), tuple(sorted(callback.rejected_by))
            place = GroupKey(callback.pbx, callback.queue, callback.tier, callback.window, callback.agent, *out)
            if place not in groups:
                groups[place] = {}, oracle.promise_needs(world, callback), oracle.promise_skipped(world, callback)
            groups[place][0][callback.id] = callback.rank
    return groups


def _pools(world: World) -> dict[Profile, dict[str, float]]:
    pools: dict[Profile, dict[str, float]] = {}
    for agent in oracle.free(world):
        pools.setdefault(_as_seen(world, agent), {})[agent.id] = agent.idle_since
    return pools


def _leg_ids(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """By what they have in common; "" is nothing."""
    found: dict[str, list[str]] = {}
    for common, leg in pairs:
        if common:
            found.setdefault(common, []).append(leg)
    return {common: sorted(legs) for common, legs in found.items()}
