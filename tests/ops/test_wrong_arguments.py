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
        (("report", "queues", "--from", "0001-01-01"), 1, "is no date"),
        (("report", "queues", "--from", "0001-01-01T00:00", "--by", "week"), 1, "is no date"),
        (("report", "queues", "--html", ""), 2, "'' is not the name of a file"),
        (("report", "queues", "--xlsx", "/"), 2, "'/' is not the name of a file"),
        (("quality", "show", NO_REVIEW), 2, "is not the number of a review"),
        (("quality", "show", "9" * 5000), 2, "is not the number of a review"),
        (("quality", "dispute", NO_REVIEW, "--by", "ann", "--reason", "no"), 2, "is not the number of a review"),
        (("quality", "dispute", "1", "--by", "ann", "--reason", NO_TEXT), 2, "--reason: is not UTF-8 text"),
        (("quality", "next", "team", "--reviewer", NO_TEXT), 2, "--reviewer: is not UTF-8 text"),
        (("person", "+442079460000", "hold", "--reason", NO_TEXT), 2, "--reason: is not UTF-8 text"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], expected: int, said: str
) -> None:
    assert code(*words, "-c", str(config)) == expected
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize("tables", [[], {"calls": {}}, {"calls": []}, None])
def test_a_manifest_of_another_form_is_told_in_one_line(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tables: object
) -> None:
    manifest = {"format": 1, "schema": schema.head(), "tables": tables}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert code("history", "import", str(tmp_path), "-c", str(config)) == 1
    assert capsys.readouterr().err == f"callbridge: {tmp_path}/manifest.json cannot be read\n"
