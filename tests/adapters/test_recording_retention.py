"""Recordings are deleted when they are old enough by their queue: no other file, none that somebody holds, and by no link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from callbridge.adapters.database.history_tables import calls, legal_holds, recordings
from callbridge.adapters.database.quality_tables import quality_samples, quality_scores
from callbridge.adapters.history import HistoryStore, People, recording_retention
from callbridge.adapters.history.recording_retention import (
    DAY,
    DeletionRound,
    FolderAway,
    RecordingRetention,
    RecordingTerms,
    delete_below,
    delete_due,
)
from tests.adapters.postgres import new_database

NOW = 1000 * DAY


class House:
    """A folder of recordings, and their history."""

    def __init__(self, store: HistoryStore, folder: Path, url: str) -> None:
        self.store, self.folder, self.url = store, folder, url
        self.terms = RecordingTerms(folder=folder, days=90, queues={"sales": 30})

    def record(self, name: str, queue: str, days: float, *, file: str = "", person: str = "", **more: Any) -> Path:
        """A recording of so many days ago, and its file."""
        path = self.folder / (file or f"day/{name}.wav")
        if not file:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 100)
        about: dict[str, Any] = {"fact": name, "call": f"c-{name}", "queue": queue, "agent": "ann", "kind": "talk"}
        about |= {"file": file or str(path.relative_to(self.folder)), "at": NOW - days * DAY} | more
        self._write(insert(recordings).values(**about), insert(calls).values(call=f"c-{name}", person=person))
        return path

    def review(self, name: str, **more: Any) -> None:
        sample = {"sample": "team", "recording": name, "period": "d", "place": 0, "form": "f", "call": "c", "agent": "ann"}
        score = {"sample": "team", "recording": name, "reviewer": "eve", "call": "c", "agent": "ann", "form": "f"}
        self._write(
            insert(quality_samples).values(**sample, file="x.wav", recorded_at=1.0, drawn_at=1.0),
            insert(quality_scores).values(**score, recorded_at=1.0, assigned_at=1.0, **more),
        )

    def _write(self, *statements: Any) -> None:
        with self.store.database.engine.begin() as link:
            for one in statements:
                link.execute(one)

    def delete(self, **more: Any) -> DeletionRound:
        return delete_due(self.store.database.engine, self.terms, NOW, **more)

    def deleted(self) -> dict[str, float | None]:
        with self.store.database.engine.connect() as link:
            return {row.fact: row.deleted_at for row in link.execute(select(recordings))}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    url = f"sqlite:///{tmp_path}/history.db" if request.param == "sqlite" else new_database()
    folder = tmp_path / "monitor"
    folder.mkdir()
    with closing(HistoryStore(url, People())) as store:
        store.open()
        yield House(store, folder, url)


def test_what_is_old_enough_by_its_queue_is_deleted_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_retention, "RECORDINGS_AT_ONCE", 2)
    old = [house.record(f"o{number}", "support", 91) for number in range(5)] + [house.record("s", "sales", 31)]
    kept = [
        house.record("young", "support", 89),
        house.record("sold", "sales", 29),
        house.record("v", "sales", 99, kind="voicemail"),
    ]
    listed: list[str] = []
    would = house.delete(dry_run=True, each=lambda row: listed.append(row["file"]))
    assert sorted(listed) == sorted(str(path.relative_to(house.folder)) for path in old)
    assert (would.deleted.total(), would.bytes, all(path.exists() for path in old)) == (6, 600, True)
    assert set(house.deleted().values()) == {None}
    done = house.delete()
    assert (done.deleted, done.bytes, done.failed) == ({"support": 5, "sales": 1}, 600, [])
    assert not any(path.exists() for path in old) and all(path.exists() for path in kept)
    assert {name for name, at in house.deleted().items() if at == NOW} == {"o0", "o1", "o2", "o3", "o4", "s"}
    assert house.delete() == DeletionRound()


def test_only_queues_with_days_of_their_own_without_keep_days(house: House) -> None:
    house.terms = RecordingTerms(folder=house.folder, queues={"sales": 30})
    old, sold = house.record("o", "support", 999), house.record("s", "sales", 31)
    house.delete()
    assert (old.exists(), sold.exists()) == (True, False)


def test_nothing_is_deleted_that_somebody_holds(house: House) -> None:
    held = house.record("held", "support", 999, person="+442079460123")
    house._write(insert(legal_holds).values(person="+442079460123", held_at=1.0, by="ops", reason="court"))
    reviews: dict[str, dict[str, Any]] = {
        "open": {},
        "disputed": {"scored_at": 2.0, "disputed_at": 3.0},
        "settled": {"scored_at": 2.0, "disputed_at": 3.0, "settled_at": 4.0},
        "scored": {"scored_at": 2.0},
    }
    paths = {name: house.record(name, "support", 999) for name in reviews}
    for name, more in reviews.items():
        house.review(name, **more)
    assert house.delete().deleted == {"support": 2}
    assert held.exists()
    assert {name for name, path in paths.items() if path.exists()} == {"open", "disputed"}
    with house.store.database.engine.connect() as link:
        names = {row.recording: row.file for row in link.execute(select(quality_samples))}
    assert (names["scored"], names["open"]) == ("", "x.wav"), "what is gone is handed out to nobody"


@pytest.mark.parametrize(
    "name", ["../out.wav", "/etc/out.wav", "link/out.wav", "out-link.wav", "a/../../out.wav", "folder", "\0"]
)
def test_no_file_outside_is_deleted_and_no_link_followed(house: House, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    files = [outside / "out.wav", tmp_path / "out.wav"]
    for file in files:
        file.write_bytes(b"secret")
    (house.folder / "link").symlink_to(outside)
    (house.folder / "out-link.wav").symlink_to(outside / "out.wav")
    (house.folder / "folder").mkdir()
    (house.folder / "a").mkdir()
    with pytest.raises(OSError):
        delete_below(house.folder, name)
    assert all(file.exists() for file in files)
    assert os.path.lexists(house.folder / "out-link.wav") and (house.folder / "folder").is_dir()
    if "\0" not in name:
        house.record("bad", "support", 999, file=name)
        done = house.delete()
        assert ([file for _, file, _ in done.failed], house.deleted()) == ([name], {"bad": None})


def test_what_is_held_while_others_are_being_deleted_stays(house: House) -> None:
    first, held, reviewed, last = (house.record(f"r{at}", "support", 200.0 - at, person=f"+44207946000{at}") for at in range(4))

    def hold(row: Any) -> None:
        if row["fact"] == "r0":
            house._write(insert(legal_holds).values(person="+442079460001", number="", held_at=NOW, by="law", reason="case 7"))
            house.review("r2")

    done = house.delete(each=hold)
    assert (done.deleted.total(), done.failed) == (2, [])
    assert [path.exists() for path in (first, held, reviewed, last)] == [False, True, True, False]
    deleted = house.deleted()
    assert (deleted["r1"], deleted["r2"]) == (None, None)


@pytest.mark.parametrize("gone", ["empty", "not there"])
def test_files_on_a_disk_that_is_not_mounted_are_not_missing(house: House, gone: str) -> None:
    path = house.record("o", "support", 91)
    away = path.parent.parent.with_name("away")
    house.folder.rename(away)
    if gone == "empty":
        house.folder.mkdir()
    with pytest.raises(FolderAway, match="is its disk mounted" if gone == "empty" else "No such file"):
        house.delete()
    assert house.deleted() == {"o": None}
    if gone == "empty":
        house.folder.rmdir()
    away.rename(house.folder)
    assert house.delete().deleted == {"support": 1}


class Counted:
    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def recordings_deleted(self, queue: str, result: str, count: int) -> None:
        self.counts[queue, result] = self.counts.get((queue, result), 0) + count


async def test_the_serving_callbridge_counts_what_came_of_them(house: House) -> None:
    house.record("o", "support", 91)
    house.record("gone", "sales", 31).unlink()
    house.record("bad", "sales", 31, file="../x.wav")
    counted = Counted()
    with closing(RecordingRetention(house.url, lambda: house.terms, counted, lambda: NOW)) as retention:
        await retention.once()
        await retention.once()
    assert counted.counts == {("support", "deleted"): 1, ("sales", "missing"): 1, ("sales", "failed"): 2}
    assert house.deleted() == {"o": NOW, "gone": NOW, "bad": None}
