"""https by a certificate of one's own, and proxies: who is believed, and what follows from it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from callbridge.adapters.http import (
    Accounts,
    BadCertificate,
    ConnectionLimits,
    HttpSettings,
    ServedCertificate,
    TlsFiles,
    TrustedProxies,
    listening,
    make_app,
)
from callbridge.adapters.http.limits import Connections, Refusals
from callbridge.adapters.http.log_in import COOKIE, MOST_OF_ADDRESS, SECURE_COOKIE
from tests.adapters.certificates import self_signed
from tests.adapters.http_desk import Client, ToyDesk, client_of, probes
from tests.adapters.test_sessions import cheap, desk, log_in, own_origin  # noqa: F401  # desk is a fixture
from tests.adapters.waiting import HANGS

OURS = TrustedProxies.of(["10.0.0.0/8", "192.168.1.5", "::1"])
LOCAL = TrustedProxies.of(["127.0.0.1"])


@pytest.fixture(autouse=True)
def _quick_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbridge.adapters.http.log_in._NOBODY", cheap(""))


# -- who is believed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),  # no proxy of ours: whatever it writes
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # the first was written by the client
        ("10.0.0.1", ["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 192.168.1.5"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9, 192.168.1.5, 10.2.2.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ("::ffff:10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("::1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, evil"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("", ["203.0.113.9"], ""),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours_is_the_client(peer: str, forwarded: list[str], client: str) -> None:
    assert OURS.client(peer, forwarded) == client


async def seen(client: Client, **headers: str) -> tuple[int, str, str]:
    """How a log-in through it is answered: its status, the name of its cookie, and from where it was."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.post("/api/session", json={"user": "maria", "password": "correct horse"}, headers=sent)
    return answer.status, answer.headers.get("Set-Cookie", "").partition("=")[0], str(answer.headers.get("Set-Cookie", ""))


async def test_a_proxy_says_that_the_browser_uses_https(desk: ToyDesk) -> None:  # noqa: F811
    async with client_of(desk, HttpSettings(proxies=LOCAL)) as client:
        status, name, cookie = await seen(client, X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.9")
        assert (status, name, "Secure" in cookie) == (200, SECURE_COOKIE, True)
        assert [told.origin for told in desk.noted] == ["203.0.113.9"]
        assert (await seen(client))[1] == COOKIE


async def test_nobody_else_is_believed(desk: ToyDesk) -> None:  # noqa: F811
    other = TrustedProxies.of(["192.0.2.1"])
    async with client_of(desk, HttpSettings(proxies=other)) as client:
        status, name, cookie = await seen(client, X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.9")
        assert (status, name, "Secure" in cookie) == (200, COOKIE, False)
        assert [told.origin for told in desk.noted] == ["127.0.0.1"]


async def test_the_origin_is_that_of_the_address_that_the_browser_shows(desk: ToyDesk) -> None:  # noqa: F811
    shown = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "calls.example"}
    async with client_of(desk, HttpSettings(proxies=LOCAL)) as client:
        assert (await log_in(client, user="maria", password="correct horse")).status == 200
        (cookie,) = [each.value for each in client.session.cookie_jar]
        client.session.cookie_jar.clear()
        shown["Cookie"] = f"{SECURE_COOKIE}={cookie}"
        for origin, status in (
            ("https://calls.example", 200),
            ("http://calls.example", 403),
            (own_origin(client)["Origin"], 403),
        ):
            answer = await client.post("/api/agents/a1/login", json={}, headers={**shown, "Origin": origin})
            assert (origin, answer.status) == (origin, status)


@pytest.mark.parametrize("host", ["evil example", "a/b", "a@b", "[::1", "x" * 300])
async def test_a_host_that_is_none_is_not_believed(desk: ToyDesk, host: str) -> None:  # noqa: F811
    async with client_of(desk, HttpSettings(proxies=LOCAL)) as client:
        headers = {"X-Forwarded-Host": host, **own_origin(client)}
        answer = await client.post("/api/session", json={"user": "maria", "password": "correct horse"}, headers=headers)
        assert answer.status == 200


async def test_clients_behind_a_proxy_are_limited_each_for_itself(desk: ToyDesk) -> None:  # noqa: F811
    async with client_of(desk, HttpSettings(proxies=LOCAL)) as client:
        for number in range(MOST_OF_ADDRESS):
            body = {"user": f"name{number}", "password": "x"}
            assert (await client.post("/api/session", json=body, headers={"X-Forwarded-For": "203.0.113.9"})).status == 401
        assert (await seen(client, X_Forwarded_For="203.0.113.9"))[0] == 429
        assert (await seen(client, X_Forwarded_For="203.0.113.10"))[0] == 200


async def test_nobody_behind_a_proxy_is_admin_for_being_on_this_machine(desk: ToyDesk) -> None:  # noqa: F811
    desk.people = Accounts()
    async with client_of(desk, HttpSettings(proxies=LOCAL)) as client:
        assert (await client.get("/api/queues")).status == 401


def test_a_proxy_may_have_all_connections_because_all_clients_share_it() -> None:
    connections = Connections(ConnectionLimits(connections=5, connections_each=2), Refusals(), OURS)
    assert [connections.take("10.0.0.1", 0.0) for _ in range(4)] == [True] * 4
    strangers = [connections.take("203.0.113.9", 0.0) for _ in range(2)]
    assert strangers == [True, False]  # all five are taken
    others = Connections(ConnectionLimits(connections=5, connections_each=2), Refusals(), OURS)
    assert [others.take("203.0.113.9", 0.0) for _ in range(3)] == [True, True, False]


# -- https ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return self_signed(tmp_path)


@contextlib.asynccontextmanager
async def served(desk: ToyDesk, certificate: ServedCertificate) -> AsyncIterator[int]:  # noqa: F811
    address = socket.create_server(("127.0.0.1", 0))
    app = make_app(HttpSettings(token="root"), desk, replace(probes()), desk.feed)
    async with listening(app, address, ConnectionLimits(asking=HANGS), tls=certificate.context):
        yield address.getsockname()[1]


async def peer_certificate(port: int) -> bytes:
    """What is shown to a new connection."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    assert isinstance(shown, bytes)
    return shown


async def test_https_is_served_and_the_cookie_is_for_https_only(desk: ToyDesk, files: TlsFiles) -> None:  # noqa: F811
    trusted = ssl.create_default_context(cafile=str(files.certificate))
    async with served(desk, ServedCertificate(files)) as port, aiohttp.ClientSession() as client:
        url = f"https://localhost:{port}"
        async with client.get(f"{url}/healthz", ssl=trusted) as answer:
            assert answer.status == 200
        body = {"user": "maria", "password": "correct horse"}
        async with client.post(f"{url}/api/session", json=body, ssl=trusted) as answer:
            assert answer.headers["Set-Cookie"].startswith(f"{SECURE_COOKIE}=")
        headers = {"Origin": url}
        async with client.post(f"{url}/api/agents/a1/login", json={}, headers=headers, ssl=trusted) as answer:
            assert answer.status == 200
        async with client.post(
            f"{url}/api/agents/a1/login", json={}, headers={"Origin": f"http://localhost:{port}"}, ssl=trusted
        ) as answer:
            assert answer.status == 403


async def test_a_renewed_certificate_is_shown_to_new_connections(desk: ToyDesk, files: TlsFiles) -> None:  # noqa: F811
    certificate = ServedCertificate(files)
    async with served(desk, certificate) as port:
        before = await peer_certificate(port)
        self_signed(files.certificate.parent, "renewed")
        certificate.check()
        certificate.renew()
        assert await peer_certificate(port) != before


async def test_one_that_cannot_be_used_is_refused_and_the_old_one_stays(desk: ToyDesk, files: TlsFiles) -> None:  # noqa: F811
    certificate = ServedCertificate(files)
    async with served(desk, certificate) as port:
        before = await peer_certificate(port)
        files.certificate.write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
        with pytest.raises(BadCertificate, match=r"http\.tls"):
            certificate.check()
        assert await peer_certificate(port) == before


def test_what_is_wrong_with_the_files_is_one_line(tmp_path: Path, files: TlsFiles) -> None:
    other = tmp_path / "other"
    other.mkdir()
    strange = self_signed(other)
    locked = other / "locked.pem"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")
    for pair, why in (
        (TlsFiles(files.certificate, strange.key), "key values mismatch"),
        (TlsFiles(tmp_path / "none.pem", files.key), "cannot read"),
        (TlsFiles(files.certificate, locked), "http.tls"),
        (TlsFiles(files.key, files.key), "http.tls"),
    ):
        with pytest.raises(BadCertificate) as refused:
            ServedCertificate(pair)
        assert why in str(refused.value)
        assert "\n" not in str(refused.value)


async def test_a_stranger_who_speaks_no_tls_is_in_nobodys_way(desk: ToyDesk, files: TlsFiles) -> None:  # noqa: F811
    async with served(desk, ServedCertificate(files)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(HANGS):
            with contextlib.suppress(ConnectionError):
                assert b"HTTP/1.1 200" not in await reader.read()
        writer.transport.abort()
        assert await peer_certificate(port)
