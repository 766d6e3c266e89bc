"""Reviews in the database: draw samples, hand out recordings, keep scores and disputes. Every method is one transaction or a few
short ones; all raise SQLAlchemyError."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, and_, delete, exists, func, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from callbridge.adapters.database.history_tables import calls, changes, recordings
from callbridge.adapters.database.quality_tables import quality_marks, quality_samples, quality_scores
from callbridge.adapters.quality.forms import FormScore, ScoreForm
from callbridge.adapters.quality.sampling import Period, PooledRecording, SampleTerms, draw
from callbridge.core.model.sentence import Sentence, Unknown

_ROWS_AT_ONCE = 500
_DAY = 86_400
_CHANGE_TRIES = 20
ENTERED = "entered"
"""The outcome of a callback that is a lead of its campaign."""
SCORE_CHANGE = "score"
"""The kind of the history's rows about scores."""


Queues = frozenset[str] | None
"""Only recordings of these; None: of all."""
OfTeam = tuple[frozenset[str], frozenset[str]]
"""Queues, and agents."""


class NoReview(ValueError):
    """What was asked of a review cannot be done; the message says why."""


class UnknownReview(NoReview):
    """No review has this number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What a reviewer says of one criterion; ``heard_at``: seconds into the recording."""

    comment: str = ""
    heard_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A scored recording, to be written down."""

    form: ScoreForm
    result: FormScore
    callback: str = ""
    """The campaign that calls the customer back if a fatal criterion failed."""
    comment: str = ""
    remarks: Mapping[str, Remark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwedCallback:
    """The customer of a call in which a fatal criterion failed, as the history knows them."""

    review: int
    call: str
    campaign: str
    number: str
    name: str


class QualityStore:
    """Blocks, so it is called in a thread or by a command."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # -- samples ------------------------------------------------------------------------------------------------

    def draw(self, terms: SampleTerms, period: Period, now: float) -> None:
        """Draw the sample of a period that is over, once. A recording that comes into the history later changes nothing that was
        drawn."""
        with contextlib.suppress(IntegrityError):  # somebody else draws the same
            self._draw(terms, period, now)

    def _draw(self, terms: SampleTerms, period: Period, now: float) -> None:
        there = and_(quality_samples.c.sample == terms.name, quality_samples.c.period == period.name)
        with self._engine.begin() as link:
            if link.scalar(select(func.count()).where(there)):
                return
            pool = {row.fact: row for row in link.execute(_pool(terms, period))}
            chosen = draw(terms, period.name, (PooledRecording(row.fact, row.agent) for row in pool.values()))
            rows = [
                {
                    "sample": terms.name,
                    "recording": name,
                    "period": period.name,
                    "place": place,
                    "form": terms.form,
                    "drawn_at": now,
                    "recorded_at": pool[name].at,
                    "segment": pool[name].segment or 0,
                }
                | {column: getattr(pool[name], column) or "" for column in ("call", "agent", "queue", "campaign", "file")}
                for place, name in enumerate(chosen)
            ]
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                link.execute(insert(quality_samples), rows[first : first + _ROWS_AT_ONCE])

    # -- reviews ------------------------------------------------------------------------------------------------

    def next(
        self,
        sample: str,
        reviewer: str,
        now: float,
        *,
        calibrate: bool = False,
        second_review: bool = False,
        queues: Queues = None,
    ) -> dict[str, Any] | None:
        """The recording that this reviewer is to score next: one that was handed out and is not scored yet, or else a new one, in
        the order that was drawn, the oldest period first. Nobody reviews calls of their own. ``calibrate``: one that somebody
        else has scored. ``second_review``: first of all one in which a fatal criterion failed, for a second opinion.
        ``queues``: only their recordings. None: there is none."""
        while True:
            with self._engine.begin() as link:
                open_one = self._open(link, sample, reviewer, queues)
                if open_one is not None:
                    return open_one
                row = link.execute(_failed_once(sample, reviewer, queues)).first() if second_review else None
                again = calibrate or row is not None
                row = row or link.execute(_candidates(sample, reviewer, queues, calibrate=calibrate)).first()
            if row is None:
                return None
            self._assign(dict(row._mapping), reviewer, now, calibrate=again)

    def _open(self, link: Connection, sample: str, reviewer: str, queues: Queues) -> dict[str, Any] | None:
        own = quality_scores.c
        mine = and_(own.sample == sample, own.reviewer == reviewer, own.scored_at.is_(None), _of_queues(own.queue, queues))
        file = (
            select(quality_samples.c.file)
            .where(quality_samples.c.sample == own.sample, quality_samples.c.recording == own.recording)
            .scalar_subquery()
        )
        row = link.execute(select(quality_scores, file.label("file")).where(mine).order_by(own.id).limit(1)).first()
        return None if row is None else dict(row._mapping)

    def _assign(self, row: dict[str, Any], reviewer: str, now: float, *, calibrate: bool) -> bool:
        """Whether the reviewer has it now; somebody else may have been faster."""
        kept = ("sample", "recording", "call", "agent", "queue", "campaign", "recorded_at", "form")
        values = {name: row[name] for name in kept} | {"reviewer": reviewer, "assigned_at": now, "calibrates": calibrate}
        key = and_(quality_samples.c.sample == row["sample"], quality_samples.c.recording == row["recording"])
        try:
            with self._engine.begin() as link:
                if not calibrate:  # written first, so that of two at the same moment one waits for the other
                    taken = update(quality_samples).where(key, quality_samples.c.taken_by == "").values(taken_by=reviewer)
                    if not link.execute(taken).rowcount:
                        return False
                link.execute(insert(quality_scores).values(**values))
        except IntegrityError:  # the same reviewer, at two places at once
            return False
        return True

    def score(self, review_id: int, reviewer: str, review: Review, now: float) -> None:
        """Write a score down; again after a dispute, which is settled by it. Raises NoReview."""
        for _ in range(_CHANGE_TRIES):
            with contextlib.suppress(IntegrityError):  # somebody else has written the next change at the same moment
                self._score(review_id, reviewer, review, now)
                return
        self._score(review_id, reviewer, review, now)

    def _score(self, review_id: int, reviewer: str, review: Review, now: float) -> None:
        with self._engine.begin() as link:
            row = self._row(link, review_id)
            if row.reviewer != reviewer:
                raise NoReview(Sentence("review {review} is {reviewer}'s", review=review_id, reviewer=row.reviewer))
            if row.form != review.form.name:
                raise NoReview(Sentence("review {review} is by the form {form}", review=review_id, form=row.form))
            disputed = row.disputed_at is not None and row.settled_at is None
            if row.scored_at is not None and not disputed:
                raise NoReview(Sentence("review {review} is already scored and not disputed", review=review_id))
            result = review.result
            values: dict[str, Any] = {"points": result.points, "failed": len(result.failed), "score": result.score}
            values |= {"scored_at": now, "comment": review.comment, "form_version": review.form.version}
            values |= {"settled_at": now} if disputed else {}
            values["change"] = _next_change(link, now)
            if result.failed and review.callback and not row.callback:
                values |= {"callback": review.callback, "callback_outcome": _no_callback(link, row.call)}
            link.execute(update(quality_scores).where(quality_scores.c.id == review_id).values(**values))
            link.execute(delete(quality_marks).where(quality_marks.c.score == review_id))
            link.execute(insert(quality_marks), [{"score": review_id} | row for row in _marks(review)])

    def dispute(self, review_id: int, by: str, reason: str, now: float) -> None:
        """Somebody does not agree with a score. Raises NoReview."""
        with self._engine.begin() as link:
            row = self._row(link, review_id)
            if row.scored_at is None:
                raise NoReview(Sentence("review {review} is not scored yet", review=review_id))
            if row.disputed_at is not None:
                raise NoReview(Sentence("review {review} was disputed before, by {by}", review=review_id, by=row.disputed_by))
            values = {"disputed_at": now, "disputed_by": by, "dispute": reason}
            link.execute(update(quality_scores).where(quality_scores.c.id == review_id).values(**values))

    # -- callbacks of customers -----------------------------------------------------------------------------------

    def callback_of(self, review_id: int) -> OwedCallback | None:
        """What there is to be done about the customer of a review; None: nothing any more."""
        own = quality_scores.c
        wanted = select(own.id, own.call, own.callback, calls.c.number, calls.c.name)
        wanted = wanted.join_from(quality_scores, calls, calls.c.call == own.call, isouter=True)
        owed = and_(own.id == review_id, own.callback.is_not(None), own.callback_outcome.is_(None))
        with self._engine.begin() as link:
            row = link.execute(wanted.where(owed)).one_or_none()
        return None if row is None else OwedCallback(row.id, row.call, row.callback, row.number or "", row.name or "")

    def settle_callback(self, review_id: int, outcome: str) -> None:
        open_one = and_(quality_scores.c.id == review_id, quality_scores.c.callback_outcome.is_(None))
        with self._engine.begin() as link:
            link.execute(update(quality_scores).where(open_one).values(callback_outcome=outcome))

    # -- what is published ----------------------------------------------------------------------------------------

    def scored_after(self, change: int, most: int = 100) -> list[dict[str, Any]]:
        """Scores that were written after this one, in their order, each with ``failed_criteria``. One that was written again
        is there once, as it is now."""
        own, marks = quality_scores.c, quality_marks.c
        wanted = select(quality_scores).where(own.change > change).order_by(own.change).limit(most)
        with self._engine.begin() as link:
            rows = [dict(row) for row in link.execute(wanted).mappings()]
            for row in rows:
                failed = select(marks.criterion).where(marks.score == row["id"], marks.fatal, marks.mark == 0.0)
                row["failed_criteria"] = tuple(link.scalars(failed.order_by(marks.criterion)))
        return rows

    def published(self) -> int:
        """The change of the last score that the history has as a fact; 0: none."""
        own = changes.c
        wanted = select(own.details).where(own.kind == SCORE_CHANGE).order_by(own.at.desc(), own.fact.desc()).limit(20)
        with self._engine.begin() as link:
            return max((int(json.loads(text)["change"]) for text in link.scalars(wanted)), default=0)

    # -- lists --------------------------------------------------------------------------------------------------

    def form_of(self, review_id: int) -> str:
        """Raises NoReview."""
        with self._engine.begin() as link:
            return str(self._row(link, review_id).form)

    def review(self, review_id: int) -> dict[str, Any]:
        """Raises NoReview."""
        with self._engine.begin() as link:
            return dict(self._row(link, review_id)._mapping)

    def _row(self, link: Connection, review_id: int) -> Any:
        row = link.execute(select(quality_scores).where(quality_scores.c.id == review_id)).one_or_none()
        if row is None:
            raise UnknownReview(Unknown("there is no review {review}", review=review_id))
        return row

    def progress(self, sample: str, queues: Queues = None) -> list[dict[str, Any]]:
        """By period, the newest first: recordings drawn, taken, and scored; of these queues."""
        own, scores = quality_samples.c, quality_scores.c
        mine = and_(scores.sample == own.sample, scores.recording == own.recording, scores.calibrates.is_(False))
        wanted = (
            select(
                own.period,
                func.count().label("drawn"),
                func.count(scores.id).label("taken"),
                func.count(scores.scored_at).label("scored"),
            )
            .join_from(quality_samples, quality_scores, mine, isouter=True)
            .where(own.sample == sample, _of_queues(own.queue, queues))
            .group_by(own.period)
            .order_by(own.period.desc())
        )
        with self._engine.begin() as link:
            return [dict(row) for row in link.execute(wanted).mappings()]

    def reviews(
        self,
        *,
        reviewer: str = "",
        agent: str = "",
        scored: bool = False,
        team: OfTeam | None = None,
        most: int = 100,
    ) -> list[dict[str, Any]]:
        """Reviews, the newest first; ``scored``: only those with a score; ``team``: only of these queues, or these agents."""
        own = quality_scores.c
        wanted = select(quality_scores).order_by(own.id.desc()).limit(most)
        wanted = wanted.where(own.reviewer == reviewer) if reviewer else wanted
        wanted = wanted.where(own.agent == agent) if agent else wanted
        if team is not None:
            queues, agents = team
            wanted = wanted.where(or_(own.queue.in_(sorted(queues)), own.agent.in_(sorted(agents))))
        wanted = wanted.where(own.scored_at.is_not(None)) if scored else wanted
        with self._engine.begin() as link:
            return [dict(row) for row in link.execute(wanted).mappings()]

    def marks(self, review_id: int) -> list[dict[str, Any]]:
        wanted = select(quality_marks).where(quality_marks.c.score == review_id).order_by(quality_marks.c.criterion)
        with self._engine.begin() as link:
            return [dict(row) for row in link.execute(wanted).mappings()]


def _pool(terms: SampleTerms, period: Period) -> Any:
    """The recorded talks of agents, whole ones only."""
    own = recordings.c
    wanted = (
        select(own.fact, own.call, own.segment, own.agent, own.queue, calls.c.campaign, own.file, own.at)
        .join(calls, calls.c.call == own.call, isouter=True)
        .where(own.at >= period.begin, own.at < period.end, own.kind == "talk", own.failure.is_(None))
        .where(func.coalesce(own.agent, "") != "", func.coalesce(own.file, "") != "", own.deleted_at.is_(None))
    )
    for column, names in ((own.agent, terms.agents), (own.queue, terms.queues), (calls.c.campaign, terms.campaigns)):
        wanted = wanted.where(column.in_(names)) if names else wanted
    return wanted


def _of_queues(queue: Column[str], queues: Queues) -> ColumnElement[bool]:
    return true() if queues is None else queue.in_(sorted(queues))


def _candidates(sample: str, reviewer: str, queues: Queues, *, calibrate: bool) -> Any:
    wanted = _not_seen(sample, reviewer, queues)
    return wanted.where(exists().where(_SCORED)) if calibrate else wanted.where(quality_samples.c.taken_by == "")


def _failed_once(sample: str, reviewer: str, queues: Queues) -> Any:
    """One in which a fatal criterion failed, and which nobody was given for a second opinion."""
    second = exists().where(_OF_SAMPLE, quality_scores.c.calibrates)
    return _not_seen(sample, reviewer, queues).where(exists().where(_SCORED, quality_scores.c.failed > 0), ~second)


_OF_SAMPLE = and_(quality_scores.c.recording == quality_samples.c.recording, quality_scores.c.sample == quality_samples.c.sample)
_SCORED = and_(_OF_SAMPLE, quality_scores.c.scored_at.is_not(None))


def _not_seen(sample: str, reviewer: str, queues: Queues) -> Any:
    own, scores = quality_samples.c, quality_scores.c
    seen = exists().where(scores.recording == own.recording, scores.reviewer == reviewer)
    there = own.file != ""  # else the caller's data were erased
    others = select(quality_samples).where(own.sample == sample, own.agent != reviewer, there, ~seen)
    others = others.where(_of_queues(own.queue, queues))
    return others.order_by(own.period, own.place).limit(1)


def _no_callback(link: Connection, call: str) -> str | None:
    """Why the customer is not called back for this call; None: they are."""
    own = quality_scores.c
    called = select(own.id).where(own.call == call, own.callback.is_not(None))
    called = called.where(or_(own.callback_outcome.is_(None), own.callback_outcome == ENTERED)).limit(1)
    return "already requested by another review of the call" if link.scalar(called) is not None else None


def _next_change(link: Connection, now: float) -> int:
    """One more than the last. Of two who find the same one the index lets one wait and try again, so nobody who reads a change
    has missed one before it. The first is of the day, in milliseconds: so another database goes on above the last one."""
    last = link.scalar(select(func.max(quality_scores.c.change)))
    return int(now // _DAY * _DAY * 1000) if last is None else last + 1


def _marks(review: Review) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for section in review.form.sections:
        for one in section.criteria:
            remark = review.remarks.get(one.name, Remark())
            rows.append(
                {
                    "criterion": one.name,
                    "section": section.name,
                    "fatal": one.fatal,
                    "mark": review.result.marks[one.name],
                    "most": 1.0 if one.fatal else one.points,
                    "comment": remark.comment,
                    "heard_at": remark.heard_at,
                }
            )
    return rows
