"""People whom campaigns and callbacks call, among the waiting callers: told apart until they are on the line."""

from __future__ import annotations

from typing import Any

from callbridge.adapters.http.explain_routes import Explainer
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.timelines import Timelines
from callbridge.core.model.events import AgentRequest
from tests.core.story import START, Story
from tests.core.test_callbacks import callbacks_owed, works
from tests.core.test_callbacks import house as house_with_callbacks
from tests.core.test_campaigns import begin, house


async def waiting(story: Story) -> list[dict[str, Any]]:
    board = Board.of(story.world)
    found = await Explainer(story.world, board, Timelines(), lambda: story.now).waiting()
    rows: list[dict[str, Any]] = found["waiting"]
    assert (board.queue("support") or {})["waiting"] == sum(not (row["campaign"] or row["callback"]) for row in rows)
    assert found["total"] == len(rows)
    return rows


async def test_a_campaigns_person_is_not_reached_until_the_call_is_answered() -> None:
    toy = begin(house(), people={0: 5.0})
    toy.run(START + 3.0)
    (row,) = await waiting(toy.story)
    assert (row["campaign"], row["callback"], row["state"], row["reached"]) == ("spring", "", "dialling", False)
    toy.story.ask("amy", AgentRequest.NOT_READY, reason="lunch")
    toy.run(START + 6.0)
    (row,) = await waiting(toy.story)
    assert (row["campaign"], row["state"], row["reached"]) == ("spring", "waiting", True)
    toy.story.caller("ann")
    callers = [row for row in await waiting(toy.story) if not row["campaign"]]
    assert [(row["callback"], row["reached"]) for row in callers] == [("", True)]


async def test_a_callback_is_told_apart_while_the_customer_is_called() -> None:
    toy = callbacks_owed(house_with_callbacks())
    works(toy)
    seen = set()
    for _ in range(200):
        toy.run(toy.story.now + 0.5)
        for row in await waiting(toy.story):
            if row["callback"]:
                seen.add((row["state"], row["reached"]))
    assert ("dialling", False) in seen
    assert not {state for state, reached in seen if reached and state == "dialling"}
