"""Scores of reviewed recordings, each published once."""

from __future__ import annotations

from callbridge.core.model.events import RecordingScored
from callbridge.core.model.facts import CallScored
from callbridge.core.model.score_cursor import SCORES, ScoreCursor
from callbridge.core.model.world import World
from callbridge.core.model.world_view import WorldView


def scores_published(world: WorldView) -> int | None:
    """The last change published as a fact; None: unknown."""
    cursor = world.score_cursors.get(SCORES)
    return None if cursor is None else cursor.change


def scored(world: World, event: RecordingScored) -> None:
    """The cursor is saved in the same write as the fact, so a score posted again after a restart is not published twice."""
    if event.change <= (scores_published(world) or 0):
        return
    world.score_cursors.put(SCORES, ScoreCursor(change=event.change))
    world.emit(
        CallScored(
            seq=world.next_seq(),
            at=world.now,
            call=event.call,
            agent=event.agent,
            queue=event.queue,
            review=event.review,
            change=event.change,
            recording=event.recording,
            sample=event.sample,
            form=event.form,
            form_version=event.form_version,
            by=event.by,
            score=event.score,
            fatal_accuracy=0.0 if event.failed else 1.0,
            non_fatal_accuracy=event.points,
            failed=",".join(event.failed),
            calibrates=event.calibrates,
            rescored=event.rescored,
            callback=event.callback,
            callback_outcome=event.callback_outcome,
        )
    )
