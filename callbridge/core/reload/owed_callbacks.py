"""Callbacks that stay in line but could not be called any more by a new plan: without a warning they would expire in silence."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.core.entities import callbacks
from callbridge.core.model.plan import Plan
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.world import World
from callbridge.core.reload.sentences import callbacks_text


def undialled(world: World, new: Plan) -> Iterator[Sentence]:
    """What is missing, one sentence each."""
    owed = world.callbacks.values()
    if owed and world.plan.outside and not new.outside:
        yield Sentence("{callbacks} cannot be called: the setting outside is missing", callbacks=callbacks_text(len(owed)))
    before = [one for one in owed if callbacks.may_dial(world.plan, one.number)]
    lost = sum(not callbacks.may_dial(new, one.number) for one in before)
    if lost:
        yield Sentence(
            "{callbacks} cannot be called any more and will expire: callbacks.numbers does not allow the number",
            callbacks=callbacks_text(lost),
        )
