"""Answers in scripts: how often each was given, by script, queue and campaign. An answer counts in the interval in which it was
given, each field of a call once, with what was answered last.

What the configuration lists as possible answers is counted by answer; texts, numbers and dates, which may say anything of a
person, only by how often the field was filled in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, Select, func, select

from callbridge.adapters.database.history_tables import calls, is_blank, script_answers
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL
from callbridge.adapters.reports.slots import labels_of, slot_of

_TEXT = ValueKind.TEXT
_NAMES = (
    ReportColumn("script", _TEXT, "script"),
    ReportColumn("queue", _TEXT, "queue"),
    ReportColumn("campaign", _TEXT, "campaign", "empty: calls that no campaign made"),
    ReportColumn("field", _TEXT, "field"),
    ReportColumn("answer", _TEXT, "answer", "empty: anything, in fields without a list of answers"),
)
_COLUMNS = (
    ReportColumn("times", ValueKind.COUNT, "times", "calls in which the agent filled in the field so"),
    ReportColumn("times_share", ValueKind.SHARE, "share", "of the calls of the row in which the field was filled in"),
)
_NOTE = "An answer counts where it was given; answers that were taken back or erased are not counted."


def scripts_report(engine: Engine, query: ReportQuery) -> Report:
    pieces = query.pieces()
    found, totals = _figures(engine, query, labels_of(pieces))
    rows = {key: (number, ratio(number, totals[key[:-1]])) for key, number in sorted(found.items())}
    made = keyed_rows(pieces, rows, len(_NAMES), len(_COLUMNS))
    return Report("scripts", FigureFamily.COHORT, (INTERVAL, *_NAMES, *_COLUMNS), made, Chart.BARS, ("times",), [_NOTE])


def _figures(engine: Engine, query: ReportQuery, labels: Mapping[int, str]) -> tuple[Counter[Key], Counter[Key]]:
    """(label, script, queue, campaign, field, answer) -> how often; and the same of all answers to the field."""
    found: Counter[Key] = Counter()
    totals: Counter[Key] = Counter()
    with engine.connect() as link:
        for row in link.execute(_given(query)):
            of = (labels[row.slot], row.script, row.queue or "", row.campaign or "", row.field)
            listed = query.terms.answers.get((row.script, row.field), ())
            found[*of, row.answer if row.answer in listed else ""] += row.number
            totals[of] += row.number
    return found, totals


def _given(query: ReportQuery) -> Select[Any]:
    own = script_answers.c
    slot = slot_of(own.at).label("slot")
    by = (own.script, own.queue, calls.c.campaign, own.field, own.answer)
    wanted = select(slot, *by, func.count().label("number")).join(calls, calls.c.call == own.call, isouter=True)
    wanted = wanted.where(own.at >= query.begin, own.at < query.end, ~is_blank(own.answer))
    for column, names in ((own.queue, query.queues), (own.agent, query.agents), (calls.c.campaign, query.campaigns)):
        wanted = wanted.where(column.in_(names)) if names else wanted
    return wanted.group_by("slot", *by)
