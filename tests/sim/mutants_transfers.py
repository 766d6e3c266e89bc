"""Planted faults in transfers and supervision: the caller left behind, the phone that rings on, the ear that stays."""

from __future__ import annotations

from callbridge.core import engine
from callbridge.core.calls import callers, calls, phone_transfers
from callbridge.core.entities import legs
from callbridge.core.model.call import Call, Segment
from callbridge.core.model.world import World
from callbridge.core.routing import segments, visits
from callbridge.core.transfers import holds, returns, targets, transfers
from tests.sim.planting import Patch, Without, mutant, nothing


@mutant("a caller whom nobody takes is forgotten", seed=33)
def nobody_comes_back(patch: Patch) -> None:
    patch.setattr(returns, "come_back", nothing)


@mutant("the target's phone rings on when the call goes another way", seed=33)
def target_rings_on(patch: Patch) -> None:
    patch.setattr(targets, "legs", Without(legs, hang_up=nothing))


@mutant("the caller stays in the bridge while the agent consults")
def caller_overhears(patch: Patch) -> None:
    def stay(_world: World, call: Call, segment: Segment) -> tuple[Call, Segment]:
        return call, segment

    patch.setattr(transfers, "holds", Without(holds, part=stay))


@mutant("a target who never answers is waited for for ever", seed=79)
def target_rings_for_ever(patch: Patch) -> None:
    patch.setattr(calls, "transfers", Without(transfers, deadline_passed=nothing))


@mutant("supervisors listen on after the talk", seed=18)
def ears_stay(patch: Patch) -> None:
    def stay(world: World, call: Call) -> Call:
        return call

    patch.setattr(segments, "end_supervision", stay)


@mutant("nobody asks who it is that a receptionist gives us", reception=True)
def the_desk_stays_the_caller(patch: Patch) -> None:
    patch.setattr(phone_transfers, "callers", Without(callers, identify=nothing))


@mutant("the answer who the caller is comes too late and is not asked for again", reception=True, seed=7)
def asked_once(patch: Patch) -> None:
    patch.setattr(engine, "callers", Without(callers, ask_again=lambda *_: False))


@mutant("the place in line stays the desk's", reception=True)
def the_desk_s_place(patch: Patch) -> None:
    def stay(world: World, call: Call, _tier: str) -> Call:
        world.calls.put(call.id, call)
        return call

    patch.setattr(callers, "visits", Without(visits, change_caller=stay))
