"""The agent: intent x work x device, and the published state as a function of the three."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from callbridge.core.engine import step
from callbridge.core.entities.agent_states import change
from callbridge.core.model.agent import WORK_MOVES, Agent, Device, Intent, State, Work, eligible, published
from callbridge.core.model.events import DeviceChanged
from callbridge.core.model.ids import LegId
from callbridge.core.model.illegal_move import IllegalMove
from callbridge.core.model.orders import Ring
from callbridge.core.model.plan import ConnectMode
from tests.core.story import START, one_queue
from tests.core.story import agent as planned

ALL = list(itertools.product(Intent, Work, Device))

EXPECTED: dict[tuple[Intent | None, Work, Device | None], State] = {
    # what the agent does outranks what the agent wants, and that outranks the phone
    **{(intent, Work.TALKING, device): State.TALKING for intent in Intent for device in Device},
    **{(intent, Work.WRAP_UP, device): State.WRAP_UP for intent in Intent for device in Device},
    **{(Intent.LOGGED_OUT, work, device): State.LOGGED_OUT for work in (Work.IDLE, Work.OFFERED) for device in Device},
    **{(intent, Work.OFFERED, device): State.RINGING for intent in (Intent.READY, Intent.NOT_READY) for device in Device},
    **{(Intent.NOT_READY, Work.IDLE, device): State.NOT_READY for device in Device},
    (Intent.READY, Work.IDLE, Device.AVAILABLE): State.READY,
    (Intent.READY, Work.IDLE, Device.BUSY_ELSEWHERE): State.BUSY_ELSEWHERE,
    (Intent.READY, Work.IDLE, Device.OFFLINE): State.OFFLINE,
}


def someone(**more: object) -> Agent:
    basics: dict[str, object] = {"id": "bob", "name": "Bob", "profile": (("support", 3),), "phone": "PJSIP/bob"}
    basics |= {"home": "PJSIP/bob", "connect": ConnectMode.RING}
    return Agent(**(basics | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(("intent", "work", "device"), ALL, ids=["-".join(each) for each in ALL])
def test_the_published_state_follows_from_intent_work_and_device(intent: Intent, work: Work, device: Device) -> None:
    state, reason = published(someone(intent=intent, work=work, device=device, reason="lunch"))
    assert state is EXPECTED[intent, work, device]
    assert reason == ("lunch" if state is State.NOT_READY else "")


@pytest.mark.parametrize("intent", [Intent.READY, Intent.NOT_READY])
def test_an_agent_who_has_picked_up_for_a_callback_is_connecting(intent: Intent) -> None:
    assert published(someone(intent=intent, work=Work.OFFERED, connecting=True)) == (State.CONNECTING, "")


@pytest.mark.parametrize(("intent", "work", "device"), ALL, ids=["-".join(each) for each in ALL])
def test_only_who_is_published_ready_is_offered_a_call(intent: Intent, work: Work, device: Device) -> None:
    one = someone(intent=intent, work=work, device=device)
    assert eligible(one, 0.0) is (published(one)[0] is State.READY)


@pytest.mark.parametrize(
    ("more", "free"),
    [
        ({}, True),
        ({"leg": LegId("pbx/old")}, False),
        ({"rest_until": 100.5}, False),
        ({"rest_until": 100.0}, True),
        ({"connect": ConnectMode.NAILED_UP}, False),
        ({"connect": ConnectMode.NAILED_UP, "session_up": True}, True),
        ({"connect": ConnectMode.AUTO_ANSWER}, True),
    ],
)
def test_a_ready_agent_waits_for_the_old_leg_the_rest_and_the_session(more: dict[str, object], free: bool) -> None:
    assert eligible(someone(intent=Intent.READY, **more), 100.0) is free


MOVES = list(itertools.permutations(Work, 2))


@pytest.mark.parametrize(("old", "new"), MOVES, ids=[f"{old}-{new}" for old, new in MOVES])
def test_work_moves_as_the_table_says_or_not_at_all(old: Work, new: Work) -> None:
    world = one_queue(planned("bob", login=False)).world
    one = someone(work=old, intent=Intent.READY)

    def moved() -> bool:
        try:
            return change(world, one, work=new).work is new
        except IllegalMove:
            return False

    assert moved() is (new in WORK_MOVES[old])


def test_the_next_deadline_is_the_nearest_that_is_still_to_come() -> None:
    world = one_queue(planned("bob", login=False)).world
    one = change(world, someone(), return_at=START + 30.0, inspect_at=START + 20.0, rest_until=START + 10.0)
    assert one.deadline == START + 10.0
    assert change(world, one, inspect_at=START + 5.0).deadline == START + 5.0


def test_the_end_of_wrap_up_is_due_only_in_wrap_up() -> None:
    world = one_queue(planned("bob", login=False)).world
    assert change(world, someone(work=Work.WRAP_UP), wrap_until=START + 5.0).deadline == START + 5.0
    assert change(world, someone(work=Work.IDLE), wrap_until=START + 5.0).deadline is None


@pytest.mark.parametrize(
    "pending",
    [
        {"work": Work.WRAP_UP, "wrap_until": START + 5.0},
        {"intent": Intent.NOT_READY, "return_at": START + 5.0},
        {"intent": Intent.READY, "rest_until": START + 5.0},
    ],
)
def test_a_change_that_comes_before_a_passed_deadline_was_met_does_not_lose_it(pending: dict[str, Any]) -> None:
    story = one_queue(planned("bob", login=False))
    before = replace(story.world.agents["bob"], intent=Intent.READY, work=pending.get("work", Work.IDLE))
    change(story.world, before, **pending)
    story.world.commit()
    step(story.world, DeviceChanged(at=START + 6.0, phone="PJSIP/bob", state="UNAVAILABLE"))
    step(story.world, DeviceChanged(at=START + 6.0, phone="PJSIP/bob", state="NOT_INUSE"))
    while (due := story.world.take_due(START + 6.0)) is not None:
        step(story.world, due)
    outcome = step(story.world, story.arrival("ann"))
    assert [order.agent for order in outcome.orders if isinstance(order, Ring)] == ["bob"]
