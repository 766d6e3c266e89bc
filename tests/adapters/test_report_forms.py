"""The forms of a report: what a workbook, a page and their definitions hold, and every word in Chinese."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.report_forms import as_xlsx, chinese
from callbridge.adapters.report_forms.as_html import as_html
from callbridge.adapters.report_forms.as_xlsx import write_xlsx
from callbridge.adapters.report_forms.chinese import HEADINGS, PHRASES
from callbridge.adapters.report_forms.forms import ReportForm, written
from callbridge.adapters.report_forms.values import harmless
from callbridge.adapters.report_forms.words import Language, definition, heading
from callbridge.adapters.reports import abandoned, calls, sessions, transfers
from callbridge.adapters.reports.goals import goals_of
from callbridge.adapters.reports.intervals import By
from callbridge.adapters.reports.registry import REPORTS
from callbridge.adapters.reports.report import Chart, FieldsText, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.terms import QueueTargets, ReportTerms
from callbridge.cli.report_table import report_text
from callbridge.wire.reports import CATALOGUE

BERLIN = ZoneInfo("Europe/Berlin")
NINE = 1_795_856_400.0
"""Saturday, 2026-11-28, 10:00 in Berlin."""
QUERY = ReportQuery(begin=NINE, end=NINE + 3600, now=NINE + 3600, zone=BERLIN)
ZH = Path(__file__).parents[2] / "callbridge" / "web" / "src" / "texts" / "zh.js"
COLUMNS_OF = {
    "transfers": transfers._COLUMNS,
    "calls": calls._COLUMNS,
    "abandoned": abandoned._COLUMNS,
    "sessions": sessions._COLUMNS,
}
COLUMNS = tuple(ReportColumn(kind.value, kind, kind.value, f"a {kind.value}") for kind in ValueKind)
ROW = ("=1+1", 3, 1.5, 90_061.0, 0.25, NINE, 12.5, FieldsText("=hold 5.0 s", {"hold": 5.0}))


def report(*rows: Any) -> Report:
    return Report("queues", FigureFamily.COHORT, COLUMNS, rows, notes=["a note"])


def workbook(made: Report, language: Language = Language.ENGLISH) -> Any:
    file = io.BytesIO()
    write_xlsx(made, QUERY, file, language)
    return load_workbook(file)


def test_a_workbook_has_values_of_the_right_types() -> None:
    sheet = workbook(report(ROW, (None,) * len(ROW)))["Queues"]
    cells = dict(zip((column.name for column in COLUMNS), sheet[2], strict=True))
    assert (cells["text"].value, cells["text"].data_type) == ("=1+1", "s")
    assert cells["seconds"].value == timedelta(days=1, hours=1, minutes=1, seconds=1)
    assert cells["seconds"].number_format == "[h]:mm:ss"
    assert (cells["share"].value, cells["share"].number_format) == (0.25, "0.0%")
    assert (f"{cells['moment'].value:%Y-%m-%d %H:%M:%S}", cells["moment"].is_date) == ("2026-11-28 10:00:00", True)
    assert (cells["count"].value, cells["decimal"].value, cells["money"].value) == (3, 1.5, 12.5)
    assert (cells["fields"].value, cells["fields"].data_type) == ("=hold 5.0 s", "s")
    assert {cell.value for cell in sheet[3]} == {None}
    assert sheet.freeze_panes == "A2"


@pytest.mark.parametrize("text", ["+442079460000", "=HYPERLINK(1)", "-1", "@x", "00441", "a\x00b"])
def test_texts_stay_texts(text: str) -> None:
    cell = workbook(report((text, *ROW[1:])))["Queues"]["A2"]
    assert (cell.value, cell.data_type) == (text.replace("\x00", "�"), "s")


def test_the_last_sheet_defines_the_columns() -> None:
    sheet = workbook(report(ROW))["Definitions"]
    rows = [[cell.value for cell in row] for row in sheet.rows]
    assert rows[0] == ["column", "heading", "definition"]
    assert rows[1] == ["text", "text", "a text"]
    assert ["a note", None, None] in rows
    assert ["period", "2026-11-28 10:00:00", "2026-11-28 11:00:00"] in rows
    assert workbook(report(ROW), Language.CHINESE).sheetnames == ["队列报表", "指标定义"]


def test_a_report_that_is_longer_than_a_sheet_goes_on_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_xlsx, "MOST_SHEET_ROWS", 3)
    book = workbook(report(*([ROW] * 5)))
    assert book.sheetnames == ["Queues", "Queues 2", "Queues 3", "Definitions"]
    assert [sheet.max_row for sheet in book.worksheets[:3]] == [3, 3, 2]
    assert [sheet["A1"].value for sheet in book.worksheets[:3]] == ["text"] * 3


# -- pages ------------------------------------------------------------------------------------------------------------

QUEUE = (
    ReportColumn(
        "interval", ValueKind.TEXT, "interval", "start of the interval in local time, or the hours or weekdays that it combines"
    ),
    ReportColumn("queue", ValueKind.TEXT, "queue"),
    ReportColumn("offered", ValueKind.COUNT, "offered", "visits that began in the interval"),
    ReportColumn("service_level", ValueKind.SHARE, "SL", "answered within the target / (answered + abandoned)"),
)


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, texts of headings and cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data


def page(rows: Sequence[Any], language: Language = Language.ENGLISH, chart: Chart = Chart.BARS, name: str = "queues") -> str:
    charted = ("offered", "service_level")
    made = Report(name, FigureFamily.COHORT, QUEUE, rows, chart, charted, ["<b>A note.</b>"])
    return "".join(as_html(made, QUERY, language))


HOURS = [("08:00", "", None, None), ("09:00", "<q>", 4, 0.5), ("10:00", "<q>", 8, None), ("11:00", "", None, None)]


def test_a_page_holds_everything_itself_and_nothing_runs_in_it() -> None:
    seen = Page(page(HOURS))
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in seen.tags}
    assert not any(key.startswith("on") or key in ("src", "href") for _, attrs in seen.tags for key in attrs)
    assert not re.search(r"url\(|@import|https?:", "".join(seen.texts["style"]))


def test_a_page_has_figures_definitions_and_no_names_as_markup() -> None:
    seen = Page(page(HOURS))
    assert seen.texts["td"] == ["09:00", "<q>", "4", "50.0%", "10:00", "<q>", "8", "–"]
    assert seen.texts["th"] == ["interval", "queue", "offered", "service level"]
    assert "answered within the target / (answered + abandoned)" in seen.texts["dd"]
    assert seen.texts["li"] == ["<b>A note.</b>"]
    assert seen.texts["h1"] == ["Queues"]


def test_a_page_in_chinese_says_so() -> None:
    seen = Page(page([("Mon", "support", 4, 0.5), ("Tue", "support", 1, 0.5)], Language.CHINESE))
    assert ("html", {"lang": "zh-CN"}) in seen.tags
    assert seen.texts["h1"] == ["队列报表"]
    assert seen.texts["th"] == ["时段", "队列", "呼入量", "服务水平"]
    assert seen.texts["td"][0] == "周一"
    assert "目标时间内接通量 /（接通量 + 放弃量）" in seen.texts["dd"]


def plots(text: str) -> list[ElementTree.Element]:
    """Each must be XML that can be read."""
    return [ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def test_bars_are_as_high_as_the_values_of_all_rows_of_an_interval() -> None:
    rows = [("09:00", "a", 4, 0.5), ("09:00", "b", 2, 0.1), ("10:00", "a", 3, 0.9)]
    (offered,) = plots(page(rows))  # shares of two queues cannot be added up
    heights = [float(bar.attrib["height"]) for bar in offered.iter("rect")]
    assert heights[0] == pytest.approx(2 * heights[1])
    assert [bar[0].text for bar in offered.iter("rect")] == ["09:00: 6", "10:00: 3"]
    assert len(plots(page(rows[1:]))) == 2
    assert plots(page([("09:00", "a", 4, 0.5)])) == []


def test_more_intervals_than_there_is_room_for_are_drawn_together() -> None:
    rows = [(f"{at:05}", "a", 1, None) for at in range(1000)]
    text = page(rows)
    (offered,) = plots(text)
    assert [bar[0].text for bar in offered.iter("rect")] == [f"{at:05}: 5" for at in range(0, 1000, 5)]
    assert "intervals in one bar: 5" in text


def test_a_heat_map_has_a_cell_for_each_hour_of_each_weekday() -> None:
    columns = (ReportColumn("weekday", ValueKind.TEXT, "weekday"), ReportColumn("hour", ValueKind.TEXT, "hour"), *QUEUE[2:])
    rows = [(day, f"{hour:02}:00", hour, None) for day in ("Mon", "Tue") for hour in range(24)]
    made = Report("heatmap", FigureFamily.COHORT, columns, rows, Chart.HEATMAP, ("offered", "service_level"))
    (heat,) = plots("".join(as_html(made, QUERY)))
    cells = list(heat.iter("rect"))
    assert (len(cells), cells[23].attrib["style"], cells[23][0].text) == (48, "--shade:1.000", "Mon 23:00: 23")


def test_a_long_report_is_written_as_it_is_read() -> None:
    read: list[int] = []

    def rows() -> Iterator[Any]:
        for at in range(100_000):
            read.append(at)
            yield ("09:00", "a", at, None)

    made = Report("calls", FigureFamily.ROWS, QUEUE, rows())
    pieces = written(made, QUERY, ReportForm.HTML)
    assert next(pieces).startswith(b"<!doctype html>")
    assert len(read) < 2000


def test_targets_stand_beside_the_figures_of_their_queue() -> None:
    terms = ReportTerms(queues={"support": QueueTargets(service_level=0.8), "sales": QueueTargets(service_level=0.5, aht=60)})
    rows = [("09:00", "support", 4, 0.75), ("09:00", "sales", 1, 0.5), ("10:00", "sales", 1, None), ("10:00", "old", 1, 0.1)]
    made = Report("queues", FigureFamily.COHORT, QUEUE, rows, Chart.BARS)
    text = "".join(as_html(made, replace(QUERY, terms=terms)))
    assert '<td class="missed">75.0% <small>≥ 80.0%</small></td>' in text
    assert '<td class="met">50.0% <small>≥ 50.0%</small></td>' in text
    assert "<td>10.0%</td>" in text


def test_targets_are_columns_in_csv_and_workbooks() -> None:
    terms = ReportTerms(queues={"support": QueueTargets(service_level=0.8, aht=90.0), "sales": QueueTargets()})
    rows = [("09:00", "support", 4, 0.75), ("09:00", "sales", 1, 0.5), ("10:00", "", None, None)]
    query = replace(QUERY, terms=terms)

    def made(form: ReportForm, language: Language = Language.ENGLISH) -> bytes:
        return b"".join(written(Report("queues", FigureFamily.COHORT, QUEUE, iter(rows)), query, form, language))

    lines = made(ReportForm.CSV).decode().splitlines()
    assert lines[0].endswith("service_level,service_level_target"), "aht is no column of this report"
    assert [line.split(",")[-2:] for line in lines[1:]] == [["0.75", "0.8"], ["0.5", ""], ["", ""]]
    sheet, definitions = load_workbook(io.BytesIO(made(ReportForm.XLSX))).worksheets
    assert [cell.value for cell in sheet["E"]] == ["SL target", 0.8, None, None]
    assert sheet["E2"].number_format == "0.0%"
    assert "service_level_target" in [cell.value for cell in definitions["A"]]
    chinese = load_workbook(io.BytesIO(made(ReportForm.XLSX, Language.CHINESE))).worksheets[0]
    assert chinese["E1"].value == "服务水平目标"
    assert b"_target" not in made(ReportForm.JSON)


def test_a_handle_time_is_better_the_shorter_it_is() -> None:
    columns = (QUEUE[1], ReportColumn("aht", ValueKind.SECONDS, "AHT"), ReportColumn("csat", ValueKind.SHARE, "CSAT"))
    targets = ReportTerms(queues={"support": QueueTargets(aht=300.0, csat=0.9)})
    assert {at: met for at, (_, met) in goals_of(columns, ("support", 301.0, 0.9), targets).items()} == {1: False, 2: True}
    assert {at: met for at, (_, met) in goals_of(columns, ("support", 300.0, 0.89), targets).items()} == {1: True, 2: False}
    assert goals_of(columns, ("support", None, None), targets) == goals_of(columns, ("sales", 1.0, 1.0), targets) == {}


def test_the_target_of_adherence_is_that_of_every_agent() -> None:
    columns = (ReportColumn("agent", ValueKind.TEXT, "agent"), ReportColumn("adherence", ValueKind.SHARE, "adherence"))
    terms = ReportTerms(adherence=0.9, queues={"support": QueueTargets(csat=0.9)})
    rows = [("ann", 0.9), ("bob", 0.89), ("eve", None)]
    marks = [[met for _, met in goals_of(columns, row, terms).values()] for row in rows]
    assert marks == [[True], [False], []]
    made = Report("adherence", FigureFamily.CLIPPED, columns, rows)
    lines = b"".join(written(made, replace(QUERY, terms=terms), ReportForm.CSV)).decode().splitlines()
    assert lines == ["agent,adherence,adherence_target", "ann,0.9,0.9", "bob,0.89,0.9", "eve,,0.9"]
    assert "bob       89.0%!" in "\n".join(report_text(made, BERLIN, terms=terms))
    assert goals_of(columns, rows[1], ReportTerms()) == {}


def test_an_empty_report_says_so() -> None:
    assert "Nothing happened in this period." in page([])
    assert "Nothing happened in this period." in page([("09:00", "", None, None)])


# -- Chinese ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_every_heading_and_definition_is_there_in_chinese(tmp_path: Path, name: str) -> None:
    with closing(HistoryStore(f"sqlite:///{tmp_path}/history.db", People())) as store:
        store.open()
        terms = ReportTerms(agent_hour=30.0)
        query = ReportQuery(begin=NINE, end=NINE + 3600, now=NINE, zone=BERLIN, by=By.WHOLE, terms=terms)
        made = REPORTS[name](store.database.engine, query)
    assert [column.name for column in made.columns if column.name not in HEADINGS] == []
    heads = {column.name: heading(column, Language.CHINESE) for column in made.columns}
    assert heads.get("offered", "呼入量") == ("分配量" if name == "offers" else "呼入量")
    texts = [name, CATALOGUE[name].summary, *made.notes, *(column.definition for column in made.columns if column.definition)]
    assert [text for text in texts if text not in PHRASES] == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("\n=1+1", "'\n'=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("x;=1+1", "x;'=1+1"),
        ("x,@now", "x,'@now"),
        ("+442079460000,=1", "+442079460000,'=1"),
        ("+442079460000,+442079460001", "+442079460000,+442079460001"),
        ("-5", "'-5"),
        ("to +44, from 1001", "to +44, from 1001"),
    ],
)
def test_no_text_of_a_caller_is_a_formula_whatever_separates_cells_there(text: str, written: str) -> None:
    assert harmless(text) == written


def words_of_the_screens() -> dict[str, str]:
    return dict(re.findall(r'^  "([a-z_.]+)": "(.*)",$', ZH.read_text("utf-8"), re.MULTILINE))


def test_values_have_the_words_of_the_screens() -> None:
    texts = words_of_the_screens()
    by_code = {
        key: {name.partition(".")[2]: text for name, text in texts.items() if name.startswith(key)}
        for key in ("word.", "outcome.")
    }
    assert by_code["word."] | by_code["outcome."] == chinese.VALUES
    special = chinese.VALUES_OF_COLUMNS | {"direction.transfers": next(iter(chinese.VALUES_BY_DEFINITION.values()))}
    for column, values in special.items():
        assert {code: texts[f"{column}.{code}"] for code in values} == values


def test_files_in_chinese_have_words_for_codes_and_leave_names_alone() -> None:
    columns = {column.name: column for column in (*transfers._COLUMNS, *sessions._COLUMNS)}
    names = ("agent", "direction", "kind", "party", "result", "what", "queue")
    row = ("out", "out", "blind", "queue:sales", "completed", "pause", "answered")
    made = Report(
        "transfers", FigureFamily.ROWS, tuple(columns[name] for name in names), [row, (*row[:3], "agent:", "own", "", "")]
    )
    cells = [[cell.value for cell in line] for line in list(workbook(made, Language.CHINESE)["转接报表"].rows)[1:]]
    assert cells == [
        ["out", "转出", "盲转", "队列 sales", "已完成", "小休", "answered"],
        ["out", "转出", "盲转", "agent:", "own", None, None],
    ]
    assert [cell.value for cell in workbook(made)["Transfers"][2]] == list(row)
    page = "".join(as_html(made, QUERY, Language.CHINESE))
    assert re.findall("<td[^>]*>([^<]*)</td>", page)[: len(row)] == cells[0]


@pytest.mark.parametrize(
    ("name", "column", "codes"),
    [
        ("transfers", "direction", {"out", "in"}),
        ("transfers", "kind", {"blind", "consult", "back", "phone", "phone_attended"}),
        ("transfers", "party", set()),
        ("transfers", "transfers", set()),
        ("calls", "direction", {"in", "out"}),
        ("abandoned", "outcome", {"short_abandoned"}),
        ("abandoned", "reached_by", {"inbound", "callback", "campaign"}),
        ("sessions", "what", {"session", "pause"}),
    ],
)
def test_a_chinese_definition_explains_the_words_that_the_page_shows(name: str, column: str, codes: set[str]) -> None:
    """Beside each the code, which files have."""
    texts = words_of_the_screens()
    described = next(one for one in COLUMNS_OF[name] if one.name == column)
    said = definition(described, Language.CHINESE)
    assert codes == set(re.findall("[a-z_]+", said))
    for code in codes:
        keys = (f"{column}.{name}.{code}", f"{column}.{code}", f"outcome.{code}", f"word.{code}")
        shown = next(texts[key] for key in keys if key in texts)
        assert f"{shown}（{code}）" in said
