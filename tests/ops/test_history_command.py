"""The history as files and back: exported in one moment, imported whole or skipped, packed; and backed up while it is written."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, make_url, select

from callbridge.adapters.database import Database, schema
from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.database.ledger_tables import blocked, leads
from callbridge.adapters.history import HistoryStore, People, archive
from callbridge.cli import main
from tests.adapters.days import facts_of
from tests.adapters.postgres import new_database
from tests.adapters.waiting import HANGS
from tests.ops.test_reloading import config

pytestmark = pytest.mark.slow

SEED = 203
Whole = dict[str, list[dict[str, Any]]]


@pytest.fixture
def cb(tmp_path: Path) -> Callable[..., int]:
    """The command, on the database of this URL."""

    def run(url: str, *words: str, **history: Any) -> int:
        path = tmp_path / "cb.yaml"
        path.write_text(json.dumps(config(database={"url": url}, history=history)))
        return main(["history", *words, "-c", str(path)])

    return run


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[str]:
    """A history, with a ledger."""
    url = f"sqlite:///{tmp_path}/history.db"
    with closing(HistoryStore(url, People())) as store:
        store.open()
        store.write(facts_of(SEED), 5000.0)
        with store.database.engine.begin() as link:
            at = {"loaded_at": 1.0, "changed_at": 1.0}
            link.execute(insert(leads).values(id=7, campaign="spring", number="+442079460123", name="Ann 安", **at))
            link.execute(insert(blocked).values(number="+442079460124", campaign="", reason="asked", at=1.0))
    yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/other.db" if request.param == "sqlite" else new_database()


def whole(url: str) -> Whole:
    with closing(Database(url)) as database, database.engine.connect() as link:
        found = {}
        for table in schema.ALL_TABLES:
            rows = [dict(row) for row in link.execute(select(table)).mappings()]
            found[table.name] = sorted(rows, key=lambda row: tuple(str(value) for value in row.values()))
        return found


def test_what_is_exported_is_imported_and_the_history_goes_on_there(
    cb: Callable[..., int], lite: str, empty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "out")
    assert cb(lite, "export", folder, "--json") == 0
    told = {row["table"]: row["rows"] for row in json.loads(capsys.readouterr().out)}
    before = whole(lite)
    assert told == {name: len(rows) for name, rows in before.items()} and told["calls"] > 5
    assert cb(empty, "import", folder) == 0
    assert whole(empty) == before
    assert cb(empty, "import", folder, "--json") == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {row["table"]: (row["rows"], row["there"]) for row in again} == {name: (0, count) for name, count in told.items()}
    with closing(HistoryStore(empty, People())) as store:
        assert store.write(facts_of(SEED), 6000.0) == 0, "it knows how far it is written"
        with store.database.engine.begin() as link:
            made = link.execute(insert(leads).values(campaign="spring", number="+442079460125", loaded_at=1.0, changed_at=1.0))
            assert made.inserted_primary_key is not None and made.inserted_primary_key[0] > 7


def test_a_period_holds_its_calls_with_all_that_belongs_to_them_and_no_ledger(
    cb: Callable[..., int], lite: str, empty: str, tmp_path: Path
) -> None:
    before = whole(lite)
    arrived = sorted(row["arrived_at"] for row in before["calls"])
    with closing(Database(lite)) as database:
        archive.export(database.engine, tmp_path / "out", 1.0, (arrived[2], arrived[6]))
    assert cb(empty, "import", str(tmp_path / "out")) == 0
    after = whole(empty)
    calls = {row["call"] for row in before["calls"] if arrived[2] <= row["arrived_at"] < arrived[6]}
    assert {row["call"] for row in after["calls"]} == calls and len(calls) >= 3
    for name in ("visits", "segments", "offers", "flow_steps"):
        assert after[name] == [row for row in before[name] if row["call"] in calls]
    assert after["leads"] == after["do_not_call"] == after["history_cursors"] == []


def test_what_is_no_whole_export_is_refused_before_anything_is_written(
    cb: Callable[..., int], lite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, other = tmp_path / "out", f"sqlite:///{tmp_path}/other.db"
    cb(lite, "export", str(folder))
    assert cb(lite, "export", str(folder)) == 1
    assert "already exists" in capsys.readouterr().err
    assert cb(other, "import", str(tmp_path)) == 1
    assert "it has no manifest.json" in capsys.readouterr().err
    visits = folder / "visits.jsonl"
    visits.write_bytes(visits.read_bytes().replace(b"answered", b"abandons", 1))
    assert cb(other, "import", str(folder)) == 1
    assert "its SHA-256 differs" in capsys.readouterr().err
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"{schema.head()}"', '"9999"'))
    assert cb(other, "import", str(folder)) == 1
    assert "the export has schema 9999" in capsys.readouterr().err
    assert whole(other)["calls"] == []
    with pytest.raises(SystemExit):
        cb(other, "import")


def test_a_lead_that_is_another_one_there_is_not_taken_for_the_same(
    cb: Callable[..., int], lite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, other = tmp_path / "out", f"sqlite:///{tmp_path}/other.db"
    cb(lite, "export", str(folder))
    with closing(Database(other)) as database:
        database.open()
        with database.engine.begin() as link:
            link.execute(insert(leads).values(id=7, campaign="spring", number="+442079460999", loaded_at=1.0, changed_at=1.0))
    assert cb(other, "import", str(folder)) == 1
    assert "leads 7 differs in this database" in capsys.readouterr().err
    assert whole(other)["calls"] == []


def test_an_export_that_fails_leaves_nothing_that_looks_like_one(
    lite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "visits.jsonl")

    with closing(Database(lite)) as database:
        monkeypatch.setattr(archive, "_write", full)
        with pytest.raises(OSError, match="No space"):
            archive.export(database.engine, tmp_path / "out", 1.0)
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))


def test_hashed_numbers_are_in_no_file_of_an_export(cb: Callable[..., int], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hashed.db"
    with closing(HistoryStore(url, People(key=b"secret"))) as store:
        store.open()
        store.write(facts_of(SEED), 5000.0)
    assert cb(url, "export", str(tmp_path / "out")) == 0
    numbers = {json.loads(fact.data)["number"] for fact in facts_of(SEED) if fact.type == "call_arrived"}
    said = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert any(len(number) > 6 for number in numbers)
    assert not [number for number in numbers if len(number) > 6 and number in said]


def test_a_vacuum_deletes_what_is_too_old_and_gives_the_space_back(
    cb: Callable[..., int], empty: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old = [{"call": f"c{number:05}", "number": "+442079460123", "arrived_at": 1.0, "ended_at": 2.0} for number in range(5_000)]
    with closing(Database(empty)) as database:
        database.open()
        with database.engine.begin() as link:
            link.execute(insert(tables.calls), [*old, {"call": "open", "number": "", "arrived_at": 1.0, "ended_at": None}])
    assert cb(empty, "vacuum", "--json", days=1, flow_days=1) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["deleted"] == 5_000 and [row["call"] for row in whole(empty)["calls"]] == ["open"]
    if empty.startswith("sqlite"):  # PostgreSQL keeps most of it, for new rows
        assert done["after"] < 0.9 * done["before"]


# -- back-up and restore, as the runbook says ---------------------------------------------------------------------------


def written_meanwhile(url: str, work: Callable[[], None]) -> None:
    """Do this in the middle of the day, while facts are being written; the day is written to the end."""
    facts, half = facts_of(SEED), threading.Event()

    def write() -> None:
        with closing(HistoryStore(url, People())) as store:
            store.open()
            for at in range(0, len(facts), 7):
                store.write(facts[at : at + 7], 5000.0)
                if at > len(facts) // 2:
                    half.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert half.wait(30)
    work()
    writer.join(60)


def goes_on(restored: str, original: str) -> None:
    """Facts that the outbox still has are written once more from where the back-up ends: nothing is missing, nothing twice."""
    with closing(HistoryStore(restored, People())) as store:
        store.open()
        place = store.place()
        assert place is not None
        assert store.write(facts_of(SEED), 5000.0) >= 0
    assert whole(restored) == whole(original)


def test_a_sqlite_back_up_made_while_it_is_written_goes_on_without_a_fact_missing_or_double(tmp_path: Path) -> None:
    url, copy = f"sqlite:///{tmp_path}/history.db", tmp_path / "backup.db"

    def back_up() -> None:
        with closing(Database(url)) as database, database.engine.connect() as link:
            link.exec_driver_sql(f"VACUUM INTO '{copy}'")

    written_meanwhile(url, back_up)
    goes_on(f"sqlite:///{copy}", url)


@pytest.mark.slow
def test_a_dump_of_postgresql_made_while_it_is_written_goes_on_without_a_fact_missing_or_double(tmp_path: Path) -> None:
    url, other = new_database(), new_database(empty=True)
    folder = max(Path("/usr/lib/postgresql").glob("*/bin"))

    def tool(name: str, url: str, *words: str) -> None:
        at = make_url(url)
        server = ["-h", str(at.host), "-p", str(at.port), "-U", str(at.username), "-d", str(at.database)]
        subprocess.run([folder / name, *server, *words], check=True, capture_output=True, timeout=HANGS)

    written_meanwhile(url, lambda: tool("pg_dump", url, "-Fc", "-f", str(tmp_path / "dump")))
    tool("pg_restore", other, str(tmp_path / "dump"))
    goes_on(other, url)


def test_the_tables_of_the_history_are_all_exported() -> None:
    assert set(tables.HISTORY_TABLES) <= set(schema.ALL_TABLES)


def test_recordings_that_are_old_enough_are_listed_and_then_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, folder = f"sqlite:///{tmp_path}/history.db", tmp_path / "monitor"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"x" * 2_000_000)
    with closing(Database(url)) as database:
        database.open()
        with database.engine.begin() as link:
            row = {"fact": "1-1", "call": "c", "queue": "support", "agent": "ann", "kind": "talk", "file": "a.wav", "at": 0.0}
            link.execute(insert(tables.recordings).values(**row))
    path = tmp_path / "cb.yaml"
    whole = config(database={"url": url}, metrics={"recordings": str(folder)}, recordings={"keep_days": 30})
    path.write_text(json.dumps(whole))
    assert main(["history", "recordings", "--dry-run", "-c", str(path)]) == 0
    listed, said = capsys.readouterr().out.splitlines()
    assert listed.startswith("a.wav (support, ")
    assert said == "1 recordings would be deleted, 2.0 MB; 0 were missing"
    assert main(["history", "recordings", "--json", "-c", str(path)]) == 0
    done = json.loads(capsys.readouterr().out)
    assert ([row["file"] for row in done["files"]], done["bytes"], done["failed"]) == (["a.wav"], 2_000_000, [])
    assert list(folder.iterdir()) == []
    path.write_text(json.dumps(config(database={"url": url})))
    assert main(["history", "recordings", "-c", str(path)]) == 1
    assert "the configuration has no section 'recordings:'" in capsys.readouterr().err
