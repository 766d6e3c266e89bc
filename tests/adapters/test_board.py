"""The board: what a queue shows of those who wait."""

from __future__ import annotations

from callbridge.adapters.views.board import Board
from tests.core.story import Story, agent, one_queue


def waiting(board: Board, story: Story) -> object:
    board.note(story.world, {("calls", key): story.world.calls.get(key) for key in [*board.calls, *story.world.calls]})
    assert board.figures()["support"].waiting == (board.queue("support") or {})["waiting"]
    return (board.queue("support") or {})["waiting"]


def test_who_talks_waits_no_more_though_the_answer_does_not_count_yet() -> None:
    story = one_queue(agent("bob"), short_talk=1.0)
    board = Board.of(story.world)
    story.caller("ann")
    assert waiting(board, story) == 1
    leg = story.ring().leg
    story.connect(leg)
    assert waiting(board, story) == 0
    story.wait(0.5)
    story.gone(leg)
    assert waiting(board, story) == 1, "nobody has answered after all"
    assert waiting(Board.of(story.world), story) == 1
