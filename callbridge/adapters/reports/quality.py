"""Quality: how much of the talks is recorded, drawn and reviewed, how they were scored, and how far two reviewers agree.

All counts in the interval in which the recording ended. Second opinions, which calibrate reviewers, are in no agent's accuracy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select

from callbridge.adapters.database.history_tables import calls, recordings
from callbridge.adapters.database.quality_tables import quality_samples, quality_scores
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row
from callbridge.adapters.reports.slots import SLOT, labels_of, slot_of


@dataclass(slots=True)
class QualityFigures:
    """Of one agent, queue and form in one interval. ``points``, ``scores``: one for each review that has any; ``pairs``: two
    reviews of one recording; ``differences``: of their scores; ``agreed``: on whether a fatal criterion failed."""

    recorded: int = 0
    sampled: int = 0
    reviewed: int = 0
    without_fatal: int = 0
    disputed: int = 0
    points: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    pairs: int = 0
    agreed: int = 0
    differences: list[float] = field(default_factory=list)


_TEXT, _COUNT, _SHARE = ValueKind.TEXT, ValueKind.COUNT, ValueKind.SHARE
_NAMES = (
    ReportColumn("agent", _TEXT, "agent"),
    ReportColumn("queue", _TEXT, "queue"),
    ReportColumn("form", _TEXT, "form", "empty: all recordings, regardless of the form"),
)
_COLUMNS = (
    ReportColumn("recorded", _COUNT, "recorded", "talks that were recorded without a failure"),
    ReportColumn("sampled", _COUNT, "drawn", "recordings drawn for review, once for each sample"),
    ReportColumn("reviewed", _COUNT, "scored", "reviews that are scored; second opinions not counted"),
    ReportColumn("fatal_accuracy", _SHARE, "fatal", "reviews without a failed fatal criterion / reviews"),
    ReportColumn("non_fatal_accuracy", _SHARE, "non-fatal", "mean of the points, without fatal criteria"),
    ReportColumn("quality_score", _SHARE, "score", "mean of the scores: the points, or 0 when a fatal criterion failed"),
    ReportColumn("without_fatal", _COUNT, "passed", "reviews without a failed fatal criterion", brief=False),
    ReportColumn("disputed", _COUNT, "disputed", "reviews that were disputed", brief=False),
    ReportColumn("calibrated", _COUNT, "pairs", "pairs of reviews of one recording by two reviewers", brief=False),
    ReportColumn("score_difference", _SHARE, "differ", "mean difference of the two scores of a pair", brief=False),
    ReportColumn("fatal_agreement", _SHARE, "agree", "pairs that agree whether a fatal criterion failed / pairs", brief=False),
)
_NOTE = "A review counts in the interval in which the recording ended."


def quality_report(engine: Engine, query: ReportQuery) -> Report:
    pieces = query.pieces()
    with engine.connect() as link:
        found = _figures(link, query, labels_of(pieces))
    rows = {key: _values(key, found[key]) for key in sorted(found)}
    made = keyed_rows(pieces, rows, len(_NAMES), len(_COLUMNS))
    columns = (INTERVAL, *_NAMES, *_COLUMNS)
    return Report("quality", FigureFamily.COHORT, columns, made, Chart.BARS, ("sampled", "reviewed"), [_NOTE])


def _values(key: Key, one: QualityFigures) -> Row:
    if not key[-1]:
        return one.recorded, *(None,) * (len(_COLUMNS) - 1)
    accuracy = (ratio(one.without_fatal, one.reviewed), _mean(one.points), _mean(one.scores))
    pairs = (one.pairs, _mean(one.differences), ratio(one.agreed, one.pairs))
    return None, one.sampled, one.reviewed, *accuracy, one.without_fatal, one.disputed, *pairs


def _mean(values: list[float]) -> float | None:
    return ratio(sum(values), len(values))


# -- from the database ------------------------------------------------------------------------------------------------


def _figures(link: Connection, query: ReportQuery, labels: Mapping[int, str]) -> dict[Key, QualityFigures]:
    """(label, agent, queue, form) -> figures; recordings have no form."""
    found: dict[Key, QualityFigures] = defaultdict(QualityFigures)
    for row in link.execute(_recorded(query)):
        found[labels[row.slot], row.agent or "", row.queue or "", ""].recorded += row.number
    for row in link.execute(_sampled(query)):
        found[labels[row.slot], row.agent, row.queue, row.form].sampled += row.number
    reviews: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in link.execute(_scored(query)):
        one = found[labels[int(row.recorded_at // SLOT)], row.agent, row.queue, row.form]
        reviews[row.recording, row.form_version].append(row)
        if not row.calibrates:
            _add(one, row)
    for of_recording in reviews.values():
        for first, second in combinations(of_recording, 2):
            one = found[labels[int(first.recorded_at // SLOT)], first.agent, first.queue, first.form]
            one.pairs += 1
            one.agreed += bool(first.failed) == bool(second.failed)
            if first.score is not None and second.score is not None:
                one.differences.append(abs(first.score - second.score))
    return found


def _add(one: QualityFigures, row: Any) -> None:
    one.reviewed += 1
    one.without_fatal += not row.failed
    one.disputed += row.disputed_at is not None
    one.points += [] if row.points is None else [row.points]
    one.scores += [] if row.score is None else [row.score]


def _recorded(query: ReportQuery) -> Select[Any]:
    own = recordings.c
    slot = slot_of(own.at).label("slot")
    wanted = select(slot, own.agent, own.queue, func.count().label("number")).where(own.at >= query.begin, own.at < query.end)
    wanted = wanted.where(own.kind == "talk", own.failure.is_(None), func.coalesce(own.agent, "") != "")
    if query.campaigns:
        wanted = wanted.join_from(recordings, calls, calls.c.call == own.call).where(calls.c.campaign.in_(query.campaigns))
    wanted = wanted.where(own.agent.in_(query.agents)) if query.agents else wanted
    wanted = wanted.where(own.queue.in_(query.queues)) if query.queues else wanted
    return wanted.group_by("slot", own.agent, own.queue)


def _sampled(query: ReportQuery) -> Select[Any]:
    own = quality_samples.c
    slot = slot_of(own.recorded_at).label("slot")
    wanted = select(slot, own.agent, own.queue, own.form, func.count().label("number"))
    return _chosen(wanted, own, query).group_by("slot", own.agent, own.queue, own.form)


def _scored(query: ReportQuery) -> Select[Any]:
    own = quality_scores.c
    return _chosen(select(quality_scores).where(own.scored_at.is_not(None)), own, query)


def _chosen(wanted: Select[Any], own: Any, query: ReportQuery) -> Select[Any]:
    wanted = wanted.where(own.recorded_at >= query.begin, own.recorded_at < query.end)
    for column, names in ((own.agent, query.agents), (own.queue, query.queues), (own.campaign, query.campaigns)):
        wanted = wanted.where(column.in_(names)) if names else wanted
    return wanted
