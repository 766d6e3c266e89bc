"""Rescue against a fake ARI: it acts on a stamp that stands still, and on nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callbridge.adapters.ari.http import AriHttp
from callbridge.adapters.pbx_link import OrderTrouble
from callbridge.adapters.redis.lease import LeaseFound
from callbridge.adapters.store import StoreDown
from callbridge.cli import lease_guard
from callbridge.cli import rescue as module
from callbridge.cli.lease_guard import LeaseGuard, guard_of
from callbridge.cli.rescue import Rescue, RescueScope
from callbridge.settings.faults import Fault
from callbridge.settings.loading import load
from callbridge.wire import ari as wire
from tests.adapters.fake_ari import FakeAri
from tests.adapters.waiting import HANGS, until
from tests.test_starting import process_config

STAMP = "GET /asterisk/variable?variable=CALLBRIDGE_OWNER_app"
SEND = "POST /channels/{}/continue?context=callbridge-fallback&extension=sales&priority=1"
OURS = RescueScope(pbx="a", app="app", prefix="cb", context="callbridge-fallback")


def waiting(name: str) -> dict[str, Any]:
    return {"id": name, "creationtime": name, "dialplan": {"app_name": "Stasis", "app_data": "app,inbound,sales"}}


def made(name: str, args: str, app: str = "app") -> dict[str, Any]:
    return {"id": name, "dialplan": {"app_name": "Stasis", "app_data": f"{app},{args}"}}


class Rig:
    def __init__(self, fake: FakeAri, http: AriHttp) -> None:
        self.fake = fake
        self.rescue = Rescue(OURS, http, LeaseGuard(None, 0.0))
        fake.channels = [waiting("1.1"), waiting("2.2"), made("cb-leg-1", "agent,ann,1.1")]
        self.stamp("k:1")

    def stamp(self, value: str) -> None:
        self.fake.answers[STAMP] = (200, {"value": value})

    def sent(self) -> list[str]:
        return [line for line in self.fake.asked if line.startswith(("POST", "DELETE"))]


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(module, "STAMP_TIMEOUT", 0.1)
    monkeypatch.setattr(module, "CHECK_EVERY", 0.02)
    monkeypatch.setattr(lease_guard, "LEASE_LOOK_EVERY", 0.0)
    async with FakeAri().serve() as fake:
        http = AriHttp(
            fake.url, user="u", password="p", request_timeout=HANGS, connect_timeout=HANGS, connections=1, may_write=lambda: True
        )
        async with http:
            yield Rig(fake, http)


async def test_where_nobody_ever_stamped_only_callers_of_the_application_are_helped(rig: Rig) -> None:
    rig.stamp("")
    assert await rig.rescue.once()
    assert rig.sent() == [SEND.format("1.1"), SEND.format("2.2")]


async def test_a_stamp_that_stands_still_is_acted_upon_and_read_before_each_channel(rig: Rig) -> None:
    rig.stamp("k:1")
    assert await rig.rescue.once()
    assert rig.sent() == ["DELETE /channels/cb-leg-1?reason=normal", SEND.format("1.1"), SEND.format("2.2")]
    lines = rig.fake.asked
    assert all(lines[lines.index(line) - 1] == STAMP for line in rig.sent())


async def test_somebody_who_answered_a_campaigns_call_hears_its_message(rig: Rig) -> None:
    rig.fake.channels = [made("cb-attempt.spring-mi9x1-12", "customer") | {"state": "Up"}]
    assert await rig.rescue.once()
    path = "/channels/cb-attempt.spring-mi9x1-12/continue?context=callbridge-safe-harbour&extension=spring&priority=1"
    assert rig.sent() == [f"POST {path}"]


async def test_what_another_callbridge_with_our_prefix_made_is_left_alone(rig: Rig) -> None:
    rig.fake.channels = [
        made("cb-agent-1", "agent,ann", "second"),
        made("cb-attempt.spring-1", "customer", "second") | {"state": "Up"},
    ]
    assert await rig.rescue.once()
    assert rig.sent() == []


async def test_an_owner_who_lives_is_left_alone(rig: Rig) -> None:
    supervisions = asyncio.create_task(rig.rescue.once())
    await until(lambda: rig.fake.asked)
    rig.stamp("k:2")
    assert await supervisions
    assert rig.sent() == []


async def test_it_stops_when_the_owner_is_back(rig: Rig) -> None:
    gate = rig.fake.gate(SEND.format("1.1"))
    working = asyncio.create_task(rig.rescue.once())
    await until(lambda: SEND.format("1.1") in rig.fake.asked)
    rig.stamp("k2:1")
    gate.set()
    assert await working
    assert SEND.format("2.2") not in rig.fake.asked


async def test_a_channel_that_another_rescue_sent_on_is_no_failure_and_a_refusal_is(rig: Rig) -> None:
    rig.fake.answers[SEND.format("1.1")] = (409, {"message": "Channel not in Stasis application"})
    assert await rig.rescue.once()
    rig.fake.answers[SEND.format("1.1")] = (412, {"message": "Channel in invalid state"})
    assert not await rig.rescue.once()
    assert rig.sent().count(SEND.format("2.2")) == 2


async def test_a_pbx_that_cannot_be_asked_is_no_dead_owner(rig: Rig) -> None:
    rig.fake.answers[STAMP] = (503, {"message": "shutting down"})
    with pytest.raises(OrderTrouble):
        await rig.rescue.once()
    assert rig.sent() == []


class ToyLease:
    """What Redis says of the lease; ``beats``: a leader renews it."""

    def __init__(self, found: LeaseFound, *, standbys: int = 0, beats: bool = False) -> None:
        self.found, self.standbys, self.beats, self.away = found, standbys, beats, False
        self.beat = 0

    async def held(self) -> tuple[LeaseFound, int]:
        if self.away:
            raise StoreDown("Redis cannot be reached")
        self.beat += self.beats
        return replace(self.found, beat=str(self.beat)), self.standbys

    async def close(self) -> None:
        """Nothing is open."""


HELD = LeaseFound(token="7", holder="first", beat="1", address="http://first.example:8090")
LEASES = {
    "a leader": (ToyLease(HELD, beats=True), True),
    "a leader without a link to another PBX": (ToyLease(replace(HELD, unlinked=frozenset({"b"})), standbys=1, beats=True), True),
    "a leader without a link to this PBX": (ToyLease(replace(HELD, unlinked=frozenset({"a"})), standbys=1, beats=True), False),
    "a leader without any link": (ToyLease(replace(HELD, unlinked=frozenset({"a", "b"})), beats=True), False),
    "and a standby that takes over": (ToyLease(replace(HELD, unlinked=frozenset({"a", "b"})), standbys=1, beats=True), True),
    "a dead leader": (ToyLease(HELD), False),
    "a dead leader with a standby": (ToyLease(HELD, standbys=1), True),
    "a lease that was released": (ToyLease(replace(HELD, released="1"), beats=True), False),
    "no lease": (ToyLease(LeaseFound()), False),
    "no lease and a standby": (ToyLease(LeaseFound(), standbys=1), True),
}


def guarded(rig: Rig, lease: ToyLease) -> Rescue:
    return Rescue(OURS, rig.rescue._http, LeaseGuard(lease, 3.0, ("a", "b")))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", LEASES)
async def test_callers_are_left_to_who_holds_the_lease_or_could_take_it(rig: Rig, name: str) -> None:
    lease, left = LEASES[name]
    assert await guarded(rig, lease).once()
    assert (rig.sent() == []) is left


async def test_a_redis_that_is_away_leaves_the_callers_to_rescue(rig: Rig) -> None:
    lease = ToyLease(HELD, standbys=1, beats=True)
    lease.away = True
    assert await guarded(rig, lease).once()
    assert SEND.format("1.1") in rig.sent()


async def test_it_stops_when_a_standby_turns_up(rig: Rig) -> None:
    lease = ToyLease(HELD)
    gate = rig.fake.gate(SEND.format("1.1"))
    working = asyncio.create_task(guarded(rig, lease).once())
    await until(lambda: SEND.format("1.1") in rig.fake.asked)
    lease.standbys = 1
    gate.set()
    assert await working
    assert SEND.format("2.2") not in rig.fake.asked


async def test_who_starts_again_and_again_holds_no_callers_back_even_with_the_lease(rig: Rig) -> None:
    rig.stamp(wire.RESTARTING)
    assert await guarded(rig, ToyLease(HELD, standbys=1, beats=True)).once()
    assert SEND.format("1.1") in rig.sent()


def fault(where: str) -> Fault:
    return Fault(file="callbridge.yaml", line=1, column=1, where=where, problem="is wrong")


async def test_only_what_a_configuration_says_of_redis_and_standby_counts(tmp_path: Path) -> None:
    config = process_config(tmp_path, redis={"url": "redis://127.0.0.1:9/0"}, standby={"address": "http://first.example:8090"})
    settings = load(config)
    assert guard_of(settings, (fault("queues.x"),))._lease is not None
    assert guard_of(settings, (fault("redis.url"),))._lease is None
    assert guard_of(load(process_config(tmp_path)), ())._lease is None
    guard = guard_of(settings, ())
    await guard.look()
    assert guard.holder("pbx1") == ""
    await guard.close()
