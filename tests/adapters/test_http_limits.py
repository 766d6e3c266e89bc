"""Strangers who send compressed bodies, floods and other protocols, or take all connections: refused, counted, unread."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import socket
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from aiohttp import http_parser, web_protocol

from callbridge.adapters.http import REFUSALS, ConnectionLimits, HttpSettings, listening, make_app, make_starting_app
from callbridge.adapters.http.limits import address_of
from callbridge.adapters.metrics.registry import Metrics
from callbridge.settings.instance import HttpLimitsConfig
from tests.adapters.http_desk import ToyDesk, probes
from tests.adapters.test_http_attacks import READY, status
from tests.adapters.waiting import HANGS, until
from tests.examples import cases

PARSERS = {"compiled": http_parser.HttpRequestParser, "python": http_parser.HttpRequestParserPy}
ZEROS = b"\0" * 1_000_000
BOMBS = {
    "deflate": zlib.compress(ZEROS * 20, 1),
    "gzip": gzip.compress(ZEROS * 20, 1),
    "br": b"\x1b" * 4096,
    "zstd": b"\x28\xb5\x2f\xfd" * 1024,
    "x-gzip": gzip.compress(ZEROS),
}


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def desk() -> ToyDesk:
    return ToyDesk()


@pytest.fixture
def refused() -> Counter[str]:
    return Counter()


@pytest.fixture(params=PARSERS)
def unpacked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was handed to a decompressor, whichever of aiohttp's parsers is at work."""
    monkeypatch.setattr(web_protocol, "HttpRequestParser", PARSERS[request.param])
    found: list[bytes] = []
    monkeypatch.setattr(http_parser.DeflateBuffer, "feed_data", lambda _, data, *__: found.append(bytes(data)))
    return found


@contextlib.asynccontextmanager
async def open_to(desk: ToyDesk, refused: Counter[str], limits: ConnectionLimits | None = None) -> AsyncIterator[int]:
    def count(reason: str) -> None:
        refused[reason] += 1

    address = socket.create_server(("127.0.0.1", 0))
    app = make_app(HttpSettings(token="root"), desk, replace(probes(), refused=count), desk.feed)
    async with listening(app, address, limits, count):
        yield address.getsockname()[1]


async def ask(port: int, *parts: bytes) -> bytes:
    """The answer, whole; empty when the server closes without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.writelines(parts)
            async with asyncio.timeout(HANGS):
                answer = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", answer)
                answer += await reader.readexactly(int(length[1]) if length else 0)
    finally:
        writer.transport.abort()
    return answer


async def well(port: int) -> None:
    """Others are served."""
    assert status(await ask(port, HEALTH)) == 200


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as told:
        yield told


# -- compressed bodies ----------------------------------------------------------------------------------------------


PATHS = ["POST /api/agents/a0/ready", "GET /nothing", "GET /healthz", "GET /metrics", "OPTIONS /"]


@pytest.mark.parametrize("path", cases(PATHS, fast=2))
@pytest.mark.parametrize("coding", BOMBS)
async def test_a_compressed_body_is_refused_unread_on_every_path(
    desk: ToyDesk, refused: Counter[str], unpacked: list[bytes], coding: str, path: str
) -> None:
    bomb = BOMBS[coding]
    head = f"{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: {coding}\r\n"
    async with open_to(desk, refused) as port:
        answer = await ask(port, f"{head}Content-Length: {len(bomb)}\r\n\r\n".encode(), bomb)
        chunked = await ask(port, f"{head}Transfer-Encoding: chunked\r\n\r\n{len(bomb):x}\r\n".encode(), bomb, b"\r\n0\r\n\r\n")
        await well(port)
    for one in (answer, chunked):
        assert status(one) == 415
        assert b"Connection: close" in one
    assert b"compressed bodies are not accepted" in answer
    assert (unpacked, desk.asked, refused) == ([], [], {"content_coding": 2})


async def test_nothing_is_unpacked_while_callbridge_starts(unpacked: list[bytes]) -> None:
    address, bomb = socket.create_server(("127.0.0.1", 0)), BOMBS["gzip"]
    head = f"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    async with listening(make_starting_app(HttpSettings(token="root"), probes()), address):
        assert status(await ask(address.getsockname()[1], head.encode(), bomb)) == 415
    assert unpacked == []


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Encoding: GZIP \r\nContent-Length: 2\r\n\r\n{}",
        "Content-Encoding: identity, gzip\r\nContent-Length: 2\r\n\r\n{}",
        "Content-Encoding: identity\r\nContent-Encoding: deflate\r\nContent-Length: 2\r\n\r\n{}",
        "Content-Encoding: gzip\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip\r\n\r\n",
    ],
)
async def test_no_spelling_gets_round_it(desk: ToyDesk, refused: Counter[str], unpacked: list[bytes], headers: str) -> None:
    async with open_to(desk, refused) as port:
        answer = await ask(port, f"{READY}{headers}".encode())
        assert status(answer) in (400, 415)  # 400: what aiohttp itself does not take for HTTP
        await well(port)
    assert (unpacked, desk.asked) == ([], [])


async def test_a_body_as_it_is_is_taken(desk: ToyDesk, refused: Counter[str], unpacked: list[bytes]) -> None:
    plain = "Authorization: Bearer root\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Encoding: identity\r\n"
    head = f"POST /api/agents/a0/login HTTP/1.1\r\nHost: x\r\n{plain}"
    async with open_to(desk, refused) as port:
        assert status(await ask(port, f"{head}Content-Length: 2\r\n\r\n{{}}".encode())) == 200
        assert status(await ask(port, f"{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n".encode())) == 200
    assert (unpacked, refused) == ([], {})


async def test_that_is_said_in_the_log_once_a_minute(desk: ToyDesk, refused: Counter[str], lines: list[Any]) -> None:
    async with open_to(desk, refused) as port:
        for _ in range(5):
            await ask(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n\r\n")
    assert refused == {"content_coding": 5}
    assert [(line["event"], line["reason"], line["address"]) for line in lines] == [
        ("http refused", "content_coding", "127.0.0.1")
    ]


# -- floods ---------------------------------------------------------------------------------------------------------


async def test_who_sends_on_after_the_answer_is_cut_off(desk: ToyDesk, refused: Counter[str]) -> None:
    limits = ConnectionLimits(unread=256 * 1024)
    async with open_to(desk, refused, limits) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 50_000_000:
                writer.write(ZEROS)
                await writer.drain()
                sent += len(ZEROS)
        writer.transport.abort()
        assert sent < 50_000_000
        await well(port)
        with contextlib.suppress(ConnectionError):
            await reader.read()
    assert refused == {"unread": 1}


async def test_endless_headers_are_cut_off(desk: ToyDesk, refused: Counter[str]) -> None:
    async with open_to(desk, refused, ConnectionLimits(unread=256 * 1024)) as port:
        more = b"".join(b"X-%d: " % number + b"a" * 8000 + b"\r\n" for number in range(120))
        answer = await ask(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n")
        assert answer == b"" or status(answer) == 400
        await well(port)
    assert refused in ({"unread": 1}, {})


async def test_requests_in_a_row_are_all_answered(desk: ToyDesk, refused: Counter[str]) -> None:
    """Far more bytes than may be unread, but every answer begins again."""
    async with open_to(desk, refused, ConnectionLimits(unread=300 * 1024)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        one = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 2000 + b"\r\n\r\n"
        for _ in range(20):
            writer.write(one * 30)
            for _ in range(30):
                await reader.readuntil(b'"healthy": true, "why": []}')
        writer.transport.abort()
    assert refused == {}


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "tcp"])
async def test_another_protocol_is_not_spoken(desk: ToyDesk, refused: Counter[str], unpacked: list[bytes], protocol: str) -> None:
    head = f"Host: x\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n"
    async with open_to(desk, refused, ConnectionLimits(unread=64 * 1024)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /healthz HTTP/1.1\r\n{head}Sec-WebSocket-Version: 13\r\n\r\n".encode())
        async with asyncio.timeout(HANGS):
            answer = await reader.read()  # and the connection is closed
        assert status(answer) == 200
        writer.close()
        await well(port)
    assert (refused, unpacked) == ({}, [])


# -- connections ----------------------------------------------------------------------------------------------------


async def test_no_address_takes_all_connections(desk: ToyDesk, refused: Counter[str], lines: list[Any]) -> None:
    """Another one is served while the first has all that it may have, and has places again when some are given back."""
    async with open_to(desk, refused, ConnectionLimits(connections=12, connections_each=8)) as port:
        kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        assert [await ask(port, HEALTH) for _ in range(3)] == [b""] * 3
        assert refused == {"connections_each": 3}
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        writer.write(HEALTH)
        assert status(await reader.read()) == 200
        writer.close()
        for _, writer in kept[:2]:
            writer.transport.abort()

        async def served() -> bool:
            return (await ask(port, HEALTH)).startswith(b"HTTP/1.1 200")

        async with asyncio.timeout(HANGS):
            while not await served():
                await asyncio.sleep(0.01)
        more = [await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.3", 0)) for _ in range(6)]
        assert await ask(port, HEALTH) == b""
        await until(lambda: refused["connections"] == 1)
        for _, writer in kept + more:
            writer.transport.abort()
    told = [(line["reason"], line.get("address")) for line in lines]
    assert told == [("connections_each", "127.0.0.1"), ("connections", None)]


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::/64"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, ""),
        ("/run/socket", ""),
    ],
)
def test_who_is_one_client(remote: str | None, address: str) -> None:
    assert address_of(remote) == address


def test_the_limits_of_the_configuration_are_those_of_the_server() -> None:
    assert ConnectionLimits(**HttpLimitsConfig().model_dump()) == ConnectionLimits()


def test_every_reason_is_counted_from_the_start(desk: ToyDesk) -> None:
    metrics = Metrics(desk.made, desk.now)
    count = metrics.http_refusals(REFUSALS)
    count("unread")
    found = {
        reason: metrics.registry.get_sample_value("callbridge_http_refused_total", {"reason": reason}) for reason in REFUSALS
    }
    assert found == dict.fromkeys(REFUSALS, 0.0) | {"unread": 1.0}
