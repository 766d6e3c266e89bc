"""Limits on callers, on a real PBX: refused before the answer, by the right SIP response, and gone from the PBX."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.live.house import House
from tests.live.raw_caller import RawCall
from tests.live.test_bad_input import metrics

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]
ON_16 = {"test_further_callers_get_the_response_of_the_limit_and_room_comes_back[queue-486]"}
NOBODY = {"ann": agent("1001", {"sales": 1})}
"""An agent who serves none of these queues."""
REFUSES: dict[str, dict[str, Any]] = {
    "queue-486": {"queues": {"support": {"most_waiting": 1, "when_full": {"refuse": "busy"}}}},
    "entry-503": {"entries": {"support": {"queue": "support", "most_calls": 1, "when_full": {"refuse": "congestion"}}}},
    "pbx-503": {"limits": {"most_calls": 1, "when_full": {"refuse": "congestion"}}},
}


def config(limits: dict[str, Any]) -> dict[str, Any]:
    limits = dict(limits)
    queue = {"steps": [{"skills": "support"}]} | limits.pop("queues", {}).get("support", {})
    return floor(NOBODY, {"support": queue}, skills=["support"], **limits)


@asynccontextmanager
async def waiting(bridge: Callbridge, pbx: Pbx) -> AsyncIterator[RawCall]:
    """A caller who waits until the end of the block."""
    caller = RawCall(pbx, "support")
    making = asyncio.create_task(caller.make(patience=60.0))
    begun = len(bridge.facts("visit_began"))
    try:
        await bridge.until("visit_began", count=begun + 1)
        yield caller
    finally:
        caller.hang_up()
        assert await making == 200


@pytest.mark.parametrize("limit", REFUSES)
async def test_further_callers_get_the_response_of_the_limit_and_room_comes_back(house: House, pbx: Pbx, limit: str) -> None:
    full, _, status = limit.partition("-")
    bridge = await house.open(config(REFUSES[limit]))
    async with waiting(bridge, pbx):
        assert await RawCall(pbx, "support").make() == int(status)
        refused = await bridge.until("call_refused")
        assert (refused["full"], refused["most"]) == (full, 1)
        ended = await bridge.until("call_ended")
        assert (ended["call"], ended["outcome"]) == (refused["call"], "refused")
        assert await pbx.channels() == 1
    assert f'callbridge_calls_refused_total{{pbx="pbx1",full="{full}"}} 1.0' in await metrics(bridge)
    await bridge.until("call_ended", count=2)
    async with waiting(bridge, pbx):
        assert len(bridge.facts("call_refused")) == 1


async def test_a_full_queue_sends_callers_to_another_one(house: House, pbx: Pbx) -> None:
    steps = [{"skills": "support"}]
    queues: dict[str, dict[str, Any]] = {
        "support": {"most_waiting": 1, "when_full": {"queue": "general"}, "steps": steps},
        "general": {"steps": steps},
    }
    bridge = await house.open(floor(NOBODY, queues, skills=["support"]))
    async with waiting(bridge, pbx), waiting(bridge, pbx):
        assert [fact["queue"] for fact in bridge.facts("visit_began")] == ["support", "general"]
