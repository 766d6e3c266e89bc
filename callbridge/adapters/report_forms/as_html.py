"""A report as one page that needs nothing else: plots, figures and the definitions beside them. No script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from zoneinfo import ZoneInfo

from callbridge.adapters.report_forms import svg
from callbridge.adapters.report_forms.html_style import STYLE
from callbridge.adapters.report_forms.series import Rows, heat, merged, over_intervals
from callbridge.adapters.report_forms.values import local, shown
from callbridge.adapters.report_forms.words import Language, cell_text, definition, label, long_heading, phrase, title
from callbridge.adapters.reports.goals import Goal, goals_of
from callbridge.adapters.reports.report import TEXTS, Chart, Report, ReportColumn, ReportQuery, ReportValue, ValueKind
from callbridge.wire.reports import CATALOGUE

MOST_BARS = 240
_SHORT = 32
"""Characters that are not broken into lines."""
_LEFT = (*TEXTS, ValueKind.MOMENT)


def as_html(report: Report, query: ReportQuery, language: Language = Language.ENGLISH) -> Iterator[str]:
    """In pieces. A report without plots is written as it is read."""
    yield from _head(report, query, language)
    rows: Iterable[tuple[ReportValue, ...]] = report.rows
    columns = list(enumerate(report.columns))
    if report.chart is not Chart.NONE:
        kept = list(rows)
        yield from _plots(report, kept, query.zone, language)
        rows = _trimmed(kept)
        if len({row[0] for row in kept}) == 1 and report.columns[0].name == "interval":
            columns = columns[1:]  # the period is above
    yield from _table(report.columns, columns, rows, query, language)
    yield f"<h2>{escape(phrase('definitions', language))}</h2>\n<dl>\n"
    for _, column in columns:
        if column.definition:
            about = escape(definition(column, language))
            yield f"<dt>{escape(long_heading(column, language))}</dt><dd>{about}</dd>\n"
    yield "</dl>\n"
    if report.notes:
        notes = "".join(f"<li>{escape(phrase(note, language))}</li>" for note in report.notes)
        yield f'<ul class="notes">{notes}</ul>\n'
    yield "</body>\n</html>\n"


def _head(report: Report, query: ReportQuery, language: Language) -> Iterator[str]:
    name = escape(title(report.name, language))
    period = " – ".join(f"{local(at, query.zone):%Y-%m-%d %H:%M}" for at in (query.begin, query.end))
    about = [period, query.zone.key, phrase(f"family: {report.family}", language)]
    if report.name in CATALOGUE:
        about.insert(0, phrase(CATALOGUE[report.name].summary, language))
    names = (query.queues, query.tiers, query.entries, query.agents, query.campaigns)
    about += [", ".join(sorted(those)) for those in names if those]
    yield f'<!doctype html>\n<html lang="{"zh-CN" if language is Language.CHINESE else "en"}">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>{name} {period}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    spans = "".join(f"<span>{escape(one)}</span>" for one in about)
    yield f'<h1>{name}</h1>\n<p class="about">{spans}</p>\n'


def _plots(report: Report, rows: Rows, zone: ZoneInfo, language: Language) -> Iterator[str]:
    by_name = {column.name: column for column in report.columns}
    for column in (by_name[name] for name in report.charted):
        name = escape(long_heading(column, language))
        if values := over_intervals(report, rows, column.name):
            heights, together = merged(list(values.values()), MOST_BARS, column.kind)
            labels = [label(one, language) for one in list(values)[::together]]
            more = f" <small>{escape(phrase('neighbours together', language))}: {together}</small>" if together > 1 else ""
            yield f"<figure><figcaption>{name}{more}</figcaption>"
            yield from svg.bars(labels, heights, _writer(column, zone), column.kind is ValueKind.SECONDS)
            yield "</figure>\n"
        down, across, known = heat(report, rows, column.name)
        if known:
            yield f"<figure><figcaption>{name}</figcaption>"
            labelled = {(label(row, language), label(one, language)): value for (row, one), value in known.items()}
            sides, tops = ([label(one, language) for one in side] for side in (down, across))
            yield from svg.heatmap(sides, tops, labelled, _writer(column, zone))
            yield "</figure>\n"


def _writer(column: ReportColumn, zone: ZoneInfo) -> svg.ValueWriter:
    def written(value: float) -> str:
        if column.kind is ValueKind.COUNT:
            return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
        if column.kind is ValueKind.SHARE:
            return f"{value:.0%}"
        return shown(value, column.kind, zone)

    return written


def _table(
    every: Sequence[ReportColumn],
    columns: Sequence[tuple[int, ReportColumn]],
    rows: Iterable[tuple[ReportValue, ...]],
    query: ReportQuery,
    language: Language,
) -> Iterator[str]:
    """``columns``: those of ``every`` that are shown, with their places in a row."""
    heads = "".join(
        f'<th scope="col"{_class(column)} title="{escape(definition(column, language))}">'
        f"{escape(long_heading(column, language))}</th>"
        for _, column in columns
    )
    anything = False
    for row in rows:
        if not anything:
            yield f'<div class="wide"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n'
            anything = True
        goals = goals_of(every, row, query.terms)
        cells = (_cell(row[at], column, _is_empty(row), query.zone, language, goals.get(at)) for at, column in columns)
        yield f"<tr>{''.join(cells)}</tr>\n"
    yield "</tbody></table></div>\n" if anything else f"<p>{escape(phrase('nothing happened in this period', language))}</p>\n"


def _cell(
    value: ReportValue,
    column: ReportColumn,
    empty: bool,
    zone: ZoneInfo,
    language: Language,
    goal: tuple[Goal, bool] | None = None,
) -> str:
    if value is None:
        return f"<td{_class(column)}></td>" if empty or column.kind in TEXTS else '<td class="none">–</td>'
    text = shown(value, column.kind, zone)
    if column.kind is ValueKind.TEXT:
        text = cell_text(text, column, language)
    if goal is not None:
        target, met = goal
        beside = f"{'≤' if target.at_most else '≥'} {shown(target.value, column.kind, zone)}"
        return f'<td class="{"met" if met else "missed"}">{escape(text)} <small>{escape(beside)}</small></td>'
    return f"<td{_class(column, text)}>{escape(text)}</td>"


def _class(column: ReportColumn, text: str = "") -> str:
    return f' class="text{" long" if len(text) > _SHORT else ""}"' if column.kind in _LEFT else ""


def _is_empty(row: tuple[ReportValue, ...]) -> bool:
    return all(value in (None, "") for value in row[1:])


def _trimmed(rows: Rows) -> Rows:
    """Without the empty intervals before the first and after the last that has figures, such as a night."""
    full = [at for at, row in enumerate(rows) if not _is_empty(row)]
    return rows[full[0] : full[-1] + 1] if full else []
