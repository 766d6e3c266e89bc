"""Files in which people's numbers may stand are readable by their owner only, however wide the umask is."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callbridge.adapters.database import Database
from callbridge.adapters.history.archive import export
from callbridge.adapters.ledger.leads import Loaded
from callbridge.adapters.report_forms.deliveries import ReportDeliveries, ReportFile, ToFolder
from callbridge.cli import audit, campaigns, main, report


@pytest.fixture(autouse=True)
def wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """Of everything below it."""
    return {str(path.relative_to(folder)): f"{path.stat().st_mode & 0o777:o}" for path in folder.rglob("*")}


def test_a_database_and_its_export_are_private(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/history.db")) as database:
        database.open()
        assert set(modes(tmp_path).values()) == {"600"}  # with what SQLite keeps beside it
        export(database.engine, tmp_path / "out", 0.0)
    found = modes(tmp_path / "out")
    assert "manifest.json" in found
    assert set(found.values()) == {"600"}
    assert modes(tmp_path)["out"] == "700"


def test_a_database_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    file.touch(mode=0o640)
    with closing(Database(f"sqlite:///{file}")) as database:
        database.open()
    assert modes(tmp_path)["history.db"] == "640"


async def test_what_is_written_by_schedule_and_by_commands_is_private(tmp_path: Path) -> None:
    made = ReportFile(key="k", name="calls.csv", media="text/csv", content=b"x", subject="", text="")
    deliveries = ReportDeliveries()
    await deliveries.deliver(made, ToFolder(tmp_path), None)
    deliveries.close()
    report._to_file(tmp_path / "calls.html", [b"x", b"y"])
    audit.export([], tmp_path / "audit.csv", ZoneInfo("UTC"))
    options = Namespace(rejects=tmp_path / "rejects.tsv", json=False, campaign="spring")
    campaigns._print_result(Loaded(rows=1, refused=[(1, "+442079460000", "no")]), options)
    assert modes(tmp_path) == dict.fromkeys(("calls.csv", "calls.html", "audit.csv", "rejects.tsv"), "600")
    assert (tmp_path / "rejects.tsv").read_text() == "1\t+442079460000\tno\n"
    assert (tmp_path / "calls.html").read_bytes() == b"xy"


def test_what_is_imported_is_private_also_where_it_is_moved_to(tmp_path: Path) -> None:
    """Leads and the do-not-call list went by the umask, and only the folder that they were made in was closed."""
    tables, out = tmp_path / "tables", tmp_path / "moved"
    tables.mkdir()
    (tables / "dnc.tsv").write_text("phone_number\n2125550100\n")
    (tables / "leads.tsv").write_text(
        "lead_id\tlist_id\tstatus\tphone_code\tphone_number\tlast_name\n1\t101\tNEW\t1\t2125550123\tLee\n"
    )
    assert main(["import", "--vicidial", str(tables), "--region", "US", "--out", str(out)]) == 0
    found = modes(out)
    assert {"callbridge.yaml", "do-not-call.csv"} < set(found)
    assert set(found.values()) == {"600"}
    assert modes(tmp_path)["moved"] == "700"


async def test_a_report_is_not_led_elsewhere_by_a_link_in_its_folder(tmp_path: Path) -> None:
    other, folder = tmp_path / "other", tmp_path / "reports"
    other.write_text("kept")
    folder.mkdir()
    for name in ("calls.csv", "calls.html"):
        (folder / f".{name}.part").symlink_to(other)
    made = ReportFile(key="k", name="calls.csv", media="text/csv", content=b"x", subject="", text="")
    deliveries = ReportDeliveries()
    await deliveries.deliver(made, ToFolder(folder), None)
    deliveries.close()
    report._to_file(folder / "calls.html", [b"x"])
    assert other.read_text() == "kept"
    assert {path.name: path.is_symlink() for path in folder.iterdir()} == {"calls.csv": False, "calls.html": False}
