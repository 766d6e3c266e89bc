"""The report of quality: accuracies by agent and form, and the agreement of two reviewers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert

from callbridge.adapters.database.quality_tables import quality_samples, quality_scores
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.quality.sampling import Period, SamplePeriod, SampleTerms
from callbridge.adapters.quality.store import QualityStore
from callbridge.adapters.reports.quality import quality_report
from tests.examples import seeds

from .postgres import new_database
from .test_quality_store import record, reviewed, work_through
from .told import DAY, MORNING, adds_up, asked, read

TODAY = Period("2026-11-28", MORNING, MORNING + DAY)
NOW = MORNING + 2 * DAY


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HistoryStore]:
    url = f"sqlite:///{tmp_path}/history.db" if request.param == "sqlite" else new_database()
    with closing(HistoryStore(url, People())) as made:
        made.open()
        yield made


def scored(history: HistoryStore, number: int, points: float | None, *, failed: int | None = 0, **more: Any) -> None:
    """A review of one recording."""
    about = {"recording": f"1-{number}", "call": f"c{number}", "agent": "amy", "queue": "support", "recorded_at": MORNING + 60}
    about |= {"sample": "team", "form": "service"}
    kept = {"reviewer": "eve", "form_version": "v1", "assigned_at": NOW, "scored_at": NOW, "points": points, "failed": failed}
    score = 0.0 if failed else points
    with history.database.engine.begin() as link:
        link.execute(insert(quality_scores).values(**(about | kept | {"score": score} | more)))


def drawn(history: HistoryStore, number: int, **more: Any) -> None:
    row = {"sample": "team", "recording": f"1-{number}", "period": "2026-11-28", "place": number, "form": "service"}
    row |= {
        "agent": "amy",
        "queue": "support",
        "call": f"c{number}",
        "file": "x.wav",
        "recorded_at": MORNING + 60,
        "drawn_at": NOW,
    }
    with history.database.engine.begin() as link:
        link.execute(insert(quality_samples).values(**(row | more)))


def by_form(history: HistoryStore, **more: Any) -> dict[tuple[str, str], dict[str, Any]]:
    rows = read(quality_report(history.database.engine, asked(**more)))
    return {(row["agent"], row["form"]): row for row in rows}


def test_accuracies_scores_and_disputes(history: HistoryStore) -> None:
    for number in range(5):
        drawn(history, number)
    scored(history, 0, 1.0)
    scored(history, 1, 0.8, failed=2)
    scored(history, 2, 0.6, disputed_at=NOW)
    scored(history, 3, None)
    scored(history, 4, None, scored_at=None, failed=None, score=None)
    row = by_form(history)["amy", "service"]
    assert (row["sampled"], row["reviewed"], row["without_fatal"], row["disputed"]) == (5, 4, 3, 1)
    assert (row["fatal_accuracy"], row["non_fatal_accuracy"], row["quality_score"]) == (0.75, 0.8, round(1.6 / 3, 4))
    assert (row["recorded"], row["calibrated"], row["score_difference"], row["fatal_agreement"]) == (None, 0, None, None)


def test_two_reviewers_of_one_recording_are_a_pair_and_the_second_one_counts_there_only(history: HistoryStore) -> None:
    scored(history, 0, 1.0)
    scored(history, 0, 0.7, reviewer="zoe", calibrates=True)
    scored(history, 1, 0.9)
    scored(history, 1, 0.9, reviewer="zoe", calibrates=True, failed=1)
    scored(history, 2, 0.2)
    scored(history, 2, 0.4, reviewer="zoe", calibrates=True, form_version="v2")
    row = by_form(history)["amy", "service"]
    assert (row["reviewed"], row["non_fatal_accuracy"], row["fatal_accuracy"]) == (3, 0.7, 1.0)
    assert (row["calibrated"], row["score_difference"], row["fatal_agreement"]) == (2, 0.6, 0.5), "another version is no pair"


def test_nothing_reviewed_divides_by_nothing(history: HistoryStore) -> None:
    drawn(history, 0)
    row = by_form(history)["amy", "service"]
    accuracies = ("fatal_accuracy", "non_fatal_accuracy", "quality_score", "score_difference", "fatal_agreement")
    assert {row[name] for name in accuracies} == {None}


def test_what_is_recorded_drawn_and_reviewed_through_the_store(history: HistoryStore) -> None:
    record(history, amy=30, bob=10)
    store = QualityStore(history.database.engine)
    store.draw(SampleTerms(name="team", rate=0.2, each=SamplePeriod.DAY, form="service"), TODAY, NOW)
    work_through(store, "team", "eve")
    rows = read(quality_report(history.database.engine, asked()))
    assert sum(row["recorded"] or 0 for row in rows) == 40
    assert sum(row["sampled"] or 0 for row in rows) == sum(row["reviewed"] or 0 for row in rows) == 8
    assert {row["fatal_accuracy"] for row in rows if row["reviewed"]} == {1.0}
    only = read(quality_report(history.database.engine, asked(queues=frozenset({"sales"}), campaigns=frozenset({"spring"}))))
    assert {row["queue"] for row in only} == {"sales"}
    assert sum(row["recorded"] or 0 for row in only) == 4
    assert reviewed().result.points == 1.0


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_the_sums_over_intervals_are_those_of_the_day(history: HistoryStore, seed: int) -> None:
    rng = Random(seed)
    record(history, amy=20, bob=10)
    for number in range(80):
        about: dict[str, Any] = {"agent": rng.choice(("amy", "bob")), "recorded_at": MORNING + rng.random() * DAY}
        about["form"] = rng.choice(("service", "sales"))
        drawn(history, number, **about)
        if rng.random() < 0.8:
            scored(history, number, rng.random(), failed=rng.choice((0, 0, 1)), **about)
        if rng.random() < 0.3:
            scored(history, number, rng.random(), reviewer="zoe", calibrates=True, **about)
    engine = history.database.engine
    adds_up(lambda query: quality_report(engine, query))
