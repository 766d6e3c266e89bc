"""A PBX far away: every request takes its time, many callers come at once, and none of them is forgotten."""

from __future__ import annotations

import asyncio
import os
import re
import time
import urllib.request
from collections.abc import Iterator

import pytest

from callbridge.adapters.ari.link import Ari, AriSettings
from callbridge.adapters.pbx_link import OrderTrouble
from callbridge.core.model.events import AnyEvent, LegEnded, PbxLost, PbxSnapshot
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import HangUp, Probe
from callbridge.runtime import Lanes
from callbridge.runtime.lanes import MAX_WITH_HANG_UPS
from tests.adapters.waiting import running, until
from tests.lab import priority
from tests.lab.bridge import Callbridge, Fact, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.forwarder import Forwarder

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(240)]

AGENTS = [str(number) for number in range(2001, 2041)]
CALLERS = 200
TALK = 1.5
"""Agents hang up then, whatever they have heard: an order that connects them must not wait behind those for new callers."""
ORDERS = 6000


async def _orders(bridge: Callbridge) -> dict[tuple[str, str], float]:
    """(order, result) -> how many, where there were any, as counted for Prometheus."""

    def ask() -> str:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{bridge.url}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    found = re.findall(
        r'^callbridge_orders_total\{order="(\w+)",pbx="\w+",result="(\w+)"\} (\S+)', await asyncio.to_thread(ask), re.MULTILINE
    )
    return {(order, result): float(count) for order, result, count in found if float(count)}


@pytest.fixture
def before_others() -> Iterator[None]:
    """This process, which is the long wire, and what it starts go before everything else. Beside other labs callbridge may
    come to new callers a second late, and rightly sends them to the fallback for overload, which is not what is tested
    here: it happened to 83 of 200 at a load of 35 on two cores."""
    with priority.before_others():
        yield


def served(bridge: Callbridge) -> list[Fact]:
    return bridge.facts("call_ended")


@pytest.mark.usefixtures("before_others")
@pytest.mark.parametrize(("latency", "per_second", "talk"), [(0.05, 400.0, TALK), (0.1, 100.0, 2 * TALK)])
async def test_every_caller_of_a_burst_is_answered_hears_music_and_is_served(
    latency: float, per_second: float, talk: float
) -> None:
    """At 100 ms the 48 orders that are under way at once are 480 requests a second, and a call takes ten: with 400 callers a
    second agents of a crowded machine still hang up before they are connected, 27 of 227 at a load of 18 on two cores (with
    100, 15 of 215 at 17), and with agents who talk for 1.5 s some still did. The ``echo_limit`` is the default: of 1 s a beat
    every 0.4 s, there and back, leaves 0.4 s at 100 ms, and in 2 of 3 bursts of 400 the link was lost."""
    phones = [PhoneSpec(name=name, line="bank") for name in AGENTS]
    config = floor({name: agent(name, {"support": 1}) for name in AGENTS}, queue_defaults={"wrap_up": 0, "ring_for": 10})
    calls = [Call(dialled="support", number=f"49{n:06}") for n in range(CALLERS)]
    async with (
        Pbx(22, phones=phones) as pbx,
        RedisServer() as redis,
        Forwarder(latency) as wire,
        Phone(pbx, "2001", PhoneScript.answers(ring=0.1, talk=talk)),
    ):
        async with Callbridge(pbx, config | {"pbx": await wire.to(pbx)}, redis=redis, warm=True) as bridge:
            os.setpriority(os.PRIO_PROCESS, bridge.process.pid, priority.PRIORITY)  # it was forked from another process
            async with Callers(pbx, calls, rate=per_second) as callers:
                async with asyncio.timeout(150):
                    while len(served(bridge)) < CALLERS:
                        assert bridge.facts("call_diverted") == []
                        await asyncio.sleep(0.5)  # this process is the wire, too: it has better things to do
                records = await callers.wait()
            await bridge.eventually(lambda: len(served(bridge)) == CALLERS)
            orders = await _orders(bridge)
            assert {key for key in orders if key[1] != "done"} - {("HangUp", "refused")} == set(), orders
            assert len(bridge.facts("ari link up")) == 1
            assert orders["Answer", "done"] == orders["StartMusic", "done"] == CALLERS
            assert [fact["outcome"] for fact in bridge.facts("visit_ended")] == ["answered"] * CALLERS
            assert [fact["result"] for fact in bridge.facts("offer_ended")] == ["answered"] * CALLERS
            assert bridge.facts("agent_changed", state="not_ready") == []
            assert bridge.trouble() == []
        assert all(record.ended_by == "pbx" and record.final_code == 200 for record in records)


async def test_thousands_of_orders_at_once_are_all_carried_out_and_a_hang_up_waits_for_none_of_them() -> None:
    """As after a restart with a full house, on a link that is up all the time."""
    told: list[AnyEvent] = []
    ended: list[LegId] = []
    failed: list[OrderTrouble] = []

    def tell(event: AnyEvent) -> None:
        (ended.append(event.leg) if isinstance(event, LegEnded) else told.append(event))

    async with Pbx(22) as pbx, Forwarder(0.05) as wire:
        where = (await wire.to(pbx))["ari"]
        settings = AriSettings(name="pbx1", **where)
        ari = Ari(settings, post=tell, now=time.time, on_replaced=lambda: None)
        lanes = Lanes(ari.perform, lambda order, trouble: failed.append(trouble))
        async with running(ari.run()):
            await until(lambda: any(isinstance(event, PbxSnapshot) for event in told), 10.0)
            for number in range(MAX_WITH_HANG_UPS):  # so that all connections are open
                lanes.put(HangUp(leg=LegId(f"pbx1/first-{number}")))
            await until(lambda: len(ended) + len(failed) == MAX_WITH_HANG_UPS, 10.0)
            ended.clear()
            for number in range(ORDERS):
                lanes.put(Probe(leg=LegId(f"pbx1/nobody-{number}")))
            began = time.time()
            lanes.put(HangUp(leg=LegId("pbx1/somebody")))
            async with asyncio.timeout(60):
                while len(ended) + len(failed) <= ORDERS:
                    await asyncio.sleep(0.1)
            assert time.time() - began > settings.echo_limit, "some waited for longer than a connection may take"
        assert failed == []
        assert ended.index(LegId("pbx1/somebody")) < ORDERS / 10, "it went before those that were there first"
        assert [event for event in told if isinstance(event, PbxLost)] == told[-1:], "lost when we stopped, and not before"
