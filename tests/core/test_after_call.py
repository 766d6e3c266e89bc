"""Notes and dispositions: to which conversation they belong, until when they are taken, and by whose codes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.events import CallRequest, CallRequested, DispositionRequested, NoteRequested
from callbridge.core.model.facts import CallNoted, DispositionSet, RequestRefused, TalkBegan
from callbridge.core.model.plan import Disposition, ToAgent
from tests.core.story import Story, agent, plan, queue

CODES = {"solved": Disposition("solved", "1", "Solved at once"), "complaint": Disposition("complaint")}


def talking(*, codes: bool = True) -> Story:
    support = replace(queue("support", wrap_up=10.0), dispositions=CODES if codes else {})
    story = Story(plan([support], [agent("bob"), agent("cid", {})]))
    _, story.bob = story.talk()  # type: ignore[attr-defined]
    story.wait(5.0)
    return story


def note(story: Story, text: str = "wants an offer", who: str = "bob") -> None:
    story.happens(NoteRequested(at=story.now, agent=who, text=text))


def disposition(story: Story, code: str, who: str = "bob", at: float | None = None) -> None:
    story.happens(DispositionRequested(at=story.now, agent=who, code=code, call_back_at=at))


@pytest.mark.parametrize("when", ["talking", "wrap_up"])
def test_notes_and_disposition_belong_to_the_agent_s_share(when: str) -> None:
    story = talking()
    segment = story.all_told(TalkBegan)[-1].seq
    call = story.call().id
    if when == "wrap_up":
        story.gone(story.call().leg)
    note(story)
    note(story, "and a call on Friday")
    disposition(story, "solved")
    told = story.all_told(CallNoted)
    assert [(one.call, one.segment, one.agent, one.queue) for one in told] == [(call, segment, "bob", "support")] * 2
    assert [one.text for one in told] == ["wants an offer", "and a call on Friday"]
    (said,) = story.all_told(DispositionSet)
    assert (said.call, said.segment, said.queue, said.code, said.campaign) == (call, segment, "support", "solved", "")


def test_a_digit_is_its_code() -> None:
    story = talking()
    disposition(story, "1")
    assert story.fact(DispositionSet).code == "solved"


@pytest.mark.parametrize(
    ("code", "at", "reason"),
    [
        ("sold", None, "no such disposition: sold (known: solved, complaint)"),
        ("", None, "no such disposition:  (known: solved, complaint)"),
        ("solved", 1e10, "call_back_at is for leads of a campaign: make a callback"),
    ],
)
def test_what_the_queue_does_not_know_is_refused(code: str, at: float | None, reason: str) -> None:
    story = talking()
    disposition(story, code, at=at)
    assert story.fact(RequestRefused).reason == reason


def test_without_codes_there_is_none() -> None:
    story = talking(codes=False)
    disposition(story, "solved")
    assert story.fact(RequestRefused).reason == "no such disposition: solved (known: none)"


def test_after_the_wrap_up_it_is_too_late() -> None:
    story = talking()
    story.gone(story.call().leg)
    story.gone(story.bob)  # type: ignore[attr-defined]
    story.wait(11.0)
    note(story)
    assert story.fact(RequestRefused).reason == "agent bob has no call, and is not in wrap-up"
    disposition(story, "solved")
    assert story.fact(RequestRefused).reason == "agent bob has no call, and is not in wrap-up"


def test_who_is_only_consulted_has_no_share_yet() -> None:
    story = talking()
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.CONSULT, to=ToAgent("cid"), by="bob"))
    story.connect(story.ring().leg)
    note(story, who="cid")
    assert story.fact(RequestRefused).reason == "agent cid has no call, and is not in wrap-up"


def test_an_agent_who_is_not_known_is_said_to_be() -> None:
    story = talking()
    note(story, who="zoe")
    assert (story.fact(RequestRefused).reason, story.fact(RequestRefused).unknown) == ("no such agent: zoe", True)
