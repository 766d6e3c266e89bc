"""The stream of facts: replay, filters, slow and vanished readers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import StreamReader

from callbridge.adapters.http import ApiToken, ConnectionLimits, EventFeed, HttpSettings, TokenRole, events, listening, make_app
from callbridge.adapters.http.feed import Wanted
from callbridge.core.model.facts import AgentAlerted, CallArrived, RequestGranted, RequestRefused
from tests.adapters.http_desk import ToyDesk, client_of, probes
from tests.adapters.waiting import HANGS, garbage_kept, until

SETTINGS = HttpSettings(
    token="root",
    tokens=[
        ApiToken(name="anna", role=TokenRole.AGENT, token="anna", agent="a0"),
        ApiToken(name="wallboard", role=TokenRole.VIEWER, token="view"),
    ],
)


@dataclass
class Event:
    type: str
    id: str
    data: dict[str, Any]


def alert(seq: int, agent: str = "a0", queue: str = "") -> AgentAlerted:
    return AgentAlerted(seq=seq, at=float(seq), kind="offers_missed", agent=agent, queue=queue)


def arrival(seq: int, queue: str = "q0") -> CallArrived:
    return CallArrived(
        seq=seq,
        at=float(seq),
        call=f"c{seq}",
        queue=queue,
        leg="pbx/1",
        entry="q0",
        tier="standard",
        number="+442079460123",
        name="安娜\r\nevent: forged",
        uniqueid="1",
        linkedid="1",
    )


class Stream:
    """What a reader of events is told."""

    def __init__(self, content: StreamReader) -> None:
        self._content = content

    async def block(self) -> list[str]:
        async with asyncio.timeout(HANGS):
            return (await self._content.readuntil(b"\n\n")).decode().splitlines()

    async def next(self) -> Event:
        fields = dict(line.split(": ", 1) for line in await self.block() if line)
        return Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))

    async def some(self, count: int) -> list[Event]:
        return [await self.next() for _ in range(count)]


@pytest.fixture
def desk() -> ToyDesk:
    return ToyDesk(feed=EventFeed("run", seq=100, kept=40))


@contextlib.asynccontextmanager
async def reading(desk: ToyDesk, query: str = "", *, token: str = "root", last: str | None = None) -> AsyncIterator[Stream]:
    headers = {"Authorization": f"Bearer {token}"} | ({} if last is None else {"Last-Event-ID": last})
    async with client_of(desk, SETTINGS) as client, client.get(f"/api/events{query}", headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        yield Stream(answer.content)


async def test_a_reader_is_greeted_and_told_what_happens(desk: ToyDesk) -> None:
    desk.feed.on_facts([alert(101)])
    async with reading(desk) as stream:
        hello = await stream.next()
        assert (hello.type, hello.id, hello.data) == ("hello", "run-101", {"id": "run-101", "missed": False})
        desk.feed.on_facts([alert(102), alert(104)])
        first, second = await stream.some(2)
        assert (first.type, first.id, first.data["id"], first.data["agent"]) == ("agent_alerted", "run-102", "run-102", "a0")
        assert second.id == "run-104"


async def test_a_caller_writes_nothing_into_the_stream_and_keeps_the_number(desk: ToyDesk) -> None:
    async with reading(desk) as stream:
        await stream.next()
        granted = RequestGranted(seq=102, at=1.0, request="transfer", by="boss", to="number:+442079460123", call="c1")
        refused = RequestRefused(seq=103, at=1.0, request="consult", by="boss", to=granted.to, call="c1", reason="no")
        desk.feed.on_facts([arrival(101), granted, refused])
        told = await stream.next()
        assert (told.type, told.data["number"], told.data["name"]) == ("call_arrived", "+44*****123", "*****")
        assert [(await stream.next()).data["to"] for _ in range(2)] == ["number:+44*****123"] * 2


async def test_numbers_are_told_when_the_settings_say_so() -> None:
    async with reading(ToyDesk(feed=(feed := EventFeed("run", masked=False)))) as stream:
        await stream.next()
        feed.on_facts([arrival(101)])
        told = await stream.next()
        assert (told.data["number"], told.data["name"]) == ("+442079460123", "安娜\r\nevent: forged")


async def test_who_was_away_is_told_what_was_missed(desk: ToyDesk) -> None:
    desk.feed.on_facts([alert(seq) for seq in range(101, 111)])
    async with reading(desk, last="run-107") as stream:
        hello, *rest = await stream.some(4)
        assert (hello.id, hello.data["missed"]) == ("run-107", False)
        assert [event.id for event in rest] == ["run-108", "run-109", "run-110"]


@pytest.mark.parametrize(("last", "first", "missed"), [
    ("run-100", 101, False),
    ("run-99", 101, True),
    ("other-105", 101, True),
    ("", 101, True),
    ("run-x", 101, True),
    ("run-²", 101, True),
    ("run-999999999999999999999999", 101, True),
    ("run-105", 106, False),
])  # fmt: skip
async def test_what_cannot_be_told_again_is_said(desk: ToyDesk, last: str, first: int, missed: bool) -> None:
    desk.feed.on_facts([alert(seq) for seq in range(101, 111)])
    async with reading(desk, last=last) as stream:
        hello, event = await stream.some(2)
        assert (hello.data["missed"], event.id) == (missed, f"run-{first}")


async def test_only_the_last_facts_are_kept(desk: ToyDesk) -> None:
    desk.feed.on_facts([alert(seq) for seq in range(101, 301)])
    assert desk.feed.place_after("run-280") == (180, True)
    assert desk.feed.place_after("run-279") == (180, False)
    events, place = desk.feed.since(180, Wanted())
    assert (len(events), place) == (20, 200)


async def test_a_reader_gets_only_the_types_and_the_queue_that_it_wants(desk: ToyDesk) -> None:
    async with reading(desk, "?types=call_arrived,call_ended&queue=q1") as stream:
        await stream.next()
        desk.feed.on_facts([arrival(101), alert(102, queue="q1"), arrival(103, "q1")])
        assert (await stream.next()).id == "run-103"


async def test_an_agent_is_told_of_itself_only(desk: ToyDesk) -> None:
    async with reading(desk, token="anna") as stream:
        await stream.next()
        desk.feed.on_facts([alert(101, "a1"), arrival(102), alert(103)])
        assert (await stream.next()).id == "run-103"


@pytest.mark.parametrize(("query", "status"), [("?types=nonsense", 400), ("?queue=nowhere", 404), ("?type=call_ended", 400)])
async def test_a_misspelt_filter_is_no_silence(desk: ToyDesk, query: str, status: int) -> None:
    async with client_of(desk, SETTINGS) as client:
        answer = await client.get(f"/api/events{query}", headers={"Authorization": "Bearer root"})
        assert (answer.status, answer.content_type) == (status, "application/problem+json")


async def test_a_quiet_stream_is_kept_alive_and_its_place_remembered(desk: ToyDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    async with reading(desk, "?types=call_ended") as stream:
        await stream.next()
        desk.feed.on_facts([alert(101)])
        assert await stream.block() == [": still here", "id: run-101", ""]


async def test_there_is_an_end_to_the_number_of_readers(desk: ToyDesk) -> None:
    headers = {"Authorization": "Bearer root"}
    async with client_of(desk, replace(SETTINGS, limits=ConnectionLimits(event_readers=1))) as client:
        async with client.get("/api/events", headers=headers):
            answer = await client.get("/api/events", headers=headers)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
        await until(lambda: all(reader.gone for reader in desk.feed.readers))
        async with client.get("/api/events", headers=headers) as answer:
            assert answer.status == 200


async def test_no_user_and_no_address_takes_the_place_of_all_readers(desk: ToyDesk) -> None:
    refused: list[str] = []
    settings = replace(SETTINGS, limits=ConnectionLimits(event_readers=10, event_readers_each=2))
    asked = replace(probes(), refused=refused.append)
    async with client_of(desk, settings, asked) as client, contextlib.AsyncExitStack() as stack:

        async def read(token: str) -> tuple[int, str | None, str]:
            answer = await client.get("/api/events", headers={"Authorization": f"Bearer {token}"})
            stack.push_async_callback(answer.__aexit__, None, None, None)
            words = "" if answer.status == 200 else (await answer.json())["detail"]
            return answer.status, answer.headers.get("Retry-After"), words

        assert await read("root") == await read("root") == (200, None, "")
        assert await read("root") == (429, "10", "too many readers of events with this token")
        assert await read("view") == (429, "10", "too many readers of events from this address")
        for reader in desk.feed.readers:
            reader.address = "192.0.2.1"
        assert await read("root") == (429, "10", "too many readers of events with this token")
        assert await read("view") == await read("view") == (200, None, "")
    assert refused == ["event_readers_each"] * 3


async def test_who_went_away_is_forgotten(desk: ToyDesk) -> None:
    async with client_of(desk, SETTINGS) as client:
        async with client.get("/api/events", headers={"Authorization": "Bearer root"}):
            assert len(desk.feed.readers) == 1
        seq = 100

        def forgotten() -> bool:
            nonlocal seq
            seq += 1
            desk.feed.on_facts([alert(seq)])
            return not desk.feed.readers

        await until(forgotten)


async def test_the_end_of_the_server_ends_the_streams(desk: ToyDesk) -> None:
    address = socket.create_server(("127.0.0.1", 0))
    port = address.getsockname()[1]
    async with listening(make_app(SETTINGS, desk, probes(), desk.feed), address):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\n\r\n")
        await reader.readuntil(b"hello")
    assert (await reader.read()).endswith(b"0\r\n\r\n")
    writer.close()


async def test_a_slow_reader_is_told_so_and_dropped_and_holds_up_nobody() -> None:
    loop = asyncio.get_running_loop()
    desk = ToyDesk(feed=(feed := EventFeed("run", kept=200)))
    EventFeed("before", kept=1).on_facts([arrival(1)])  # the first fact of a process builds the encoder
    address = socket.create_server(("127.0.0.1", 0))
    with socket.socket() as slow:
        slow.setblocking(False)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with listening(make_app(SETTINGS, desk, probes(), feed), address):
            await loop.sock_connect(slow, address.getsockname())
            await loop.sock_sendall(slow, b"GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\n\r\n")
            await until(lambda: feed.readers)
            told, longest = 0, 0.0
            async with asyncio.timeout(HANGS):
                while feed.readers:
                    with garbage_kept():
                        began = time.thread_time()
                        feed.on_facts([arrival(told := told + 1) for _ in range(10)])
                        longest = max(longest, time.thread_time() - began)
                    await asyncio.sleep(0.001)
            assert longest < 0.02
            read = bytearray()
            async with asyncio.timeout(HANGS):
                while more := await loop.sock_recv(slow, 65536):
                    read += more
    assert read.count(b"event: dropped") == 1
    assert read.endswith(b"0\r\n\r\n")
    ids = [int(line.rsplit(b"-", 1)[1]) for line in read.splitlines() if line.startswith(b"id: run-")][1:]
    assert ids == list(range(1, len(ids) + 1))
    assert len(ids) < told
