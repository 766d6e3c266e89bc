"""Conformance scenarios of bridges, transfers, playbacks and a link that breaks."""

from __future__ import annotations

from callbridge.core.model.events import (
    LegEnded,
    LegHeld,
    LegJoined,
    LegLeft,
    LegMoved,
    LegParted,
    LegReplaced,
    LegTransferred,
    LegUnheld,
    PlaybackEnded,
)
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Bridge, DropBridge, HangUp, LeaveToDialplan, Play, Probe, StartMusic, Subscribe
from tests.sim import bricks
from tests.sim.bricks import BEEP, scenario
from tests.sim.stage import Stage
from tests.sim.toy import PBX

# -- bridges ----------------------------------------------------------------------------------------------------------


@scenario
async def two_legs_are_bridged_and_the_caller_hangs_up(stage: Stage) -> None:
    caller, phone, bridge = await bricks.talk(stage)
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)
    await stage.order(HangUp(leg=phone), DropBridge(bridge=bridge, pbx=PBX))
    await stage.until(phone, LegEnded)


@scenario
async def two_legs_are_bridged_and_the_agent_hangs_up(stage: Stage) -> None:
    caller, phone, bridge = await bricks.talk(stage)
    await stage.hang_up(phone)
    await stage.until(phone, LegEnded)
    await stage.order(DropBridge(bridge=bridge, pbx=PBX, legs=(caller,)))
    await stage.until(caller, LegParted)


@scenario
async def a_bridge_with_a_leg_that_is_gone(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    phone = await bricks.answered(stage, caller)
    await stage.hang_up(phone)
    await stage.until(phone, LegEnded)
    await stage.order(Bridge(bridge=stage.mint("talk"), legs=(caller, phone), call="c1"))


@scenario
async def a_bridge_is_ordered_again(stage: Stage) -> None:
    caller, phone, bridge = await bricks.talk(stage)
    await stage.order(Bridge(bridge=bridge, legs=(caller, phone), call="c1"))


@scenario
async def a_bridge_is_dropped_and_both_live_on(stage: Stage) -> None:
    caller, phone, bridge = await bricks.talk(stage)
    drop = DropBridge(bridge=bridge, pbx=PBX, legs=(caller, phone))
    await stage.order(drop)
    await stage.until(caller, LegParted)
    await stage.until(phone, LegParted)
    await stage.order(drop, Probe(leg=caller), Probe(leg=phone))


@scenario
async def a_leg_moves_to_another_bridge(stage: Stage) -> None:
    caller, _, _ = await bricks.talk(stage)
    other = await bricks.answered(stage, caller, "other", "1002")
    await stage.order(Bridge(bridge=stage.mint("second"), legs=(caller, other), call="c1"))
    await stage.until(caller, LegJoined, count=2)


@scenario
async def a_phone_holds_and_comes_back(stage: Stage) -> None:
    _, phone, _ = await bricks.talk(stage)
    await stage.hold(phone)
    await stage.until(phone, LegHeld)
    await stage.unhold(phone)
    await stage.until(phone, LegUnheld)


# -- away -------------------------------------------------------------------------------------------------------------


@scenario
async def a_caller_leaves_to_the_dialplan(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.order(StartMusic(leg=caller, music="default"), LeaveToDialplan(leg=caller, context="lab", extension="music"))
    await stage.until(caller, LegMoved)
    await stage.rest(0.1)
    await stage.order(Probe(leg=caller), StartMusic(leg=caller, music="default"))
    await stage.lose_link()
    await stage.regain_link()
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)


@scenario
async def a_caller_leaves_a_bridge_to_the_dialplan(stage: Stage) -> None:
    caller, _, _ = await bricks.talk(stage)
    await stage.order(LeaveToDialplan(leg=caller, context="lab", extension="music"))
    await stage.until(caller, LegMoved)


async def _transferred(stage: Stage, phone: LegId, to: str) -> LegId:
    """The phone sends its caller elsewhere; the Local half that took its place."""
    await stage.transfer(phone, to)
    replaced = await stage.until(phone, LegReplaced)
    assert isinstance(replaced, LegReplaced)
    near = stage.call(replaced.by, "near half")
    await stage.order(Subscribe(leg=near))
    await stage.until(phone, LegTransferred)
    return near


@scenario
async def a_phone_transfers_to_the_outside(stage: Stage) -> None:
    caller, phone, bridge = await bricks.talk(stage)
    near = await _transferred(stage, phone, "music")
    await stage.until(phone, LegLeft)
    await stage.rest(0.2)
    await stage.order(Probe(leg=phone))
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)
    await stage.order(HangUp(leg=near), DropBridge(bridge=bridge, pbx=PBX))
    await stage.until(near, LegEnded)


@scenario
async def a_phone_transfers_to_an_entry_of_ours(stage: Stage) -> None:
    caller, phone, bridge = await bricks.talk(stage)
    near = await _transferred(stage, phone, "support")
    arrived = await stage.until_arrived(caller)
    far = stage.call(arrived, "far half")
    await stage.order(Subscribe(leg=far))
    await stage.order(HangUp(leg=far), HangUp(leg=near), DropBridge(bridge=bridge, pbx=PBX, legs=(caller,)))
    await stage.until(near, LegEnded)
    await stage.until(far, LegEnded)
    await stage.order(StartMusic(leg=caller, music="default"))
    await stage.until(phone, LegLeft)


@scenario
async def a_phone_that_transfers_is_subscribed_to_again(stage: Stage) -> None:
    _, phone, _ = await bricks.talk(stage)
    await stage.transfer(phone, "music", stays=True)
    replaced = await stage.until(phone, LegReplaced)
    assert isinstance(replaced, LegReplaced)
    stage.call(replaced.by, "near half")
    await stage.until(phone, LegTransferred)
    await stage.order(Subscribe(leg=phone))
    await stage.hang_up(phone)
    await stage.until(phone, LegEnded)


# -- playing ----------------------------------------------------------------------------------------------------------


@scenario
async def a_playback_ends(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.order(Play(leg=caller, playback=stage.mint("beep"), media=BEEP))
    await stage.until(caller, PlaybackEnded)


@scenario
async def a_playback_of_nothing_fails(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.order(Play(leg=caller, playback=stage.mint("missing"), media="sound:missing"))
    await stage.until(caller, PlaybackEnded)


@scenario
async def a_playback_is_cut_by_a_hang_up(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.order(Play(leg=caller, playback=stage.mint("beep"), media=BEEP))
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)


@scenario
async def a_playback_is_cut_by_our_hang_up(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await stage.order(Play(leg=caller, playback=stage.mint("beep"), media=BEEP), HangUp(leg=caller))
    await stage.until(caller, LegEnded)


@scenario
async def orders_wait_for_a_playback(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    phone = await bricks.answered(stage, caller)
    bridge = stage.mint("talk")
    await stage.order(
        Play(leg=caller, playback=stage.mint("beep"), media=BEEP),
        Play(leg=caller, playback=stage.mint("second beep"), media=BEEP),
        StartMusic(leg=caller, music="default"),
        Bridge(bridge=bridge, legs=(caller, phone), call="c1"),
    )
    await stage.until(caller, LegJoined)


@scenario
async def a_nailed_up_agent_hears_a_beep_and_is_bridged(stage: Stage) -> None:
    session = await bricks.answered(stage, None, "session", role="session")
    caller = await bricks.caller(stage)
    await stage.order(Play(leg=session, playback=stage.mint("beep"), media=BEEP))
    await stage.until(session, PlaybackEnded)
    bridge = await bricks.join(stage, "talk", caller, session)
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)
    await stage.order(DropBridge(bridge=bridge, pbx=PBX, legs=(session,)))
    await stage.until(session, LegParted)
    await stage.order(Probe(leg=session))


# -- the link ---------------------------------------------------------------------------------------------------------


@scenario
async def a_caller_hangs_up_while_nobody_listens(stage: Stage) -> None:
    caller = await bricks.caller(stage)
    await bricks.caller(stage, "patient")
    await stage.lose_link()
    await stage.hang_up(caller)
    await stage.rest(0.2)
    await stage.regain_link()
    await stage.order(Probe(leg=caller))


@scenario
async def a_snapshot_shows_who_waits_rings_and_talks(stage: Stage) -> None:
    await bricks.talk(stage)
    waiting = await stage.call_in("waiting", "support")
    await stage.order(Subscribe(leg=waiting))
    second = await bricks.caller(stage, "second")
    await bricks.ring(stage, second, "ringing", "1002")
    await stage.lose_link()
    await stage.regain_link()


@scenario
async def after_a_loss_the_legs_are_heard_again(stage: Stage) -> None:
    caller, phone, _ = await bricks.talk(stage)
    await stage.lose_link()
    await stage.regain_link()
    await stage.order(Subscribe(leg=caller), Subscribe(leg=phone))
    await stage.hang_up(phone)
    await stage.until(phone, LegEnded)
    await stage.hang_up(caller)
    await stage.until(caller, LegEnded)
