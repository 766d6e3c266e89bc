"""Prompts spoken by the operator's command, in English and Mandarin, heard by callers of the real PBX."""

import asyncio
from typing import Any

import pytest

from callbridge.cli.prompts import prompts
from callbridge.settings.loading import load
from tests.lab.audio import Softphone, longest_silence
from tests.lab.bridge import agent, floor
from tests.lab.pbx import Pbx
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16: set[str] = set()
TEXTS = {
    "welcome": {
        "en": "Welcome to the support line. Everything that you hear was written in the configuration.",
        "zh": "欢迎致电客户服务热线，您听到的每一句话都写在配置文件里。",
    }
}


def spoken(pbx: Pbx, language: str) -> dict[str, Any]:
    nodes = {"say": {"play": "callbridge/welcome", "next": "bye"}, "bye": {"goodbye": None}}
    return floor(
        {"1001": agent("1001", {"support": 1})},
        {"support": {"steps": [{"skills": "support"}]}},
        flows={"door": {"language": language, "nodes": nodes}},
        entries={"door": {"flow": "door"}, "support": {"queue": "support"}},
        speech={"folder": str(pbx.folder / "prompts"), "voices": {"en": "en-gb", "zh": "cmn"}, "texts": TEXTS},
    )


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_callers_hear_what_the_configuration_says(house: House, pbx: Pbx, language: str) -> None:
    bridge = await house.open(spoken(pbx, language))
    made = await asyncio.to_thread(lambda: list(prompts(load(bridge.path), make=True)))
    assert {prompt.language for prompt in made} == {"en", "zh"}
    assert {prompt.state for prompt in made} <= {"made", "unchanged"}
    async with Softphone(pbx, "4930100", trunk=True) as caller:
        await caller.call("door")
        ended = await bridge.until("flow_ended", limit=20)
        await caller.until_state("DISCONNECTED")
    assert ended["lasted"] > 3.0, "that many words take a while"
    assert not bridge.facts("prompt_failed")
    assert longest_silence(caller.recording()) < 1.0
