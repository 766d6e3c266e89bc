"""Scores of recordings become facts, each once, over restarts too."""

from __future__ import annotations

from typing import Any

from callbridge.core.model.events import RecordingScored
from callbridge.core.model.facts import CallScored
from callbridge.core.model.score_cursor import ScoreCursor
from tests.core.story import Story, agent, one_queue


def scored(story: Story, change: int, **more: Any) -> None:
    about: dict[str, Any] = {
        "review": 17,
        "recording": "1-44",
        "sample": "team",
        "call": "c1",
        "agent": "bob",
        "queue": "support",
    }
    about |= {"form": "service", "form_version": "v1", "by": "eve", "score": 0.8, "points": 0.8}
    story.happens(RecordingScored(at=story.now, change=change, **(about | more)))


def test_a_score_is_told_with_both_accuracies() -> None:
    story = one_queue(agent("bob"))
    scored(story, 5)
    scored(story, 6, score=0.0, failed=("identified", "polite"), calibrates=True)
    whole, failed = story.all_told(CallScored)
    assert (whole.call, whole.agent, whole.queue, whole.by, whole.form) == ("c1", "bob", "support", "eve", "service")
    assert (whole.score, whole.fatal_accuracy, whole.non_fatal_accuracy, whole.failed) == (0.8, 1.0, 0.8, "")
    assert (failed.score, failed.fatal_accuracy, failed.non_fatal_accuracy) == (0.0, 0.0, 0.8)
    assert (failed.failed, failed.calibrates, failed.rescored) == ("identified,polite", True, False)


def test_what_is_posted_again_is_not_told_again() -> None:
    story = one_queue(agent("bob"))
    for change in (5, 6, 5, 6, 6):
        scored(story, change)
    assert [fact.change for fact in story.all_told(CallScored)] == [5, 6]


def test_a_restart_goes_on_after_the_last_one() -> None:
    story = one_queue(agent("bob"))
    scored(story, 5)
    new = one_queue(agent("bob"))
    rows = [*story.world.score_cursors.values()]
    assert rows == [ScoreCursor(change=5)]
    new.world.restore({"score_cursors": rows})
    scored(new, 5)
    scored(new, 9)
    assert [fact.change for fact in new.all_told(CallScored)] == [9]
