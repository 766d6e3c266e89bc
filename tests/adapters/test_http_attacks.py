"""What strangers on a real socket may try: the server answers, cuts off, or refuses, and its log stays clean."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog

from callbridge.adapters.http import BODY_LIMIT, ConnectionLimits, HttpSettings, listening, make_app, request_bodies
from callbridge.adapters.http.rate_limit import RateLimit
from callbridge.adapters.system.tasks import end
from callbridge.cli.client import ApiError, Client
from tests.adapters.http_desk import ToyDesk, probes
from tests.adapters.http_house import arrival
from tests.adapters.waiting import HANGS, until

pytestmark = pytest.mark.slow

HEAD = "Host: x\r\nConnection: close\r\nAuthorization: Bearer root\r\nContent-Type: application/json\r\n"
READY = f"POST /api/agents/a0/ready HTTP/1.1\r\n{HEAD}"


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage() + str(record.exc_info))


@pytest.fixture(autouse=True)
def clean_log() -> Iterator[None]:
    """Whatever a stranger sends, nothing is written as if it were our fault."""
    records = Records()
    logging.getLogger().addHandler(records)
    with structlog.testing.capture_logs() as told:
        yield
    logging.getLogger().removeHandler(records)
    assert records.lines == []
    assert [line for line in told if line["log_level"] in ("error", "critical")] == []


@contextlib.asynccontextmanager
async def open_to(
    desk: ToyDesk, limits: ConnectionLimits | None = None, host: str = "127.0.0.1", **more: Any
) -> AsyncIterator[int]:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    address = socket.create_server(("127.0.0.1", 0))
    settings = HttpSettings(**({"token": "root"} | more), host=host)
    async with listening(make_app(settings, desk, probes(), desk.feed), address, limits):
        yield address.getsockname()[1]
    assert faults == []


@pytest.fixture
def desk() -> ToyDesk:
    return ToyDesk()


QUIET = 300
"""Turns of the loop in which nothing comes, a millisecond or more each: the server is on the same loop, so it has as many."""


async def send(port: int, *parts: bytes, stay: bool = True) -> bytes:
    """All that comes back until the server closes, or says nothing more. ``stay=False``: gone without listening."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = bytearray()

    async def listen() -> None:
        with contextlib.suppress(ConnectionError):
            while more := await reader.read(65536):
                answer.extend(more)

    listening = asyncio.create_task(listen())
    try:
        for part in parts:
            writer.write(part)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        quiet = 0 if stay else QUIET
        while quiet < QUIET and not listening.done():
            before = len(answer)
            await asyncio.sleep(0.001)
            quiet = quiet + 1 if len(answer) == before else 0
    finally:
        await end((listening,))
        writer.transport.abort()
    return bytes(answer)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def is_problem(answer: bytes, expected: int) -> bool:
    """Is it said in the form of all our refusals, without a word of what was sent?"""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == expected
    assert b"Content-Type: application/problem+json" in head
    assert b"Cache-Control: no-store" in head
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": expected,
        "detail": "not a valid HTTP request",
    }
    return True


async def still_well(port: int) -> None:
    assert status(await send(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 200


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /api/queues HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /api/queues HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
        b"GET /api/queues HTTP/1.1\r\nHost: x\r\nA: b\nB: c\x00\r\n\r\n",
        READY.encode() + b"Content-Length: -1\r\n\r\n{}",
        READY.encode() + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        READY.encode() + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    ],
)
async def test_what_is_no_http_is_refused(desk: ToyDesk, said: bytes) -> None:
    async with open_to(desk) as port:
        answer = await send(port, said)
        assert answer == b"" or is_problem(answer, 400)
        assert b"Traceback" not in answer
        await still_well(port)
    assert desk.asked == []


@pytest.mark.parametrize("length", [10**6, 10**12])
async def test_a_huge_body_is_refused_before_it_is_read(desk: ToyDesk, length: int) -> None:
    async with open_to(desk) as port:
        answer = await send(port, f"{READY}Content-Length: {length}\r\n\r\n".encode(), b"x" * (BODY_LIMIT + 70_000))
        assert status(answer) == 413
        await still_well(port)


@pytest.mark.parametrize("body", [b"{", b"[" * 5000, b"\xff\xfe", b'{"a":1e999}', b"NaN", b'{"phone":"PJSIP/1","phone":5}'])
async def test_bad_json_is_a_problem(desk: ToyDesk, body: bytes) -> None:
    head = READY.replace("ready", "login") + f"Content-Length: {len(body)}\r\n\r\n"
    async with open_to(desk) as port:
        answer = await send(port, head.encode(), body)
        assert status(answer) == 400
        assert b"application/problem+json" in answer
    assert desk.asked == []


async def test_who_leaves_in_the_middle_of_a_body_leaves_no_trace(desk: ToyDesk) -> None:
    async with open_to(desk) as port:
        for _ in range(5):
            await send(port, f"{READY}Content-Length: 100\r\n\r\n".encode(), b'{"rea', stay=False)
            await send(port, f"{READY}Transfer-Encoding: chunked\r\n\r\n5\r\n".encode(), stay=False)
            await send(port, READY[:40].encode(), stay=False)
        await asyncio.sleep(0.05)
        await still_well(port)
    assert desk.asked == []


async def test_a_body_that_does_not_come_is_not_waited_for(desk: ToyDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_bodies, "BODY_PATIENCE", 0.05)
    async with open_to(desk) as port:
        assert status(await send(port, f"{READY}Content-Length: 100\r\n\r\n".encode(), b"{")) == 408
    assert desk.asked == []


@pytest.mark.parametrize("part", [b"GET /", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", READY.encode()])
async def test_who_trickles_a_request_is_cut_off(desk: ToyDesk, part: bytes) -> None:
    loop = asyncio.get_running_loop()
    async with open_to(desk, ConnectionLimits(asking=0.3, idle=10 * HANGS)) as port:
        began = loop.time()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(part)
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and not writer.is_closing():
                writer.write(b"X")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await reader.read(1)
        assert 0.25 < loop.time() - began < HANGS
        writer.transport.abort()
        await still_well(port)


async def test_the_second_request_of_a_connection_may_not_trickle_either(desk: ToyDesk) -> None:
    loop = asyncio.get_running_loop()
    async with open_to(desk, ConnectionLimits(asking=0.3, idle=10 * HANGS)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"}")
        await asyncio.sleep(0.5)  # idle is no crime
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"}")
        began = loop.time()
        writer.write(b"GET /he")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        assert 0.25 < loop.time() - began < HANGS
        writer.transport.abort()


async def test_an_idle_connection_is_closed(desk: ToyDesk) -> None:
    async with open_to(desk, ConnectionLimits(idle=0.1)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"}")
        async with asyncio.timeout(HANGS):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.transport.abort()


async def test_a_command_that_is_shut_out_says_what_to_look_for(desk: ToyDesk) -> None:
    """Somebody else has all the connections that one address may have."""
    async with open_to(desk, ConnectionLimits(connections_each=2)) as port:
        kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        client = Client(f"http://127.0.0.1:{port}", "root")
        for ask in (client.missing, client.bypass, lambda: client.bypass(True)):
            with pytest.raises(ApiError) as refused:
                await asyncio.to_thread(ask)
            assert "closed the connection without an answer" in str(refused.value)
            assert "http.limits" in str(refused.value)
        for _, writer in kept:
            writer.transport.abort()


async def test_only_so_many_connections_are_open_at_a_time(desk: ToyDesk) -> None:
    assert ConnectionLimits() == ConnectionLimits(connections=512, connections_each=256, asking=10.0, unread=1024 * 1024)
    async with open_to(desk, ConnectionLimits(connections=20)) as port:
        kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        refused = [await send(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(5)]
        assert refused == [b""] * 5
        reader, writer = kept[0]
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert status(await reader.read()) == 200
        await until(reader.at_eof)
        await asyncio.sleep(0.02)
        await still_well(port)
        for _, writer in kept:
            writer.transport.abort()


@pytest.mark.parametrize(
    "path",
    [
        "/api/agents/../../etc/passwd",
        "/api/agents/..%2f..%2fetc%2fpasswd",
        "/api/agents/%00",
        "/api/agents/%0d%0aSet-Cookie:%20a=b",
        "/api/calls/%ff",
        "/api/agents/{id}",
        "//api/queues",
        "/API/queues",
        "/api//queues",
    ],
)
async def test_odd_paths_lead_nowhere(desk: ToyDesk, path: str) -> None:
    async with open_to(desk) as port:
        answer = await send(port, f"GET {path} HTTP/1.1\r\n{HEAD}\r\n".encode())
        assert status(answer) in (400, 404)
        assert b"\r\nSet-Cookie" not in answer
        assert b"root:" not in answer


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/%61pi/queues", "/api%2fqueues", "http://x/api/queues"])
async def test_no_spelling_of_a_path_gets_round_the_token(desk: ToyDesk, path: str) -> None:
    async with open_to(desk) as port:
        answer = await send(port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert status(answer) in (401, 404)
        assert b"q0" not in answer


async def test_without_a_token_only_one_loopback_host_header_is_taken(desk: ToyDesk) -> None:
    async with open_to(desk, token="") as port:
        for head in (
            "Host: evil.example",
            "Host: ",
            "X: no host",
            "Host: localhost.evil.example",
            "Host: 127.0.0.1@evil.example",
        ):
            answer = await send(port, f"GET /api/queues HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n".encode())
            assert status(answer) in (400, 403)
        assert status(await send(port, b"GET /api/queues HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 200


async def test_a_slow_reader_of_a_long_answer_is_cut_off(desk: ToyDesk) -> None:
    for number in range(600):
        desk.tell(arrival(desk.now(), number))
    loop = asyncio.get_running_loop()
    async with open_to(desk, ConnectionLimits(idle=0.3)) as port:
        with socket.socket() as slow:
            slow.setblocking(False)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            await loop.sock_connect(slow, ("127.0.0.1", port))
            asked = "GET /api/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\n\r\n"
            await loop.sock_sendall(slow, asked.encode() * 100)
            answered = -1
            while desk.looked != answered:  # the server goes on as long as the system takes its answers
                answered = desk.looked
                for _ in range(160):  # so many turns of the loop, in which the server can do something
                    await asyncio.sleep(0.005)
            read = 0
            with contextlib.suppress(ConnectionError):
                while more := await loop.sock_recv(slow, 65536):
                    read += len(more)
        whole = len(await send(port, f"GET /api/calls HTTP/1.1\r\n{HEAD}\r\n".encode())) * 100
    assert 0 < read < whole * 0.9


def test_the_memory_of_a_throttle_is_bounded() -> None:
    now = 0.0
    throttle = RateLimit(3, now=lambda: now)
    for number in range(10_005):
        throttle.count(str(number))
    assert len(throttle._counts) == 10_000


def test_attempts_are_counted_within_a_minute_and_the_door_opens_again_after_one() -> None:
    now = 0.0
    throttle = RateLimit(2, now=lambda: now)
    throttle.count("a")
    now = 61.0
    throttle.count("a")
    assert throttle.wait("a") == 0.0
    throttle.count("a")
    assert throttle.wait("a") == 60.0
    assert throttle.wait("b") == 0.0
    now = 121.0
    assert throttle.wait("a") == 0.0
    throttle.count("a")
    assert throttle.wait("a") == 0.0
