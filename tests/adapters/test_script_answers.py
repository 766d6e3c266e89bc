"""Answers of a script in the history, in the words of the timeline, and when the person is erased."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from callbridge.adapters.database.history_tables import script_answers
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.history.persons import PersonRows
from callbridge.adapters.views.timelines import Timelines
from callbridge.core.model.facts import ScriptAnswered

from .told import MORNING, arrival, tell

NUMBER = "+442079460001"


def answered(field: str, answer: str, at: float = MORNING) -> ScriptAnswered:
    about = {"call": "c1", "agent": "amy", "queue": "support", "script": "renewal", "step": "offer", "by": "amy"}
    return ScriptAnswered(seq=0, at=at, field=field, answer=answer, **about)


def kept(history: HistoryStore) -> dict[str, tuple[str, str, float]]:
    own = script_answers.c
    with history.database.engine.connect() as link:
        return {
            row.field: (row.agent, row.answer, row.at) for row in link.execute(select(own.field, own.agent, own.answer, own.at))
        }


def test_the_history_has_the_last_answer_of_each_field(history: HistoryStore) -> None:
    facts = [answered("period", "monthly"), answered("note", "x", MORNING + 1), answered("period", "yearly", MORNING + 2)]
    tell(history, [arrival("c1", MORNING, number=NUMBER), *facts, answered("note", "", MORNING + 3)])
    assert kept(history) == {"period": ("amy", "yearly", MORNING + 2), "note": ("amy", "", MORNING + 3)}


def test_erasing_the_person_empties_the_answers(history: HistoryStore) -> None:
    tell(history, [arrival("c1", MORNING, number=NUMBER), answered("note", "Ann, of Leeds")])
    person = PersonRows(history.database.engine, People(), NUMBER)
    assert [row["answer"] for row in person.export()["script_answers"]] == ["Ann, of Leeds"]
    (place,) = [one for one in person.erase("ops", MORNING + 60).places if one.place == "script_answers"]
    assert (place.found, place.erased) == (1, 1)
    assert kept(history)["note"][1] == ""


@pytest.mark.parametrize(
    ("answer", "masked", "said"),
    [
        ("yearly", True, "amy, script renewal: period = yearly"),
        ("", True, "amy, script renewal: period cleared"),
        ("call +442079461111", True, "amy, script renewal: period = call +44*****111"),
        ("call +442079461111", False, "amy, script renewal: period = call +442079461111"),
    ],
)
def test_the_timeline_tells_the_answer(answer: str, masked: bool, said: str) -> None:
    from callbridge.adapters.views.timeline import in_words
    from callbridge.core.model.plan import Plan

    stories = Timelines(mask=masked)
    stories.on_facts([arrival("c1", MORNING, number=NUMBER), answered("period", answer)])
    lines = in_words(stories.timeline("c1") or [], Plan())
    assert lines[-1].text == said
