"""Phones that die in a call: no SIP, no RTP, no goodbye. Asterisk ends such a leg (``rtp_timeout``), and the caller is kept."""

from typing import Any

import pytest

from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, Fact, agent, floor
from tests.lab.pbx import Pbx
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]
RTP_TIMEOUT = 3
NOTICED = RTP_TIMEOUT + 3.0
"""Seconds within which a dead phone is noticed: Asterisk counts in whole seconds."""

ON_16 = {"test_a_caller_whose_agents_phone_dies_hears_an_apology_and_is_served_first"}

VOICE, REPLY, THIRD, MUSIC, APOLOGY = (sounds.TONES[name] for name in ("caller", "agent", "third", "music", "apology"))
GOLD = "4930002"


def desks(connect: str = "ring") -> dict[str, Any]:
    """Ann talks; bob is there, in a pause. Gold callers come ten minutes before everybody else."""
    support = {
        "steps": [{"skills": "support"}],
        "tiers": {"gold": {"head_start": 600}},
        "announce": {"connection_lost": "/lab/sounds/tones/apology"},
        "offline": {"rest": 60},
    }
    agents = {"ann": agent("1008", {"support": 1}, connect), "1007": agent("1007", {"support": 1})}
    return floor(agents, {"support": support}, tiers={"numbers": {"gold": [GOLD]}}, keys={"*2": "consult"})


async def open_desks(house: House, connect: str = "ring") -> Callbridge:
    bridge = await house.open(desks(connect))
    await bridge.ask("1007", "not-ready", reason="lunch")
    return bridge


def alerts(bridge: Callbridge) -> list[Fact]:
    return [fact for fact in bridge.facts("agent_alerted") if fact["kind"] == "phone_lost"]


@pytest.mark.parametrize("connect", ["ring", "nailed_up"])
async def test_a_caller_whose_agents_phone_dies_hears_an_apology_and_is_served_first(
    house: House, pbx: Pbx, connect: str
) -> None:
    bridge = await open_desks(house, connect)
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD),
        Softphone(pbx, "4930001", trunk=True, tone=VOICE) as caller,
        Softphone(pbx, GOLD, trunk=True) as gold,
    ):
        await bridge.until_state("ann", "ready")
        await caller.call("support")
        await ann.until_hears(VOICE)
        await caller.until_hears(REPLY)
        await gold.call("support")
        await gold.until_hears(MUSIC)
        await ann.kill()
        lost = await bridge.until("talk_ended", limit=NOTICED)
        assert lost["ended_by"] == "lost"
        await caller.until_hears(APOLOGY)
        await caller.until_hears(MUSIC)
        (alert,) = alerts(bridge)
        assert (alert["agent"], alert["call"], alert["queue"]) == ("ann", lost["call"], "support")
        if connect == "nailed_up":
            await bridge.until_state("ann", "offline")
        await bridge.ask("1007", "ready")
        again = await bridge.until("talk_began", count=2)
        assert (again["call"], again["agent"]) == (lost["call"], "1007"), "before the gold caller"
        await caller.until_hears(THIRD)
        assert len(bridge.facts("offer_made", agent="ann")) == 1, "a phone that has just died is left alone"
        caller.hang_up()
        gold.hang_up()
        await bridge.until("call_ended", count=2)
    ended = [fact["outcome"] for fact in bridge.facts("visit_ended", call=lost["call"])]
    assert ended == ["answered", "answered"]


async def test_a_phone_that_dies_while_its_caller_is_on_hold(house: House, pbx: Pbx) -> None:
    bridge = await open_desks(house)
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.hold()
        await caller.until_hears(MUSIC)
        await ann.kill()
        lost = await bridge.until("talk_ended", limit=NOTICED + RTP_TIMEOUT)
        assert lost["ended_by"] == "lost"
        assert lost["hold_seconds"] > RTP_TIMEOUT
        await caller.until_hears(APOLOGY)
        caller.hang_up()
        await bridge.until("call_ended")


async def test_a_callers_phone_that_dies_ends_the_talk_as_a_hang_up(house: House, pbx: Pbx) -> None:
    bridge = await open_desks(house)
    async with Softphone(pbx, "1008", tone=REPLY) as ann, Softphone(pbx, "1", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await ann.until_hears(VOICE)
        await caller.kill()
        ended = await bridge.until("talk_ended", limit=NOTICED)
        assert ended["ended_by"] == "customer"
        await ann.until_state("DISCONNECTED")
        await bridge.until("agent_changed", agent="ann", state="wrap_up")
        await bridge.until_state("ann", "ready")
    assert alerts(bridge) == []


async def test_when_both_die_nothing_is_left(house: House, pbx: Pbx) -> None:
    bridge = await open_desks(house)
    async with Softphone(pbx, "1008", tone=REPLY) as ann, Softphone(pbx, "1", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await ann.until_hears(VOICE)
        await ann.kill()
        await caller.kill()
        await bridge.until("call_ended", limit=NOTICED + 1.0)
        await pbx.quiet()
        await bridge.until_state("ann", "ready")


async def test_a_nailed_up_line_that_dies_idle_makes_its_agent_offline(house: House, pbx: Pbx) -> None:
    bridge = await open_desks(house, "nailed_up")
    async with Softphone(pbx, "1008", tone=REPLY) as ann:
        await bridge.until_state("ann", "ready")
        await ann.until_state("CONFIRMED")
        await ann.kill()
        await bridge.until_state("ann", "offline", limit=NOTICED)
    (alert,) = alerts(bridge)
    assert (alert["agent"], alert.get("call")) == ("ann", None)


async def test_a_colleague_whose_phone_dies_in_a_consult_brings_the_agent_back_to_the_caller(house: House, pbx: Pbx) -> None:
    bridge = await open_desks(house)
    async with (
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*21007#")
        await ann.until_hears(THIRD)
        await bob.kill()
        await caller.until_hears(REPLY, limit=NOTICED + 2.0)
        assert [alert["agent"] for alert in alerts(bridge)] == ["1007"]
        ann.hang_up()
        await caller.until_state("DISCONNECTED")
