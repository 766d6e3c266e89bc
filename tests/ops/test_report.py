"""The command ``report``: what it prints as a table, CSV and JSON, and what it says when there is nothing to report."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from callbridge.adapters.database.history_tables import agent_states, calls, offers, segments, visits
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.reports import By
from callbridge.cli import main
from callbridge.cli.report_command import INTERVALS
from tests.settings.conftest import RIGHT

NINE = 1_795_856_400.0
"""Saturday, 2026-11-28, 09:00 in London."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A day with three callers of queue support: answered after 5 s, answered after 45 s (late), abandoned after 30 s."""
    url = f"sqlite:///{tmp_path}/history.db"
    with closing(HistoryStore(url, People())) as store:
        store.open()
        with store.database.engine.begin() as link:
            for at, (call, waited, talked) in enumerate((("a", 5.0, 120.0), ("b", 45.0, 60.0), ("c", 30.0, 0.0)), 1):
                began = NINE + at * 600
                link.execute(
                    calls.insert().values(call=call, arrived_at=began, entry="=main", tier="gold", callback="", campaign="")
                )
                outcome = "answered" if talked else "abandoned"
                visit = {"call": call, "visit": 1, "queue": "support", "tier": "gold", "began_at": began, "waited": waited}
                visit |= {"ended_at": began + waited, "outcome": outcome, "within_target": waited <= 20 and bool(talked)}
                link.execute(visits.insert().values(visit))
                if talked:
                    segment = {"call": call, "segment": 2, "visit": 1, "queue": "support", "agent": "ann", "talked": talked}
                    segment |= {"began_at": began + waited, "hold": 10.0, "wrap_up": 30.0, "ended_by": "customer"}
                    link.execute(segments.insert().values(segment))
            missed = {"call": "c", "offer": 3, "agent": "ann", "began_at": NINE + 1801, "result": "no_answer"}
            link.execute(offers.insert().values(missed))
            since = NINE
            for state, reason, lasted in (("ready", "", 3000.0), ("talking", "", 180.0), ("not_ready", "lunch", 420.0)):
                times = {"fact": f"1-{since}", "began_at": since, "ended_at": since + lasted}
                link.execute(agent_states.insert().values(agent="ann", state=state, reason=reason, **times))
                since += lasted
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
    assert heading == "name     offered  answ.  aband.  short  over  fail  wait     SL   ASA   AHT"
    assert "SL = within / (answered + abandoned)" in notes[0]
    assert all(len(line.rstrip()) <= 80 for line in (heading, row))


def test_a_ratio_of_nothing_is_a_dash_and_an_empty_interval_is_shown(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = said(capsys, config, "queues", "--by", "1h").splitlines()[1:25]
    assert [row[:16] for row in rows] == [f"2026-11-28 {hour:02}:00" for hour in range(24)]
    assert rows[8].split() == ["2026-11-28", "08:00"]
    assert rows[9].split()[2:5] == ["support", "3", "2"]


def test_agents_are_clipped_and_their_reasons_have_columns(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(said(capsys, config, "agents", "--by", "30m", "--csv"))))
    ann = {row["interval"]: row for row in rows if row["name"] == "ann"}
    assert list(ann) == ["2026-11-28 09:00", "2026-11-28 09:30"]
    assert (ann["2026-11-28 09:00"]["ready"], ann["2026-11-28 09:30"]["ready"]) == ("1800.0", "1200.0")
    assert (ann["2026-11-28 09:30"]["not_ready: lunch"], ann["2026-11-28 09:30"]["missed"]) == ("420.0", "1")
    assert ann["2026-11-28 09:00"]["aht"] == "120.0"


def test_json_has_numbers_and_null_where_there_is_nothing_to_divide(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = json.loads(said(capsys, config, "queues", "--json"))
    expected: dict[str, Any] = {"interval": "2026-11-28", "name": "support", "offered": 3, "service_level": 0.3333, "asa": 25.0}
    assert expected.items() <= row.items()
    assert json.loads(said(capsys, config, "queues", "--only", "sales", "--json")) == []


def test_excel_gets_a_byte_order_mark_and_no_formula(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, config, "entries", "--excel")
    assert text.startswith("\ufeffinterval,name,")
    assert ",'=main," in text


def test_a_period_without_anything_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "queues", "-c", str(config), "--from", "2026-11-01", "--to", "2026-11-02"]) == 0
    assert capsys.readouterr().out.startswith("nothing happened in this period")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "28.11.2026"), "callbridge: '28.11.2026' is no date: expected 2026-11-28, or 2026-11-28T09:30"),
        (("--from", "2026-11-28", "--to", "2026-11-27"), "callbridge: the period ends before it begins"),
    ],
)
def test_what_is_wrong_is_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    assert main(["report", "queues", "-c", str(config), *options]) == 1
    assert capsys.readouterr().err.splitlines() == [words]


def test_without_a_history_the_way_to_one_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cb.yaml"
    path.write_text(RIGHT)
    assert main(["report", "queues", "-c", str(path)]) == 1
    assert "no section 'database:'" in capsys.readouterr().err
    path.write_text(RIGHT + f"database: {{url: 'sqlite:///{tmp_path}/none.db'}}\n")
    assert main(["report", "queues", "-c", str(path)]) == 1
    assert f"there is no history yet: {tmp_path}/none.db does not exist" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_the_command_knows_the_intervals() -> None:
    assert list(INTERVALS) == list(By)
