"""The alert that callers wait and nobody who fits is ready: in what is listed, explained and measured, and not in a rush."""

from __future__ import annotations

import pytest

from callbridge.adapters.http.explain_routes import Explainer
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.timelines import Timelines
from callbridge.core.model.events import AgentRequest, DeviceChanged
from tests.core.story import Story, agent, plan, queue, routing

EXPERTS_FIRST = routing(("support >= 4", 120.0), ("support >= 1", None))


async def seen(story: Story) -> tuple[int, list[str]]:
    """What the metrics say of the queue, and the alerts about queues."""
    board = Board.of(story.world)
    found = await Explainer(story.world, board, Timelines(), lambda: story.now).waiting()
    return board.figures()["support"].without_agent, [text for text in found["alerts"] if text.startswith("support:")]


def floor() -> Story:
    """An expert and a learner, both ready."""
    return Story(plan([queue("support", EXPERTS_FIRST)], [agent("eve", {"support": 5}), agent("lea", {"support": 1})]))


async def test_a_caller_whose_only_expert_pauses_is_an_alert_though_others_are_ready() -> None:
    story = floor()
    story.ask("eve", AgentRequest.NOT_READY, reason="lunch")
    story.caller("ann")
    assert await seen(story) == (1, ["support: 1 caller waiting, nobody who fits is ready"])
    story.caller("bea")
    assert await seen(story) == (2, ["support: 2 callers waiting, nobody who fits is ready"])
    story.ask("eve", AgentRequest.READY)
    assert await seen(story) == (0, []), "she rings for one and is there for the other"


async def test_in_a_rush_callers_wait_for_those_who_talk_and_that_is_no_alert() -> None:
    story = floor()
    story.talk("ann")
    story.caller("bea")
    assert story.call("bea").offer is None
    assert await seen(story) == (0, [])


@pytest.mark.parametrize("state", ["UNAVAILABLE", "INUSE"])
async def test_a_phone_that_cannot_be_called_is_nobody(state: str) -> None:
    story = floor()
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/eve", state=state))
    story.caller("ann")
    assert await seen(story) == (1, ["support: 1 caller waiting, nobody who fits is ready"])


async def test_it_ends_when_the_step_widens() -> None:
    story = floor()
    story.ask("eve", AgentRequest.NOT_READY, reason="lunch")
    story.caller("ann")
    assert (await seen(story))[0] == 1
    story.wait(121.0)
    assert await seen(story) == (0, [])


async def test_an_empty_queue_without_agents_is_no_alert() -> None:
    assert await seen(Story(plan([queue("support", EXPERTS_FIRST)], []))) == (0, [])
