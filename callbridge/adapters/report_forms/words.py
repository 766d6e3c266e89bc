"""Headings, definitions and names of reports in the language of the reader."""

from __future__ import annotations

from enum import StrEnum

from callbridge.adapters.report_forms.chinese import (
    HEADINGS,
    HEADINGS_BY_DEFINITION,
    PARTIES,
    PHRASES,
    VALUES,
    VALUES_BY_DEFINITION,
    VALUES_OF_COLUMNS,
)
from callbridge.adapters.reports.report import ReportColumn

_REASON = "not_ready: "
_LABELLED = ("interval", "weekday")
_CODED = ("ended_by", "kind", "outcome", "result")
"""Columns whose values are codes of callbridge."""
_LETTERS = frozenset({"asa", "aht", "csat", "dsat", "fcr", "cpcm", "id"})


_ENGLISH = {
    "family: cohort": "counted where it began",
    "family: clipped": "counted where the time passes",
    "family: rows": "one row each",
    "definitions": "Definitions",
    "neighbours together": "intervals in one bar",
    "nothing happened in this period": "Nothing happened in this period.",
}
"""Texts of forms that are not those that the code names them by."""


class Language(StrEnum):
    ENGLISH = "en"
    CHINESE = "zh"


def heading(column: ReportColumn, language: Language) -> str:
    """Columns that are named after something of the site, such as a reason, keep its name."""
    if language is Language.ENGLISH:
        return column.heading
    return HEADINGS_BY_DEFINITION.get(column.definition) or HEADINGS.get(column.name, column.heading)


def long_heading(column: ReportColumn, language: Language) -> str:
    """Where there is room: words instead of abbreviations."""
    if language is not Language.ENGLISH or ":" in column.name:
        return heading(column, language)
    words = column.name.split("_")
    return " ".join(word.upper() if word in _LETTERS else word for word in words)


def title(report: str, language: Language) -> str:
    return phrase(report, language) if language is Language.CHINESE else report.replace("-", " ").capitalize()


def label(text: str, language: Language) -> str:
    """An interval or a weekday."""
    return phrase(text, language)


def cell_text(text: str, column: ReportColumn, language: Language) -> str:
    """A text in a cell: codes of callbridge in the reader's language, names and what else the site wrote as they are."""
    if column.name in _LABELLED:
        return label(text, language)
    if language is Language.ENGLISH:
        return text
    if column.name == "party":
        kind, _, name = text.partition(":")
        return f"{PARTIES[kind]} {name}" if name and kind in PARTIES else text
    values = VALUES_BY_DEFINITION.get(column.definition) or VALUES_OF_COLUMNS.get(column.name)
    if values is None and column.name in _CODED:
        values = VALUES
    return text if values is None else values.get(text, text)


def definition(column: ReportColumn, language: Language) -> str:
    if language is Language.CHINESE and column.name.startswith(_REASON):
        return f"其中因“{column.name.removeprefix(_REASON)}”未就绪的时间"
    return phrase(column.definition, language)


def phrase(text: str, language: Language) -> str:
    """What has no translation stays as it is."""
    return (PHRASES if language is Language.CHINESE else _ENGLISH).get(text, text)
