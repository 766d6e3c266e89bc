"""Answers of other systems that unpack to gigabytes, or never end: nothing is unpacked, and nobody waits for more than fits."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import pytest
from aiohttp import http_parser

from callbridge.adapters.ari import http
from callbridge.adapters.ari.http import AriHttp
from callbridge.adapters.lookups.lookup import Lookups, LookupSettings
from callbridge.adapters.pbx_link import OrderRefused
from callbridge.adapters.system.tasks import end
from callbridge.adapters.webhooks.body import WebhookSettings
from callbridge.adapters.webhooks.delivery import Webhook
from callbridge.core.model.events import AnyEvent, LookedUp
from callbridge.core.model.orders import LookUp
from callbridge.wire.ari import Request
from tests.adapters.test_webhooks import stamped, story
from tests.adapters.waiting import HANGS, until

CODINGS = ("deflate", "gzip")


@cache
def bomb(coding: str) -> bytes:
    zeros = bytes(20_000_000)
    return zlib.compress(zeros, 1) if coding == "deflate" else gzip.compress(zeros, 1)


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was handed to a decompressor."""
    found: list[bytes] = []
    monkeypatch.setattr(http_parser.DeflateBuffer, "feed_data", lambda _, data, *__: found.append(bytes(data)))
    return found


class Peer:
    """Answers every request with the same bytes; ``endless``: the last of them again and again."""

    def __init__(self, head: str, body: bytes, *, endless: bool = False) -> None:
        self.head, self.body, self.endless = head, body, endless
        self.heard: list[str] = []
        self.url = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                self.heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
                length = next((line for line in self.heard[-1].splitlines() if line.lower().startswith("content-length")), "x: 0")
                await reader.readexactly(int(length.split(":")[1]))
                writer.write(f"HTTP/1.1 200 OK\r\n{self.head}\r\n\r\n".encode() + self.body)
                await writer.drain()
                while self.endless:
                    writer.write(self.body)
                    await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Peer]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self


def packed(coding: str) -> Peer:
    body = bomb(coding)
    return Peer(f"Content-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}", body)


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_lookup_asks_for_plain_answers_and_unpacks_no_other(unpacked: list[bytes], coding: str) -> None:
    told: list[AnyEvent] = []
    async with packed(coding).serving() as peer:
        lookups = Lookups(told.append, lambda: 5.0, redis=None)
        lookups.adopt([LookupSettings(name="crm", deadline=2.0, url=peer.url + "/{caller}")], ("gold",))
        await lookups.perform(LookUp(lookup="crm", call="c1", question="q1", values={"caller": "1"}))
        await lookups.close()
    (event,) = told
    assert isinstance(event, LookedUp)
    assert event.found is None
    assert unpacked == []
    assert "Accept-Encoding: identity" in peer.heard[0]


class Nobody:
    """Counts nothing."""

    def delivered(self, hook: str, result: str) -> None: ...

    def backlog(self, hook: str, waiting: int) -> None: ...

    def facts_lost(self, reader: str, count: int) -> None: ...

    def hook_gone(self, hook: str) -> None: ...


@pytest.mark.parametrize("coding", CODINGS)
async def test_the_receipt_of_a_webhook_is_not_unpacked(unpacked: list[bytes], coding: str) -> None:
    async with packed(coding).serving() as peer:
        hook = Webhook(WebhookSettings(name="crm", url=peer.url, secret="x"), Nobody(), wall=lambda: 2.0)
        running = asyncio.create_task(hook.run())
        hook.take(stamped(*story()))
        await until(lambda: hook.backlog == 0)
        await end((running,))
    assert unpacked == []
    assert len(peer.heard) == 3
    assert all("Accept-Encoding: identity" in head for head in peer.heard)


def http_to(url: str) -> AriHttp:
    more: dict[str, Any] = {"user": "u", "password": "p", "connections": 1}
    return AriHttp(url, request_timeout=HANGS, connect_timeout=HANGS, may_write=lambda: True, **more)


@pytest.mark.parametrize(
    ("head", "endless"),
    [("Content-Length: 300000", False), ("Connection: close", True), ("X: y\r\nTransfer-Encoding: chunked", True)],
)
async def test_an_answer_of_the_pbx_that_never_ends_is_refused(
    monkeypatch: pytest.MonkeyPatch, head: str, *, endless: bool
) -> None:
    monkeypatch.setattr(http, "LARGEST_REPLY", 100_000)
    body = b"1000\r\n" + b"a" * 0x1000 + b"\r\n" if "chunked" in head else b"a" * 300_000
    async with Peer(head, body, endless=endless).serving() as peer, http_to(peer.url) as link:
        with pytest.raises(OrderRefused, match="invalid answer: more than 100000 bytes"):
            await link.request(Request("GET", "/channels"))


@pytest.mark.parametrize("coding", CODINGS)
async def test_an_answer_of_the_pbx_is_not_unpacked(unpacked: list[bytes], coding: str) -> None:
    async with packed(coding).serving() as peer, http_to(peer.url) as link:
        assert (await link.request(Request("GET", "/channels"))).body == bomb(coding)
    assert unpacked == []
    assert "Accept-Encoding" not in peer.heard[0]


async def test_an_answer_of_the_pbx_without_a_length_is_read_to_its_end() -> None:
    async with Peer("Transfer-Encoding: chunked", b"2\r\n[]\r\n0\r\n\r\n").serving() as peer, http_to(peer.url) as link:
        assert (await link.request(Request("GET", "/channels"))).body == b"[]"
