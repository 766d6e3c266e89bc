"""The way to the PBX is cut, held or slow, or one of both stands still: calls go on, and what was missed is made up for."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial

import pytest

from tests.lab.redis import RedisServer
from tests.live.foreign import foreign
from tests.live.forwarder import Forwarder
from tests.live.scene import Scene, now, pause, setting

LONG = True
pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]


def _links_up(scene: Scene) -> int:
    return len(scene.bridge.facts("ari link up"))


@pytest.mark.parametrize("version", [22, 16])
@pytest.mark.parametrize("how", ["cut", "hold"])
async def test_a_lost_event_socket_loses_no_call(version: int, how: str) -> None:
    async with Forwarder() as wire, RedisServer() as redis, setting(version, redis, via=wire.to) as scene:
        bridge = scene.bridge
        harm: dict[str, Callable[[], None]] = {"cut": partial(wire.cut, refuse=True), "hold": wire.hold}
        async with foreign(scene.pbx) as other:
            await scene.begin()
            harm[how]()
            await pause(0.5)
            await scene.people_leave()
            await bridge.until("ari link down")
            await pause(1.0)
            wire.cut()
            wire.restore()
            await bridge.until("ari link up", count=2)
            back = now()
            await scene.rung_again(back)
            await scene.all_is_well()
            await scene.the_books_know_who_left(estimated=True)
            await other.unharmed()
            assert scene.trouble() == []


@pytest.mark.parametrize("version", [22, 16])
async def test_a_socket_cut_for_a_moment_is_made_again_and_nothing_else_happens(version: int) -> None:
    async with Forwarder() as wire, RedisServer() as redis, setting(version, redis, via=wire.to) as scene:
        await scene.begin()
        wire.cut()
        await scene.bridge.until("ari link up", count=2)
        await scene.rung_again(now())
        await scene.all_is_well()


@pytest.mark.parametrize("version", [22, 16])
async def test_two_seconds_of_standing_still_are_made_up_for_by_listening(version: int) -> None:
    async with RedisServer() as redis, setting(version, redis) as scene:
        await scene.begin()
        scene.bridge.process.signal(signal.SIGSTOP)
        await scene.people_leave()
        await pause(1.0)
        scene.bridge.process.signal(signal.SIGCONT)
        await scene.the_books_know_who_left(estimated=False)
        await scene.all_is_well()
        assert _links_up(scene) == 1
        assert len(scene.phones["1001"].records()) == 1


@pytest.mark.parametrize("version", [22, 16])
async def test_six_seconds_of_standing_still_are_made_up_for_by_a_snapshot(version: int) -> None:
    async with RedisServer() as redis, setting(version, redis) as scene, foreign(scene.pbx) as other:
        await scene.begin()
        scene.bridge.process.signal(signal.SIGSTOP)
        await scene.hang_up_phone("1022")
        await pause(6.0)
        scene.bridge.process.signal(signal.SIGCONT)
        await scene.bridge.until("ari link up", count=2)
        await scene.rung_again(now())
        await scene.bridge.until("talk_ended", count=2)
        await scene.all_is_well()
        await scene.places_kept()
        await other.unharmed()


@pytest.mark.parametrize("version", [22, 16])
async def test_an_asterisk_that_stands_still_for_two_seconds_loses_nothing(version: int) -> None:
    async with RedisServer() as redis, setting(version, redis) as scene:
        await scene.begin()
        scene.pbx._running().signal(signal.SIGSTOP)
        await pause(2.0)
        scene.pbx._running().signal(signal.SIGCONT)
        await scene.all_is_well()
        await scene.everybody_leaves()
