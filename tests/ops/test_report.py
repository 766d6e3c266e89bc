"""The command ``report``: what it prints as a table, CSV and JSON, and what it says when there is nothing to report."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from callbridge.adapters.database.history_tables import survey_answers
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.outbox.envelope import Stamper
from callbridge.adapters.report_forms.as_csv import as_csv
from callbridge.adapters.reports.queues import QUEUE_COLUMNS
from callbridge.adapters.reports.registry import REPORTS
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ValueKind
from callbridge.cli import main
from callbridge.cli.report_table import report_text
from callbridge.core.model.facts import CallArrived
from callbridge.wire.reports import CATALOGUE
from tests.adapters.toy_reports import NINE, one_day
from tests.settings.conftest import RIGHT

pytestmark = pytest.mark.slow

LONDON = ZoneInfo("Europe/London")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    url = f"sqlite:///{tmp_path}/history.db"
    one_day(url)
    path = tmp_path / "cb.yaml"
    path.write_text(RIGHT + f"database: {{url: '{url}'}}\n")
    return path


def said(capsys: pytest.CaptureFixture[str], config: Path, *options: str) -> str:
    assert main(["report", *options, "-c", str(config), "--from", "2026-11-28", "--to", "2026-11-28"]) == 0
    return capsys.readouterr().out


def test_the_table_of_queues_fits_a_terminal(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, config, "queues")
    heading, row, *notes = text.splitlines()
    assert row.split() == ["support", "3", "2", "1", "0", "0", "0", "0", "33.3%", "0:25", "2:00"]
    assert heading == "queue    offered  answ.  aband.  short  over  fail  wait     SL   ASA   AHT"
    assert "SL: answered within the target / (answered + abandoned); ASA:" in " ".join(notes)
    assert all(len(line.rstrip()) <= 80 for line in (heading, row, *notes))


def test_a_ratio_of_nothing_is_a_dash_and_an_empty_interval_is_shown(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = said(capsys, config, "queues", "--by", "1h").splitlines()[1:25]
    assert [row[:16] for row in rows] == [f"2026-11-28 {hour:02}:00" for hour in range(24)]
    assert rows[8].split() == ["2026-11-28", "08:00"]
    assert rows[9].split()[2:5] == ["support", "3", "2"]


def test_agents_are_clipped_and_their_reasons_have_columns(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(said(capsys, config, "agents", "--by", "30m", "--csv"))))
    ann = {row["interval"]: row for row in rows if row["agent"] == "ann"}
    assert list(ann) == ["2026-11-28 09:00", "2026-11-28 09:30"]
    assert (ann["2026-11-28 09:00"]["ready"], ann["2026-11-28 09:30"]["ready"]) == ("1800.0", "1200.0")
    assert (ann["2026-11-28 09:30"]["not_ready: lunch"], ann["2026-11-28 09:30"]["missed"]) == ("420.0", "1")
    assert ann["2026-11-28 09:00"]["aht"] == "120.0"


def test_json_has_numbers_and_null_where_there_is_nothing_to_divide(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = json.loads(said(capsys, config, "queues", "--json"))
    expected: dict[str, Any] = {"interval": "2026-11-28", "queue": "support", "offered": 3, "service_level": 0.3333, "asa": 25.0}
    assert expected.items() <= row.items()
    assert json.loads(said(capsys, config, "queues", "--queue", "general", "--json")) == []


def test_a_report_is_narrowed_to_names_together(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = json.loads(said(capsys, config, "queues", "--queue", "support", "--queue", "general", "--tier", "gold", "--json"))
    assert (row["queue"], row["offered"], row["talks"]) == ("support", 3, 2)
    assert json.loads(said(capsys, config, "tiers", "--tier", "silver", "--json")) == []
    assert [row["offered"] for row in json.loads(said(capsys, config, "queues", "--entry", "=main", "--json"))] == [3]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("queues", "--queue", "suport"), "no such queue: 'suport' (known: general, support)"),
        (("agents", "--agent", "nobody"), "no such agent: 'nobody' (known: "),
        (("entries", "--entry", "mian"), "no such entry: 'mian' (known: "),
    ],
)
def test_an_unknown_name_is_answered_with_those_that_there_are(
    config: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    assert main(["report", *options, "-c", str(config), "--from", "2026-11-28", "--to", "2026-11-28"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"callbridge: {words}")


def test_an_option_that_a_report_cannot_use_is_refused(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report", "agents", "-c", str(config), "--queue", "support"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("callbridge: the report agents takes no --queue: it takes --by, --agent (see ")


def test_a_wide_terminal_shows_more_and_names_that_are_too_long_are_cut(config: Path) -> None:
    columns = (ReportColumn("queue", ValueKind.TEXT, "queue"), *QUEUE_COLUMNS)
    row = ("a queue whose name is very long indeed", *(1,) * 7, 0.5, 10.0, 3700.0, 0.5, *(1.0,) * 3, 2, 5.0)
    report = Report("queues", FigureFamily.COHORT, columns, [row])
    seen = []
    for width in (60, 80, 120, 200):
        heading, line, *_ = "\n".join(report_text(replace(report, rows=[row]), LONDON, width)).splitlines()
        assert max(len(heading), len(line)) <= width
        seen.append(heading.split())
    assert seen[0] == seen[1] == ["queue", "offered", "answ.", "aband.", "SL", "ASA", "AHT"]
    assert "short" in seen[2]
    assert "hold" not in seen[2]
    assert seen[3][-2:] == ["talks", "hold"]
    assert "1:01:40" in line


def test_targets_and_cost_of_the_configuration_are_beside_the_figures(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of three answered, one within 20 s, AHT 120 s; an hour logged in of which three minutes were talk."""
    text = config.read_text().replace("  support:\n", "  support:\n    report_targets: {aht: 90s}\n    target: {share: 0.3}\n", 1)
    config.write_text(text + "cost: {agent_hour: 30}\n")
    heading, row, note, *_ = said(capsys, config, "queues").splitlines()
    assert (row.split()[-3:], note) == (["33.3%", "0:25", "2:00!"], "!: misses the configured target.")
    assert len(heading.rstrip()) <= 80
    (queue,) = json.loads(said(capsys, config, "queues", "--json"))
    assert (queue["handle_cost"], queue["cost_per_answered"]) == (2.0, 1.0), "two talks of 120 s with wrap-up, at 30 an hour"
    (ann,) = json.loads(said(capsys, config, "agents", "--json"))
    assert (ann["cpcm"], ann["logged_in"], ann["talking"]) == (10.0, 3600.0, 180.0)


def test_plots_are_drawn_when_asked_for(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "█" not in said(capsys, config, "queues", "--by", "1h")
    lines = said(capsys, config, "queues", "--by", "1h", "--plot").splitlines()
    assert lines[0] == "offered, at most 3"
    assert lines[1:5] == [" " * 27 + "██"] * 4
    assert lines[5] == "2026-11-28 00:00" + " " * (72 - 32) + "2026-11-28 23:00"
    assert lines[7] == "aband., at most 1"


def test_a_heat_map_is_drawn_in_shades() -> None:
    columns = [ReportColumn(name, ValueKind.TEXT, name) for name in ("weekday", "hour")]
    columns.append(ReportColumn("offered", ValueKind.COUNT, "offered"))
    rows = [(day, f"{hour:02}:00", hour if day == "Mon" else None) for day in ("Mon", "Tue") for hour in range(3)]
    report = Report("heatmap", FigureFamily.COHORT, tuple(columns), rows, Chart.HEATMAP, ("offered",))
    lines = list(report_text(report, LONDON, plot=True))
    assert lines[:4] == ["offered, at most 2", "    00 01 02", "Mon    ▒▒ ██", "Tue "]


def test_excel_gets_a_byte_order_mark_and_no_formula(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, config, "entries", "--excel")
    assert text.startswith("\ufeffinterval,entry,")
    assert ",'=main," in text
    assert ";0,3333;25,0;" in said(capsys, config, "queues", "--excel", "--separator", ";")


def test_moments_and_phone_numbers_stay_what_they_are_in_csv() -> None:
    columns = (ReportColumn("at", ValueKind.MOMENT, "at"), ReportColumn("number", ValueKind.TEXT, "number"))
    report = Report("calls", FigureFamily.ROWS, columns, [(NINE, "+442079460000"), (None, "@x"), (NINE + 0.4, "-1+2")])
    plain = "".join(as_csv(report, ZoneInfo("Europe/Berlin"))).splitlines()
    assert plain[1:] == ["2026-11-28T10:00:00+01:00,+442079460000", ",'@x", "2026-11-28T10:00:00+01:00,'-1+2"]
    excel = "".join(as_csv(report, ZoneInfo("Europe/Berlin"), excel=True)).splitlines()
    assert excel[1] == '2026-11-28 10:00:00,"=""+442079460000"""'


def test_a_workbook_is_written_whole_or_not_at_all(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "support.xlsx"
    assert said(capsys, config, "queues", "--xlsx", str(file), "--language", "zh") == ""
    sheet: Any = load_workbook(file)["队列报表"]
    assert [sheet["B1"].value, sheet["B2"].value, sheet["C2"].value] == ["队列", "support", 3]
    html = tmp_path / "support.html"
    assert said(capsys, config, "queues", "--by", "1h", "--html", str(html)) == ""
    assert "<svg" in html.read_text()
    assert sorted(one.name for one in tmp_path.iterdir() if "part" in one.name) == []
    missing = tmp_path / "no folder" / "support.xlsx"
    assert main(["report", "queues", "-c", str(config), "--xlsx", str(missing)]) == 1
    assert capsys.readouterr().err == f"callbridge: cannot write {missing}: No such file or directory\n"


def test_a_period_without_anything_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "queues", "-c", str(config), "--from", "2026-11-01", "--to", "2026-11-02"]) == 0
    assert capsys.readouterr().out.startswith("nothing happened in this period")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "28.11.2026"), "callbridge: '28.11.2026' is not a date: expected 2026-11-28, or 2026-11-28T09:30"),
        (("--from", "2026-11-28", "--to", "2026-11-27"), "callbridge: the period ends before it begins"),
    ],
)
def test_what_is_wrong_is_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["report", "queues", "-c", str(config), *options])
    assert capsys.readouterr().err == f"{words} (see callbridge report --help)\n"


def test_without_a_history_the_way_to_one_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cb.yaml"
    path.write_text(RIGHT)
    assert main(["report", "queues", "-c", str(path)]) == 1
    assert "no section 'database:'" in capsys.readouterr().err
    path.write_text(RIGHT + f"database: {{url: 'sqlite:///{tmp_path}/none.db'}}\n")
    assert main(["report", "queues", "-c", str(path)]) == 1
    assert f"there is no history yet: {tmp_path}/none.db does not exist" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_answers_to_surveys_are_scored_by_the_configuration(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(HistoryStore(f"sqlite:///{config.parent}/history.db", People())) as store:
        store.open()
        with store.database.engine.begin() as link:
            about = {"call": "a", "survey": "service", "queue": "support", "agent": "ann", "at": NINE + 900}
            for fact, (question, answer) in enumerate((("friendly", "5"), ("friendly", "1"), ("solved", "1"))):
                link.execute(
                    survey_answers.insert().values(about | {"fact": f"1-{fact}", "question": question, "answer": answer})
                )
    more = "surveys:\n  service:\n    questions:\n      - {ask: 'sound:a', name: friendly}\n"
    config.write_text(config.read_text() + more + "      - {ask: 'sound:b', name: solved, kind: yes_no}\n")
    rows = json.loads(said(capsys, config, "surveys", "--json"))
    assert {row["question"]: (row["answers"], row["csat"], row["dsat"]) for row in rows if row["question"]} == {
        "friendly": (2, 0.5, 0.5),
        "solved": (1, None, None),
    }
    scored = json.loads(said(capsys, config, "calls", "--score", "2.5-3.5", "--json"))
    assert [(row["call"], row["score"]) for row in scored] == [("a", 3.0)]


def test_every_report_of_the_catalogue_has_a_maker() -> None:
    assert list(REPORTS) == list(CATALOGUE)
    assert all(one.name == name for name, one in CATALOGUE.items())


def test_the_options_are_known_without_the_databases_library() -> None:
    code = "import sys, callbridge.cli.report_command; print('sqlalchemy' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_calls_are_searched_by_score(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(said(capsys, config, "calls", "--score", "1-2", "--json")) == []
    assert len(json.loads(said(capsys, config, "calls", "--outcome", "", "--json"))) == 3


@pytest.mark.parametrize(
    ("score", "words"),
    [
        ("good", "'good' is not a score: expected 1-2, 3.5-5 or 5"),
        ("2-1", "'2-1' is not a score: a mean rating is from 1 to 5"),
        ("nan", "'nan' is not a score: a mean rating is from 1 to 5"),
        ("0-9", "'0-9' is not a score: a mean rating is from 1 to 5"),
    ],
)
def test_what_is_no_score_is_said(config: Path, capsys: pytest.CaptureFixture[str], score: str, words: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["report", "calls", "-c", str(config), "--score", score])
    assert capsys.readouterr().err == f"callbridge: {words} (see callbridge report --help)\n"


def test_one_call_is_told_in_full_whenever_it_was(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "call", "-c", str(config), "--call", "a", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["at"] - NINE, row["what"]) for row in told] == [
        (600.0, "call arrived"),
        (600.0, "queue entered"),
        (605.0, "queue left"),
        (605.0, "talk"),
    ]
    assert main(["report", "call", "-c", str(config), "--call", "z"]) == 1
    assert capsys.readouterr().err == "callbridge: no call 'z' in the history\n"
    with pytest.raises(SystemExit):
        main(["report", "call", "-c", str(config)])
    assert "the report call needs --call" in capsys.readouterr().err


def test_names_come_together_where_a_report_can_do_that(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = json.loads(said(capsys, config, "tiers", "--together", "--json"))
    assert (row["tier"], row["offered"]) == ("all", 3)
    with pytest.raises(SystemExit):
        main(["report", "agents", "-c", str(config), "--together"])
    assert "the report agents takes no --together: it takes --by, --agent" in capsys.readouterr().err


def test_a_caller_is_found_by_number_also_where_numbers_are_hashed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{config.parent}/history.db"
    with closing(HistoryStore(url, People(key=b"0123456789abcdef"))) as store:
        store.open()
        told = CallArrived(
            seq=1,
            at=NINE,
            call="d",
            leg="pbx1/d",
            entry="main",
            tier="",
            number="+442079460001",
            name="Ada",
            uniqueid="",
            linkedid="",
        )
        store.write(Stamper().stamp(1, [told]), 0.0)
    config.write_text(config.read_text() + "history: {numbers: hashed, key: 0123456789abcdef}\n")
    (row,) = json.loads(said(capsys, config, "calls", "--number", "+44 20 7946 0001", "--json"))
    assert (row["call"], row["name"]) == ("d", None)
    assert "79460001" not in row["number"]
    assert json.loads(said(capsys, config, "calls", "--number", "+442079460002", "--json")) == []
    assert json.loads(said(capsys, config, "abandoned", "--number", "+442079460001", "--json")) == []
