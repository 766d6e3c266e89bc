"""Why an agent gets no calls, and why a caller waits: each answer stands where its reason does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.adapters.views.explain_agent import explain_agent
from callbridge.adapters.views.explain_queue import MAX_SHOWN, explain_queue
from callbridge.adapters.views.phrasing import lacking, some, span
from callbridge.adapters.views.waiters import Show
from callbridge.core.model.events import (
    AgentRequest,
    CallRequest,
    CallRequested,
    DeviceChanged,
    LegAnswered,
    LegRinging,
    PbxLost,
    PlanChanged,
    SwitchTurned,
)
from callbridge.core.model.plan import AgentOrder, AgentPlan, ConnectMode, Penalty, QueuePlan, Reason, ToQueue
from callbridge.core.model.skills import Requirement, parse, profile
from callbridge.core.model.switch import BYPASS
from tests.core.story import PBX, Story, agent, one_queue, plan, queue, routing

WIDENING = routing(("support >= 4", 20.0), ("support >= 1", None))


def codes(story: Story, who: str) -> list[str]:
    lines = explain_agent(story.world, who, story.now)
    assert lines is not None
    return [line.code for line in lines]


def said(story: Story, who: str, code: str) -> str:
    """What is said to an agent under this code, once."""
    lines = explain_agent(story.world, who, story.now) or []
    (text,) = [line.text for line in lines if line.code == code]
    return text


def of_queue(story: Story, code: str, name: str = "support") -> list[str]:
    lines = explain_queue(story.world, name, story.now) or []
    return [line.text for line in lines if line.code == code]


def floor(the_queue: QueuePlan, *agents: AgentPlan) -> Story:
    return Story(plan([the_queue], list(agents)))


def test_a_caller_from_whom_no_audio_has_come_is_explained_as_such() -> None:
    story = one_queue(agent("bob"), wait_for_audio=35.0)
    story.happens(LegAnswered(at=story.now, leg=story.caller()))
    story.wait(5.0)
    assert of_queue(story, "no_audio") == ["   not offered: no audio from the caller yet; offered when it comes, or in 30 s"]
    assert of_queue(story, "due") == []
    assert said(story, "bob", "nobody_waits").endswith("nobody is waiting (1 caller from whom no audio has come yet)")


# -- an agent -------------------------------------------------------------------------------------------------------


def test_nobody_is_explained_who_does_not_exist() -> None:
    story = one_queue(agent("ann"))
    assert explain_agent(story.world, "bob", story.now) is None
    assert explain_queue(story.world, "sales", story.now) is None


def test_a_logged_out_agent_is_told_so() -> None:
    assert codes(one_queue(agent("ann", login=False)), "ann")[0] == "logged_out"


def test_a_pause_is_told_with_its_reason_and_length() -> None:
    story = one_queue(agent("ann"))
    story.ask("ann", AgentRequest.NOT_READY, reason="lunch")
    story.wait(65)
    assert said(story, "ann", "not_ready") == "not ready for 1 min 5 s, reason lunch"


def test_an_agent_who_let_it_ring_hears_when_the_pause_ends() -> None:
    story = one_queue(agent("ann"), no_answer=Penalty(not_ready="rona", return_after=300.0))
    story.caller()
    story.happens(LegRinging(at=story.now, leg=story.ring().leg))
    story.wait(20)
    assert (
        said(story, "ann", "not_ready")
        == "not ready for 5 s, reason did not answer (rona); returns to ready automatically in 4 min 55 s"
    )


def test_wrap_up_is_told_with_what_is_left() -> None:
    story = one_queue(agent("ann"), wrap_up=30.0)
    customer, leg = story.talk()
    story.gone(customer)
    story.gone(leg)
    story.wait(10)
    assert said(story, "ann", "wrap_up") == "in wrap-up for queue support, 20 s left"


def test_somebody_in_a_call_is_told_which() -> None:
    story = one_queue(agent("ann"))
    story.talk()
    assert story.call().id in said(story, "ann", "talking")
    story.ask("ann", AgentRequest.NOT_READY, reason="lunch")
    assert "pause_later" in codes(story, "ann")


@pytest.mark.parametrize(("state", "code"), [("UNAVAILABLE", "offline"), ("INUSE", "busy_elsewhere")])
def test_trouble_of_the_phone_is_told(state: str, code: str) -> None:
    story = one_queue(agent("ann"))
    story.happens(DeviceChanged(at=story.now, phone="PJSIP/ann", state=state))
    assert "PJSIP/ann" in said(story, "ann", code)
    assert "free" not in codes(story, "ann")


def test_a_rest_after_a_rejection_is_told_with_what_is_left() -> None:
    story = one_queue(agent("ann"))
    story.caller()
    story.gone(story.ring().leg, cause=21)
    assert said(story, "ann", "resting") == "gets no offers for another 10 s after 1 offer missed in a row"


def test_a_nailed_up_agent_without_the_lasting_call_is_told_how_to_get_it() -> None:
    story = one_queue(agent("ann", connect=ConnectMode.NAILED_UP))
    assert "ringing" in said(story, "ann", "session_down")
    story.gone(story.sent[-1].legs[0])
    assert "agents ready" in said(story, "ann", "session_down")


def test_skills_that_fit_no_queue_are_told_with_what_is_missing() -> None:
    story = floor(queue("support", WIDENING), agent("eve", {"sales": 2}))
    assert said(story, "eve", "no_queue") == "no step of any queue matches the agent's skills: sales 2"
    assert said(story, "eve", "not_in_queue") == (
        "queue support: does not match, lacks support >= 4 (has none); or support >= 1 (has none)"
    )


def test_an_agent_who_fits_later_hears_when_the_first_caller_widens() -> None:
    story = floor(queue("support", WIDENING), agent("ann", {"support": 3}), agent("bob", {"support": 4}))
    story.talk("x")
    story.caller("y")
    story.wait(5)
    text = said(story, "ann", "waiters_need_more")
    assert "lacks support >= 4 (has 3)" in text
    assert "in 15 s" in text
    story.wait(15)
    assert story.rung() == ["ann"]


def test_a_free_agent_hears_that_nobody_waits_and_who_comes_first() -> None:
    story = one_queue(agent("ann"), agent("bob"))
    story.wait(60)
    assert codes(story, "ann") == ["free", "nobody_waits", "next"]
    assert said(story, "bob", "others_first") == "queue support: behind 1 other matching agent (idle longer): Ann (ann)"


def test_with_highest_level_first_the_better_come_first() -> None:
    story = one_queue(agent("ann", {"support": 2}), agent("bob", {"support": 5}), pick=AgentOrder.HIGHEST_LEVEL)
    assert said(story, "ann", "others_first").endswith("(higher level, or idle longer): Bob (bob)")
    assert "next" in codes(story, "bob")


def test_what_is_told_first_comes_true() -> None:
    story = one_queue(agent("ann"), agent("bob"), agent("eve"))
    story.wait(30)
    (first,) = [who for who in ("ann", "bob", "eve") if "next" in codes(story, who)]
    story.caller()
    assert story.rung() == [first]


def test_bypass_and_a_lost_link_are_told_to_everybody() -> None:
    story = one_queue(agent("ann"))
    story.happens(SwitchTurned(at=story.now, switch=BYPASS, on=True, by="ops"))
    story.happens(PbxLost(at=story.now, pbx=PBX))
    assert {"bypass", "pbx_down"} <= set(codes(story, "ann"))
    assert len(of_queue(story, "bypass")) == 1


# -- a queue --------------------------------------------------------------------------------------------------------


def test_an_empty_queue_says_so_and_who_serves_it() -> None:
    story = one_queue(agent("ann"), agent("bob", login=False))
    assert of_queue(story, "staff") == ["2 agents can serve this queue, longest idle first: 1 logged out, 1 ready"]
    assert of_queue(story, "nobody_waits") == ["nobody is waiting"]


def test_the_first_caller_hears_who_is_busy_and_who_does_not_fit() -> None:
    story = floor(queue("support", WIDENING), agent("ann", {"support": 3}), agent("bob", {"support": 4}))
    story.talk("x")
    story.caller("y")
    story.wait(5)
    assert of_queue(story, "waiter") == [
        f"1. ***** ({story.call('y').id}), standard, waiting for 5 s; step 1 of 2, needs support >= 4; widens in 15 s"
    ]
    assert of_queue(story, "none_free") == ["   not offered: no matching agent is available: Bob (bob) talking for 5 s"]
    assert of_queue(story, "free_but_unfit") == ["   available but not matching: Ann (ann) lacks support >= 4 (has 3)"]


def test_callers_stand_in_the_order_in_which_they_are_served() -> None:
    story = Story(
        plan([queue("support", WIDENING, routing(("support >= 1", None), head_start=600.0))], [agent("ann", login=False)])
    )
    story.caller("first")
    story.wait(5)
    story.caller("vip", tier="diamond")
    lines = of_queue(story, "waiter")
    assert story.call("vip").id in lines[0]
    assert "head start 10 min" in lines[0]
    assert story.call("first").id in lines[1]


def test_a_head_start_given_by_hand_is_told_as_such() -> None:
    story = one_queue(agent("ann", login=False))
    story.caller()
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.HEAD_START, seconds=60.0, by="ops"))
    assert "(head start 1 min, set manually)" in of_queue(story, "waiter")[0]


def test_people_are_named_as_on_the_board_and_masked_as_there() -> None:
    story = one_queue(agent("ann"), no_answer=Penalty(not_ready="rona", return_after=300.0))
    story.happens(replace(story.arrival("y"), number="+442079460123"))
    ringing = story.call("y")
    assert said(story, "ann", "ringing") == f"ringing for +44*****123 ({ringing.id}) in queue support"
    story.happens(LegRinging(at=story.now, leg=story.ring().leg))
    story.wait(20)
    plain = explain_queue(story.world, "support", story.now, show=Show(masked=False)) or []
    masked = explain_queue(story.world, "support", story.now) or []
    assert [line.text.split(",")[0] for line in plain if line.code == "waiter"] == [f"1. +442079460123 ({ringing.id})"]
    assert [line.text.split(",")[0] for line in masked if line.code == "waiter"] == [f"1. +44*****123 ({ringing.id})"]
    (busy,) = [line.text for line in masked if line.code == "none_free"]
    assert busy.endswith("is available: Ann (ann) not ready, did not answer (rona), for 5 s")


def test_a_step_that_nobody_logged_in_could_serve_is_told_as_skipped() -> None:
    story = floor(queue("support", WIDENING), agent("ann", {"support": 3}), agent("bob", {"support": 4}, login=False))
    story.talk("x")
    story.caller("y")
    assert "(step support >= 4 is skipped: no logged-in agent could serve it)" in of_queue(story, "waiter")[0]


def test_a_caller_being_offered_names_the_agent() -> None:
    story = one_queue(agent("ann"))
    story.caller()
    story.wait(3)
    assert of_queue(story, "offered") == ["   being offered to Ann (ann) for 3 s"]


def test_leaving_the_queue_is_told_ahead() -> None:
    leaving = routing(("support >= 1", 30.0), then=ToQueue("other"))
    story = Story(plan([queue("support", leaving), queue("other")], [agent("ann", login=False)]))
    story.caller()
    story.wait(10)
    assert "leaves the queue in 20 s" in of_queue(story, "waiter")[0]


def test_nobody_with_the_skill_is_told_as_such() -> None:
    story = floor(queue("support", routing(("magic >= 1", None))), agent("ann"))
    story.caller()
    assert of_queue(story, "nobody_fits") == ["   not offered: no agent has the required skills"]
    assert "no_staff" in [line.code for line in explain_queue(story.world, "support", story.now) or []]


def test_a_long_line_is_told_from_its_head() -> None:
    story = one_queue(agent("ann", login=False))
    for number in range(MAX_SHOWN + 3):
        story.caller(f"c{number}")
    assert len(of_queue(story, "waiter")) == MAX_SHOWN
    assert of_queue(story, "more") == ["3 more waiting behind them"]
    assert len(of_queue(story, "none_free")) == 1


# -- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.04, "0 s"),
        (4.26, "4.3 s"),
        (9.97, "10 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3780, "1 h 3 min"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2 d"),
        (50 * 3600 + 60, "2 d 2 h"),
    ],
)
def test_spans_read_like_speech(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("needs", "skills", "missing"),
    [
        ("support >= 3", {"support": 3}, ""),
        ("support >= 3", {"support": 2}, "support >= 3 (has 2)"),
        ("a and b >= 2", {"a": 1}, "b >= 2 (has none)"),
        ("a and (b or c >= 2)", {}, "a >= 1 (has none) and (b >= 1 (has none) or c >= 2 (has none))"),
        ("a and (b or c)", {"c": 1}, "a >= 1 (has none)"),
    ],
)
def test_what_a_profile_lacks_is_named(needs: str, skills: dict[str, int], missing: str) -> None:
    assert str(lacking(parse(needs), profile(skills))) == missing


def test_long_lists_are_cut() -> None:
    assert str(some("abc", 3)) == "a, b, c"
    assert str(some("abcd", 3)) == "a, b, c and 1 more"


def test_a_pause_beyond_its_limit_is_told_as_long_as_it_lasts() -> None:
    story = one_queue(agent("ann"))
    lunch = replace(story.world.plan, reasons={"lunch": Reason("lunch", limit=60.0)})
    story.happens(PlanChanged(at=story.now, plan=lunch))
    story.ask("ann", AgentRequest.NOT_READY, reason="lunch")
    story.wait(30)
    assert "reason_limit" not in codes(story, "ann")
    story.wait(45)
    assert said(story, "ann", "reason_limit") == "lunch for 1 min 15 s, 15 s over its limit"
    (values,) = [line.values for line in explain_agent(story.world, "ann", story.now) or [] if line.code == "reason_limit"]
    assert values == {"reason": "lunch", "lasted": 75, "over": 15}
    story.ask("ann", AgentRequest.READY)
    assert "reason_limit" not in codes(story, "ann")


def test_of_many_who_come_first_the_first_are_named_and_nothing_is_worked_out_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand agents are explained on the loop: what a requirement says of a set of skills is looked up."""
    crew = [agent(f"a{n}", {"support": 1 + n % 3}) for n in range(9)]
    story = floor(queue("support", routing(("support", None)), pick=AgentOrder.LONGEST_IDLE), *crew)
    first = said(story, "a8", "others_first")
    assert (
        first
        == "queue support: behind 8 other matching agents (idle longer): A0 (a0), A1 (a1), A2 (a2), A3 (a3), A4 (a4) and 3 more"
    )
    worked_out: list[str] = []
    monkeypatch.setattr(Requirement, "strength", lambda self, skills: worked_out.append(self.text))
    assert said(story, "a8", "others_first") == first
    assert worked_out == []


def test_a_caller_whom_the_reader_may_not_know_of_is_not_named() -> None:
    story = one_queue(agent("bob"))
    story.happens(replace(story.arrival("y"), number="+442079460018"))
    known = story.call("y")
    assert "0018" in str(Show(masked=False).caller(known))
    hidden = Show(masked=False, sees=lambda one: one is not known).caller(known)
    assert str(hidden) == "a caller in a queue of another team"
