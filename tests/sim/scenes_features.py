"""Conformance scenarios of feature calls: a code dialled at a phone, prompts that keys cut short, and what is left of it."""

from __future__ import annotations

from callbridge.core.model.events import DigitPressed, LegAnswered, LegEnded, PlaybackEnded
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Answer, HangUp, InspectPhone, Play, StopPlaying, Subscribe
from tests.sim.bricks import scenario
from tests.sim.stage import Stage
from tests.sim.toy import PBX

WORDS, MORE = "sound:agent-user", "sound:agent-pass,sound:agent-user"


async def _spoken_to(stage: Stage, code: str = "*19") -> LegId:
    leg = await stage.dial("phone", "1001", code)
    await stage.order(Subscribe(leg=leg), Answer(leg=leg))
    await stage.until(leg, LegAnswered)
    return leg


@scenario
async def a_feature_code_is_dialled(stage: Stage) -> None:
    leg = await stage.dial("phone", "1001", "*111002")
    await stage.order(Subscribe(leg=leg), InspectPhone(pbx=PBX, phone="PJSIP/1001"))


@scenario
async def a_key_cuts_a_prompt_short(stage: Stage) -> None:
    leg = await _spoken_to(stage)
    words = stage.mint("words")
    await stage.order(Play(leg=leg, playback=words, media=WORDS))
    await stage.rest(0.1)
    await stage.press(leg, "4")
    await stage.until(leg, DigitPressed)
    await stage.order(StopPlaying(leg=leg, playback=words))
    await stage.until(leg, PlaybackEnded)
    await stage.order(StopPlaying(leg=leg, playback=words))


@scenario
async def a_prompt_of_several_parts_is_cut_short_as_a_whole(stage: Stage) -> None:
    leg = await _spoken_to(stage)
    words = stage.mint("words")
    await stage.order(Play(leg=leg, playback=words, media=MORE), StopPlaying(leg=leg, playback=words))
    await stage.until(leg, PlaybackEnded)


@scenario
async def a_phone_hangs_up_in_the_middle_of_a_prompt(stage: Stage) -> None:
    leg = await _spoken_to(stage)
    await stage.order(Play(leg=leg, playback=stage.mint("words"), media=WORDS))
    await stage.hang_up(leg)
    await stage.until(leg, LegEnded)


@scenario
async def a_feature_call_that_we_hang_up(stage: Stage) -> None:
    leg = await _spoken_to(stage)
    await stage.order(HangUp(leg=leg))
    await stage.until(leg, LegEnded)


@scenario
async def a_feature_call_is_found_after_a_lost_link(stage: Stage) -> None:
    await _spoken_to(stage)
    await stage.lose_link()
    await stage.regain_link()
