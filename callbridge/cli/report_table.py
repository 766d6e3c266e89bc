"""A report for a terminal: a table that fits its width, what the figures mean, and small plots."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.text import Text

from callbridge.adapters.report_forms.series import heat, merged, over_intervals
from callbridge.adapters.report_forms.values import shown
from callbridge.adapters.reports.goals import Goal, goals_of
from callbridge.adapters.reports.report import TEXTS, Report, ReportColumn, ReportValue, ValueKind
from callbridge.adapters.reports.terms import ReportTerms
from callbridge.cli.fitting import fit_columns
from callbridge.cli.plots import bars, heatmap
from callbridge.cli.tables import printable, render, table_of

NARROW = 80
MOST_ROWS = 2000
_GAP = 2
_LEAST = 6
_NO_TERMS = ReportTerms()
_LEFT = (*TEXTS, ValueKind.MOMENT)

Row = tuple[ReportValue, ...]


def report_text(
    report: Report,
    zone: ZoneInfo,
    width: int = NARROW,
    *,
    plot: bool = False,
    terms: ReportTerms = _NO_TERMS,
) -> Iterator[str]:
    """Lines. The columns that a report calls brief come first; of the others there are as many as fit. What misses a target is
    marked."""
    rows: list[Row] = list(islice(report.rows, MOST_ROWS + 1))
    if not any(value not in (None, "") for row in rows for value in row[1:]):
        yield "nothing happened in this period"
        return
    if plot:
        yield from _plots(report, rows, zone, width)
    left_out = len(rows) > MOST_ROWS
    marks = [goals_of(report.columns, row, terms) for row in rows[:MOST_ROWS]]
    columns, cells = _fitted(report.columns, rows[:MOST_ROWS], marks, zone, width)
    yield _table(columns, cells, width)
    if any(not met for marked in marks for _, met in marked.values()):
        yield "!: misses the configured target."
    if left_out:
        yield f"Only the first {MOST_ROWS:,} rows are shown: --csv, --json, --xlsx and --html write all."
    formulas = [f"{column.heading}: {column.definition}" for column in columns if " / " in column.definition]
    for note in [*report.notes, *([f"{'; '.join(formulas)}."] if formulas else [])]:
        yield from textwrap.wrap(printable(note), width)


def _fitted(
    columns: Sequence[ReportColumn],
    rows: Sequence[Row],
    marks: Sequence[Mapping[int, tuple[Goal, bool]]],
    zone: ZoneInfo,
    width: int,
) -> tuple[list[ReportColumn], list[list[Text]]]:
    """The columns for which there is room, and their cells."""
    marked = {at for goals in marks for at, (_, met) in goals.items() if not met}
    written = [
        [
            Text(printable(_cell(value, columns[at], row, zone)) + (_mark(goals.get(at)) if at in marked else ""))
            for at, value in enumerate(row)
        ]
        for row, goals in zip(rows, marks, strict=True)
    ]
    taken = [_width(column, [row[at] for row in written]) + _GAP for at, column in enumerate(columns)]
    constant = {at for at, column in enumerate(columns) if column.name == "interval" and len({row[at] for row in rows}) == 1}
    chosen = {at for at, column in enumerate(columns) if column.brief} - constant
    names = {at for at in chosen if columns[at].kind in TEXTS and columns[at].name != "interval"}
    least = sum(min(taken[at], _LEAST + _GAP) if at in names else taken[at] for at in chosen) - _GAP
    for at in sorted(chosen - names, reverse=True):
        if least > width:
            chosen.remove(at)
            least -= taken[at]
    for at, column in enumerate(columns):
        if not column.brief and sum(taken[one] for one in chosen) + taken[at] - _GAP <= width:
            chosen.add(at)
    kept = [columns[at] for at in sorted(chosen)]
    cells = [[row[at] for at in sorted(chosen)] for row in written]
    texts = [at for at, column in enumerate(kept) if column.kind in TEXTS and column.name != "interval"]
    texts.sort(key=lambda at: -_width(kept[at], [row[at] for row in cells]))
    room = width - (len(kept) - 1) * (_GAP - 1)
    fit_columns([column.heading for column in kept], cells, room, [(at, _LEAST) for at in texts], [0] * len(kept))
    return kept, cells


def _mark(goal: tuple[Goal, bool] | None) -> str:
    """As wide for all, so that the figures stand below each other."""
    return "!" if goal is not None and not goal[1] else " "


def _cell(value: ReportValue, column: ReportColumn, row: Row, zone: ZoneInfo) -> str:
    """An interval in which nothing was has no dashes either."""
    empty = all(other in (None, "") for other in row[1:])
    return shown(value, column.kind, zone, "" if empty or column.kind in TEXTS else "-")


def _width(column: ReportColumn, cells: Sequence[Text]) -> int:
    return max([cell_len(column.heading), *(one.cell_len for one in cells)])


def _table(columns: Sequence[ReportColumn], cells: Sequence[Sequence[Text]], width: int) -> str:
    table = table_of(*(column.heading for column in columns))
    for column, made in zip(columns, table.columns, strict=True):
        made.justify = "left" if column.kind in _LEFT else "right"
        made.no_wrap = True
    for row in cells:
        table.add_row(*row)
    return render(table, width=max(width, NARROW))


def _plots(report: Report, rows: Sequence[Row], zone: ZoneInfo, width: int) -> Iterator[str]:
    by_name = {column.name: column for column in report.columns}
    for column in (by_name[name] for name in report.charted):
        if values := over_intervals(report, rows, column.name):
            heights, together = merged(list(values.values()), width, column.kind)
            said = f", {together} intervals together" if together > 1 else ""
            most = f"{column.heading}, at most {_most(heights, column, zone)}{said}"
            yield from (*bars(most, heights, list(values), width), "")
        down, across, known = heat(report, rows, column.name)
        if known:
            most = f"{column.heading}, at most {_most(known.values(), column, zone)}"
            yield from (*heatmap(most, down, across, known), "")


def _most(values: Iterable[float], column: ReportColumn, zone: ZoneInfo) -> str:
    most = max(values)
    return shown(round(most) if column.kind is ValueKind.COUNT else most, column.kind, zone)
