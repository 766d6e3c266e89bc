"""Agents at the phone: codes dialled and keys pressed on real phones, and what the display shows at an offer."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from callbridge.cli.client import ApiError
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.capture import Capture
from tests.lab.config import PHONES_HOST
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, CallerScript, CallRecord, Hold, Phone, PhoneScript, Press, Step, Talk, Transfer, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]
LONG = True

ON_16 = {
    "test_an_agent_logs_in_at_the_own_phone_with_a_pin_and_is_told_so",
    "test_hot_desking_takes_the_number_behind_the_code_or_asks_for_it",
    "test_pauses_have_reasons_by_key_and_end_by_a_code",
    "test_where_a_reason_is_required_neither_code_nor_api_does_without",
    "test_a_nailed_up_agent_s_line_is_opened_when_the_feature_call_is_over",
    "test_without_callbridge_a_code_ends_with_an_apology",
}

CUT_SHORT = "Playback failed for sound:"
"""What the PBX says of a prompt to somebody who hangs up while it plays."""
PIN, OTHER_PIN, WRONG = "471108", "2580", "1111"


SHORT = dict.fromkeys(("logged_in", "logged_out", "ready", "not_ready", "in_use", "locked", "goodbye", "unknown"), "beep")
"""Words that are soon said, for tests that are not about them."""


def desks(connect: str = "ring", **more: Any) -> dict[str, Any]:
    """Alice with a PIN at 1001, Ben with another at 1002, Chris without one at 1003; nobody is logged in."""
    settings = floor(
        {
            "1001": agent("1001", {"support": 1}, connect, login=False) | {"pin": PIN},
            "1002": agent("1002", {"support": 1}, login=False) | {"pin": OTHER_PIN},
            "1003": agent("1003", {"support": 1}, login=False),
        },
        prompts=SHORT,
        reasons={"lunch": {"limit": 60, "digit": 1}, "training": {"digit": 2}},
        queue_defaults={"wrap_up": 30, "wrap_up_most": 90},
    )
    return settings | more


async def dial(pbx: Pbx, phone: str, code: str, *keys: str, host: str = PHONES_HOST) -> CallRecord:
    """Dial a code at a phone, press these keys one after the other, and listen to the end."""
    steps: list[Step] = []
    for each in keys:
        steps += [Talk(0.5), Press(each, gap=0.25)]
    return await dial_and(pbx, phone, code, steps, host=host)


async def dial_and(pbx: Pbx, phone: str, code: str, steps: Sequence[Step], *, host: str = PHONES_HOST) -> CallRecord:
    script = CallerScript(steps=steps)
    async with Callers(pbx, [Call(dialled=code, number=phone)], script=script, host=host) as callers:
        return (await callers.wait(30))[0]


class Ears:
    """What the PBX said to a phone since now, by its own log."""

    def __init__(self, pbx: Pbx) -> None:
        self.pbx = pbx
        self.begin = pbx.log_path.stat().st_size

    def heard(self) -> list[str]:
        with self.pbx.log_path.open("rb") as log:
            log.seek(self.begin)
            lines = log.read().decode(errors="replace").splitlines()
        return [line.partition("Playing '")[2].partition(".")[0] for line in lines if "Playing '" in line]


async def logged_in(bridge: Callbridge, pbx: Pbx) -> None:
    await dial(pbx, "1001", "*11", f"{PIN}#")
    await bridge.until_state("1001", "ready")


async def test_an_agent_logs_in_at_the_own_phone_with_a_pin_and_is_told_so(house: House, pbx: Pbx) -> None:
    bridge, ears = await house.open(desks(prompts={})), Ears(pbx)
    made = await dial(pbx, "1001", "*11", f"{PIN}#")
    assert made.answered_at
    assert made.ended_by == "pbx"
    assert ears.heard() == ["agent-pass", "agent-loginok"]
    await bridge.until_state("1001", "ready")
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.3)):
        await call(pbx, Call(dialled="support"))
    assert PIN not in bridge.log.read_text()


async def test_a_pin_without_the_last_key_counts_after_a_while(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    await dial(pbx, "1001", "*11", PIN)
    await bridge.until_state("1001", "ready")


async def test_hot_desking_takes_the_number_behind_the_code_or_asks_for_it(house: House, pbx: Pbx) -> None:
    bridge, ears = await house.open(desks()), Ears(pbx)
    await dial(pbx, "1005", "*111001", f"{PIN}#")
    await bridge.until("agent_changed", agent="1001", state="ready", phone="PJSIP/1005")
    await dial(pbx, "1006", "*11", "1002#", f"{OTHER_PIN}#")
    await bridge.until("agent_changed", agent="1002", state="ready", phone="PJSIP/1006")
    assert ears.heard() == ["agent-pass", "beep", "agent-user", "agent-pass", "beep"]
    async with Phone(pbx, "1005", PhoneScript.answers(talk=0.3)), Phone(pbx, "1006", PhoneScript.answers(talk=0.3)):
        for _ in range(2):
            await call(pbx, Call(dialled="support"))
    assert {fact["agent"] for fact in bridge.facts("talk_began")} == {"1001", "1002"}


async def test_the_same_agent_elsewhere_moves(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    await logged_in(bridge, pbx)
    await dial(pbx, "1005", "*111001", f"{PIN}#")
    await bridge.until_state("1001", "ready")
    async with Phone(pbx, "1001") as old, Phone(pbx, "1005", PhoneScript.answers(talk=0.3)) as new:
        await call(pbx, Call(dialled="support"))
    assert (len(old.records()), len(new.records())) == (0, 1)


async def test_a_wrong_pin_is_asked_for_again_and_three_are_enough(house: House, pbx: Pbx) -> None:
    bridge, ears = await house.open(desks()), Ears(pbx)
    made = await dial(pbx, "1001", "*11", f"{WRONG}#", f"{WRONG}#", f"{WRONG}#")
    assert made.ended_by == "pbx"
    assert ears.heard() == ["agent-pass", "auth-incorrect", "auth-incorrect", "beep"]
    assert await bridge.state("1001") == "logged_out"


async def test_five_wrong_pins_lock_the_phone_and_no_agent(house: House, pbx: Pbx) -> None:
    bridge, ears = await house.open(desks(prompts={})), Ears(pbx)
    await dial(pbx, "1005", "*111001", f"{WRONG}#", "1001#", f"{WRONG}#", "1001#", f"{WRONG}#")
    await dial(pbx, "1005", "*111002", f"{WRONG}#", "1002#", f"{WRONG}#")
    alert = await bridge.until("agent_alerted", agent="1002")
    assert (alert["kind"], alert["count"], alert["limit"], alert["device"]) == ("pin_locked", 5, 300.0, "PJSIP/1005")
    await dial(pbx, "1005", "*111001", f"{PIN}#")
    assert ears.heard()[-2:] == ["im-sorry", "please-try-call-later"]
    assert await bridge.state("1001") == "logged_out"
    await dial(pbx, "1001", "*11", f"{PIN}#")
    await bridge.until_state("1001", "ready")


async def test_nobody_needs_a_pin_at_the_own_phone_who_has_none_and_nobody_gets_in_elsewhere_without_one(
    house: House, pbx: Pbx
) -> None:
    bridge = await house.open(desks())
    await dial(pbx, "1005", "*111003", "1#", "1003#", "1003#", "1003#", "#")
    assert await bridge.state("1003") == "logged_out"
    await dial(pbx, "1003", "*11")
    await bridge.until_state("1003", "ready")


async def test_a_phone_in_use_is_refused(house: House, pbx: Pbx) -> None:
    bridge, ears = await house.open(desks(prompts={})), Ears(pbx)
    await logged_in(bridge, pbx)
    await dial(pbx, "1001", "*111002", f"{OTHER_PIN}#")
    assert ears.heard()[-2:] == ["extension", "is-in-use"]
    assert await bridge.state("1002") == "logged_out"


async def test_where_a_reason_is_required_neither_code_nor_api_does_without(house: House, pbx: Pbx) -> None:
    bridge, ears = await house.open(desks(reason_required=True)), Ears(pbx)
    await logged_in(bridge, pbx)
    await dial(pbx, "1001", "*14")
    assert ears.heard()[-1] == "im-sorry"
    assert (await bridge.until("request_refused"))["reason"] == "a reason is required; the reasons are lunch, training"
    for reason, why in (("", "a reason is required"), ("pauze", "unknown reason 'pauze'")):
        with pytest.raises(ApiError, match=why):
            await bridge.ask("1001", "not-ready", reason=reason)
    assert await bridge.state("1001") == "ready"
    await dial(pbx, "1001", "*141")
    await bridge.until("agent_changed", agent="1001", state="not_ready", reason="lunch")


async def test_pauses_have_reasons_by_key_and_end_by_a_code(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks(prompts={}))
    await logged_in(bridge, pbx)
    ears = Ears(pbx)
    await dial(pbx, "1001", "*141")
    await bridge.until("agent_changed", agent="1001", state="not_ready", reason="lunch")
    await dial(pbx, "1001", "*19")
    assert ears.heard() == ["do-not-disturb", "activated", "digits/1"] * 2
    await dial(pbx, "1001", "*14")
    paused = await bridge.until("agent_changed", count=2, agent="1001", state="not_ready")
    assert "reason" not in paused
    ears = Ears(pbx)
    await dial(pbx, "1001", "*149")
    assert ears.heard() == ["pm-invalid-option"]
    await dial(pbx, "1001", "*13")
    await bridge.until_state("1001", "ready")
    await dial(pbx, "1001", "*12")
    await bridge.until_state("1001", "logged_out")
    assert ears.heard()[1:] == ["do-not-disturb", "de-activated", "agent-loggedoff"]


async def test_wrap_up_is_made_longer_and_ended_at_the_phone(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    await logged_in(bridge, pbx)
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.3)):
        await call(pbx, Call(dialled="support"))
    await bridge.until_state("1001", "wrap_up")
    ears = Ears(pbx)
    for code in ("*16", "*16", "*19", "*15", "*15"):
        await dial(pbx, "1001", code)
    assert ears.heard() == ["added", "im-sorry", "one-moment-please", "auth-thankyou", "im-sorry"]
    await bridge.until_state("1001", "ready")  # the PBX may still say that the phone is in use


async def test_a_phone_that_dials_a_code_gets_no_offer_and_then_gets_it_at_once(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    await logged_in(bridge, pbx)
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.3)) as phone:
        talking = asyncio.create_task(dial(pbx, "1001", "*11", f"{PIN}#"))
        await bridge.until_state("1001", "busy_elsewhere")
        await call(pbx, Call(dialled="support"))
        over = await talking
    (offer,) = phone.records()
    assert over.ended_at
    assert -0.05 < offer.invite_at - over.ended_at < 0.2 + house.slack


async def test_a_feature_call_while_talking_takes_effect_after_it(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks())
    await logged_in(bridge, pbx)
    async with Phone(pbx, "1001", PhoneScript.answers(talk=5.0)), Callers(pbx, [Call(dialled="support")]) as callers:
        await bridge.until("talk_began")
        await dial(pbx, "1001", "*141")
        assert await bridge.state("1001") == "talking"
        await callers.wait()
    await dial(pbx, "1001", "*15")
    await bridge.until("agent_changed", agent="1001", state="not_ready", reason="lunch")


async def test_a_nailed_up_agent_s_line_is_opened_when_the_feature_call_is_over(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desks("nailed_up") | {"queue_defaults": {"wrap_up": 0}})
    async with Phone(pbx, "1001") as phone:
        made = await dial(pbx, "1001", "*11", f"{PIN}#")
        line = await phone.until(lambda record: record.answered_at)
        assert made.ended_at
        assert -0.05 < line.invite_at - made.ended_at < 0.5 + house.slack
        await bridge.until_state("1001", "ready")
        await call(pbx, Call(dialled="support", hang_up_after=0.5))
        await bridge.until("talk_ended")
        await dial(pbx, "1001", "*12")
        await bridge.until_state("1001", "logged_out")
        await phone.until(lambda record: record.ended_at)
        await dial(pbx, "1001", "*12")
    assert len(phone.records()) == 1


async def test_a_person_who_hangs_up_in_the_middle_changes_nothing(house: House, pbx: Pbx) -> None:
    house.explains_pbx(CUT_SHORT)
    bridge = await house.open(desks())
    halves: list[list[Step]] = [[], [Talk(0.3), Press("47")], [Talk(0.3), Press("47#"), Talk(0.2)]]
    for steps in halves:
        patience = 0.4 if not steps else 0.0
        one = Call(dialled="*111001", number="1001", hang_up_after=patience)
        async with Callers(pbx, [one], script=CallerScript(steps=steps), host=PHONES_HOST) as callers:
            await callers.wait()
    await pbx.quiet()
    assert await bridge.state("1001") == "logged_out"


async def test_odd_codes_from_odd_places_end_politely(house: House, pbx: Pbx) -> None:
    """A phone of nobody, an agent's number that is none, and a phone that holds or transfers."""
    house.explains_pbx(CUT_SHORT)
    bridge, ears = await house.open(desks()), Ears(pbx)
    await dial(pbx, "1005", "*13")
    await dial(pbx, "1001", "*11" + "9" * 60, f"{PIN}#", "#")
    assert ears.heard()[0] == "im-sorry"
    await dial_and(pbx, "1001", "*11", [Talk(0.3), Hold(0.4), Press(f"{PIN}#")])
    await bridge.until_state("1001", "ready")
    await dial_and(pbx, "1001", "*11", [Talk(0.3), Transfer("echo", 0.3)])
    await bridge.until_state("1001", "ready")


async def test_without_callbridge_a_code_ends_with_an_apology(house: House, pbx: Pbx) -> None:
    house.explains_pbx(r"Stasis app 'callbridge' (doesn't exist|not registered)|Failed to find outbound websocket")
    bridge, ears = await house.open(desks()), Ears(pbx)
    await bridge.stop()
    made = await dial(pbx, "1001", "*11")
    assert made.ended_by == "pbx"
    assert ears.heard() == ["im-sorry", "please-try-call-later"]


async def test_a_restart_in_the_middle_hangs_the_feature_call_up(house: House, pbx: Pbx) -> None:
    house.explains_pbx(CUT_SHORT)
    bridge = await house.open(desks())
    async with Callers(pbx, [Call(dialled="*11", number="1001")], host=PHONES_HOST) as callers:
        await bridge.eventually(lambda: any(record.answered_at for record in callers.records()))
        await bridge.kill()
        await bridge.start()
        (made,) = await callers.wait(10)
    assert made.ended_by == "pbx"
    await dial(pbx, "1001", "*11", f"{PIN}#")
    await bridge.until_state("1001", "ready")


@pytest.mark.parametrize("name", ["Zoë Müller", "王小明"])
async def test_the_display_shows_tier_queue_and_caller(house: House, pbx: Pbx, name: str) -> None:
    bridge = await house.open(desks() | {"tiers": {"numbers": {"gold": ["4930999"]}}})
    await logged_in(bridge, pbx)
    script = CallerScript(display=name)
    wire = Capture(pbx.folder / f"display-{len(name)}.pcap", PHONES_HOST)
    async with wire, Phone(pbx, "1001", PhoneScript.answers(talk=0.3)) as phone:
        await call(pbx, Call(dialled="support", number="4930999"), script)
        (record,) = phone.records()
        # tcpdump hands over what it has heard about a second later, and not at its end.
        await bridge.eventually(lambda: f'From: "gold support {name}" <sip:4930999@'.encode() in wire.path.read_bytes())
    assert (record.caller_name, record.caller_number) == (f"gold support {name}", "4930999")
