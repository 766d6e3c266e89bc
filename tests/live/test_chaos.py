"""A short run of the chaos benchmark: faults leave nothing wrong, and what is planted on the same floor is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.bench import chaos_faults
from tests.bench.chaos import Pace, Played, play
from tests.bench.chaos_faults import FAULTS, Moment
from tests.bench.chaos_floor import Floor, Opening

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

PACE = Pace(rate=4.0, seconds=6.0, fault_at=(1.5, 2.5))
NEVER = ("lost", "cut", "ghost_rings", "double_rings", "dialled_twice", "stuck_agents", "failed")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here() -> AsyncIterator[Floor]:
    async with Opening(4) as floor:
        yield floor


def counted(played: Played) -> dict[str, int]:
    return {name: played.row[name] for name in NEVER if played.row[name]}


@pytest.mark.parametrize(("number", "fault"), [(1, "kill"), (2, "redis_killed"), (3, "pbx_link_half_open")])
async def test_a_fault_loses_nobody(here: Floor, number: int, fault: str) -> None:
    played = await play(here, fault, 1, number, PACE)
    assert counted(played) == {}, played.wrong
    assert played.row["answered"] > 0


async def test_whatever_goes_wrong_is_counted(here: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller hung up, a phone that rings for nobody, a number dialled again, an agent paused by no one."""

    async def planted(moment: Moment) -> None:
        await chaos_faults.plant_dialled(moment)
        await chaos_faults.plant_not_ready(moment)
        await chaos_faults.plant_hang_up(moment)
        gone = await _who_left(moment)
        await chaos_faults.plant_ring(moment, gone)

    monkeypatch.setattr("tests.bench.chaos.FAULTS", {**FAULTS, "planted": planted})
    found = counted(await play(here, "planted", 1, 9, PACE))
    leader, _ = await here.pair()
    await asyncio.to_thread(leader.client.act, "3001", "ready")  # the tests share a floor, and come in any order
    assert found.pop("lost") >= 1
    assert found == {"ghost_rings": 1, "dialled_twice": 1, "stuck_agents": 1}


async def _who_left(moment: Moment) -> str:
    """The number of a caller of this round who is served and gone."""
    phones = moment.floor.phones
    while True:
        for phone in phones.values():
            for record in phone.records():
                if record.caller_number.startswith("490009") and record.ended_at:
                    return record.caller_number
        await asyncio.sleep(0.05)
