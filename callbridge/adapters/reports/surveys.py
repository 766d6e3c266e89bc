"""Surveys: whom they reached, and how the questions were answered. All counts in the interval in which the call arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from sqlalchemy import Column, Connection, Engine, Select, Table, and_, exists, func, select

from callbridge.adapters.database.history_tables import calls, is_blank, recordings, segments, survey_answers, surveys
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row
from callbridge.adapters.reports.slots import labels_of, slot_of

_ASKED = ("complete", "partial", "refused", "no_answer")
_LONGEST_CALL = 7 * 86_400.0
"""Seconds within which a call has its survey."""
_NORMAL_95 = 1.96
"""Standard deviations within which 95 of 100 values of a normal distribution are."""


@dataclass(slots=True)
class SurveyFigures:
    """Of one survey about one agent in one queue, in one interval."""

    results: Counter[str] = field(default_factory=Counter)
    comments: int = 0
    questions: dict[str, Counter[str]] = field(default_factory=dict)
    """Question -> how often each answer was given."""


_TEXT, _COUNT, _SHARE, _DECIMAL = ValueKind.TEXT, ValueKind.COUNT, ValueKind.SHARE, ValueKind.DECIMAL
_NAMES = (
    ReportColumn("survey", _TEXT, "survey"),
    ReportColumn("queue", _TEXT, "queue", "that of the talk before the survey"),
    ReportColumn("agent", _TEXT, "agent", "who talked to the caller"),
    ReportColumn("question", _TEXT, "question", "empty: the survey as a whole"),
)
_COLUMNS = (
    ReportColumn("asked", _COUNT, "asked", "callers who were asked: responded + refused + no_answer"),
    ReportColumn("responded", _COUNT, "resp.", "callers who answered at least one question", brief=False),
    ReportColumn("response_rate", _SHARE, "resp. %", "responded / asked"),
    ReportColumn("hung_up_first", _COUNT, "missed", "callers who would have been asked and hung up first", brief=False),
    ReportColumn("refused", _COUNT, "refused", "callers who declined, or hung up before the first answer", brief=False),
    ReportColumn("no_answer", _COUNT, "silent", "callers who never pressed a key", brief=False),
    ReportColumn("skipped", _COUNT, "skipped", "callers who were not asked because they had been asked recently", brief=False),
    ReportColumn("comments", _COUNT, "comm.", "spoken comments that were recorded", brief=False),
    ReportColumn("answers", _COUNT, "answers", "answers to the question"),
    ReportColumn("mean_score", _DECIMAL, "mean", "mean of the answers to a rating"),
    ReportColumn("csat", _SHARE, "CSAT", "the two best answers of the scale (4 and 5) / answers to a rating"),
    ReportColumn("dsat", _SHARE, "DSAT", "the worst answer of the scale (1) / answers to a rating"),
    ReportColumn(
        "bottom_two", _SHARE, "low 2", "the two worst answers of the scale (1 and 2) / answers to a rating", brief=False
    ),
    ReportColumn("csat_from", _SHARE, "from", "CSAT is likely to be at least this: 95 % confidence, by Wilson", brief=False),
    ReportColumn("csat_to", _SHARE, "to", "CSAT is likely to be at most this", brief=False),
    ReportColumn("distribution", _TEXT, "answers by key", "how often each key was pressed", brief=False),
)
_OF_QUESTIONS = 8
"""So many columns, the last ones, are about questions."""


def surveys_report(engine: Engine, query: ReportQuery) -> Report:
    pieces = query.pieces()
    with engine.connect() as link:
        found = _figures(link, query, labels_of(pieces))
    rows: dict[Key, Row] = {}
    for key in sorted(found):
        one = found[key]
        rows[*key, ""] = (*_survey(one), *(None,) * _OF_QUESTIONS)
        for question, answers in sorted(one.questions.items()):
            scale = query.terms.scales.get((key[1], question), ())
            rows[*key, question] = (*(None,) * (len(_COLUMNS) - _OF_QUESTIONS), *_question(answers, scale))
    notes = ["A survey counts in the interval in which its call arrived."]
    if unknown := sorted({(key[1], key[-1]) for key in rows if key[-1]} - set(query.terms.scales)):
        listed = ", ".join(f"{question} ({survey})" for survey, question in unknown)
        notes.append(f"No longer configured, so without a mean, CSAT and DSAT: {listed}")
    columns, charted = (INTERVAL, *_NAMES, *_COLUMNS), ("asked", "responded")
    found_rows = keyed_rows(pieces, rows, len(_NAMES), len(_COLUMNS))
    return Report("surveys", FigureFamily.COHORT, columns, found_rows, Chart.BARS, charted, notes)


def _survey(one: SurveyFigures) -> Row:
    results = one.results
    asked, answered = sum(results[name] for name in _ASKED), results["complete"] + results["partial"]
    refusals = (results["missed"], results["refused"], results["no_answer"], results["skipped"])
    return asked, answered, ratio(answered, asked), *refusals, one.comments


def _question(answers: Mapping[str, int], scale: tuple[int, ...]) -> Row:
    distribution = ", ".join(f"{answer}: {count}" for answer, count in sorted(answers.items()))
    given = {step: answers.get(str(step), 0) for step in scale}
    rated = sum(given.values())
    total = sum(answers.values())
    if not rated:
        return total, *(None,) * 6, distribution
    good, bad = sum(given[step] for step in scale[-2:]), sum(given[step] for step in scale[:2])
    score = sum(step * count for step, count in given.items()) / rated
    shares = (ratio(good, rated), ratio(given[scale[0]], rated), ratio(bad, rated))
    return total, round(score, 2), *shares, *wilson(good, rated), distribution


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share, by Wilson's score: sound for few answers and for shares near 0 and 1."""
    found, square = part / whole, _NORMAL_95**2
    middle = found + square / (2 * whole)
    margin = _NORMAL_95 * sqrt(found * (1 - found) / whole + square / (4 * whole**2))
    low, high = ((middle - margin) / (1 + square / whole), (middle + margin) / (1 + square / whole))
    return round(max(0.0, low), 4), round(min(1.0, high), 4)


# -- from the database ------------------------------------------------------------------------------------------------


def _figures(link: Connection, query: ReportQuery, labels: Mapping[int, str]) -> dict[Key, SurveyFigures]:
    """(label, survey, queue, agent) -> figures."""
    found: dict[Key, SurveyFigures] = {}

    def of(row: Any) -> SurveyFigures:
        return found.setdefault((labels[row.slot], row.survey or "", row.queue or "", row.agent or ""), SurveyFigures())

    for row in link.execute(_counted(query, surveys, surveys.c.result)):
        of(row).results[row.result or ""] += row.number
    for row in link.execute(_counted(query, survey_answers, survey_answers.c.question, survey_answers.c.answer)):
        of(row).questions.setdefault(row.question or "", Counter())[row.answer or ""] += row.number
    for row in link.execute(_comments(query)):
        of(row).comments += row.number
    return found


def _counted(query: ReportQuery, table: Table, *by: Column[str]) -> Select[Any]:
    """How many rows there are, by slot, survey, queue, agent and ``by``."""
    own = table.c
    began = func.coalesce(calls.c.arrived_at, own.at)
    slot = slot_of(began).label("slot")
    names = (own.survey, own.queue, own.agent, *by)
    wanted = select(slot, *names, func.count().label("number")).join(calls, calls.c.call == own.call, isouter=True)
    wanted = wanted.where(own.at >= query.begin, own.at < query.end + _LONGEST_CALL)  # by the index
    wanted = wanted.where(began >= query.begin, began < query.end)
    for column, chosen in (
        (own.queue, query.queues),
        (own.agent, query.agents),
        (calls.c.tier, query.tiers),
        (calls.c.entry, query.entries),
    ):
        wanted = wanted.where(column.in_(chosen)) if chosen else wanted
    return wanted.group_by(slot, *names)


def _comments(query: ReportQuery) -> Select[Any]:
    """Messages between a talk and the end of the survey after it, which belong to no queue."""
    message = and_(
        recordings.c.call == surveys.c.call,
        recordings.c.kind == "voicemail",
        is_blank(recordings.c.queue),
        recordings.c.at <= surveys.c.at,
    )
    talked = exists().where(segments.c.call == surveys.c.call, segments.c.began_at <= recordings.c.at)
    return _counted(query, surveys).join(recordings, message).where(surveys.c.result != "missed", talked)
