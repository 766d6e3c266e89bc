"""The floor as campaigns see it: counted once for all of them, and right."""

from __future__ import annotations

import pytest

from callbridge.core.engine import step
from callbridge.core.model.agent import Agent
from callbridge.core.model.call import Phase
from callbridge.core.model.plan import CampaignPlan
from callbridge.core.model.world import World
from callbridge.core.outbound import floor
from callbridge.core.outbound.floor import Floor
from tests.bench.steps import Steps


def test_everybody_on_the_line_is_counted_and_nobody_who_is_served() -> None:
    steps = Steps(20, 60)
    world = steps.floor.world
    agents = world.agents.values()
    by_hand = sum(call.phase is Phase.WAITING for call in world.calls.values())
    assert by_hand >= 60
    assert Floor(world).waiting_for(agents) == by_hand
    assert Floor(world).waiting_for([]) == 0


def test_campaigns_that_decide_in_one_step_ask_once_whom_each_kind_of_agent_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(40, 60)
    steps.start_campaigns()
    event = steps.time_to_decide()
    deals: list[int] = []
    real = floor._deal

    def deal(world: World, shares: list[CampaignPlan]) -> dict[str, list[Agent]]:
        deals.append(len(shares))
        return real(world, shares)

    monkeypatch.setattr(floor, "_deal", deal)
    step(steps.floor.world, event)
    states = steps.floor.world.campaign_states.values()
    assert {state.decided_at for state in states} == {event.at}, "all five have decided"
    assert deals == [5], "the agents were dealt out once, for all five"
    assert all(state.agents for state in states)
