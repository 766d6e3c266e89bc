"""Two cells: callbridges with a prefix and an application each, on one PBX and one Redis, or one Redis Cluster of three nodes.
Neither sees anything of the other."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.cluster import RedisCluster, redis_cluster
from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.redis import RedisServer
from tests.lab.sip import Phone, PhoneScript
from tests.live.test_standby import has_a_standby, stands_by
from tests.live.test_two_instances import DIALPLAN, PHONES, House, _floor, _nobody_was_cut

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120)]
CELLS = {"callbridge": "{cell1}:", "second": "{cell2}:"}
"""Application -> prefix."""


@dataclass
class Cells:
    house: House
    standby: Callbridge
    redis: RedisServer | RedisCluster

    async def keys(self) -> set[str]:
        if isinstance(self.redis, RedisCluster):
            return {key for node in await self.redis.keys() for key in node}
        async with Redis.from_url(self.redis.url) as client:
            return {key.decode() async for key in client.scan_iter(count=1000)}

    async def published(self, prefix: str) -> set[str]:
        """The calls of which the public stream of a cell tells."""
        entries = await self._entries(f"{prefix}facts")
        return {fields[b"call"].decode() for _, fields in entries if fields[b"call"]}

    async def _entries(self, stream: str) -> Any:
        if isinstance(self.redis, RedisCluster):
            holders = [node for node, keys in enumerate(await self.redis.keys()) if stream in keys]
            return [one for node in holders for one in await self.redis.tell(node, "XRANGE", stream, "-", "+")]
        async with Redis.from_url(self.redis.url) as client:
            return await client.xrange(stream)


@contextlib.asynccontextmanager
async def three_nodes() -> AsyncIterator[RedisCluster]:
    with tempfile.TemporaryDirectory() as folder:
        async with redis_cluster(Path(folder)) as cluster:
            yield cluster


def _config(redis: RedisServer | RedisCluster, app: str, phone: str, name: str) -> dict[str, Any]:
    cell = {"redis": {"url": redis.url, "prefix": CELLS[app]}, "standby": {"address": f"http://{name}.example:8090"}}
    return _floor(phone, app=app) | cell


@contextlib.asynccontextmanager
async def cells(version: int, *, cluster: bool = False) -> AsyncIterator[Cells]:
    """Each has a conversation and a caller who waits; the first one has a standby."""
    async with contextlib.AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(Pbx(version, phones=PHONES, extra={"extensions.conf": DIALPLAN}))
        phone = await stack.enter_async_context(Phone(pbx, "steady", PhoneScript.answers(0.05)))
        shared: contextlib.AbstractAsyncContextManager[RedisServer | RedisCluster] = three_nodes() if cluster else RedisServer()
        redis = await stack.enter_async_context(shared)
        made = []
        for app, number, name in (("callbridge", "1001", "first"), ("second", "1002", "other"), ("callbridge", "1001", "second")):
            one = Callbridge(pbx, _config(redis, app, number, name), warm=True)
            stack.push_async_callback(one.close)
            await one.launch()
            await (stands_by(one, "first") if name == "second" else one.until_ready())
            made.append(one)
        found = House(pbx, made[0], made[1], phone=phone)
        try:
            for number, dialled in (("49301", "support"), ("49302", "support"), ("49303", "second"), ("49304", "second")):
                await found.call(number, dialled)
                bridge = found.first if dialled == "support" else found.second
                if number in ("49301", "49303"):
                    await bridge.until("talk_began")
                else:
                    await bridge.until("call_arrived", count=2)
                await bridge.eventually(partial(found.answered, number))
            yield Cells(found, made[2], redis)
        finally:
            for callers in found.callers.values():
                await callers.stop()


async def _ids(bridge: Callbridge) -> set[str]:
    return {row["id"] for row in await bridge.calls()}


@pytest.mark.parametrize(("version", "cluster"), [(22, False), (16, False), (22, True)], ids=("22", "16", "22-cluster"))
async def test_cells_on_one_redis_and_one_pbx_see_nothing_of_each_other(version: int, cluster: bool) -> None:
    async with cells(version, cluster=cluster) as there:
        two = there.house
        ours, theirs = await _ids(two.first), await _ids(two.second)
        assert (len(ours), len(theirs)) == (2, 2)
        assert not ours & theirs
        for bridge in (two.first, two.second):
            (row,) = await asyncio.to_thread(bridge.client.queues)
            assert (row["name"], row["waiting"], row["agents_talking"]) == ("support", 1, 1)
        async with asyncio.timeout(10):
            while (await there.published("{cell1}:"), await there.published("{cell2}:")) != (ours, theirs):
                await asyncio.sleep(0.05)
        assert {key.partition(":")[0] for key in await there.keys()} == {"{cell1}", "{cell2}"}


@pytest.mark.parametrize("cluster", [False, True], ids=("one", "cluster"))
async def test_a_leader_that_dies_in_one_cell_is_replaced_there_and_harms_nothing_in_the_other(cluster: bool) -> None:
    async with cells(22, cluster=cluster) as there:
        two = there.house
        await has_a_standby(two.first)
        ours, theirs = await _ids(two.first), await two.seen("second")
        listed = await two.seen("callbridge")
        await two.first.kill()
        await there.standby.until_ready()
        await there.standby.until_state("ann", "talking")
        assert await _ids(there.standby) == ours
        assert await two.seen("second") == theirs
        assert (await two.seen("callbridge"))[1] == listed[1]
        assert (await two.second.probe())[0] == 200
        assert [line for line in two.second.lines() if line["event"] in ("taking over", "ari link down", "call_ended")][1:] == []
        _nobody_was_cut(two, "49301", "49302", "49303", "49304")
        for bridge in (there.standby, two.second):
            assert sorted(row["state"] for row in await bridge.calls()) == ["talking", "waiting"]
            assert bridge.facts("difference_found") == []
