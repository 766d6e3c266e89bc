"""Open callbacks that a supervisor changes: another time, another number, made now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.events import AgentRequest, CallbackChange, StoreChanged
from callbridge.core.model.facts import CallbackChanged, CallbackTried, RequestGranted, RequestRefused
from callbridge.core.model.orders import Ring
from tests.core.story import Story
from tests.core.test_callbacks import NUMBER, TERMS, asks, house, keeping

LATER = 3000.0


def owed(story: Story, **more: object) -> str:
    """A callback that is requested now. Returns its id."""
    story.happens(asks(story, **more))  # type: ignore[arg-type]
    return next(reversed(list(story.world.callbacks.rows())))


def change(story: Story, change: CallbackChange, callback: str, **more: object) -> None:
    story.happens(asks(story, change, callback=callback, **{"queue": "", "number": "", "by": "maria"} | more))


def test_a_callback_is_made_at_the_new_time_and_is_kept_for_as_long_from_then_on() -> None:
    story = Story(house(agents={"amy": False}))
    callback = owed(story)
    time = story.now + TERMS.keep_for + LATER
    change(story, CallbackChange.RESCHEDULE, callback, not_before=time)
    granted, told = story.fact(RequestGranted), story.fact(CallbackChanged)
    assert (granted.request, granted.by, granted.to, granted.reason) == (
        "callback_reschedule",
        "maria",
        "queue:support",
        callback,
    )
    assert (told.callback, told.by, told.due, told.expires_at) == (callback, "maria", time, time + TERMS.keep_for)
    story.ask("amy", AgentRequest.LOGIN)
    story.wait(time - story.now - 1.0)
    assert story.state("amy") == "ready"
    story.wait(2.0)
    assert story.state("amy") == "ringing"


def test_a_callback_for_later_is_brought_forward() -> None:
    story = Story(house(agents={"amy": True}))
    callback = owed(story, not_before=story.now + LATER)
    change(story, CallbackChange.RESCHEDULE, callback, not_before=story.now + 60.0)
    story.wait(61.0)
    assert story.world.calls[story.world.agents["amy"].call].callback == callback


def test_a_callback_at_another_time_keeps_its_place_before_those_who_came_later() -> None:
    story = Story(house(agents={"amy": False}))
    callback = owed(story)
    change(story, CallbackChange.RESCHEDULE, callback, not_before=story.now + 60.0)
    story.wait(10.0)
    story.caller("eve")
    story.wait(60.0)
    story.ask("amy", AgentRequest.LOGIN)
    assert story.world.calls[story.world.agents["amy"].call].callback == callback


def test_a_supervisor_has_any_callback_made_now_by_whom_it_is_for() -> None:
    story = Story(house(agents={"amy": True, "ben": False}))
    callback = owed(story, agent="ben", not_before=story.now + LATER)
    change(story, CallbackChange.CALL_NOW, callback)
    assert story.fact(RequestGranted).request == "callback_call_now"
    assert story.state("amy") == "ready"
    story.ask("ben", AgentRequest.LOGIN)
    assert story.state("ben") == "ringing"


def test_the_new_number_is_called_after_attempts_at_the_former_one_which_count() -> None:
    story = keeping()
    (callback,) = story.world.callbacks
    story.gone(story.ring().leg, cause=1)
    assert story.fact(CallbackTried).result == "invalid"
    story.gone(story.all_sent(Ring)[0].leg)
    change(story, CallbackChange.NUMBER, callback, number="+44 13")
    assert (story.fact(CallbackChanged).number, story.fact(CallbackChanged).by) == ("+4413", "maria")
    row = story.world.callbacks[callback]
    assert (row.number, row.who, row.attempts, row.stands) == ("+4413", story.world.plan.numbers.identity("+4413"), 1, False)
    assert story.world.callback_for("support", row.who) == row
    assert story.world.callback_for("support", story.world.plan.numbers.identity("+4412")) is None
    change(story, CallbackChange.CALL_NOW, callback)
    assert story.world.calls[story.world.agents["amy"].call].number == "+4413"


def test_a_number_that_belongs_to_another_callback_or_may_not_be_called_is_refused() -> None:
    plan = replace(house(agents={"amy": False}), do_not_call=frozenset({"+4415"}), call_back_to=("+44X.",))
    story = Story(plan)
    callback, _ = owed(story), owed(story, number="+4413")
    before = story.world.callbacks[callback]
    for number, why in (
        ("+4413", "this number already has a callback in this queue"),
        ("+4415", "the number is on the do-not-call list"),
        ("+4915", "the setting callbacks.numbers does not allow this number"),
        ("what", "not a phone number"),
    ):
        change(story, CallbackChange.NUMBER, callback, number=number)
        assert (story.fact(RequestRefused).reason, story.fact(RequestRefused).by) == (why, "maria")
    assert story.world.callbacks[callback] == before


def test_the_number_can_be_changed_when_no_more_callbacks_are_taken() -> None:
    story = Story(house(replace(TERMS, most=1), agents={"amy": False}))
    callback = owed(story)
    change(story, CallbackChange.NUMBER, callback, number="+4413")
    assert story.world.callbacks[callback].number == "+4413"


def test_a_number_whose_caller_waits_in_the_queue_is_refused() -> None:
    story = Story(house(agents={"amy": False}))
    callback = owed(story)
    story.caller("eve")
    change(story, CallbackChange.NUMBER, callback, number=NUMBER)
    assert story.fact(RequestRefused).reason == "this number is waiting in the queue right now"


CHANGES = [
    (CallbackChange.RESCHEDULE, {"not_before": 1e10}),
    (CallbackChange.NUMBER, {"number": "+4413"}),
    (CallbackChange.CALL_NOW, {}),
]


@pytest.mark.parametrize(("asked", "more"), CHANGES, ids=[asked for asked, _ in CHANGES])
def test_a_callback_that_is_being_made_or_is_over_is_not_changed(asked: CallbackChange, more: dict[str, object]) -> None:
    story = keeping()
    (callback,) = story.world.callbacks
    before = story.world.callbacks[callback]
    change(story, asked, callback, **more)
    assert story.fact(RequestRefused).reason == "the customer is being called, or is on the line"
    assert story.world.callbacks[callback] == before
    change(story, asked, "gone", **more)
    assert (story.fact(RequestRefused).unknown, story.fact(RequestRefused).request) == (True, f"callback_{asked}")


def test_a_time_that_has_passed_is_refused() -> None:
    story = Story(house(agents={"amy": False}))
    callback = owed(story)
    change(story, CallbackChange.RESCHEDULE, callback, not_before=story.now)
    assert story.fact(RequestRefused).reason == "the time has passed: choose a later one"


def test_nobody_is_called_now_while_that_could_not_be_saved() -> None:
    story = Story(house(agents={"amy": True}))
    callback = owed(story, not_before=story.now + LATER)
    story.happens(StoreChanged(at=story.now, safe=False))
    change(story, CallbackChange.CALL_NOW, callback)
    assert story.fact(RequestRefused).reason == "this customer may not be called now: the store is behind"
    assert story.state("amy") == "ready"
