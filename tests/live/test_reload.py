"""The configuration and the customers' tiers change while calls go on."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.lab.bridge import ApiError, Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]


async def _tier(bridge: Callbridge, pbx: Pbx) -> str:
    """The tier of the next caller."""
    before = len(bridge.facts("call_arrived"))
    await call(pbx, Call(dialled="support", number="4930777", hang_up_after=0.3))
    return str((await bridge.until("call_arrived", count=before + 1))["tier"])


async def test_tiers_and_configuration_change_at_run_time(house: House, pbx: Pbx, tmp_path: Path) -> None:
    book = tmp_path / "tiers.csv"
    book.write_text("4930777,diamond\n")
    tiers = {"order": ["diamond", "gold", "standard"], "csv": str(book)}
    config = floor({"ann": agent("1001", {"support": 1}, login=False)}, tiers=tiers)
    bridge = await house.open(config)
    house.explains("reload refused")
    assert await _tier(bridge, pbx) == "diamond"

    book.write_text("garbage\n")
    bridge.process.signal(signal.SIGHUP)
    await bridge.until("reload refused")
    assert await _tier(bridge, pbx) == "diamond", "a bad file changes nothing"

    book.write_text("4930777,gold\n")
    bridge.process.signal(signal.SIGHUP)
    await bridge.until("reloaded")
    assert await _tier(bridge, pbx) == "gold"

    book.write_text("4930777,standard\n")
    async with asyncio.timeout(30):
        while await _tier(bridge, pbx) != "standard":
            await asyncio.sleep(1.0)

    bridge.write_config(config | {"log": {"mask_numbers": True}})
    bridge.process.signal(signal.SIGHUP)
    await bridge.until("reload refused", count=2)
    assert "log" in bridge.facts("reload refused")[1]["fault"]


async def test_a_reload_that_raises_is_no_success_and_changes_nothing(house: House, pbx: Pbx) -> None:
    flag = house.redis.folder / "bug"
    config = floor({"ann": agent("1001", {"support": 1}, login=False)})
    bridge = await house.open(config, module=("tests.lab.bug", "adopt", str(flag)))
    for event in ("a step raised an exception", "reload refused"):
        house.explains(event)
    bridge.write_config(floor({"ann": agent("1001", {"support": 1}, login=False), "bob": agent("1002", {"support": 1})}))
    flag.touch()
    with pytest.raises(ApiError, match="internal error while the configuration was applied"):
        await asyncio.to_thread(bridge.client.reload)
    assert [row["id"] for row in await asyncio.to_thread(bridge.client.agents)] == ["ann"]
    flag.unlink()
    await asyncio.to_thread(bridge.client.reload)
    assert [row["id"] for row in await asyncio.to_thread(bridge.client.agents)] == ["ann", "bob"]
    await call(pbx, Call(dialled="support", number="4930777", hang_up_after=0.3))
