"""New scores on their way to the core: from any process, in the order of their changes, none left out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from callbridge.adapters.database import NotAnswering
from callbridge.adapters.database.quality_tables import quality_scores
from callbridge.adapters.facts.counts import families
from callbridge.adapters.facts.totals import Totals
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.outbox.envelope import Stamper
from callbridge.adapters.quality import feed
from callbridge.adapters.quality.feed import ScoreFeed
from callbridge.adapters.quality.sampling import Period, SamplePeriod, SampleTerms
from callbridge.adapters.quality.service import QualityService, WrittenReview, draw_due
from callbridge.adapters.quality.store import OwedCallback, QualityStore
from callbridge.core.model.events import RecordingScored
from callbridge.core.model.facts import CallScored
from tests.adapters.postgres import new_database
from tests.adapters.toy_quality import FORM, QUALITY_SITE, TOMORROW, quality_service, recorded
from tests.adapters.waiting import running, until
from tests.adapters.worlds import Busy

GOOD = WrittenReview(marks={"greeting": "4", "identified": "pass"}, remarks={}, heard_at={})
BAD = WrittenReview(marks={"greeting": "5", "identified": "fail"}, remarks={}, heard_at={})


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path}/history.db" if request.param == "sqlite" else new_database()
    recorded(made, ("ann", "bob"), 3)
    return made


@pytest.fixture
def service(url: str) -> Iterator[QualityService]:
    with closing(quality_service(url)) as made:
        yield made


class Command:
    """Another process, which writes scores into the database."""

    def __init__(self, url: str) -> None:
        self._url = url

    def score(self, written: WrittenReview, *reviewers: str) -> list[int]:
        with closing(HistoryStore(self._url, People())) as history:
            store = QualityStore(history.database.engine)
            draw_due(store, QUALITY_SITE, "team", TOMORROW)
            found = []
            for reviewer in reviewers:
                row = store.next("team", reviewer, TOMORROW)
                assert row is not None
                store.score(row["id"], reviewer, written.by_form(FORM), TOMORROW)
                found.append(row["id"])
            return found

    def dispute(self, review: int) -> None:
        with closing(HistoryStore(self._url, People())) as history:
            store = QualityStore(history.database.engine)
            store.dispute(review, "ann", "had been identified before", TOMORROW)
            store.score(review, "eve", GOOD.by_form(FORM), TOMORROW)


async def test_scores_of_commands_and_of_the_api_are_told_in_their_order(
    service: QualityService, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "READ_SCORES_EVERY", 0.05)
    told: list[RecordingScored] = []
    command = Command(url)
    (first,) = command.score(GOOD, "eve")
    async with running(ScoreFeed(service, told.append, lambda: 7.0, lambda: None).run()):
        await until(lambda: told)
        monkeypatch.setattr(feed, "READ_SCORES_EVERY", 60.0)
        row = await service.next("team", "zoe")
        assert row is not None
        await service.score(row["id"], "zoe", BAD)
        await until(lambda: len(told) == 2)
        await service.dispute(row["id"], "ann", "was asked")
        await service.score(row["id"], "zoe", GOOD)
        await until(lambda: len(told) == 3)
    assert [(one.review, one.by, one.score, one.failed, one.rescored) for one in told] == [
        (first, "eve", 0.8, (), False),
        (row["id"], "zoe", 0.0, ("identified",), False),
        (row["id"], "zoe", 0.8, (), True),
    ]
    assert (told[1].agent, told[1].queue, told[1].form, told[1].points) == (row["agent"], "support", "service", 1.0)
    assert told[0].change < told[1].change < told[2].change


async def test_it_goes_on_after_what_the_saved_world_has_or_else_the_history(service: QualityService, url: str) -> None:
    Command(url).score(GOOD, "eve", "eve", "eve")
    changes = [row["change"] for row in await service.scored_after(0)]
    told: list[RecordingScored] = []
    async with running(ScoreFeed(service, told.append, lambda: 7.0, lambda: changes[1]).run()):
        await until(lambda: told)
    assert [one.change for one in told] == changes[2:]

    assert await service.published() == 0
    with closing(HistoryStore(url, People())) as history:
        history.write(Stamper().stamp(1, [_fact(1, changes[0])]), 0.0)
    assert await service.published() == changes[0]
    told.clear()
    async with running(ScoreFeed(service, told.append, lambda: 7.0, lambda: None).run()):
        await until(lambda: len(told) == 2)
    assert [one.change for one in told] == changes[1:]


async def test_a_database_that_is_away_delays_scores_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "READ_SCORES_AGAIN", 0.01)
    folder = tmp_path / "later"
    told: list[RecordingScored] = []
    with closing(quality_service(f"sqlite:///{folder}/history.db")) as service:
        async with running(ScoreFeed(service, told.append, lambda: 7.0, lambda: None).run()) as task:
            await until(lambda: service._database is None and task.get_stack())
            folder.mkdir()
            recorded(f"sqlite:///{folder}/history.db", ("ann",), 1)
            Command(f"sqlite:///{folder}/history.db").score(GOOD, "eve")
            await until(lambda: told)
    assert [one.score for one in told] == [0.8]


async def test_a_customer_whom_a_killed_command_left_is_called_back_before_the_score_is_told(url: str) -> None:
    entered: list[OwedCallback] = []

    def enter(owed: OwedCallback) -> str:
        entered.append(owed)
        return "entered"

    told: list[RecordingScored] = []
    with closing(HistoryStore(url, People())) as history:
        store = QualityStore(history.database.engine)
        draw_due(store, QUALITY_SITE, "team", TOMORROW)
        row = store.next("team", "eve", TOMORROW)
        assert row is not None
        store.score(row["id"], "eve", BAD.by_form(FORM, "sorry"), TOMORROW)
    with closing(QualityService(url, lambda: QUALITY_SITE, enter, lambda: TOMORROW)) as service:
        async with running(ScoreFeed(service, told.append, lambda: 7.0, lambda: None).run()):
            await until(lambda: told)
    assert [(owed.review, owed.call, owed.campaign) for owed in entered] == [(row["id"], row["call"], "sorry")]
    assert [(one.callback, one.callback_outcome) for one in told] == [("sorry", "entered")]


async def test_a_score_counts_when_the_customer_cannot_become_a_lead_yet(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does whatever goes wrong there end the process: it is tried again."""
    monkeypatch.setattr(feed, "READ_SCORES_AGAIN", 0.01)
    outcomes: list[Exception | str] = [NotAnswering("away"), NotAnswering("away"), ValueError("a bug of ours"), "entered"]

    def enter(owed: OwedCallback) -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    site = replace(QUALITY_SITE, callbacks={"service": "sorry"})
    told: list[RecordingScored] = []
    with closing(QualityService(url, lambda: site, enter, lambda: TOMORROW)) as service:
        row = await service.next("team", "eve")
        assert row is not None
        scored = await service.score(row["id"], "eve", BAD)
        assert (scored.result.score, scored.callback, scored.callback_outcome) == (0.0, "sorry", "")
        async with running(ScoreFeed(service, told.append, lambda: 7.0, lambda: None).run()):
            await until(lambda: told)
    assert ([(one.review, one.callback_outcome) for one in told], outcomes) == ([(row["id"], "entered")], [])


def test_reviewers_at_the_same_moment_have_changes_of_their_own_without_a_gap(url: str) -> None:
    """One more than the last: so nobody who has read a change will find one before it later."""
    everything = SampleTerms(name="team", rate=1.0, each=SamplePeriod.DAY, form="service")
    with closing(HistoryStore(url, People())) as history:
        store = QualityStore(history.database.engine)
        store.draw(everything, Period("d", 0.0, TOMORROW), TOMORROW)

        def work(reviewer: str) -> None:
            while (row := store.next("team", reviewer, TOMORROW)) is not None:
                store.score(row["id"], reviewer, GOOD.by_form(FORM), TOMORROW)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, ("r1", "r2", "r3", "r4")))
        with history.database.engine.connect() as link:
            changes = sorted(link.scalars(select(quality_scores.c.change)))
    first = int(TOMORROW // 86_400 * 86_400 * 1000)
    assert changes == [*range(first, first + 6)]


def _fact(seq: int, change: int, **more: object) -> CallScored:
    about: dict[str, object] = {"review": 1, "recording": "1-ann-0", "sample": "team", "form": "service", "form_version": "v"}
    about |= {"by": "eve", "call": "c1", "agent": "ann", "queue": "q0", "score": 0.8, "non_fatal_accuracy": 0.8}
    about |= {"fatal_accuracy": 1.0}
    return CallScored(seq=seq, at=5.0, change=change, **(about | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("label_agents", [False, True])
def test_each_recording_is_counted_once_by_its_first_score(label_agents: bool) -> None:
    totals = Totals(label_agents=label_agents)
    totals.adopt(Busy().world.plan)
    failed = {"score": 0.0, "fatal_accuracy": 0.0, "failed": "identified"}
    totals.count([_fact(1, 1), _fact(2, 2, **failed), _fact(3, 3, rescored=True), _fact(4, 4, calibrates=True)])
    shown = {(family.name, *labels): values for (family, labels), values in totals.shown().items()}
    of_agent = ("ann",) if label_agents else ()
    assert shown["quality_reviews", "q0", "service", "no", *of_agent] == (1.0,)
    assert shown["quality_reviews", "q0", "service", "yes", *of_agent] == (1.0,)
    *hits, total = shown["quality_score", "q0", "service", *of_agent]
    assert (sum(hits), total) == (2.0, 0.8)
    *hits, total = shown["quality_points", "q0", "service", *of_agent]
    assert (sum(hits), total) == (2.0, 1.6)


def test_with_or_without_agents_a_family_has_one_form() -> None:
    for label_agents in (False, True):
        names = [family.name for family in families(label_agents=label_agents)]
        assert len(names) == len(set(names))
