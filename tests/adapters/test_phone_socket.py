"""The way of a browser phone's SIP: who may use it, what it passes on, and how it ends. The PBX is a WebSocket of the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from callbridge.adapters.http import Account, AccountKind, Accounts, ApiToken, BrowserPhone, HttpSettings, TokenRole
from callbridge.adapters.http.phone_routes import MOST_REPORTS
from callbridge.adapters.http.phone_socket import LARGEST_MESSAGE, MOST_SOCKETS
from callbridge.core.model.facts import TalkBegan
from tests.adapters.http_desk import Client, ToyDesk, client_of

SETTINGS = HttpSettings(tokens=[ApiToken(name="anna", role=TokenRole.AGENT, token="anna", agent="a0")])
ANN = Account(kind=AccountKind.AGENT, name="a0", shown="Ann", role=TokenRole.AGENT, agent="a0", secret="4711")
BEN = Account(kind=AccountKind.AGENT, name="a1", shown="Ben", role=TokenRole.AGENT, agent="a1", secret="4712")
SOCKET = "/api/phone/socket"


class ToyPbx:
    """Says everything back, and speaks SIP unless it is asked not to."""

    def __init__(self) -> None:
        self.sip = True
        self.open = set[web.WebSocketResponse]()

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse(protocols=("sip",) if self.sip else ())
        await answer.prepare(request)
        self.open.add(answer)
        async for message in answer:
            await answer.send_str(message.data)
        self.open.discard(answer)
        return answer


@asynccontextmanager
async def pbx_and_client(settings: HttpSettings = SETTINGS) -> AsyncIterator[tuple[ToyPbx, ToyDesk, Client]]:
    pbx, app, desk = ToyPbx(), web.Application(), ToyDesk()
    app.router.add_get("/ws", pbx.socket)
    async with TestServer(app) as server:
        phone = BrowserPhone(phone="PJSIP/1", endpoint="1", user="1", password="secret", socket=str(server.make_url("/ws")))
        desk.people = Accounts(agents={"a0": ANN, "a1": BEN}, agent_phones={"a0": phone})
        async with client_of(desk, settings) as client:
            yield pbx, desk, client


async def logged_in(desk: ToyDesk, account: Account = ANN) -> dict[str, str]:
    return {"Cookie": f"callbridge={await desk.opened.open(account)}"}


def same_site(client: Client) -> dict[str, str]:
    return {"Origin": str(client.make_url("/")).rstrip("/")}


async def connected(client: Client, headers: dict[str, str]) -> aiohttp.ClientWebSocketResponse:
    return await client.ws_connect(SOCKET, protocols=("sip",), headers=headers | same_site(client))


async def test_messages_go_both_ways_and_the_ends_end_each_other() -> None:
    async with pbx_and_client() as (pbx, desk, client):
        socket = await connected(client, await logged_in(desk))
        assert socket.protocol == "sip"
        for text in ("REGISTER sip:x SIP/2.0\r\n\r\n", "x" * (LARGEST_MESSAGE - 1)):
            await socket.send_str(text)
            assert await socket.receive_str() == text
        (theirs,) = pbx.open
        await theirs.close()
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        again = await connected(client, await logged_in(desk))
        await again.close()
        while pbx.open:
            await asyncio.sleep(0)


async def test_much_more_passes_than_a_connection_may_send_in_a_request() -> None:
    from callbridge.adapters.http import ConnectionLimits

    async with pbx_and_client(HttpSettings(tokens=SETTINGS.tokens, limits=ConnectionLimits(unread=4096))) as (_, desk, client):
        socket = await connected(client, await logged_in(desk))
        for _ in range(8):
            await socket.send_str("x" * 2048)
            await socket.receive_str()
        await socket.close()


async def test_a_message_that_asterisk_would_not_take_ends_the_connection() -> None:
    async with pbx_and_client() as (_, desk, client):
        socket = await connected(client, await logged_in(desk))
        await socket.send_str("x" * (LARGEST_MESSAGE + 1))
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer anna"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
    ids=["nobody", "a token", "a page of others", "another site"],
)
async def test_only_an_own_page_of_somebody_logged_in_gets_through(headers: dict[str, str], status: int) -> None:
    async with pbx_and_client() as (pbx, desk, client):
        if "Origin" in headers or "Sec-Fetch-Site" in headers:
            headers = headers | await logged_in(desk)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(SOCKET, protocols=("sip",), headers=headers)
        assert refused.value.status == status
        assert not pbx.open


async def test_who_has_no_browser_phone_is_told_so_and_gets_nobody_elses() -> None:
    async with pbx_and_client() as (_, desk, client):
        answer = await client.get("/api/phone", headers=await logged_in(desk, BEN))
        assert answer.status == 404
        assert "browser_phone" in (await answer.json())["detail"]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connected(client, await logged_in(desk, BEN))
        assert refused.value.status == 404


async def test_the_password_goes_to_the_own_page_only_and_is_kept_by_no_cache() -> None:
    async with pbx_and_client() as (_, desk, client):
        answer = await client.get("/api/phone", headers=await logged_in(desk))
        assert await answer.json() == {
            "phone": "PJSIP/1",
            "endpoint": "1",
            "user": "1",
            "password": "secret",
            "socket": SOCKET,
        }
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await client.get("/api/phone", headers={"Authorization": "Bearer anna"})).status == 403
        assert (await client.get("/api/session", headers=await logged_in(desk))).status == 200
        assert "secret" not in repr(desk.people)


async def test_a_pbx_that_is_away_or_speaks_no_sip_is_said_to_be() -> None:
    async with pbx_and_client() as (pbx, desk, client):
        pbx.sip = False
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connected(client, await logged_in(desk))
        assert refused.value.status == 503
        phone = desk.people.agent_phones["a0"]
        away = BrowserPhone(phone=phone.phone, endpoint="1", user="1", password="x", socket="http://127.0.0.1:9/ws")
        desk.people = Accounts(agents={"a0": ANN}, agent_phones={"a0": away})
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connected(client, await logged_in(desk))
        assert refused.value.status == 503


async def test_pages_that_try_again_do_not_fill_the_log() -> None:
    async with pbx_and_client() as (pbx, desk, client):
        pbx.sip = False
        headers = await logged_in(desk)
        with capture_logs() as lines:
            for _ in range(3):
                with pytest.raises(aiohttp.WSServerHandshakeError):
                    await connected(client, headers)
    assert [line["why"] for line in lines if line["event"] == "browser phone cannot reach the pbx"] == ["no SIP over WebSocket"]


async def test_a_phone_has_only_so_many_connections() -> None:
    async with pbx_and_client() as (_, desk, client):
        headers = await logged_in(desk)
        sockets = [await connected(client, headers) for _ in range(MOST_SOCKETS)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connected(client, headers)
        assert refused.value.status == 429
        for socket in sockets:
            await socket.close()


async def test_the_end_of_the_session_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbridge.adapters.http.phone_socket.PING_EVERY", 0.05)
    async with pbx_and_client() as (_, desk, client):
        headers = await logged_in(desk)
        socket = await connected(client, headers)
        await client.delete("/api/session", headers=headers | same_site(client))
        ended: Any = await socket.receive()
        assert ended.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


QUALITY = {"codec": "PCMU", "received": 490, "lost": 10, "jitter": 0.004, "rtt": None, "mos": 4.2, "worst_mos": 3.9}


def talked(desk: ToyDesk, agent: str) -> str:
    """A call in which this agent has talked."""
    desk.stories.on_facts([TalkBegan(seq=1, at=desk.now(), call="c1", agent=agent, queue="q0", leg="pbx1/x", waited=3.0)])
    return "c1"


async def report(desk: ToyDesk, client: Client, body: dict[str, Any]) -> int:
    headers = await logged_in(desk) | same_site(client) | {"Content-Type": "application/json"}
    answer = await client.post("/api/phone/quality", data=json.dumps(body), headers=headers)
    return answer.status


async def test_the_quality_of_an_own_call_becomes_a_fact() -> None:
    async with pbx_and_client() as (_, desk, client):
        assert await report(desk, client, {"call": talked(desk, "a0"), **QUALITY}) == 204
        (fact,) = [fact for fact in desk.stories.timeline("c1") or () if fact["type"] == "call_quality"]
        assert QUALITY.items() <= fact.items()
        assert (fact["agent"], fact["queue"]) == ("a0", "q0")


@pytest.mark.parametrize(
    "change",
    [{"mos": 7}, {"lost": -1}, {"codec": "<b>"}, {"rtt": float("inf")}, {"jitter": 1e9}, {"more": 1}],
    ids=["mos", "lost", "codec", "rtt", "jitter", "more"],
)
async def test_what_no_page_of_ours_measures_is_refused(change: dict[str, Any]) -> None:
    async with pbx_and_client() as (_, desk, client):
        assert await report(desk, client, {"call": talked(desk, "a0"), **QUALITY, **change}) == 400


async def test_an_agent_reports_no_calls_of_others() -> None:
    async with pbx_and_client() as (_, desk, client):
        assert await report(desk, client, {"call": talked(desk, "a1"), **QUALITY}) == 403
        assert await report(desk, client, {"call": "nobody", **QUALITY}) == 403


async def test_reports_are_limited() -> None:
    async with pbx_and_client() as (_, desk, client):
        body = {"call": talked(desk, "a0"), **QUALITY}
        assert {await report(desk, client, body) for _ in range(MOST_REPORTS)} == {204}
        assert await report(desk, client, body) == 429
