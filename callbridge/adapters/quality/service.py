"""Reviews for programs that ask the running callbridge: made in a thread of their own, so that neither the loop, the history's
writer nor a long report waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, Database, NotConfigured, cause_of
from callbridge.adapters.quality.forms import BadMark, Criterion, FormScore, ScoreForm, score
from callbridge.adapters.quality.sampling import SampleTerms, past_periods
from callbridge.adapters.quality.store import OfTeam, OwedCallback, QualityStore, Queues, Remark, Review
from callbridge.adapters.system.threads import Threads, ThreadsBusy
from callbridge.core.model.sentence import Sentence, Unknown

REVIEW_WITHIN = 10.0
"""Seconds that the database may take for one statement."""
REVIEW_ANSWERED_WITHIN = 30.0
"""Seconds within which a request is answered."""
MOST_REVIEWS_WAITING = 32
HISTORY_IS_BEHIND = 600.0
"""Seconds after the end of a period in which its last recordings may still be on their way into the history."""

Found = TypeVar("Found")


class QualityAway(RuntimeError):
    """Nothing can be reviewed now; the message says why."""


class QualityNotConfigured(QualityAway, NotConfigured):
    """Nothing is reviewed here."""


class UnknownSample(ValueError):
    """The sample does not exist, or its form no longer does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySite:
    """What the configuration says about quality at present."""

    samples: Mapping[str, SampleTerms]
    forms: Mapping[str, ScoreForm]
    zone: ZoneInfo
    callbacks: Mapping[str, str] = field(default_factory=dict)
    """Form -> the campaign that calls the customer back when a fatal criterion failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenReview:
    """Marks, comments and times by criterion, as a reviewer wrote them. ``heard_at``: seconds into the recording."""

    marks: Mapping[str, str]
    remarks: Mapping[str, str]
    heard_at: Mapping[str, float]
    comment: str = ""

    def by_form(self, form: ScoreForm, callback: str = "") -> Review:
        """``callback``: the campaign for customers in whose call a fatal criterion failed. Raises BadMark."""
        known = {one.name for one in form.criteria()}
        for name in (*self.remarks, *self.heard_at):
            if name not in known:
                raise BadMark(Sentence("the form {form} has no criterion '{name}'", form=form.name, name=name[:80]))
        said = {name: Remark(comment=self.remarks.get(name, ""), heard_at=self.heard_at.get(name)) for name in known}
        return Review(form=form, result=score(form, self.marks), callback=callback, comment=self.comment, remarks=said)


def draw_due(store: QualityStore, site: QualitySite, sample: str, now: float) -> None:
    """Draw what is to be drawn of the periods that are over."""
    terms = site.samples[sample]
    for period in past_periods(terms.each, now - HISTORY_IS_BEHIND, site.zone):
        store.draw(terms, period, now)


EnterCallback = Callable[[OwedCallback], str]
"""Makes a lead of the customer; returns ``entered``, or why not. The same one again is the same lead. Blocks, and raises
SQLAlchemyError and BadDatabase."""


def settle_callback(store: QualityStore, review_id: int, enter: EnterCallback) -> None:
    """Have the customer called back, if that is still to be done."""
    owed = store.callback_of(review_id)
    if owed is not None:
        store.settle_callback(review_id, enter(owed))


@dataclass(frozen=True, slots=True)
class Scored:
    """``callback``: the campaign that is to call the customer back, with what came of it; empty: none."""

    result: FormScore
    callback: str
    callback_outcome: str


class QualityService:
    """``url``: of the database with the history; None: there is none. ``site`` is asked at each request, ``wall`` is the clock on
    the wall, ``enter`` makes leads of customers who are called back. Every method raises QualityAway when the database is away or
    too much waits for it, TimeoutError without an answer in time."""

    def __init__(
        self,
        url: str | None,
        site: Callable[[], QualitySite],
        enter: EnterCallback,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._url, self._site, self._enter, self._wall = url, site, enter, wall
        self._scored = asyncio.Event()
        self._threads = Threads("quality", 1, MOST_REVIEWS_WAITING)
        self._database: Database | None = None

    async def samples(self, queues: Queues = None) -> list[dict[str, Any]]:
        """How far each sample is reviewed, by period, the newest first; of the recordings of these queues."""
        site, now = self._site(), self._wall()

        def work(store: QualityStore) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = []
            for name in site.samples:
                draw_due(store, site, name, now)
                rows += [{"sample": name} | row for row in store.progress(name, queues)]
            return rows

        return await self._run(work)

    async def next(self, sample: str, reviewer: str, *, calibrate: bool = False, queues: Queues = None) -> dict[str, Any] | None:
        """The review that this reviewer is to make next, of a recording of these queues; None: there is none. Raises
        UnknownSample."""
        site, now = self._site(), self._wall()
        if sample not in site.samples:
            raise UnknownSample(Unknown("no such sample: {sample}", sample=sample[:64]))
        twice = site.samples[sample].second_review

        def work(store: QualityStore) -> dict[str, Any] | None:
            draw_due(store, site, sample, now)
            row = store.next(sample, reviewer, now, calibrate=calibrate, second_review=twice, queues=queues)
            return None if row is None else _with_form(row, site)

        return await self._run(work)

    async def review(self, review_id: int) -> dict[str, Any]:
        """A review with its marks. Raises NoReview."""
        site = self._site()

        def work(store: QualityStore) -> dict[str, Any]:
            marks = [{name: value for name, value in row.items() if name != "score"} for row in store.marks(review_id)]
            return _with_form(store.review(review_id), site) | {"marks": marks}

        return await self._run(work)

    async def reviews(
        self, *, reviewer: str = "", agent: str = "", scored: bool = False, team: OfTeam | None = None
    ) -> list[dict[str, Any]]:
        """The newest reviews; ``scored``: only those with a score; ``team``: only of these queues, or these agents."""

        def work(store: QualityStore) -> list[dict[str, Any]]:
            return [_shown(row) for row in store.reviews(reviewer=reviewer, agent=agent, scored=scored, team=team)]

        return await self._run(work)

    async def score(self, review_id: int, reviewer: str, written: WrittenReview) -> Scored:
        """Raises NoReview, BadMark, and UnknownSample when its form is no longer there."""
        site, now = self._site(), self._wall()

        def work(store: QualityStore) -> Scored:
            row = store.review(review_id)
            if row["form"] not in site.forms:
                raise UnknownSample(Unknown("the form {form} is no longer in the configuration", form=row["form"]))
            review = written.by_form(site.forms[row["form"]], site.callbacks.get(row["form"], ""))
            store.score(review_id, reviewer, review, now)
            with contextlib.suppress(SQLAlchemyError, BadDatabase):  # the score is written; the feed handles the callback later
                settle_callback(store, review_id, self._enter)
            row = store.review(review_id)
            return Scored(review.result, row["callback"] or "", row["callback_outcome"] or "")

        scored = await self._run(work)
        self._scored.set()
        return scored

    async def dispute(self, review_id: int, by: str, reason: str) -> None:
        """Raises NoReview."""
        now = self._wall()
        await self._run(lambda store: store.dispute(review_id, by, reason, now))

    # -- for what publishes them --------------------------------------------------------------------------------

    @property
    def is_configured(self) -> bool:
        return self._url is not None and bool(self._site().samples)

    async def wait_for_scores(self, at_most: float) -> None:
        """Until this process has taken a score, or for so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._scored.wait()
        self._scored.clear()

    async def scored_after(self, change: int) -> list[dict[str, Any]]:
        """The next scores in the order in which they were written, by any process; empty: there are none. Customers who are
        to be called back become leads before, if who wrote the score has not come to it."""

        def work(store: QualityStore) -> list[dict[str, Any]]:
            rows = store.scored_after(change)
            owed = [row["id"] for row in rows if row["callback"] is not None and row["callback_outcome"] is None]
            for review_id in owed:
                settle_callback(store, review_id, self._enter)
            return store.scored_after(change) if owed else rows

        return await self._run(work)

    async def published(self) -> int:
        """The last change of which the history has the fact."""
        return await self._run(lambda store: store.published())

    async def _run(self, work: Callable[[QualityStore], Found]) -> Found:
        if self._url is None or not self.is_configured:
            raise QualityNotConfigured("quality reviews are off: add the sections 'database:' and 'quality:' with samples")
        url = self._url

        def connected() -> Found:
            if self._database is None:
                database = Database(url, REVIEW_WITHIN)
                database.open()  # the history may not have been written yet
                self._database = database
            return work(QualityStore(self._database.engine))

        try:
            async with asyncio.timeout(REVIEW_ANSWERED_WITHIN):
                return await self._threads.run(connected, self._cut)
        except ThreadsBusy:
            raise QualityAway("too many reviews are waiting for the database: try again later") from None
        except BadDatabase as trouble:
            raise QualityAway(Sentence("the database: {cause}", cause=str(trouble))) from None
        except SQLAlchemyError as trouble:
            raise QualityAway(Sentence("the database: {cause}", cause=cause_of(trouble))) from None

    def _cut(self, thread: int) -> None:
        if self._database is not None:
            self._database.cut(thread)

    def close(self) -> None:
        """The thread ends by itself, connections that are not in use are closed."""
        self._threads.close()
        if self._database is not None:
            self._database.close()


def state_of(row: Mapping[str, Any]) -> str:
    if row["scored_at"] is None:
        return "open"
    return "disputed" if row["disputed_at"] is not None and row["settled_at"] is None else "scored"


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row) | {"state": state_of(row)}


def _with_form(row: Mapping[str, Any], site: QualitySite) -> dict[str, Any]:
    """The criteria come along, as the form has them now."""
    form = site.forms.get(row["form"])
    return _shown(row) | {"criteria": [_criterion(one) for one in form.criteria()] if form is not None else []}


def _criterion(one: Criterion) -> dict[str, Any]:
    points = None if one.fatal else one.points
    return {"name": one.name, "text": one.text, "points": points, "fatal": one.fatal, "optional": one.optional}
