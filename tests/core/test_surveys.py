"""Surveys after the talk: who is led into one, what comes of the answers, and what hang-ups and repetitions mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.call import Phase
from callbridge.core.model.events import CallRequest, CallRequested, PbxSnapshot, SeenLeg
from callbridge.core.model.facts import (
    CallEnded,
    FlowBegan,
    RequestRefused,
    SurveyAlerted,
    SurveyAnswered,
    SurveyEnded,
    SurveyMissed,
    VisitBegan,
)
from callbridge.core.model.flow import Flow, GoodbyeNode, LookupNode, MenuNode, Node, QueueNode
from callbridge.core.model.ids import LegId
from callbridge.core.model.plan import SKIPPED, SURVEY, Plan, SurveyPlan
from tests.core.flows import floor, said, stage, the_call
from tests.core.story import PBX, queue
from tests.core.toy import Toy


def question(name: str, to: str, **more: object) -> MenuNode:
    keys = dict.fromkeys("12345", to) | dict(more.pop("keys", {}))  # type: ignore[call-overload]
    return MenuNode(media=name, keys=keys, otherwise=to, question=name, tries=2, wait=3.0, **more)  # type: ignore[arg-type]


NODES: dict[str, Node] = {
    "once": LookupNode(lookup=SURVEY + "service", next="opt", otherwise=SKIPPED, quiet=True),
    "opt": MenuNode(media="will-you", keys={"1": "friendly"}, otherwise="bye", tries=1, wait=3.0),
    "friendly": question("friendly", "solved", alerting=frozenset({"1"}), keys={"1": "to other"}),
    "solved": question("solved", "thanks"),
    "to other": QueueNode(queue="other"),
    "thanks": GoodbyeNode(media="thanks"),
    SKIPPED: GoodbyeNode(),
    "bye": GoodbyeNode(),
}
FLOW = Flow(name=SURVEY + "service", version="1", start="once", nodes=NODES, questions=2)


def surveyed(survey: SurveyPlan | None = None, *, known: bool = False) -> tuple[Toy, LegId]:
    """Ann has talked to Amy, who hung up a moment ago."""
    toy, leg = talking(survey, known=known)
    segment = the_call(toy).segment
    assert segment is not None
    toy.hangs_up(segment.leg)
    toy.run(toy.story.now + 0.5)
    return toy, leg


def talking(survey: SurveyPlan | None = None, *, known: bool = False) -> tuple[Toy, LegId]:
    plan: Plan = floor(queues=[queue("support", survey="service"), queue("other")])
    plan = replace(
        plan, flows={FLOW.name: FLOW}, surveys={"service": survey or SurveyPlan("service")}, lookups={SURVEY + "service": 1.0}
    )
    toy = stage(plan, {"amy": 0.5})
    toy.knows = None if known else {}
    leg = toy.calls("ann")
    toy.run(toy.story.now + 3.0)
    assert the_call(toy).phase is Phase.TALKING
    return toy, leg


def answers(toy: Toy) -> list[tuple[str, str, str, str]]:
    return [(f.question, f.answer, f.agent, f.queue) for f in toy.story.told if isinstance(f, SurveyAnswered)]


def ended(toy: Toy) -> list[tuple[str, int]]:
    return [(fact.result, fact.answers) for fact in toy.story.told if isinstance(fact, SurveyEnded)]


def press(toy: Toy, leg: LegId, *keys: str) -> None:
    for key in keys:
        toy.presses(leg, key)
        toy.run(toy.story.now + 0.3)


def test_a_survey_is_answered_to_its_end_and_tied_to_the_agent() -> None:
    toy, leg = surveyed()
    press(toy, leg, "1", "4", "5")
    toy.run(toy.story.now + 5.0)
    assert answers(toy) == [("friendly", "4", "amy", "support"), ("solved", "5", "amy", "support")]
    assert ended(toy) == [("complete", 2)]
    assert said(toy) == ["will-you", "friendly", "solved", "thanks"]
    assert [fact.outcome for fact in toy.story.told if isinstance(fact, CallEnded)] == ["answered"]
    assert toy.longest_silence < 1.0
    assert not toy.channels


@pytest.mark.parametrize(
    ("keys", "result"),
    [
        ((), ("no_answer", 0)),
        (("1",), ("no_answer", 0)),
        (("1", "3"), ("partial", 1)),
        (("2",), ("refused", 0)),
        (("9",), ("refused", 0)),
        (("1", "9", "9", "9", "9"), ("refused", 0)),
    ],
)
def test_silence_and_partial_answers_are_told_as_such(keys: tuple[str, ...], result: tuple[str, int]) -> None:
    toy, leg = surveyed()
    press(toy, leg, *keys)
    toy.run(toy.story.now + 60.0)
    assert ended(toy) == [result]
    assert not toy.channels


@pytest.mark.parametrize("keys", [(), ("1",), ("1", "4"), ("1", "4", "4")])
def test_hanging_up_at_any_question_keeps_what_was_answered(keys: tuple[str, ...]) -> None:
    toy, leg = surveyed()
    press(toy, leg, *keys)
    toy.hangs_up(leg)
    toy.run(toy.story.now + 5.0)
    assert len(answers(toy)) == max(0, len(keys) - 1)
    assert len(ended(toy)) == 1


def test_a_person_who_was_asked_lately_is_not_asked_again() -> None:
    toy, _ = surveyed(known=True)
    toy.run(toy.story.now + 5.0)
    assert ended(toy) == [("skipped", 0)]
    assert said(toy) == []
    assert not toy.channels


def test_a_bad_answer_is_an_alert_and_may_lead_to_somebody_at_once_but_not_to_a_second_survey() -> None:
    toy, leg = surveyed()
    press(toy, leg, "1", "1")
    (alert,) = [fact for fact in toy.story.told if isinstance(fact, SurveyAlerted)]
    assert (alert.question, alert.answer, alert.agent, alert.number) == ("friendly", "1", "amy", "+44")
    assert [fact.queue for fact in toy.story.told if isinstance(fact, VisitBegan)] == ["support", "other"]
    toy.run(toy.story.now + 20.0)  # Amy's wrap-up is over, and she takes this one, too
    segment = the_call(toy).segment
    assert segment is not None
    toy.hangs_up(segment.leg)
    toy.run(toy.story.now + 5.0)
    assert not toy.channels
    assert len(ended(toy)) == 1


@pytest.mark.parametrize("survey", [SurveyPlan("service", tiers=frozenset({"diamond"})), SurveyPlan("service", share=0.0)])
def test_only_the_tiers_and_the_share_that_are_meant_are_asked(survey: SurveyPlan) -> None:
    toy, _ = surveyed(survey)
    toy.run(toy.story.now + 2.0)
    assert not ended(toy)
    assert not toy.channels


def test_nobody_is_asked_who_hung_up_first() -> None:
    plan = replace(
        floor(queues=[queue("support", survey="service")]), flows={FLOW.name: FLOW}, surveys={"service": SurveyPlan("service")}
    )
    toy = stage(plan, {"amy": 0.5})
    leg = toy.calls("ann")
    toy.run(toy.story.now + 3.0)
    toy.hangs_up(leg)
    toy.run(toy.story.now + 5.0)
    assert not ended(toy)
    assert not toy.channels


def test_nobody_is_asked_who_is_missing_after_a_gap_when_the_agent_hangs_up() -> None:
    toy, leg = talking()
    segment, now = the_call(toy).segment, toy.story.now
    assert segment is not None
    agents_leg = SeenLeg(leg=segment.leg, name="PJSIP/amy-1", up=True, created_at=now)
    toy.story.happens(PbxSnapshot(at=now, pbx=PBX, requested_at=now, last_heard_at=now, legs=(agents_leg,), bridges=()))
    toy.story.gone(segment.leg)
    toy.story.gone(leg, estimated=True)
    assert not [fact for fact in toy.story.told if isinstance(fact, FlowBegan)]
    assert not toy.story.world.calls


def test_an_agent_s_code_leads_the_caller_into_the_survey() -> None:
    plan = replace(
        floor(queues=[queue("support", survey="service"), queue("other")]),
        flows={FLOW.name: FLOW},
        surveys={"service": SurveyPlan("service")},
        lookups={SURVEY + "service": 1.0},
        keys={"*9": "survey"},
    )
    toy = stage(plan, {"amy": 0.5})
    toy.knows = {}
    toy.calls("ann", entry="other")
    toy.run(toy.story.now + 3.0)
    toy.tell(CallRequested(at=toy.story.now, call=the_call(toy).id, request=CallRequest.SURVEY, by="amy"))
    assert [fact.reason for fact in toy.story.told if isinstance(fact, RequestRefused)] == ["queue other has no survey"]
    toy = stage(plan, {"amy": 0.5})
    toy.knows = {}
    toy.calls("ann")
    toy.run(toy.story.now + 3.0)
    segment = the_call(toy).segment
    assert segment is not None
    toy.presses(segment.leg, "*9")
    toy.run(toy.story.now + 0.5)
    assert the_call(toy).phase is Phase.FLOW
    assert segment.leg not in toy.channels


def test_a_restart_asks_the_question_again_and_forgets_no_answer() -> None:
    toy, leg = surveyed()
    press(toy, leg, "1", "4")
    toy.restart()
    toy.run(toy.story.now + 0.5)
    press(toy, leg, "5")
    toy.run(toy.story.now + 5.0)
    assert said(toy).count("solved") == 2
    assert ended(toy) == [("complete", 2)]


def test_a_person_who_hung_up_first_is_not_asked_and_told() -> None:
    plan = replace(
        floor(queues=[queue("support", survey="service"), queue("other")]),
        flows={FLOW.name: FLOW},
        surveys={"service": SurveyPlan("service", tiers=frozenset({"standard"}))},
        lookups={SURVEY + "service": 1.0},
    )
    for tier, wanted in (("standard", 1), ("diamond", 0)):
        toy = stage(plan, {"amy": 0.5})
        leg = toy.calls("ann", tier=tier)
        toy.run(toy.story.now + 3.0)
        toy.hangs_up(leg)
        toy.run(toy.story.now + 1.0)
        missed = toy.story.all_told(SurveyMissed)
        assert len(missed) == wanted
        assert not missed or (missed[0].agent, missed[0].survey, missed[0].number) == ("amy", "service", "+44")
        assert not toy.story.all_told(SurveyEnded)
