"""The real PBXs say in every scenario what is expected of them, and of the toy PBX with them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.live.real_stage import House, RealStage, house
from tests.sim import expected
from tests.sim.conformance import SCENARIOS, play

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]
LONG = True


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[22, 16])
async def the_house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with house(request.param) as standing:
        yield standing


@pytest.mark.parametrize("name", SCENARIOS)
async def test_the_pbx_says_what_is_expected(the_house: House, name: str) -> None:
    async with RealStage(the_house) as stage:
        record = await play(stage, name)
    told = expected.accepted(name, the_house.pbx.version)
    assert record in told, "\nis none of\n".join([record, *sorted(told)])
