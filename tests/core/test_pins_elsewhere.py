"""PINs given elsewhere than at a phone, such as in a browser: the rules of the phones hold, and count together with them."""

from __future__ import annotations

from callbridge.core.engine import step
from callbridge.core.model.events import PinEntered
from callbridge.core.model.facts import AgentAlerted
from callbridge.core.requests.pin_guards import LOCKED, MAX_WRONG_ELSEWHERE, MAX_WRONG_PINS
from tests.core.story import Story
from tests.core.test_features import PIN, SAYS, WRONG, desk, guess, with_pin


def entered(story: Story, who: str, pin: str, place: str = "web 10.0.0.7") -> bool:
    """Whether it was right, and could be tried there."""
    outcome = step(story.world, PinEntered(at=story.now, agent=who, pin=pin, place=place))
    story.told += outcome.facts
    assert outcome.answer in (True, False)
    return outcome.answer is True


def test_the_right_pin_is_right_and_changes_nothing() -> None:
    story = desk(with_pin())
    before = story.world.agents["1001"]
    assert entered(story, "1001", PIN)
    assert story.world.agents["1001"] == before


def test_a_wrong_one_an_unknown_agent_and_one_without_a_pin_are_wrong() -> None:
    story = desk(with_pin(), with_pin("1002", pin=""))
    assert not entered(story, "1001", WRONG)
    assert not entered(story, "9999", PIN)
    assert not entered(story, "1002", "")


def test_a_place_is_locked_like_a_phone_and_only_this_one() -> None:
    story = desk(with_pin())
    for _ in range(MAX_WRONG_PINS):
        assert not entered(story, "1001", WRONG)
    assert not entered(story, "1001", PIN)
    assert entered(story, "1001", PIN, "web 10.0.0.8")
    assert [(alert.kind, alert.device) for alert in story.all_told(AgentAlerted)] == [("pin_locked", "web 10.0.0.7")]
    story.wait(LOCKED)
    assert entered(story, "1001", PIN)


def test_guesses_at_phones_and_in_browsers_count_together() -> None:
    """Otherwise browsers could go on where the phones lock."""
    story = desk(with_pin(), with_pin("1002", pin="0815"))
    for number in range(4):
        guess(story, "1001", "PJSIP/lobby", number)
    for number in range(MAX_WRONG_ELSEWHERE - 4):
        assert not entered(story, "1001", WRONG, f"web 10.0.0.{number}")
    assert not entered(story, "1001", PIN, "web 10.0.0.99")
    assert guess(story, "1001", "PJSIP/other", 50, PIN) == SAYS.locked
    assert guess(story, "1001", "PJSIP/1001", 51, PIN) == SAYS.logged_in
    assert entered(story, "1002", "0815", "web 10.0.0.99")


def test_the_right_pin_in_a_browser_makes_mistakes_forgotten() -> None:
    story = desk(with_pin())
    for _ in range(MAX_WRONG_ELSEWHERE):
        assert not entered(story, "1001", WRONG)
        assert entered(story, "1001", PIN)
    assert story.all_told(AgentAlerted) == []


def test_the_pin_is_in_no_log() -> None:
    assert PIN not in repr(PinEntered(at=0.0, agent="1001", pin=PIN, place="web"))
