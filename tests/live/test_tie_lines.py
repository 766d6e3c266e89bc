"""A tie line that is dead while both PBXs have all their links: agents beyond it pay nothing, and no caller is sent there."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from callbridge.core.entities.tie_lines import UNANSWERED
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.conftest import must_be_built
from tests.live.two_pbxs import EAST, WEST, Pair, dead_tie, desk, pair

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
STRICT = {"offline": {"not_ready": "unreachable"}, "wrap_up": 0}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[22, 16])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    must_be_built(request.param)
    async with pair(request.param, 22) as running:
        yield running


@pytest.mark.parametrize("qualified", [False, True], ids=["swallowed", "unreachable"])
async def test_callers_wait_and_far_agents_stay_ready_for_their_own(both: Pair, qualified: bool) -> None:
    agents = {
        "bob": desk(WEST, "1001", {"support": 1}),
        "cid": desk(WEST, "1002", {"support": 1}),
        "ann": desk(EAST, "1001", {"support": 1}, login=False),
    }
    async with (
        both.bridge(agents, queue_defaults=STRICT) as bridge,
        Phone(both.west, "1001", PhoneScript.answers(0.1, talk=0.4)),
        Phone(both.west, "1002", PhoneScript.answers(0.1, talk=0.4)),
        Phone(both.east, "1001", PhoneScript.answers(0.1, talk=0.4)),
    ):
        for who in ("bob", "cid"):
            await bridge.until_state(who, "ready")
        async with (
            dead_tie(both.east, WEST, both.west.sip_port, qualified=qualified),
            Callers(both.east, [Call(dialled="support", number=f"493010{n}") for n in range(3)]) as waiting,
        ):
            failed = await bridge.until("tie_line_failed", limit=15)
            assert (failed["pbx"], failed["to"]) == (EAST, WEST)
            async with Callers(both.west, [Call(dialled="support")]):  # whom their own agents serve
                await bridge.until("talk_ended", limit=20)
            for who in ("bob", "cid"):
                await bridge.until_state(who, "ready")
            ended = [fact["result"] for fact in bridge.facts("offer_ended") if fact["leg"].startswith(f"{EAST}/")]
            assert len(ended) >= UNANSWERED
            assert set(ended) == {"cancelled"}
            assert bridge.facts("agent_alerted") == []
            assert bridge.facts("agent_changed", state="not_ready") == []
            await bridge.ask("ann", "login")
            assert all(one.answered_at for one in await waiting.wait(15.0)), "an agent of the own PBX serves them in turn"
            assert [fact["agent"] for fact in bridge.facts("talk_began")][1:] == ["ann"] * 3
            assert len(bridge.facts("tie_line_failed")) == 1
