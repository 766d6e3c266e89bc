from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbridge.adapters.ami.link import Ami, AmiSettings
from callbridge.adapters.ari.link import Ari, AriSettings
from callbridge.adapters.system.systemd import Manager
from tests.virtual_time import virtual_time

PID = 4711


class Ear:
    """The service manager's end of the line."""

    def __init__(self, address: str) -> None:
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.line.bind("\0" + address[1:] if address.startswith("@") else address)

    def heard(self) -> list[str]:
        messages = []
        with contextlib.suppress(BlockingIOError):
            while True:
                messages.append(self.line.recv(4096).decode())
        return messages


@pytest.fixture(params=["path", "@abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    kind: str = request.param
    return f"@{tmp_path}" if kind == "@abstract" else str(tmp_path / "notify")


@pytest.fixture
def ear(address: str) -> Iterator[Ear]:
    made = Ear(address)
    yield made
    made.line.close()


def manager(address: str = "", usec: str = "", meant_for: str = "") -> Manager:
    given = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": usec, "WATCHDOG_PID": meant_for}
    return Manager({name: value for name, value in given.items() if value}, PID)


async def watched(made: Manager, seconds: float, alive: list[bool]) -> None:
    def next_sign() -> bool:
        return alive.pop(0) if len(alive) > 1 else alive[0]

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(made.watch(next_sign, lambda: ["pbx pbx1: no ARI link"]), seconds)


def test_ready_and_stopping_are_told(ear: Ear, address: str) -> None:
    made = manager(address)
    made.ready()
    made.stopping()
    assert ear.heard() == ["READY=1", "STOPPING=1"]


async def test_a_reload_is_told_with_its_end_even_when_it_fails(ear: Ear, address: str) -> None:
    async def work() -> None:
        raise ValueError("wrong")

    made = manager(address)
    made.ready()
    with pytest.raises(ValueError, match="wrong"):
        await made.reloading(work())
    _, reloading, ready = ear.heard()
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert ready == "READY=1"


async def test_a_reload_before_the_start_is_over_does_not_say_ready(ear: Ear, address: str) -> None:
    await manager(address).reloading(asyncio.sleep(0))
    assert ear.heard() == []


@virtual_time
async def test_signs_of_life_come_three_times_as_often_as_asked(ear: Ear, address: str) -> None:
    await watched(manager(address, usec="300000", meant_for=str(PID)), 0.35, [True])
    signs = ear.heard()
    assert 3 <= len(signs) <= 4
    assert signs[0] == "WATCHDOG=1\nSTATUS=pbx pbx1: no ARI link"


@virtual_time
async def test_nobody_hears_of_us_while_we_are_not_alive(ear: Ear, address: str) -> None:
    await watched(manager(address, usec="90000"), 0.3, [True, False])
    assert len(ear.heard()) == 1


@virtual_time
async def test_the_watchdog_of_another_process_is_not_ours(ear: Ear, address: str) -> None:
    await watched(manager(address, usec="30000", meant_for=str(PID + 1)), 0.15, [True])
    assert len(ear.heard()) == 1  # the status


async def test_without_a_manager_nobody_is_told(tmp_path: Path) -> None:
    made = manager()
    made.ready()
    await made.reloading(asyncio.sleep(0))
    made.stopping()


def test_a_manager_that_does_not_listen_stops_nothing(tmp_path: Path) -> None:
    manager(str(tmp_path / "nobody")).ready()


def test_a_link_that_is_not_even_tried_any_more_is_no_sign_of_life() -> None:
    clock = [100.0]

    def now() -> float:
        return clock[0]

    settings = AriSettings(name="pbx1", user="u", password="p")
    ari = Ari(settings, post=lambda _: None, now=now, on_replaced=lambda: None, last_heard_at=5.0)
    ami = Ami(AmiSettings(name="pbx1", user="u", secret="s"), post=lambda _: None, now=now)
    assert (ari.alive, ami.alive) == (True, True)
    clock[0] += 59.0
    assert (ari.alive, ami.alive) == (True, True)
    clock[0] += 2.0
    assert (ari.alive, ami.alive) == (False, False)
