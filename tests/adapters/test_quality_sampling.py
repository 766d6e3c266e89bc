"""Samples of recordings are fair, reproducible, and cannot be steered; score forms are added up as they say."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.adapters.quality.forms import BadMark, Criterion, FormSection, ScoreForm, score
from callbridge.adapters.quality.sampling import PooledRecording, SamplePeriod, SampleTerms, draw, past_periods

BERLIN = ZoneInfo("Europe/Berlin")
TEAM = SampleTerms(name="team", rate=0.1, each=SamplePeriod.DAY, form="service", seed="2026")


def pool(**agents: int) -> list[PooledRecording]:
    return [PooledRecording(f"{agent}-{number}", agent) for agent, count in agents.items() for number in range(count)]


def test_each_agent_has_the_same_share_and_at_least_one() -> None:
    drawn = draw(TEAM, "2026-11-28", pool(amy=100, bob=54, cat=4, dan=1))
    assert Counter(name.split("-")[0] for name in drawn) == {"amy": 10, "bob": 5, "cat": 1, "dan": 1}
    assert sorted(name.split("-")[0] for name in drawn[:4]) == ["amy", "bob", "cat", "dan"], "a first one of each"


@given(st.integers(0, 10_000), st.dictionaries(st.sampled_from("abcde"), st.integers(1, 60), min_size=1), st.floats(0.01, 1))
def test_the_same_sample_is_drawn_again_from_the_same_recordings_in_any_order(
    seed: int, agents: dict[str, int], rate: float
) -> None:
    terms = SampleTerms(name="team", rate=rate, each=SamplePeriod.DAY, form="f", seed=str(seed))
    recordings = pool(**agents)
    drawn = draw(terms, "2026-11-28", recordings)
    Random(seed).shuffle(recordings)
    assert draw(terms, "2026-11-28", recordings) == drawn
    assert len(set(drawn)) == len(drawn)
    for agent, count in agents.items():
        share = sum(name.startswith(f"{agent}-") for name in drawn)
        assert share == 1 or abs(share - rate * count) <= 0.5


def test_seed_period_and_sample_each_give_another_order() -> None:
    recordings = pool(amy=200)
    found = {
        tuple(draw(SampleTerms(name=name, rate=0.1, each=SamplePeriod.DAY, form="f", seed=seed), period, recordings))
        for name in ("team", "reviewer")
        for seed in ("1", "2")
        for period in ("2026-11-27", "2026-11-28")
    }
    assert len(found) == 8


def test_each_recording_is_as_likely_as_another() -> None:
    hits = Counter[str]()
    for seed in range(400):
        hits.update(draw(SampleTerms(name="t", rate=0.25, each=SamplePeriod.DAY, form="f", seed=str(seed)), "d", pool(amy=20)))
    assert len(hits) == 20
    assert all(60 <= count <= 145 for count in hits.values()), "100 expected, with a deviation of 9"


@pytest.mark.parametrize(
    ("each", "now", "name", "days"),
    [
        ("day", "2026-11-28T00:00", "2026-11-27", 1.0),
        ("day", "2026-10-26T12:00", "2026-10-25", 25 / 24),
        ("week", "2027-01-05T12:00", "2026-W53", 7.0),
        ("month", "2026-03-31T12:00", "2026-02", 28.0),
    ],
)
def test_the_last_period_that_is_over(each: str, now: str, name: str, days: float) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=BERLIN).timestamp()
    found = past_periods(SamplePeriod(each), at, BERLIN)
    assert (found[0].name, (found[0].end - found[0].begin) / 86_400) == (name, days)
    assert found[0].end <= at
    assert [later.begin for later in found[:-1]] == [earlier.end for earlier in found[1:]]


# -- forms ------------------------------------------------------------------------------------------------------------

FORM = ScoreForm(
    "service",
    (
        FormSection(
            name="talk",
            weight=3,
            criteria=(Criterion(name="greeting", points=5), Criterion(name="listens", points=15, optional=True)),
        ),
        FormSection(
            name="close", weight=1, criteria=(Criterion(name="summary", points=2), Criterion(name="offer", optional=True))
        ),
        FormSection(
            name="rules",
            criteria=(Criterion(name="identified", fatal=True), Criterion(name="consent", fatal=True, optional=True)),
        ),
    ),
)
FULL = {"greeting": "5", "listens": "15", "summary": "2", "offer": "1", "identified": "pass", "consent": "pass"}


@pytest.mark.parametrize(
    ("marks", "points", "failed", "whole"),
    [
        ({}, 1.0, (), 1.0),
        ({"listens": "5"}, (3 * 10 / 20 + 1) / 4, (), (3 * 10 / 20 + 1) / 4),
        ({"listens": "na"}, 1.0, (), 1.0),
        ({"greeting": "0", "listens": "na", "summary": "1", "offer": "na"}, 0.125, (), 0.125),
        ({"identified": "FAIL"}, 1.0, ("identified",), 0.0),
        ({"identified": "fail", "consent": "fail"}, 1.0, ("identified", "consent"), 0.0),
        ({"consent": "na"}, 1.0, (), 1.0),
    ],
)
def test_points_are_weighted_by_section_and_a_failed_fatal_criterion_is_0(
    marks: dict[str, str], points: float, failed: tuple[str, ...], whole: float
) -> None:
    found = score(FORM, FULL | marks)
    assert found.failed == failed
    assert [found.points, found.score] == pytest.approx([points, whole])


def test_a_form_of_fatal_criteria_only_has_no_points() -> None:
    form = ScoreForm("rules", (FormSection(name="rules", criteria=(Criterion(name="identified", fatal=True),)),))
    assert (score(form, {"identified": "pass"}).score, score(form, {"identified": "fail"}).score) == (None, 0.0)


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ({"greeting": "6"}, "greeting: expected 0 to 5 points, not '6'"),
        ({"greeting": "-1"}, "greeting: expected 0 to 5 points, not '-1'"),
        ({"greeting": "nan"}, "greeting: expected 0 to 5 points, not 'nan'"),
        ({"listens": "many"}, "listens: expected 0 to 15 points or na, not 'many'"),
        ({"identified": "1"}, "identified: expected pass or fail, not '1'"),
        ({"greeting": "na"}, "greeting always applies: expected 0 to 5 points"),
        ({"manners": "1"}, "the form service has no criterion 'manners': it has consent, greeting"),
    ],
)
def test_a_mark_that_the_form_does_not_know_is_said(marks: dict[str, str], message: str) -> None:
    with pytest.raises(BadMark, match=message):
        score(FORM, FULL | marks)


def test_a_missing_mark_is_said() -> None:
    with pytest.raises(BadMark, match="no mark for summary, offer, identified, consent"):
        score(FORM, {"greeting": "1", "listens": "1"})


def test_any_change_of_a_form_is_another_version() -> None:
    other = ScoreForm(FORM.name, (*FORM.sections[:2], FormSection(name="rules", criteria=FORM.sections[2].criteria, weight=2)))
    assert FORM.version != other.version
    assert FORM.version == ScoreForm(FORM.name, FORM.sections).version
