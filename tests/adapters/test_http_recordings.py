"""Recordings by HTTP: whole and in ranges, found below one folder only, and every listener written down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text, update

from callbridge.adapters.database.history_tables import changes, recordings
from callbridge.adapters.database.sentence_parts import kept_parts
from callbridge.adapters.history import recordings as playing
from callbridge.adapters.history.recordings import PLAYED_AGAIN_AFTER, RecordingService
from callbridge.adapters.http import ApiToken, HttpSettings, TokenRole
from callbridge.adapters.http.recording_routes import wanted_range
from callbridge.adapters.views.phrasing import in_parts
from callbridge.core.model.sentence import Sentence, Word
from tests.adapters.http_desk import Client, ToyDesk, client_of
from tests.adapters.toy_quality import SOUND, TOMORROW, recorded
from tests.adapters.waiting import HANGS

pytestmark = pytest.mark.slow

SETTINGS = HttpSettings(
    tokens=[
        ApiToken(name="eve", role=TokenRole.SUPERVISOR, token="eve"),
        ApiToken(name="dan", role=TokenRole.SUPERVISOR, token="dan"),
    ],
)


class Place:
    """A history with recordings of ann, the PBX's folder, and the API on them."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}/history.db"
        self.folder, self.outside = path / "monitor", path / "outside"
        (self.folder / "day").mkdir(parents=True)
        self.outside.mkdir()
        self.file = self.folder / "day" / "ann-0.wav"
        self.file.write_bytes(SOUND)
        recorded(self.url, ("ann",), 2)
        self.now = TOMORROW
        self.at: Path | None = self.folder
        self.service = RecordingService(self.url, lambda: self.at, lambda: self.now)
        self.client: Client = client_of(ToyDesk(recordings=self.service), SETTINGS)

    def names(self, file: str, **more: Any) -> None:
        """The history's row names this file."""
        self._run(update(recordings).where(recordings.c.fact == "1-ann-0").values(file=file, **more))

    def heard(self) -> list[tuple[Any, ...]]:
        engine = create_engine(self.url)
        with engine.begin() as link:
            own = changes.c
            wanted = select(own.by, own.request, own.call, own.agent, own.target).where(own.kind == "playback").order_by(own.at)
            found = [tuple(row) for row in link.execute(wanted)]
        engine.dispose()
        return found

    def _run(self, statement: Any) -> None:
        engine = create_engine(self.url)
        with engine.begin() as link:
            link.execute(statement)
        engine.dispose()

    async def ask(self, path: str = "/1-ann-0", token: str = "eve", **headers: str) -> tuple[int, bytes, Any]:
        sent = {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.client.get(f"/api/recordings{path}", headers=sent) as answer:
            return answer.status, await answer.read(), answer.headers


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    with closing(made.service):
        async with made.client:
            yield made


async def test_a_recording_is_played_as_audio_that_nothing_keeps(place: Place) -> None:
    status, body, headers = await place.ask()
    assert (status, body) == (200, SOUND)
    assert (headers["Content-Type"], headers["Accept-Ranges"], headers["Content-Length"]) == ("audio/wav", "bytes", "1028")
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-3", 0, 3),
        ("bytes=1000-", 1000, 1027),
        ("bytes=-28", 1000, 1027),
        ("bytes=0-9999", 0, 1027),
        ("bytes=-9999", 0, 1027),
    ],
)
async def test_a_range_is_a_part_of_it(place: Place, asked: str, first: int, last: int) -> None:
    status, body, headers = await place.ask(Range=asked)
    assert (status, body) == (206, SOUND[first : last + 1])
    assert headers["Content-Range"] == f"bytes {first}-{last}/1028"
    assert headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", ["bytes=1028-", "bytes=5000-6000", "bytes=-0"])
async def test_a_range_that_is_not_there_is_refused_with_the_size(place: Place, asked: str) -> None:
    status, _, headers = await place.ask(Range=asked)
    assert (status, headers["Content-Range"], headers["Cache-Control"]) == (416, "bytes */1028", "no-store")


@pytest.mark.parametrize("asked", ["bytes=3-1", "bytes=0-1,4-5", "seconds=0-1", "bytes=-", "bytes=x-", "bytes=0-" + "9" * 40])
async def test_what_is_no_single_range_gets_the_whole(place: Place, asked: str) -> None:
    assert (await place.ask(Range=asked))[:2] == (200, SOUND)


async def test_a_range_of_a_file_that_the_client_knew_is_the_whole(place: Place) -> None:
    assert (await place.ask(Range="bytes=0-3", If_Range='"x"'))[:2] == (200, SOUND)


@pytest.mark.parametrize("size", [0, 1, 5])
def test_every_range_is_within_the_file(size: int) -> None:
    for first in ("", *map(str, range(7))):
        for last in ("", *map(str, range(7))):
            found = wanted_range([f"bytes={first}-{last}"], size)
            assert found is None or all(0 <= one < size for one in found)


async def test_an_empty_file_is_empty(place: Place) -> None:
    place.file.write_bytes(b"")
    assert (await place.ask())[:2] == (200, b"")
    assert (await place.ask(Range="bytes=0-"))[0] == 416


async def test_a_long_recording_comes_whole(place: Place) -> None:
    long = os.urandom(700_001)
    place.file.write_bytes(long)
    assert (await place.ask())[:2] == (200, long)
    assert (await place.ask(Range="bytes=200000-600000"))[1] == long[200_000:600_001]


@pytest.mark.parametrize(
    "name", ["../outside/secret.wav", "day/../../outside/secret.wav", "{outside}/secret.wav", "link.wav", "out/secret.wav"]
)
async def test_nothing_outside_the_folder_is_played(place: Place, name: str) -> None:
    (place.outside / "secret.wav").write_bytes(b"secret")
    (place.folder / "link.wav").symlink_to(place.outside / "secret.wav")
    (place.folder / "out").symlink_to(place.outside)
    place.names(name.format(outside=place.outside))
    status, body, _ = await place.ask()
    assert status == 404
    assert b"outside the recordings folder" in body
    assert b"secret" not in body
    assert place.heard() == []


async def test_only_files_are_played(place: Place) -> None:
    os.mkfifo(place.folder / "pipe.wav")
    for name in ("day", "pipe.wav", "day/none.wav", "a\x00b", ".", "x" * 5000):
        place.names(name)
        assert (await asyncio.wait_for(place.ask(), HANGS))[0] == 404
    assert place.heard() == []


@pytest.mark.parametrize("path", ["/none", "/..%2F..%2Fetc%2Fpasswd", "/%2Fetc%2Fpasswd", "/day%2Fann-0.wav", "/a%00b"])
async def test_the_path_is_never_the_clients(place: Place, path: str) -> None:
    status, body, _ = await place.ask(path)
    assert (status, b"no such recording" in body) == (404, True)


async def test_an_erased_persons_recording_and_a_voicemail_are_not_played(place: Place) -> None:
    place.names("")
    assert b"has been erased" in (await place.ask())[1]
    place.names("day/ann-0.wav", kind="voicemail")
    assert b"voicemail" in (await place.ask())[1]
    assert place.heard() == []


async def test_who_listens_is_written_down_once_an_hour(place: Place) -> None:
    for asked in ("bytes=0-3", "bytes=4-"):
        await place.ask(Range=asked)
    await place.ask(token="dan")
    expected = [(by, "play", "ann-call-0", "ann", "1-ann-0") for by in ("eve", "dan")]
    assert sorted(place.heard()) == sorted(expected)
    place.now += PLAYED_AGAIN_AFTER
    await place.ask()
    assert len(place.heard()) == 3


async def test_nothing_is_heard_that_cannot_be_written_down(place: Place) -> None:
    place._run(text("DROP TABLE changes"))
    status, body, _ = await place.ask()
    assert (status, SOUND in body) == (503, False)


async def test_the_recordings_of_a_call_are_listed(place: Place) -> None:
    status, _, _ = await place.ask("?call=none")
    assert status == 200
    async with place.client.get("/api/recordings?call=ann-call-1", headers={"Authorization": "Bearer eve"}) as answer:
        (one,) = await answer.json()
    assert (one["id"], one["file"], one["agent"], one["failure"]) == ("1-ann-1", "day/ann-1.wav", "ann", "")
    assert (await place.ask(""))[0] == 400


async def test_why_there_is_no_recording_is_told_in_parts_too(place: Place) -> None:
    parts = Sentence("{what}: {cause}", what=Sentence("not recorded"), cause=Word("not_executed.timeout"))
    for why in (parts, Sentence("the disk was full")):
        place.names("", failure=why, failure_parts=kept_parts(why))
        async with place.client.get("/api/recordings?call=ann-call-0", headers={"Authorization": "Bearer eve"}) as answer:
            (one,) = await answer.json()
        assert (one["failure"], one["failure_parts"]) == (why, in_parts(why))


async def test_without_a_folder_or_a_history_it_says_so(place: Place) -> None:
    place.at = None
    status, body, _ = await place.ask()
    assert (status, b"no recordings folder: add 'metrics: {recordings: ...}'" in body) == (501, True)
    with closing(RecordingService(None, lambda: None)) as none:
        async with (
            client_of(ToyDesk(recordings=none), SETTINGS) as client,
            client.get("/api/recordings?call=c", headers={"Authorization": "Bearer eve"}) as answer,
        ):
            detail = (await answer.json())["detail"]
    assert (answer.status, detail) == (501, "there is no history: add the section 'database:' to the configuration")


async def test_one_listener_leaves_room_for_the_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "MOST_PLAYED_EACH", 2, raising=False)
    opened = [await place.service.open("1-ann-0", "eve") for _ in range(2)]
    with pytest.raises(playing.RecordingsAway, match="too many recordings are being played"):
        await place.service.open("1-ann-0", "eve")
    opened.append(await place.service.open("1-ann-0", "bob"))
    for one in opened:
        place.service.close_file(one)
    place.service.close_file(await place.service.open("1-ann-0", "eve"))


async def test_files_are_closed_and_only_so_many_are_open(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "MOST_PLAYED", 2)
    opened = [await place.service.open("1-ann-0", "eve") for _ in range(2)]
    assert (await place.ask())[0] == 503
    for one in opened:
        place.service.close_file(one)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert (await place.ask())[0] == 200
        assert (await place.ask("/none"))[0] == 404
    assert len(os.listdir("/proc/self/fd")) <= before + 4
