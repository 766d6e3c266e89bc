"""The forms of a report: what a workbook and its definitions hold, and every word in Chinese."""

from __future__ import annotations

import io
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.report_forms import as_xlsx
from callbridge.adapters.report_forms.as_xlsx import write_xlsx
from callbridge.adapters.report_forms.chinese import HEADINGS, PHRASES
from callbridge.adapters.report_forms.words import Language
from callbridge.adapters.reports.catalogue import CATALOGUE
from callbridge.adapters.reports.intervals import By
from callbridge.adapters.reports.registry import REPORTS
from callbridge.adapters.reports.report import FigureFamily, Report, ReportColumn, ReportQuery, ValueKind

BERLIN = ZoneInfo("Europe/Berlin")
NINE = 1_795_856_400.0
"""Saturday, 2026-11-28, 10:00 in Berlin."""
QUERY = ReportQuery(begin=NINE, end=NINE + 3600, now=NINE + 3600, zone=BERLIN)
COLUMNS = tuple(ReportColumn(kind.value, kind, kind.value, f"a {kind.value}") for kind in ValueKind)
ROW = ("=1+1", 3, 1.5, 90_061.0, 0.25, NINE, 12.5)


def report(*rows: Any) -> Report:
    return Report("queues", FigureFamily.COHORT, COLUMNS, rows, notes=["a note"])


def workbook(made: Report, language: Language = Language.ENGLISH) -> Any:
    file = io.BytesIO()
    write_xlsx(made, QUERY, file, language)
    return load_workbook(file)


def test_a_workbook_has_values_of_the_right_types() -> None:
    sheet = workbook(report(ROW, (None,) * len(ROW)))["queues"]
    cells = dict(zip((column.name for column in COLUMNS), sheet[2], strict=True))
    assert (cells["text"].value, cells["text"].data_type) == ("=1+1", "s")
    assert cells["seconds"].value == timedelta(days=1, hours=1, minutes=1, seconds=1)
    assert cells["seconds"].number_format == "[h]:mm:ss"
    assert (cells["share"].value, cells["share"].number_format) == (0.25, "0.0%")
    assert (f"{cells['moment'].value:%Y-%m-%d %H:%M:%S}", cells["moment"].is_date) == ("2026-11-28 10:00:00", True)
    assert (cells["count"].value, cells["decimal"].value, cells["money"].value) == (3, 1.5, 12.5)
    assert {cell.value for cell in sheet[3]} == {None}
    assert sheet.freeze_panes == "A2"


@pytest.mark.parametrize("text", ["+442079460000", "=HYPERLINK(1)", "-1", "@x", "00441", "a\x00b"])
def test_texts_stay_texts(text: str) -> None:
    cell = workbook(report((text, *ROW[1:])))["queues"]["A2"]
    assert (cell.value, cell.data_type) == (text.replace("\x00", "�"), "s")


def test_the_last_sheet_defines_the_columns() -> None:
    sheet = workbook(report(ROW))["definitions"]
    rows = [[cell.value for cell in row] for row in sheet.rows]
    assert rows[0] == ["column", "heading", "definition"]
    assert rows[1] == ["text", "text", "a text"]
    assert ["a note", None, None] in rows
    assert ["period", "2026-11-28 10:00:00", "2026-11-28 11:00:00"] in rows
    assert workbook(report(ROW), Language.CHINESE).sheetnames == ["队列报表", "指标定义"]


def test_a_report_that_is_longer_than_a_sheet_goes_on_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_xlsx, "MOST_SHEET_ROWS", 3)
    book = workbook(report(*([ROW] * 5)))
    assert book.sheetnames == ["queues", "queues 2", "queues 3", "definitions"]
    assert [sheet.max_row for sheet in book.worksheets[:3]] == [3, 3, 2]
    assert [sheet["A1"].value for sheet in book.worksheets[:3]] == ["text"] * 3


@pytest.mark.parametrize("name", REPORTS)
def test_every_heading_and_definition_is_there_in_chinese(tmp_path: Path, name: str) -> None:
    with closing(HistoryStore(f"sqlite:///{tmp_path}/history.db", People())) as store:
        store.open()
        query = ReportQuery(begin=NINE, end=NINE + 3600, now=NINE, zone=BERLIN, by=By.WHOLE)
        made = REPORTS[name](store.database.engine, query)
    assert [column.name for column in made.columns if column.name not in HEADINGS] == []
    texts = [name, CATALOGUE[name].summary, *made.notes, *(column.definition for column in made.columns if column.definition)]
    assert [text for text in texts if text not in PHRASES] == []
