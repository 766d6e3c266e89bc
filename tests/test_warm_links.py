"""The connections that a standby keeps open: its links begin with them when it leads, and nothing of them is left over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from callbridge.adapters.ami.link import Ami, AmiSettings
from callbridge.adapters.ari import ownership
from callbridge.adapters.ari.http import AriHttp
from callbridge.adapters.ari.ownership import OwnershipCheck
from callbridge.adapters.pbx_link import NotSent
from callbridge.core.model.events import DeviceChanged, DevicesListed
from callbridge.service.warm_links import WarmLinks
from callbridge.wire import ari as wire
from tests.adapters.fake_ami import FakeAmi
from tests.adapters.fake_ari import FakeAri
from tests.adapters.waiting import HANGS, running, until


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    async with FakeAri().serve() as server:
        stamp = wire.stamp_request("app")
        server.answers[f"{stamp.method} {stamp.path}"] = 200, {"value": "a:1"}
        yield server


@pytest.fixture
async def ami() -> AsyncIterator[FakeAmi]:
    async with FakeAmi().serve() as server:
        yield server


def ami_settings(ami: FakeAmi) -> AmiSettings:
    return AmiSettings(name="pbx1", user="u", secret="s", port=ami.port, ping_every=0.05, answer_limit=HANGS, retry_first=0.01)


def warm(ari: FakeAri, ami: FakeAmi) -> WarmLinks:
    check = OwnershipCheck(pbx="pbx1", url=ari.url, app="app", user="u", password="p")
    links = WarmLinks([check], [ami_settings(ami)], HANGS)
    links.start()
    return links


async def test_a_link_begins_with_a_login_that_is_there_and_lists_the_phones_again(ari: FakeAri, ami: FakeAmi) -> None:
    links, told = warm(ari, ami), list[DeviceChanged | DevicesListed]()
    await until(lambda: ami.names().count("Ping") >= 2)
    assert ami.asked[0]["Events"] == "off"
    ami.states["PJSIP/1001"] = "INUSE"
    given = await links.hand_over()
    link = Ami(ami_settings(ami), post=told.append, now=time.time, session=lambda: given.session("pbx1"))
    async with running(link.run()):
        await until(lambda: link.up)
        await ami.say("Event: DeviceStateChange\nDevice: PJSIP/1001\nState: RINGING\n\n")
        await until(lambda: len(told) == 2)
        assert (ami.connections, ami.names().count("Login"), ami.names().count("DeviceStateList")) == (1, 1, 1)
        assert [action["EventMask"] for action in ami.asked if action["Action"] == "Events"] == ["call"]
        assert isinstance(told[0], DevicesListed) and told[0].states["PJSIP/1001"] == "INUSE"
        ami.drop()  # the next one is its own
        await until(lambda: len(told) == 3)
    assert (ami.connections, ami.names().count("Login")) == (2, 2)
    await links.close()
    await given.close()


async def test_a_connection_that_died_meanwhile_costs_one_attempt(ari: FakeAri, ami: FakeAmi) -> None:
    links, told = warm(ari, ami), list[DeviceChanged | DevicesListed]()
    await until(lambda: "Ping" in ami.names())
    given = await links.hand_over()
    ami.drop()
    link = Ami(ami_settings(ami), post=told.append, now=time.time, session=lambda: given.session("pbx1"))
    async with running(link.run()):
        await until(lambda: link.up)
    assert ami.connections == 2
    await links.close()
    await given.close()


async def test_an_ami_login_that_is_refused_is_known_and_corrected(ari: FakeAri, ami: FakeAmi) -> None:
    ami.refusals["Login"] = "Authentication failed"
    links = warm(ari, ami)
    await until(links.refused)
    assert links.refused() == ["pbx pbx1: AMI login refused: Authentication failed"]
    assert (await links.hand_over()).session("pbx1") is None
    ami.refusals.clear()
    links.start()
    await until(lambda: "Ping" in ami.names())
    assert links.refused() == []
    await links.close()
    assert not ami.open or await gone(ami)


async def gone(ami: FakeAmi) -> bool:
    await until(lambda: not ami.open)
    return True


async def test_a_client_begins_with_the_connections_of_another_one_and_with_its_own_right_to_write(
    ari: FakeAri, ami: FakeAmi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "WARMED_EVERY", 0.0)
    links = warm(ari, ami)
    for _ in range(3):
        (seen,) = await links.look()
        assert (seen.stamp, seen.trouble) == ("a:1", "")
    known = set(ari.peers)
    assert len(known) == 4
    pools, fresh = (await links.hand_over()).pools("pbx1"), False
    assert pools is not None
    http = AriHttp(
        ari.url,
        user="u",
        password="p",
        request_timeout=HANGS,
        connect_timeout=HANGS,
        connections=65,
        may_write=lambda: fresh,
        pools=pools,
    )
    async with http:
        stamp = wire.stamp_request("app")
        await asyncio.gather(*(http.request(stamp) for _ in range(3)))
        with pytest.raises(NotSent):
            await http.write(stamp)
        fresh = True
        await http.write(stamp)
    assert ari.peers == known
    await links.close()


async def test_what_nobody_takes_is_closed(ari: FakeAri, ami: FakeAmi) -> None:
    links = warm(ari, ami)
    await links.look()
    await until(lambda: "Ping" in ami.names())
    given = await links.hand_over()
    assert ami.open
    await given.close()
    await until(lambda: not ami.open)
    assert given.pools("pbx1") is None and given.session("pbx1") is None
    await links.close()
