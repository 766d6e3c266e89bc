"""Reviews: each recording of a sample goes to one reviewer, none twice to the same; scores, disputes and calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from callbridge.adapters.database.quality_tables import quality_samples
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.quality.forms import Criterion, FormSection, ScoreForm, score
from callbridge.adapters.quality.sampling import Period, SamplePeriod, SampleTerms
from callbridge.adapters.quality.store import NoReview, QualityStore, Remark, Review
from callbridge.core.model.facts import AnyFact, CallRecorded, RecordingFailed, VoicemailLeft

from .postgres import new_database
from .told import DAY, MORNING, arrival, tell

pytestmark = pytest.mark.slow

TODAY = Period("2026-11-28", MORNING, MORNING + DAY)
TEAM = SampleTerms(name="team", rate=0.1, each=SamplePeriod.DAY, form="service")
REVIEWER = SampleTerms(name="reviewer", rate=0.5, each=SamplePeriod.WEEK, form="service")
FORM = ScoreForm(
    "service",
    (
        FormSection(name="talk", criteria=(Criterion(name="greeting", points=5),)),
        FormSection(name="rules", criteria=(Criterion(name="identified", fatal=True),)),
    ),
)
NOW = MORNING + 1.5 * DAY


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HistoryStore]:
    url = f"sqlite:///{tmp_path}/history.db" if request.param == "sqlite" else new_database()
    with closing(HistoryStore(url, People())) as made:
        made.open()
        yield made


@pytest.fixture
def store(history: HistoryStore) -> QualityStore:
    record(history, amy=30, bob=10, cat=2)
    return QualityStore(history.database.engine)


def record(history: HistoryStore, **agents: int) -> None:
    facts: list[AnyFact] = []
    for agent, count in agents.items():
        for number in range(count):
            call, at = f"{agent}-{number}", MORNING + 60 * number
            queue = "sales" if number % 2 else "support"
            facts.append(arrival(call, at, campaign="spring" if number % 5 == 0 else ""))
            facts.append(
                CallRecorded(seq=0, at=at + 30, call=call, agent=agent, queue=queue, file=f"{call}.wav", lasted=30.0, paused=0.0)
            )
    facts.append(RecordingFailed(seq=0, at=MORNING, call="x", agent="dan", queue="sales", file="x.wav", why="full"))
    facts.append(VoicemailLeft(seq=0, at=MORNING, call="y", queue="sales", recording="y.wav", lasted=5.0, number=""))
    tell(history, facts)


def reviewed(greeting: str = "5", identified: str = "pass", **more: Any) -> Review:
    return Review(form=FORM, result=score(FORM, {"greeting": greeting, "identified": identified}), **more)


def work_through(store: QualityStore, sample: str, reviewer: str, **more: Any) -> list[dict[str, Any]]:
    done: list[dict[str, Any]] = []
    while (one := store.next(sample, reviewer, NOW, **more)) is not None:
        done.append(one)
        store.score(one["id"], reviewer, reviewed(), NOW)
    return done


def test_a_sample_is_drawn_once_and_has_a_share_of_each_agents_whole_recordings(store: QualityStore) -> None:
    store.draw(TEAM, TODAY, NOW)
    drawn = work_through(store, "team", "eve")
    assert Counter(one["agent"] for one in drawn) == {"amy": 3, "bob": 1, "cat": 1}
    assert [one["file"] for one in drawn] == [f"{one['call']}.wav" for one in drawn]
    store.draw(TEAM, TODAY, NOW)
    assert store.next("team", "eve", NOW) is None
    assert store.progress("team") == [{"period": "2026-11-28", "drawn": 5, "taken": 5, "scored": 5}]


def test_queues_and_campaigns_have_samples_of_their_own(store: QualityStore) -> None:
    everything = SampleTerms(name="sales", rate=1.0, each=SamplePeriod.DAY, form="service", queues=frozenset({"sales"}))
    store.draw(everything, TODAY, NOW)
    found = work_through(store, "sales", "eve")
    assert (len(found), {one["queue"] for one in found}) == (21, {"sales"})
    campaign = SampleTerms(name="spring", rate=1.0, each=SamplePeriod.DAY, form="service", campaigns=frozenset({"spring"}))
    store.draw(campaign, TODAY, NOW)
    found = work_through(store, "spring", "zoe")
    assert (len(found), {one["campaign"] for one in found}) == (9, {"spring"})


def test_a_reviewer_is_given_the_same_until_it_is_scored_and_never_again(store: QualityStore) -> None:
    store.draw(TEAM, TODAY, NOW)
    store.draw(REVIEWER, TODAY, NOW)
    first = store.next("team", "eve", NOW)
    again = store.next("team", "eve", NOW)
    assert first is not None and again is not None
    assert first["id"] == again["id"]
    team = work_through(store, "team", "eve")
    reviewer = work_through(store, "reviewer", "eve")
    seen = Counter(one["recording"] for one in [*team, *reviewer])
    assert len(team) == 5 and reviewer
    assert set(seen.values()) == {1}, "also by another sample of the same recordings"


def test_two_reviewers_share_a_sample_and_nobody_reviews_calls_of_their_own(store: QualityStore) -> None:
    store.draw(TEAM, TODAY, NOW)
    eve, amy = store.next("team", "eve", NOW), store.next("team", "amy", NOW)
    assert eve is not None and amy is not None
    assert eve["recording"] != amy["recording"]
    assert {one["agent"] for one in work_through(store, "team", "amy")}.isdisjoint({"amy"})


def test_a_recording_that_was_erased_is_handed_out_to_nobody(store: QualityStore, history: HistoryStore) -> None:
    store.draw(TEAM, TODAY, NOW)
    with history.database.engine.begin() as link:
        link.execute(update(quality_samples).where(quality_samples.c.agent == "amy").values(file=""))
    assert {one["agent"] for one in work_through(store, "team", "eve")} == {"bob", "cat"}


def test_many_reviewers_at_once_get_each_recording_once(store: QualityStore) -> None:
    store.draw(SampleTerms(name="all", rate=1.0, each=SamplePeriod.DAY, form="service"), TODAY, NOW)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda name: work_through(store, "all", name), ("r1", "r2", "r3", "r4")))
    taken = Counter(one["recording"] for each in done for one in each)
    assert (len(taken), set(taken.values())) == (42, {1})
    assert {one["recording"] for one in store.reviews(most=1000)} == set(taken)


def test_calibration_gives_what_another_has_scored_to_a_second_reviewer(store: QualityStore) -> None:
    store.draw(TEAM, TODAY, NOW)
    assert store.next("team", "zoe", NOW, calibrate=True) is None
    done = work_through(store, "team", "eve")
    again = work_through(store, "team", "zoe", calibrate=True)
    assert [one["recording"] for one in again] == [one["recording"] for one in done]
    assert store.next("team", "eve", NOW, calibrate=True) is None
    assert store.progress("team")[0]["scored"] == 5, "a second opinion is none of the sample's"


def test_a_failed_fatal_criterion_is_reviewed_by_a_second_reviewer_first(store: QualityStore) -> None:
    store.draw(TEAM, TODAY, NOW)
    for verdict in ("pass", "fail", "pass"):
        one = store.next("team", "eve", NOW, second_review=True)
        assert one is not None
        store.score(one["id"], "eve", reviewed(identified=verdict), NOW)
    again = store.next("team", "zoe", NOW, second_review=True)
    assert again is not None
    failed = next(row for row in store.reviews(reviewer="eve") if row["failed"])
    assert (again["recording"], again["calibrates"]) == (failed["recording"], True)
    store.score(again["id"], "zoe", reviewed(identified="fail"), NOW)
    for reviewer in ("zoe", "kim"):
        other = store.next("team", reviewer, NOW, second_review=True)
        assert other is not None
        assert not other["calibrates"], "two reviewers are enough"
    assert store.progress("team")[0] == {"period": "2026-11-28", "drawn": 5, "taken": 5, "scored": 3}


def test_without_second_reviews_a_failure_is_handed_out_once(store: QualityStore) -> None:
    store.draw(TEAM, TODAY, NOW)
    one = store.next("team", "eve", NOW)
    assert one is not None
    store.score(one["id"], "eve", reviewed(identified="fail"), NOW)
    other = store.next("team", "zoe", NOW)
    assert other is not None and other["recording"] != one["recording"]


def test_scores_and_marks_are_kept_with_comments_and_moments(store: QualityStore) -> None:
    store.draw(TEAM, TODAY, NOW)
    one = store.next("team", "eve", NOW)
    assert one is not None
    remarks = {"identified": Remark(comment="not asked", heard_at=12.5)}
    store.score(one["id"], "eve", reviewed("4", "fail", comment="no name", remarks=remarks), NOW)
    (row,) = store.reviews(reviewer="eve")
    assert (row["points"], row["failed"], row["score"], row["comment"]) == (0.8, 1, 0.0, "no name")
    assert (row["form_version"], row["scored_at"]) == (FORM.version, NOW)
    marks = {mark["criterion"]: mark for mark in store.marks(one["id"])}
    assert (marks["greeting"]["mark"], marks["greeting"]["most"], marks["greeting"]["section"]) == (4.0, 5.0, "talk")
    assert (marks["identified"]["fatal"], marks["identified"]["mark"], marks["identified"]["heard_at"]) == (True, 0.0, 12.5)


def test_a_disputed_score_is_settled_by_another_one(store: QualityStore) -> None:
    store.draw(TEAM, TODAY, NOW)
    one = store.next("team", "eve", NOW)
    assert one is not None
    with pytest.raises(NoReview, match="is not scored yet"):
        store.dispute(one["id"], "amy", "no", NOW)
    store.score(one["id"], "eve", reviewed("1"), NOW)
    with pytest.raises(NoReview, match="is already scored and not disputed"):
        store.score(one["id"], "eve", reviewed("5"), NOW)
    store.dispute(one["id"], "amy", "I did greet", NOW + 5)
    with pytest.raises(NoReview, match="was disputed before, by amy"):
        store.dispute(one["id"], "amy", "again", NOW + 6)
    store.score(one["id"], "eve", reviewed("5"), NOW + 9)
    (row,) = store.reviews(agent=one["agent"])
    assert (row["score"], row["disputed_by"], row["dispute"], row["settled_at"]) == (1.0, "amy", "I did greet", NOW + 9)
    assert len(store.marks(one["id"])) == 2
    with pytest.raises(NoReview, match="is already scored"):
        store.score(one["id"], "eve", reviewed("5"), NOW + 10)


def test_what_is_no_review_of_this_reviewer_is_said(store: QualityStore) -> None:
    store.draw(TEAM, TODAY, NOW)
    one = store.next("team", "eve", NOW)
    assert one is not None
    with pytest.raises(NoReview, match="is eve's"):
        store.score(one["id"], "zoe", reviewed(), NOW)
    with pytest.raises(NoReview, match="there is no review 99"):
        store.dispute(99, "amy", "no", NOW)
    other = ScoreForm("other", FORM.sections)
    with pytest.raises(NoReview, match="is by the form service"):
        store.score(one["id"], "eve", Review(form=other, result=reviewed().result), NOW)
