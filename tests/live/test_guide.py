"""The README's first call beside an own PBX goes as the README says."""

import pytest
import yaml

from tests.guide.pages import README
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.house import House, served

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


async def test_alice_rings_at_once_and_ben_20_s_after_the_call_began(house: House, pbx: Pbx) -> None:
    (shown,) = (block for block in README.blocks("yaml") if "ari:" in block.text)
    config = yaml.safe_load(shown.text)
    assert [link["name"] for link in config.pop("pbx")] == ["pbx1"]  # the lab's PBX has an address of its own
    bridge = await house.open(config)
    async with (
        Phone(pbx, "1001", PhoneScript.rings_out()),
        Phone(pbx, "1002", PhoneScript.answers(ring=0.5, talk=2.0)) as ben,
        Callers(pbx, [Call(dialled="support", number="49301")]) as callers,
    ):
        await callers.wait(40.0)
        assert served(ben.records()) == ["49301"]
    first, second = bridge.facts("offer_made")
    assert (first["agent"], second["agent"]) == ("1001", "1002")
    assert first["waited"] < 1.0
    assert 20.0 <= second["waited"] < 21.0
