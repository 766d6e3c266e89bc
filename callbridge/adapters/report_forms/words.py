"""Headings, definitions and names of reports in the language of the reader."""

from __future__ import annotations

from enum import StrEnum

from callbridge.adapters.report_forms.chinese import HEADINGS, PHRASES
from callbridge.adapters.reports.report import ReportColumn

_REASON = "not_ready: "


class Language(StrEnum):
    ENGLISH = "en"
    CHINESE = "zh"


def heading(column: ReportColumn, language: Language) -> str:
    """Columns that are named after something of the site, such as a reason, keep its name."""
    if language is Language.ENGLISH:
        return column.heading
    return HEADINGS.get(column.name, column.heading)


def definition(column: ReportColumn, language: Language) -> str:
    if language is Language.CHINESE and column.name.startswith(_REASON):
        return f"其中因“{column.name.removeprefix(_REASON)}”未就绪的时间"
    return phrase(column.definition, language)


def phrase(text: str, language: Language) -> str:
    """What has no translation stays as it is."""
    return PHRASES.get(text, text) if language is Language.CHINESE else text
