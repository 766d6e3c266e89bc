"""Staffing as campaigns see it: counted once for all of them, and right."""

from __future__ import annotations

import pytest

from callbridge.core.engine import step
from callbridge.core.model.agent import Agent
from callbridge.core.model.call import Phase
from callbridge.core.model.plan import CampaignPlan
from callbridge.core.model.world import World
from callbridge.core.outbound import staffing
from callbridge.core.outbound.staffing import Staffing
from tests.bench.steps import Steps


def test_everybody_on_the_line_is_counted_and_nobody_who_is_served() -> None:
    steps = Steps(20, 60)
    world = steps.floor.world
    agents = world.agents.values()
    by_hand = sum(call.phase is Phase.WAITING for call in world.calls.values())
    assert by_hand >= 60
    assert Staffing(world).waiting_for(agents) == by_hand
    assert Staffing(world).waiting_for([]) == 0


def test_campaigns_that_decide_in_one_step_ask_once_whom_each_kind_of_agent_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(40, 60)
    steps.start_campaigns()
    event = steps.time_to_decide()
    allocations: list[int] = []
    real = staffing._allocate

    def allocate(world: World, shares: list[CampaignPlan]) -> dict[str, list[Agent]]:
        allocations.append(len(shares))
        return real(world, shares)

    monkeypatch.setattr(staffing, "_allocate", allocate)
    step(steps.floor.world, event)
    states = steps.floor.world.campaign_states.values()
    assert {state.decided_at for state in states} == {event.at}, "all five have decided"
    assert allocations == [5], "the agents were allocated once, for all five"
    assert all(state.agents for state in states)
