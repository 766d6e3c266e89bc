"""Numbers are read in another way after a reload or a restart: what is kept by number is kept by the new spelling."""

from __future__ import annotations

from dataclasses import replace

from callbridge.core.model.attempt import PendingBlock
from callbridge.core.model.callback import KeptPlace, place_key
from callbridge.core.model.events import CallbackChange, CallbackChangeRequested, PlanChanged
from callbridge.core.model.facts import CallbackEnded
from callbridge.core.reload import plan_change
from callbridge.wire.phone_numbers import PhoneNumbers
from tests.core.story import Story
from tests.core.test_callbacks import house

SPELLINGS = ("2125551234", "+12125551234", "00442079460001")
BRITISH, AMERICAN = "+442079460001", "+12125551234"


def before() -> Story:
    """A world of a callbridge that knew no region."""
    story = Story(house())
    for number in SPELLINGS:
        change = CallbackChangeRequested(at=story.now, change=CallbackChange.MAKE, queue="support", number=number, by="crm")
        story.happens(change)
        story.wait(1.0)
    for number, since in (("2125551234", 5.0), ("12125551234", 3.0)):
        key = place_key("support", number)
        story.world.places.put(key, KeptPlace(id=key, since=since, deadline=story.now + since))
    block = PendingBlock(id="|2125551234", number="2125551234", campaign="", reason="asked", by="crm", deadline=story.now + 30.0)
    story.world.blocks.put(block.id, block)
    assert len(story.world.callbacks.rows()) == 3
    return story


def everything(story: Story) -> tuple[list[str], list[tuple[str, float]], list[str]]:
    world = story.world
    return (
        sorted(callback.who for callback in world.callbacks.values()),
        [(place.id, place.since) for place in world.places.values()],
        [block.id for block in world.blocks.values()],
    )


NOW = ([AMERICAN, BRITISH], [(f"support|{AMERICAN}", 3.0)], [f"|{AMERICAN}"])


def test_a_reload_with_a_region_makes_one_person_of_two_spellings() -> None:
    story = before()
    story.happens(PlanChanged(at=story.now, plan=replace(house(), numbers=PhoneNumbers("US"))))
    assert everything(story) == NOW
    (gone,) = story.all_told(CallbackEnded)
    assert (gone.outcome, gone.reason) == ("cancelled", "owed_already")
    assert story.world.callback_for("support", AMERICAN) is not None


def test_a_saved_world_is_read_by_the_region_of_now() -> None:
    story = before()
    story.world.plan = replace(house(), numbers=PhoneNumbers("US"))
    plan_change.restored(story.world)
    assert everything(story) == NOW
