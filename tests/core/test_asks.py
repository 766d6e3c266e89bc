"""What agents ask for, at every moment, and where two want the same phone."""

from __future__ import annotations

import pytest

from callbridge.core.model.events import AgentRequest, LegAnswered
from callbridge.core.model.facts import OfferEnded, RequestRefused
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Bridge, Play
from callbridge.core.model.plan import ConnectMode
from tests.core.story import Story, agent, one_queue


def in_work(work: str) -> tuple[Story, list[LegId]]:
    """bob is in this kind of work; the legs that still have to end."""
    story = one_queue(agent("bob"), wrap_up=15.0)
    match work:
        case "ringing":
            return story, [story.caller() and story.ring().leg]
        case "joining":
            leg = story.caller() and story.ring().leg
            story.pick_up(leg)
            return story, [leg]
        case "talking":
            return story, list(story.talk())
        case "wrap_up":
            for leg in story.talk():
                story.gone(leg)
            return story, []
        case _:
            return story, []


def finish(story: Story, legs: list[LegId]) -> None:
    for leg in legs:
        story.gone(leg)
    for call in story.world.calls.values():
        story.gone(call.leg)
    story.wait(60.0)


WORKS = ["idle", "ringing", "joining", "talking", "wrap_up"]


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize(
    ("ask", "reason", "state"), [(AgentRequest.NOT_READY, "lunch", "not_ready lunch"), (AgentRequest.LOGOUT, "", "logged_out")]
)
def test_a_pause_or_log_out_is_in_force_when_the_work_in_hand_is_over(
    work: str, ask: AgentRequest, reason: str, state: str
) -> None:
    story, legs = in_work(work)
    story.ask("bob", ask, reason)
    finish(story, legs)
    assert story.state("bob") == state
    story.caller("eve")
    assert story.rung() == []


@pytest.mark.parametrize("work", ["talking", "wrap_up"])
@pytest.mark.parametrize("ask", [AgentRequest.NOT_READY, AgentRequest.LOGOUT])
def test_what_is_asked_for_while_talking_does_not_show_before_the_end(work: str, ask: AgentRequest) -> None:
    story, _ = in_work(work)
    story.ask("bob", ask)
    assert story.state("bob") == work


@pytest.mark.parametrize("work", WORKS)
def test_another_phone_is_in_force_when_the_work_in_hand_is_over(work: str) -> None:
    story, legs = in_work(work)
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/desk")
    finish(story, legs)
    story.ask("bob", AgentRequest.READY)
    story.caller("eve")
    assert story.ring().phone == "PJSIP/desk"


def test_another_phone_asked_for_while_talking_leaves_the_talk_where_it_is() -> None:
    story, _ = in_work("talking")
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/desk")
    assert (story.orders, story.world.agents["bob"].phone) == ([], "PJSIP/bob")


@pytest.mark.parametrize("ask", [AgentRequest.NOT_READY, AgentRequest.LOGOUT])
def test_who_asks_for_a_pause_while_ringing_does_not_get_this_call(ask: AgentRequest) -> None:
    story = one_queue(agent("bob"), agent("cid"))
    story.caller("ann")
    ring = story.ring()
    story.ask(ring.agent, ask)
    assert story.fact(OfferEnded).result == "rejected"
    assert story.hung_up() == {ring.leg}
    assert story.rung() == [({"bob", "cid"} - {ring.agent}).pop()]


def test_a_pause_asked_for_in_the_moment_of_answering_keeps_the_call() -> None:
    story = one_queue(agent("bob"))
    story.caller("ann")
    bridge = story.pick_up(story.ring().leg)
    story.ask("bob", AgentRequest.NOT_READY, "lunch")
    story.join(bridge)
    assert story.state("bob") == "talking"


@pytest.mark.parametrize("ask", [AgentRequest.READY, AgentRequest.NOT_READY])
def test_who_is_not_logged_in_is_refused(ask: AgentRequest) -> None:
    story = one_queue(agent("bob", login=False))
    story.ask("bob", ask)
    assert story.fact(RequestRefused).reason == "not logged in"


def test_an_agent_whom_nobody_knows_is_refused() -> None:
    story = one_queue()
    story.ask("nobody", AgentRequest.LOGIN)
    assert (story.fact(RequestRefused).agent, story.fact(RequestRefused).reason) == ("nobody", "no such agent: nobody")


def test_the_reason_of_a_pause_can_change() -> None:
    story = one_queue(agent("bob"))
    story.ask("bob", AgentRequest.NOT_READY, "lunch")
    story.ask("bob", AgentRequest.NOT_READY, "training")
    assert story.state("bob") == "not_ready training"


# -- hot desks ------------------------------------------------------------------------------------------------------


def test_a_phone_in_use_is_refused_with_the_name_of_its_user() -> None:
    story = one_queue(agent("bob"), agent("cid", login=False))
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/bob")
    assert story.fact(RequestRefused).reason == "phone PJSIP/bob is in use by agent bob"
    assert story.state("cid") == "logged_out"


def test_the_phone_of_somebody_logged_out_is_free_for_others() -> None:
    story = one_queue(agent("bob", login=False), agent("cid", login=False))
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/bob")
    story.caller("ann")
    assert (story.ring().agent, story.ring().phone) == ("cid", "PJSIP/bob")


def test_whose_phone_was_taken_must_name_another() -> None:
    story = one_queue(agent("bob", login=False), agent("cid", login=False))
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/bob")
    story.ask("bob", AgentRequest.LOGIN)
    assert story.all_told(RequestRefused)[-1].agent == "bob"
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/cid")
    assert story.state("bob") == "ready"


def test_whose_phone_was_taken_gets_it_back_when_it_is_free_again() -> None:
    story = one_queue(agent("bob", login=False), agent("cid", login=False))
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/bob")
    story.ask("cid", AgentRequest.LOGOUT)
    story.ask("bob", AgentRequest.LOGIN)
    assert (story.state("bob"), story.world.agents["bob"].phone) == ("ready", "PJSIP/bob")


def test_the_phone_of_somebody_who_logged_out_while_talking_is_not_free_yet() -> None:
    story = one_queue(agent("bob"), agent("cid", login=False))
    story.talk()
    story.ask("bob", AgentRequest.LOGOUT)
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/bob")
    assert story.fact(RequestRefused).reason == "phone PJSIP/bob is in use by agent bob"


def test_a_phone_that_somebody_waits_for_is_not_given_to_another() -> None:
    story = one_queue(agent("bob"), agent("cid", login=False))
    legs = story.talk()
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/desk")
    story.ask("cid", AgentRequest.LOGIN, phone="PJSIP/desk")
    for leg in legs:
        story.gone(leg)
    story.wait(60.0)
    phones = [one.phone for one in story.world.agents.values()]
    assert len(set(phones)) == 2


# -- nailed-up ------------------------------------------------------------------------------------------------------


def nailed() -> tuple[Story, LegId]:
    story = one_queue(agent("bob", connect=ConnectMode.NAILED_UP), wrap_up=0.0)
    session = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=session))
    return story, session


def test_log_out_ends_the_session() -> None:
    story, session = nailed()
    story.ask("bob", AgentRequest.LOGOUT)
    assert story.hung_up() == {session}


def test_log_out_while_talking_ends_the_session_after_the_talk() -> None:
    story, session = nailed()
    customer = story.caller()
    story.wait(3.0)
    story.join(story.only(Bridge))
    story.ask("bob", AgentRequest.LOGOUT)
    assert story.hung_up() == set()
    story.gone(customer)
    assert story.hung_up() == {session}


def test_a_pause_keeps_the_session() -> None:
    story, session = nailed()
    story.ask("bob", AgentRequest.NOT_READY)
    assert story.hung_up() == set()
    story.ask("bob", AgentRequest.READY)
    story.caller()
    assert story.only(Play).leg == session


def test_a_session_on_its_way_down_is_offered_nothing_and_a_new_one_is_made() -> None:
    story, session = nailed()
    story.ask("bob", AgentRequest.LOGOUT)
    story.ask("bob", AgentRequest.LOGIN)
    rings = [story.ring()] if story.rung() else []
    story.caller()
    assert not [order for order in story.orders if isinstance(order, Play)], "the old session is being hung up"
    story.gone(session)
    rings += [story.ring()] if story.rung() else []
    assert [ring.role for ring in rings] == ["session"]


def test_another_phone_moves_the_session() -> None:
    story, session = nailed()
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/desk")
    assert story.hung_up() == {session}
    assert story.ring().phone == "PJSIP/desk"
