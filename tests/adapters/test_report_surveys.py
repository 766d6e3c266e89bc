"""Surveys: whom they reached, and what was answered; CSAT and DSAT by the scale of each question."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.surveys import surveys_report, wilson
from callbridge.adapters.reports.terms import ReportTerms
from callbridge.core.model.facts import AnyFact, SurveyAnswered, SurveyEnded, SurveyMissed, TalkBegan, VoicemailLeft
from tests.examples import seeds

from .told import DAY, MORNING, adds_up, arrival, asked, read, tell

TERMS = ReportTerms(scales={("service", "friendly"): (1, 2, 3, 4, 5), ("service", "solved"): ()})


def survey(
    call: str, at: float, result: str, *answers: str, agent: str = "amy", queue: str = "support", comment: bool = False
) -> list[AnyFact]:
    """A call that arrives at ``at``, its talk, and what became of the survey; an answer is ``question=key``."""
    facts: list[AnyFact] = [arrival(call, at)]
    facts.append(TalkBegan(seq=0, at=at + 5, call=call, agent=agent, queue=queue, leg="lab/2", waited=5.0))
    for answer in answers:
        question, _, key = answer.partition("=")
        facts.append(
            SurveyAnswered(
                seq=0, at=at + 70, call=call, agent=agent, queue=queue, survey="service", question=question, answer=key
            )
        )
    if comment:
        facts.append(VoicemailLeft(seq=0, at=at + 80, call=call, recording=f"{call}.wav", lasted=9.0, number=""))
    if result == "missed":
        return [*facts, SurveyMissed(seq=0, at=at + 60, call=call, agent=agent, queue=queue, survey="service", number="")]
    end = SurveyEnded(
        seq=0, at=at + 90, call=call, agent=agent, queue=queue, survey="service", result=result, answers=len(answers)
    )
    return [*facts, end]


def test_who_was_asked_and_what_was_answered(history: HistoryStore) -> None:
    at = MORNING + 100
    results = ("refused", "no_answer", "skipped", "missed", "missed")
    facts = [fact for number, result in enumerate(results) for fact in survey(f"x{number}", at, result)]
    for number, key in enumerate("5544321"):
        facts += survey(f"y{number}", at, "complete", f"friendly={key}", "solved=1", comment=number < 2)
    facts += survey("z", at, "partial", "friendly=1")
    tell(history, facts)
    rows = {row["question"]: row for row in read(surveys_report(history.database.engine, asked(terms=TERMS)))}
    whole = {
        name: rows[""][name] for name in ("asked", "responded", "hung_up_first", "refused", "no_answer", "skipped", "comments")
    }
    assert whole == {"asked": 10, "responded": 8, "hung_up_first": 2, "refused": 1, "no_answer": 1, "skipped": 1, "comments": 2}
    assert (rows[""]["response_rate"], rows[""]["csat"], rows[""]["answers"]) == (0.8, None, None)
    friendly = rows["friendly"]
    assert (friendly["answers"], friendly["mean_score"], friendly["csat"], friendly["dsat"]) == (8, 3.12, 0.5, 0.25)
    assert (friendly["bottom_two"], friendly["distribution"]) == (0.375, "1: 2, 2: 1, 3: 1, 4: 2, 5: 2")
    assert (friendly["csat_from"], friendly["csat_to"]) == wilson(4, 8)
    solved = rows["solved"]
    assert (solved["answers"], solved["mean_score"], solved["csat"], solved["distribution"]) == (7, None, None, "1: 7")


def test_a_question_whose_scale_is_not_known_is_counted_and_named(history: HistoryStore) -> None:
    tell(history, survey("a", MORNING, "complete", "friendly=5", "quick=2"))
    report = surveys_report(history.database.engine, asked(terms=TERMS))
    assert report.notes[1] == "No longer configured, so without a mean, CSAT and DSAT: quick (service)"
    without = surveys_report(history.database.engine, asked())
    assert {row["question"]: (row["answers"], row["csat"]) for row in read(without) if row["question"]} == {
        "friendly": (1, None),
        "quick": (1, None),
    }


def test_nobody_asked_is_no_response_rate_and_a_message_before_the_talk_no_comment(history: HistoryStore) -> None:
    at = MORNING
    early = VoicemailLeft(seq=0, at=at + 1, call="a", recording="before.wav", lasted=9.0, number="")
    of_a_queue = VoicemailLeft(seq=0, at=at + 40, call="a", queue="support", recording="queue.wav", lasted=9.0, number="")
    tell(history, [*survey("a", at, "skipped"), *survey("b", at, "missed", agent="bob"), early, of_a_queue])
    rows = {row["agent"]: row for row in read(surveys_report(history.database.engine, asked()))}
    assert (rows["bob"]["asked"], rows["bob"]["response_rate"]) == (0, None)
    assert (rows["amy"]["skipped"], rows["amy"]["comments"]) == (1, 0)


def test_a_survey_counts_where_its_call_arrived(history: HistoryStore) -> None:
    noon = MORNING + DAY / 2
    tell(history, [*survey("a", noon - 50, "complete", "friendly=5", comment=True)])
    morning = read(surveys_report(history.database.engine, asked(MORNING, noon, terms=TERMS)))
    assert [(row["asked"], row["comments"], row["answers"]) for row in morning] == [(1, 1, None), (None, None, 1)]
    assert read(surveys_report(history.database.engine, asked(noon, noon + DAY, terms=TERMS))) == []


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_the_sums_over_intervals_are_those_of_the_day(history: HistoryStore, seed: int) -> None:
    rng, facts, results = Random(seed), list[AnyFact](), Counter[str]()
    for number in range(150):
        result = rng.choice(("complete", "partial", "refused", "no_answer", "skipped", "missed"))
        results[result] += 1
        answers = [f"{question}={rng.choice('12345')}" for question in ("friendly", "solved")]
        given = {"complete": answers, "partial": answers[:1]}.get(result, [])
        more = {"agent": rng.choice(("amy", "bob")), "queue": rng.choice(("support", "sales"))}
        comment = bool(given) and rng.random() < 0.5
        facts += survey(f"c{number}", MORNING + rng.random() * DAY, result, *given, comment=comment, **more)
    tell(history, facts)
    engine = history.database.engine
    adds_up(lambda query: surveys_report(engine, query))
    rows = read(surveys_report(engine, asked(terms=TERMS)))
    assert sum(row["responded"] or 0 for row in rows) == results["complete"] + results["partial"]
    assert sum(row["hung_up_first"] or 0 for row in rows) == results["missed"]
    assert sum(row["comments"] or 0 for row in rows) == sum(isinstance(fact, VoicemailLeft) for fact in facts)
    assert sum(row["answers"] or 0 for row in rows) == 2 * results["complete"] + results["partial"]
    for row in rows:
        assert row["csat"] is None or row["csat_from"] <= row["csat"] <= row["csat_to"]


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (5, 10, (0.2366, 0.7634)), (1, 1, (0.2065, 1.0))],
)
def test_the_confidence_interval_is_wilsons(part: int, whole: int, expected: tuple[float, float]) -> None:
    assert wilson(part, whole) == expected
