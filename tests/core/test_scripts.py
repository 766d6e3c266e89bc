"""Answers in the script of a call: whose they are, what is published, and for how long they are kept."""

from __future__ import annotations

from callbridge.core.model.events import ScriptAnswersGiven
from callbridge.core.model.facts import RequestRefused, ScriptAnswered
from callbridge.core.requests.scripts import KEPT_AFTER
from tests.core.story import Story, agent, one_queue


def talking(wrap_up: float = 30.0) -> tuple[Story, str]:
    story = one_queue(agent("bob"), agent("eve", login=False), wrap_up=wrap_up)
    story.talk()
    (call,) = story.world.calls
    return story, call


def gives(story: Story, call: str, agent: str = "bob", to: str = "", step: str = "greet", **answers: str) -> None:
    event = ScriptAnswersGiven(
        at=story.now, agent=agent, call=call, script="renewal", step=step, answers=tuple(answers.items()), to=to, by="boss"
    )
    story.happens(event)


def told(story: Story) -> list[tuple[str, str]]:
    return [(fact.field, fact.answer) for fact in story.all_told(ScriptAnswered)]


def test_an_answer_is_published_when_it_is_given_changed_or_taken_back() -> None:
    story, call = talking()
    gives(story, call, reached="yes", note="")
    gives(story, call, reached="yes", period="yearly", to="order")
    gives(story, call, reached="no")
    gives(story, call, period="")
    assert told(story) == [("reached", "yes"), ("period", "yearly"), ("reached", "no"), ("period", "")]
    first = story.all_told(ScriptAnswered)[0]
    assert (first.call, first.agent, first.queue, first.script, first.step) == (call, "bob", "support", "renewal", "greet")
    assert first.by == "boss"
    row = story.world.script_answers[call]
    assert (row.step, row.answers) == ("greet", (("reached", "no"),))


def test_a_page_that_was_closed_finds_the_step_to_which_the_agent_went() -> None:
    story, call = talking()
    gives(story, call, reached="yes", to="order")
    assert story.world.script_answers[call].step == "order"


def test_nobody_answers_in_anothers_call() -> None:
    story, call = talking()
    for who, which, unknown in (("eve", call, False), ("bob", "other", False), ("bob", "", False), ("zoe", call, True)):
        gives(story, which, agent=who, reached="yes")
        assert story.fact(RequestRefused).unknown is unknown
    assert told(story) == []
    assert not story.world.script_answers.rows()


def test_answers_are_taken_in_wrap_up_and_not_after_it() -> None:
    story, call = talking()
    for leg in [leg.id for leg in story.world.legs.values()]:
        story.gone(leg)
    assert story.state("bob") == "wrap_up"
    gives(story, call, reached="yes")
    assert told(story) == [("reached", "yes")]
    assert story.all_told(ScriptAnswered)[0].queue == "support"
    story.wait(31.0)
    gives(story, call, reached="no")
    assert story.fact(RequestRefused).reason == "the agent neither has this call nor wraps it up"


def test_they_are_kept_as_long_as_the_agent_has_the_call_and_forgotten_soon_after() -> None:
    story, call = talking()
    gives(story, call, reached="yes")
    story.wait(5 * KEPT_AFTER)
    assert call in story.world.script_answers
    for leg in [leg.id for leg in story.world.legs.values()]:
        story.gone(leg)
    story.wait(2 * KEPT_AFTER)
    assert call not in story.world.script_answers


def test_another_script_begins_anew() -> None:
    story, call = talking()
    gives(story, call, reached="yes", to="order")
    other = ScriptAnswersGiven(at=story.now, agent="bob", call=call, script="order", step="who", answers=(("who", "Ann"),))
    story.happens(other)
    row = story.world.script_answers[call]
    assert (row.script, row.step, row.answers) == ("order", "who", (("who", "Ann"),))
