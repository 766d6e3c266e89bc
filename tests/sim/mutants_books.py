"""Planted faults in what is kept: lines, figures, saves, and what is believed after silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from callbridge.core import engine
from callbridge.core.calls import calls
from callbridge.core.model import tally
from callbridge.core.model.call import VisitOutcome
from callbridge.core.model.matcher import Matcher
from callbridge.core.model.plan import AgentOrder, TierRouting
from callbridge.core.model.skills import Requirement, _skills
from callbridge.core.model.world import World
from callbridge.core.recovery import snapshots
from callbridge.core.routing import visit_counts, visits
from tests.sim.planting import (
    Patch,
    filter_saves,
    mutant,
    nothing,
)

# -- lines and figures ------------------------------------------------------------------------------------------------


def _routings(patch: Patch, bend: Callable[[TierRouting], TierRouting]) -> None:
    routing = Matcher.routing

    def bent(matcher: Matcher, queue: str, tier: str) -> TierRouting | None:
        found = routing(matcher, queue, tier)
        return None if found is None else bend(found)

    patch.setattr(Matcher, "routing", bent)


@mutant("the last in line is served first")
def rank_ignored(patch: Patch) -> None:
    wait = Matcher.wait
    patch.setattr(Matcher, "wait", lambda matcher, call, key, rank: wait(matcher, call, key, -rank))


@mutant("a diamond caller has no head start")
def head_start_ignored(patch: Patch) -> None:
    _routings(patch, lambda routing: replace(routing, head_start=0.0))


@mutant("a learner counts as an expert")
def levels_ignored(patch: Patch) -> None:
    def strength(requirement: Requirement, profile: Any) -> int | None:
        names = {skill for skill, _ in profile}
        return 1 if names & set(_skills(requirement.node)) else None

    patch.setattr(Requirement, "strength", strength)


@mutant("the queue asks for the best and gets anybody who was idle longest", seed=28)
def highest_level_ignored(patch: Patch) -> None:
    resolve = Matcher._resolve

    def longest(matcher: Matcher, group: Any) -> None:
        resolve(matcher, group)
        group.pick = AgentOrder.LONGEST_IDLE

    patch.setattr(Matcher, "_resolve", longest)


@mutant("the requirement never widens")
def widening_ignored(patch: Patch) -> None:
    patch.setattr(TierRouting, "window_at", lambda routing, waited: 0)


@mutant("a step that nobody could serve stays skipped after somebody logs in")
def step_never_changes_back(patch: Patch) -> None:
    patch.setattr(Matcher, "_resolve_all", nothing)


@mutant("the windows are over and the caller stays")
def overflow_forgotten(patch: Patch) -> None:
    _routings(patch, lambda routing: replace(routing, then=None))


@mutant("an overflow sends the caller to the back of the line")
def overflow_resets_the_wait(patch: Patch) -> None:
    begin = visits.begin_visit
    patch.setattr(visits, "begin_visit", lambda world, call, queue: begin(world, replace(call, arrived_at=world.now), queue))


@mutant("an agent becomes free and nobody looks for a caller")
def free_agent_not_stirred(patch: Patch) -> None:
    idle = Matcher.idle

    def quiet(matcher: Matcher, agent: str, profile: Any, since: float) -> None:
        idle(matcher, agent, profile, since)
        matcher._stirred_agents.discard(agent)

    patch.setattr(Matcher, "idle", quiet)


@mutant("a visit is offered twice to the figures")
def visit_counted_twice(patch: Patch) -> None:
    patch.setattr(visit_counts, "offered", lambda of: tally.offered(tally.offered(of)))


@mutant("abandoned visits are not counted")
def outcome_forgotten(patch: Patch) -> None:
    def ended(of: tally.Tally, outcome: VisitOutcome, within: bool) -> tally.Tally:
        return of if outcome is VisitOutcome.ABANDONED else tally.ended(of, outcome, within)

    patch.setattr(visit_counts, "ended", ended)


@mutant("a short abandon counts as an abandon")
def short_abandon_ignored(patch: Patch) -> None:
    patch.setattr(visits, "abandoned", lambda world, call, at: VisitOutcome.ABANDONED)


# -- silence and recovery ---------------------------------------------------------------------------------------------


@mutant("a StasisEnd is not followed up", seed=42)
def left_leg_not_probed(patch: Patch) -> None:
    patch.setattr(calls, "leg_left", nothing)


@mutant("a leg that is gone by the answer to a probe stays in the books")
def absence_not_believed(patch: Patch) -> None:
    ended = calls.leg_ended
    patch.setattr(calls, "leg_ended", lambda world, leg, event: None if event.estimated else ended(world, leg, event))


@mutant("a caller who went on in the dialplan stays in the books", seed=21)
def moved_leg_kept(patch: Patch) -> None:
    patch.setattr(calls, "leg_moved", nothing)


@mutant("one kind of row is not saved when it is dropped")
def save_lost(patch: Patch) -> None:
    filter_saves(patch, lambda key, row: key[0] == "legs" and row is None)


@mutant("agents are not saved")
def agents_not_saved(patch: Patch) -> None:
    filter_saves(patch, lambda key, row: key[0] == "agents")


@mutant("offers are made while nothing is heard from the PBX", seed=33)
def broken_link_ignored(patch: Patch) -> None:
    patch.setattr(Matcher, "close", nothing)


@mutant("what a snapshot does not list is believed to be there", seed=13)
def missing_legs_ignored(patch: Patch) -> None:
    patch.setattr(snapshots, "_missing", nothing)


@mutant("callers found waiting in the PBX are left there", seed=13)
def found_callers_ignored(patch: Patch) -> None:
    patch.setattr(snapshots, "_found", nothing)


@mutant("half-made offers survive the loss of the link", seed=8)
def half_made_kept(patch: Patch) -> None:
    patch.setattr(snapshots, "_reconcile", nothing)


@mutant("a fault in a step leaves half of it behind", seed=2)
def half_a_step_kept(patch: Patch) -> None:
    patch.setattr(World, "undo_to", nothing)


@mutant("a new day throws the figures of waiting callers away")
def day_cut_off(patch: Patch) -> None:
    began = engine._day_began

    def cut(world: World, event: Any) -> None:
        for key in list(world.tallies):
            world.tallies.drop(key)
        began(world, event)

    patch.setattr(engine, "_day_began", cut)
