"""Conformance scenarios of callers on their own, and of phones that ring: the table of outcomes and the races."""

from __future__ import annotations

from callbridge.core.model.events import DigitPressed, LegEnded
from callbridge.core.model.orders import (
    Answer,
    HangUp,
    InspectPhone,
    LeaveToDialplan,
    Play,
    Probe,
    Ring,
    StartMusic,
    StopMusic,
    Subscribe,
)
from tests.sim import bricks
from tests.sim.bricks import BEEP, scenario
from tests.sim.stage import Stage
from tests.sim.toy import PBX

# -- callers ----------------------------------------------------------------------------------------------------------


@scenario
async def a_caller_arrives(stage: Stage) -> None:
    leg = await stage.call_in("caller", "sales")
    await stage.order(Subscribe(leg=leg), Probe(leg=leg))


@scenario
async def a_caller_is_answered_and_hears_music(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.order(StartMusic(leg=caller, music="default"), StopMusic(leg=caller), StartMusic(leg=caller, music="default"))


@scenario
async def a_caller_is_answered_twice(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.order(Answer(leg=caller))


@scenario
async def a_caller_hangs_up_before_the_answer(stage: Stage) -> None:
    leg = await stage.call_in("caller", "sales")
    await stage.order(Subscribe(leg=leg))
    await stage.hang_up(leg)
    await stage.until(leg, LegEnded)


@scenario
async def a_caller_hangs_up_while_waiting_with_music(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.order(StartMusic(leg=caller, music="default"))
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)


@scenario
async def a_caller_hangs_up_while_the_phone_rings(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    phone = await bricks.ring(stage, caller)
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)
    await stage.order(HangUp(leg=phone))
    await stage.until(phone, LegEnded)


@scenario
async def a_caller_whom_we_hang_up(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.order(HangUp(leg=caller))
    await stage.until(caller, LegEnded)


@scenario
async def a_caller_presses_a_key(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.rest(0.2)
    await stage.press(caller, "7")
    await stage.until(caller, DigitPressed)


# -- phones: the table of outcomes ------------------------------------------------------------------------------------


@scenario
async def a_phone_answers(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await bricks.answered(stage, caller)


async def _refused(stage: Stage, code: int) -> None:
    caller = await bricks.caller(stage)
    phone = await bricks.ring(stage, caller)
    await stage.refuse(phone, code)
    await stage.until(phone, LegEnded)


@scenario
async def a_phone_is_busy_486(stage: Stage) -> None:
    await _refused(stage, 486)


@scenario
async def a_phone_declines_603(stage: Stage) -> None:
    await _refused(stage, 603)


@scenario
async def a_phone_is_unavailable_480(stage: Stage) -> None:
    await _refused(stage, 480)


@scenario
async def a_phone_is_vacant_404(stage: Stage) -> None:
    await _refused(stage, 404)


@scenario
async def a_phone_is_overloaded_503(stage: Stage) -> None:
    await _refused(stage, 503)


@scenario
async def a_phone_is_offline(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    leg = stage.mint_leg("phone")
    await stage.order(Ring(leg=leg, phone="PJSIP/2002", role="agent", agent="ann", give_up=5.0, call="c1", originator=caller))
    await stage.order(Probe(leg=leg))


@scenario
async def a_phone_rings_out(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    phone = await bricks.ring(stage, caller, give_up=2.0)
    await stage.until(phone, LegEnded)


@scenario
async def a_phone_is_cancelled_while_it_rings(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    phone = await bricks.ring(stage, caller)
    await stage.order(HangUp(leg=phone))
    await stage.until(phone, LegEnded)


@scenario
async def a_phone_is_cancelled_for_it_rang_too_long(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    phone = await bricks.ring(stage, caller)
    await stage.order(HangUp(leg=phone, reason="no_answer"))
    await stage.until(phone, LegEnded)


@scenario
async def a_ring_for_a_caller_who_is_gone(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)
    await bricks.ring(stage, caller)


@scenario
async def a_leg_is_made_twice(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    phone = await bricks.ring(stage, caller)
    await stage.order(Ring(leg=phone, phone="PJSIP/1001", role="agent", agent="ann", give_up=5.0, call="c1", originator=caller))


@scenario
async def an_answer_overtakes_the_cancel(stage: Stage) -> None:
    phone = await bricks.ring(stage, await bricks.caller(stage))
    await stage.race(phone, HangUp(leg=phone), answer_first=True)
    await stage.until(phone, LegEnded)


@scenario
async def a_cancel_overtakes_the_answer(stage: Stage) -> None:
    phone = await bricks.ring(stage, await bricks.caller(stage))
    await stage.race(phone, HangUp(leg=phone), answer_first=False)
    await stage.until(phone, LegEnded)


@scenario
async def a_hang_up_comes_too_late(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)
    await stage.order(HangUp(leg=caller))


@scenario
async def orders_for_a_leg_that_is_gone(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)
    away = LeaveToDialplan(leg=caller, context="lab", extension="music")
    for order in (Subscribe(leg=caller), Answer(leg=caller), StartMusic(leg=caller, music="default"), away, Probe(leg=caller)):
        await stage.order(order)
    await stage.order(Play(leg=caller, playback=stage.mint("beep"), media=BEEP))


@scenario
async def orders_that_a_ringing_leg_refuses(stage: Stage) -> None:
    phone = await bricks.ring(stage, await bricks.caller(stage))
    await stage.order(Play(leg=phone, playback=stage.mint("beep"), media=BEEP))
    await stage.order(LeaveToDialplan(leg=phone, context="lab", extension="music"))
    await stage.order(StartMusic(leg=phone, music="default"))
    await stage.order(Probe(leg=phone), InspectPhone(pbx=PBX, phone="PJSIP/1001"))
