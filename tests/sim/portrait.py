"""Everything that makes one world equal to another, the indexes included - and the same indexes from a scan."""

from __future__ import annotations

from typing import Any

from callbridge.core.model.agent import Intent
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.line import QueueLine
from callbridge.core.model.matcher import GroupKey
from callbridge.core.model.plan import Plan
from callbridge.core.model.table import Table
from callbridge.core.model.world import World
from tests.sim import oracle

Portrait = dict[str, Any]


APART = {
    "campaign_states": "estimates, which are not undone with a step",
    "matcher": "see ``indexes`` and below",
    "_deadlines": "see ``due`` below; what was heard of a PBX is not undone with a step",
    "_rows_due": "the tables once more",
}
"""Attributes of the world that are compared in another way, or not at all, and why. Every other one must be equal."""


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


def indexes(world: World) -> Portrait:
    """The indexes as they are kept; what is empty does not count."""
    matcher = world.matcher
    pools = [profile for profile in matcher._profile_list if matcher._pools[matcher._profiles[profile]].members]
    return {
        "groups": {
            key: (dict(group.line.members), matcher.needs_of(key), matcher.barred_from(key))
            for key, group in matcher._groups.items()
        },
        "pools": {profile: dict(matcher._pools[matcher._profiles[profile]].members) for profile in pools},
        "logged_in": {profile: count for profile, count in zip(matcher._profile_list, matcher._logged_in, strict=True) if count},
        "phones": dict(world._agent_by_phone),
        "pairs": {pair: sorted(legs) for pair, legs in world._leg_by_pair.items()},
        "features": {phone: sorted(legs) for phone, legs in world._features_at.items()},
    }


def scanned(world: World) -> Portrait:
    """The same from the tables alone. What is due cannot be seen there: a deadline taken out stays in its row."""
    groups: dict[Any, tuple[dict[str, float], str, frozenset[str]]] = {}
    for call in world.calls.values():
        visit = call.visit
        if visit is not None and oracle.in_line(call):
            out = tuple(sorted(visit.avoids)), tuple(sorted(call.rejected_by))
            key = GroupKey(pbx_of(call.leg), visit.queue, call.tier, visit.window, visit.prefers, *out)
            groups.setdefault(key, ({}, oracle.needs(world, call), oracle.barred(world, call)))[0][call.id] = visit.rank
    for callback in world.callbacks.values():
        if callback.stands:
            out = tuple(sorted(callback.avoids)), tuple(sorted(callback.rejected_by))
            place = GroupKey(callback.pbx, callback.queue, callback.tier, callback.window, callback.agent, *out)
            needs, barred = oracle.promise_needs(world, callback), oracle.promise_barred(world, callback)
            groups.setdefault(place, ({}, needs, barred))[0][callback.id] = callback.rank
    pools: dict[Any, dict[str, float]] = {}
    logged_in: dict[Any, int] = {}
    for agent in world.agents.values():
        if oracle.may_be_offered(agent, world.now):
            pools.setdefault(agent.profile, {})[agent.id] = agent.idle_since
        if agent.intent is not Intent.LOGGED_OUT:
            logged_in[agent.profile] = logged_in.get(agent.profile, 0) + 1
    pairs: dict[str, list[str]] = {}
    features: dict[str, list[str]] = {}
    for leg in world.legs.values():
        if leg.pair:
            pairs.setdefault(leg.pair, []).append(leg.id)
        if leg.phone:
            features.setdefault(leg.phone, []).append(leg.id)
    return {
        "groups": groups,
        "pools": pools,
        "logged_in": logged_in,
        "phones": {phone: agent.id for agent in world.agents.values() for phone in agent.phones},
        "pairs": {pair: sorted(legs) for pair, legs in pairs.items()},
        "features": {phone: sorted(legs) for phone, legs in features.items()},
    }
