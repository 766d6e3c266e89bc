"""Redis with a replica and three Sentinels under a leader and its standby: its primary dies, and nobody on the line notices.

Rule of this file: a machine that dies takes the primary and one of the Sentinels with it, the first that callbridge asks.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.bridge import Callbridge
from tests.lab.sentinels import GuardedRedis
from tests.lab.sip import Call
from tests.live.house import crowded
from tests.live.scene import Scene, now, pause
from tests.live.test_standby import nobody_lost, pair, stands_by, until_leading

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(180)]
AT_ONCE = 1.0
"""Seconds, with the beep that an agent of a nailed-up phone hears."""
MISSING_MAY_BE_CLAIMED = 7.0
"""Seconds, longer than those after which a standby may claim a lease that is missing or does not change."""


async def machine_dies(scene: Scene, redis: GuardedRedis) -> int:
    """Returns how often the leader had found the store back by then, as it does on a busy machine after each slow save."""
    backs = len(scene.bridge.facts("store is back"))
    await redis.kill()
    await redis.sentinels[0].kill()
    return backs


async def served_at_once(scene: Scene, number: str) -> None:
    """A new caller is put through to the agent who is free."""
    await scene.call(Call(dialled="spare", number=number))
    call = await arrived(scene, number)
    ended = await scene.bridge.until("visit_ended", call=call, outcome="answered")
    assert ended["waited"] < AT_ONCE + crowded()
    await scene.hang_up(number)
    await scene.bridge.until_state("spare", "ready")


async def arrived(scene: Scene, number: str) -> str:
    fields: dict[str, Any] = {"pii.number": number}
    return str((await scene.bridge.until("call_arrived", **fields))["call"])


async def saved_again(scene: Scene, redis: GuardedRedis, backs: int) -> None:
    """The promoted server has all that the leader knows, and the leader's lease. ``backs``: what ``machine_dies`` returned."""
    await redis.until_promoted()
    await scene.bridge.until("store is back", count=backs + 1, limit=20)


async def leads_alone(leader: Callbridge, name: str, standby: Callbridge) -> None:
    """For longer than after which a lease may be claimed: only the leader decides, and the standby opens no application."""
    opened = len(standby.facts("ari link up"))
    await stands_by(standby, name)
    await pause(MISSING_MAY_BE_CLAIMED)
    await stands_by(standby, name)
    assert (await leader.probe())[1]["role"] == "leader"
    assert leader.facts("another instance leads; standing down") == []
    assert len(standby.facts("ari link up")) == opened


async def test_the_primary_dies_under_waiting_callers_and_talks() -> None:
    async with GuardedRedis() as redis, pair(22, redis) as (scene, other):
        await scene.begin()
        backs = await machine_dies(scene, redis)
        await served_at_once(scene, "4930201")  # also while nothing can be saved
        await saved_again(scene, redis, backs)
        await leads_alone(scene.bridge, "first", other)
        await scene.all_is_well()
        await redis.back()  # as the replica of the promoted one
        await stands_by(other, "first")
        died = now()
        await scene.bridge.kill()
        await until_leading(other, died)
        await nobody_lost(scene, other)
        await served_at_once(scene, "4930202")


async def test_a_replica_that_stopped_following_before_the_last_take_over_is_promoted() -> None:
    """It knows the token, the lease and the calls of the leader before. The present leader writes all of them again."""
    async with GuardedRedis() as redis, pair(22, redis) as (scene, second):
        first = scene.bridge
        await scene.begin()
        await redis.stop_following()
        died = now()
        await first.kill()
        await until_leading(second, died)
        await first.launch()
        await stands_by(first, "second")
        scene.bridge = second
        await scene.call(Call(dialled="line", number="4930203"))  # of whom the replica knows nothing
        await arrived(scene, "4930203")

        backs = await machine_dies(scene, redis)
        await saved_again(scene, redis, backs)
        await leads_alone(second, "second", first)
        await scene.all_is_well()
        died = now()
        await second.kill()
        await until_leading(first, died, count=2)
        await nobody_lost(scene, first)
