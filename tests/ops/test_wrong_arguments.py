"""Arguments that make no sense: one line that says so, never a traceback."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from callbridge.adapters.database import Database, schema
from callbridge.cli import main
from tests.ops.test_quality import QUALITY
from tests.settings.conftest import RIGHT

NO_TEXT = "\udcff"
"""As Python has an argument of bytes that are no UTF-8."""
NO_REVIEW = "9" * 25


@pytest.fixture
def config(tmp_path: Path) -> Path:
    url = f"sqlite:///{tmp_path}/history.db"
    with closing(Database(url)) as database:
        database.open()
    path = tmp_path / "cb.yaml"
    path.write_text(RIGHT + f"database: {{url: '{url}'}}\n" + QUALITY)
    return path


def code(*words: str) -> int:
    try:
        return main(words)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize(
    ("words", "expected", "said"),
    [
        (("report", "queues", "--from", "0001-01-01"), 2, "is not a date"),
        (("report", "queues", "--from", "0001-01-01T00:00", "--by", "week"), 2, "is not a date"),
        (("report", "queues", "--from", "2026-13-45"), 2, "'2026-13-45' is not a date"),
        (("report", "queues", "--to", "\x1b[2J"), 2, "is not a date"),
        (("report", "calls", "--number", "nobody"), 2, "'nobody' is not a phone number"),
        (("report", "queues", "--by", "7x"), 2, "invalid choice: '7x' (choose from 'whole', '15m'"),
        (("report", "queues", "--queue", "nowhere"), 1, "no such queue: 'nowhere'"),
        (("history", "export", "/nowhere/out", "--from", "yesterday"), 2, "'yesterday' is not a date"),
        (("number", ""), 2, "argument NUMBER: is empty"),
        (("number", " \u00a0"), 2, "argument NUMBER: is empty"),
        (("number", NO_TEXT), 2, "argument NUMBER: is not UTF-8 text"),
        (("person", "", "show"), 2, "argument NUMBER: is empty"),
        (("report", "queues", "--html", ""), 2, "'' is not the name of a file"),
        (("report", "queues", "--xlsx", "/"), 2, "'/' is not the name of a file"),
        (("quality", "show", NO_REVIEW), 2, "is not the number of a review"),
        (("quality", "show", "9" * 5000), 2, "is not the number of a review"),
        (("quality", "dispute", NO_REVIEW, "--by", "ann", "--reason", "no"), 2, "is not the number of a review"),
        (("quality", "dispute", "1", "--by", "ann", "--reason", NO_TEXT), 2, "--reason: is not UTF-8 text"),
        (("quality", "next", "team", "--reviewer", NO_TEXT), 2, "--reviewer: is not UTF-8 text"),
        (("person", "+442079460000", "hold"), 2, "a hold needs a --reason"),
        (("person", "+442079460000", "hold", "--reason", NO_TEXT), 2, "--reason: is not UTF-8 text"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: int, said: str
) -> None:
    assert code(*words, "-c", str(config)) == expected
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_wrong_date_is_told_where_there_is_no_history_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cb.yaml"
    path.write_text(RIGHT + f"database: {{url: 'sqlite:///{tmp_path}/none.db'}}\n")
    assert code("report", "queues", "--from", "yesterday", "-c", str(path)) == 2
    assert capsys.readouterr().err.startswith("callbridge: 'yesterday' is not a date")


def test_a_region_that_does_not_exist_is_a_wrong_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("import", "--vicidial", str(tmp_path), "--region", "XX", "--out", str(tmp_path / "out")) == 2
    assert "expected two letters of ISO 3166" in capsys.readouterr().err


@pytest.mark.parametrize("tables", [[], {"calls": {}}, {"calls": []}, None])
def test_a_manifest_of_another_form_is_told_in_one_line(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tables: object
) -> None:
    manifest = {"format": 1, "schema": schema.head(), "tables": tables}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert code("history", "import", str(tmp_path), "-c", str(config)) == 1
    assert capsys.readouterr().err == f"callbridge: {tmp_path}/manifest.json cannot be read\n"
