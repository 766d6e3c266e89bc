"""Callbacks on the real PBX: promised by keys, kept with voice both ways, over restarts, and one INVITE for an attempt."""

import asyncio
import signal
import time
from typing import Any

import aiohttp
import pytest

from tests.lab import sounds
from tests.lab.audio import Softphone, longest_silence
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Phone, PhoneScript
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {
    "test_a_number_that_a_phone_dials_into_a_prompt_has_each_digit_once",
    "test_a_typed_number_is_called_back_agent_first",
    "test_kill_9_while_the_customers_phone_rings",
}

VOICE, REPLY, MUSIC, THIRD = (sounds.TONES[name] for name in ("caller", "agent", "music", "third"))
ASK = "sound:/lab/sounds/tones/third"
LOCAL, STRAIGHT = "Local/{number}@lab-numbers/n", "PJSIP/{number}"
CUSTOMER = "1005"
"""Where the customer wants to be called."""


def desk(dial: str = LOCAL, **terms: Any) -> dict[str, Any]:
    """Anybody who presses 1 while waiting types a number, hears it again, confirms by 1, and is called back there."""
    callback = {
        "nodes": {
            "number": {
                "collect": ASK,
                "into": "number",
                "length": "4",
                "read_back": "digits:{number}",
                "next": "callback",
                "otherwise": "back",
            },
            "callback": {"callback": "support", "number": "{number}", "next": "bye", "otherwise": "back"},
            "back": {"queue": "support"},
            "bye": {"goodbye": "beep"},
        }
    }
    queues = {
        "support": {
            "steps": [{"skills": "support"}],
            "keys": {"1": "callback"},
            "callback": {"ring_for": "10s", "retry_after": "2s", "attempts": 2} | terms,
        }
    }
    return floor(
        {"1001": agent("1001", {"support": 1}, login=False)},
        queues,
        flows={"callback": callback},
        callbacks={"numbers": ["XXXX"]},
        outside={"dial": dial},
    )


async def types(caller: Softphone, number: str) -> None:
    """As a person does: a phone that dials it in one go is a test of its own."""
    for digit in number:
        caller.press(digit)
        await asyncio.sleep(0.3)


async def callbacks_owed(bridge: Callbridge, pbx: Pbx) -> str:
    """A caller who waits asks by keys to be called back at 1005, and is gone. Gives the promise."""
    async with Softphone(pbx, "4930100", trunk=True) as caller:
        await caller.call("support")
        await bridge.until("visit_began")
        await caller.until_hears(MUSIC)
        caller.press("1")
        await caller.until_hears(THIRD)
        await types(caller, CUSTOMER)
        await asyncio.sleep(0.5)
        caller.press("1")
        made = await bridge.until("callback_requested")
        await caller.until_state("DISCONNECTED")
    assert longest_silence(caller.recording()) < 2.0
    ended = bridge.facts("visit_ended")[0]
    assert (ended["outcome"], ended["to"], ended["reason"]) == ("overflowed", "callback:support", "key")
    return str(made["callback"])


async def test_a_callback_to_a_number_that_may_not_be_called_is_refused_with_the_reason(house: House, pbx: Pbx) -> None:
    config = desk()
    config["callbacks"] = {"numbers": [CUSTOMER]}
    bridge = await house.open(config)
    async with Softphone(pbx, "4930100", trunk=True) as caller:
        await caller.call("support")
        await bridge.until("visit_began")
        await caller.until_hears(MUSIC)
        caller.press("1")
        await caller.until_hears(THIRD)
        await types(caller, "1006")
        await asyncio.sleep(0.5)
        caller.press("1")
        refused = await bridge.until("callback_refused")
        assert (refused["queue"], refused["reason"]) == ("support", "the setting callbacks.numbers does not allow this number")
        told = await asyncio.to_thread(bridge.client.explain, "calls", refused["call"])
        why = "asks for a callback from queue support, which is refused: the setting callbacks.numbers does not allow this number"
        assert why in [line["text"] for line in told["lines"]]
        assert not bridge.facts("callback_requested")
    async with aiohttp.ClientSession() as session, session.get(f"{bridge.url}/metrics") as answer:
        metrics = await answer.text()
    assert 'callbridge_callbacks_total{queue="support",outcome="refused"} 1' in metrics


async def test_a_number_that_a_phone_dials_into_a_prompt_has_each_digit_once(house: House, pbx: Pbx) -> None:
    """The first digit stops the prompt while the second is pressed, and Asterisk reports the third twice."""
    bridge = await house.open(desk())
    async with Softphone(pbx, "4930100", trunk=True) as caller:
        await caller.call("support")
        await bridge.until("visit_began")
        await caller.until_hears(MUSIC)
        caller.press("1")
        await caller.until_hears(THIRD)
        bridge.process.signal(signal.SIGSTOP)
        caller.press(CUSTOMER)
        await asyncio.sleep(0.28)  # keys of 160 ms, 200 ms apart
        bridge.process.signal(signal.SIGCONT)
        await asyncio.sleep(1.5)
        caller.press("1")
        made = await bridge.until("callback_requested")
        assert made["pii.number"] == CUSTOMER


@pytest.mark.parametrize("connect", ["ring", "nailed_up"])
async def test_a_typed_number_is_called_back_agent_first(house: House, pbx: Pbx, connect: str) -> None:
    config = desk()
    config["agents"]["1001"]["connect"] = connect
    bridge = await house.open(config)
    callback = await callbacks_owed(bridge, pbx)
    (row,) = await asyncio.to_thread(bridge.client.callbacks)
    assert (row["id"], row["state"]) == (callback, "standing")
    assert (await bridge.queue("support"))["callbacks_waiting"] == 1
    async with Softphone(pbx, "1001", tone=REPLY) as ann, Softphone(pbx, CUSTOMER, tone=VOICE) as customer:
        await bridge.ask("1001", "login")
        began = await bridge.until("talk_began")
        assert began["waited"] < 3.0, "the customer is called as soon as the agent is there"
        await bridge.until("agent_changed", state="connecting", previous="ringing", call=began["call"])
        await bridge.until("agent_changed", state="talking", previous="connecting")
        await ann.until_hears(VOICE)
        await customer.until_hears(REPLY)
        customer.hang_up()
        ended = await bridge.until("callback_ended")
        assert (ended["outcome"], ended["attempts"]) == ("kept", 1)
        assert (await bridge.until("talk_ended"))["direction"] == "out"
        assert (await bridge.until("wrap_up_ended"))["direction"] == "out"
        if connect == "nailed_up":
            await bridge.ask("1001", "logout")
            await ann.until_state("DISCONNECTED")
    assert (await bridge.queue("support"))["callbacks_waiting"] == 0
    assert (await bridge.queue("support"))["offered"] == 1, "the call that keeps a promise counts nowhere"


async def test_a_customer_who_is_called_first_hears_who_calls_and_music_until_the_agent_is_there(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desk(STRAIGHT, first="customer", greeting="/lab/sounds/tones/apology"))
    await callbacks_owed(bridge, pbx)
    async with Phone(pbx, "1001", PhoneScript.answers(ring=3.0, talk=2.0)), Softphone(pbx, CUSTOMER, tone=VOICE) as customer:
        await bridge.ask("1001", "login")
        await customer.until_hears(sounds.TONES["apology"], limit=15)
        await customer.until_hears(MUSIC)
        await bridge.until("callback_ended", outcome="kept")
        await customer.until_state("DISCONNECTED")
    assert longest_silence(customer.recording()) < 2.5, "the phone of the agent is silent"


@pytest.mark.parametrize(
    ("script", "result"),
    [(PhoneScript.rejects(486), "busy"), (PhoneScript.rejects(603), "rejected"), (PhoneScript.rings_out(), "no_answer")],
    ids=["busy", "rejected", "no_answer"],
)
async def test_a_customer_who_is_not_there_is_tried_again_and_given_up(
    house: House, pbx: Pbx, script: PhoneScript, result: str
) -> None:
    bridge = await house.open(desk(STRAIGHT, ring_for="5s"))
    await callbacks_owed(bridge, pbx)
    async with Phone(pbx, "1001", PhoneScript.answers()), Phone(pbx, CUSTOMER, script) as customer:
        await bridge.ask("1001", "login")
        ended = await bridge.until("callback_ended", limit=40)
        assert (ended["outcome"], ended["reason"], ended["attempts"]) == ("failed", result, 2)
        assert [line["result"] for line in bridge.facts("callback_tried")] == [result, result]
        await bridge.until_state("1001", "ready")
        assert len(customer.records()) == 2


async def test_kill_9_while_the_customers_phone_rings(house: House, pbx: Pbx) -> None:
    """The agent has the phone in hand and hears it ring; callbridge dies and comes back; the customer picks up."""
    bridge = await house.open(desk(STRAIGHT))
    await callbacks_owed(bridge, pbx)
    async with (
        Softphone(pbx, "1001", tone=REPLY) as ann,
        Phone(pbx, CUSTOMER, PhoneScript.answers(ring=5.0, talk=2.0)) as customer,
    ):
        await bridge.ask("1001", "login")
        await customer.until(lambda record: record.invite_at, limit=15)
        await bridge.kill()
        await asyncio.sleep(1.0)
        await bridge.start()
        ended = await bridge.until("callback_ended", limit=20)
        assert (ended["outcome"], ended["attempts"]) == ("kept", 1)
        assert len(customer.records()) == 1, "one attempt, one INVITE"
        await bridge.until("talk_ended", limit=15)
        await ann.until_state("DISCONNECTED")


async def test_kill_9_and_the_customer_answers_meanwhile(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desk(STRAIGHT))
    await callbacks_owed(bridge, pbx)
    async with (
        Softphone(pbx, "1001", tone=REPLY) as ann,
        Softphone(pbx, CUSTOMER, tone=VOICE, answers=False) as customer,
    ):
        await bridge.ask("1001", "login")
        await customer.until("incoming", limit=15)
        await bridge.kill()
        customer.answer()
        await asyncio.sleep(1.0)
        await bridge.start()
        await ann.until_hears(VOICE, limit=15)
        assert (await bridge.until("callback_ended"))["outcome"] == "kept"
        customer.hang_up()
        await bridge.until("talk_ended")


async def test_kill_9_with_a_promise_in_line_loses_nothing(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desk(STRAIGHT))
    callback = await callbacks_owed(bridge, pbx)
    await bridge.kill()
    await bridge.start()
    assert [row["id"] for row in await asyncio.to_thread(bridge.client.callbacks)] == [callback]
    async with Phone(pbx, "1001", PhoneScript.answers()), Phone(pbx, CUSTOMER, PhoneScript.answers(talk=1.0)):
        await bridge.ask("1001", "login")
        assert (await bridge.until("callback_ended", limit=15))["outcome"] == "kept"
        await bridge.until("talk_ended")


async def test_a_customer_who_calls_again_is_served_and_not_called_back(house: House, pbx: Pbx) -> None:
    config = desk(STRAIGHT)
    config["flows"]["callback"]["nodes"]["callback"]["number"] = "{caller}"
    config["callbacks"] = {"numbers": ["X."]}
    bridge = await house.open(config)
    await callbacks_owed(bridge, pbx)
    async with Phone(pbx, "1001", PhoneScript.answers(talk=1.0)), Softphone(pbx, "4930100", trunk=True) as caller:
        await caller.call("support")
        await bridge.until("visit_began", count=2)
        await bridge.ask("1001", "login")
        ended = await bridge.until("callback_ended")
        assert (ended["outcome"], ended["reason"], ended["attempts"]) == ("kept", "called_again", 0)
        await caller.until_state("DISCONNECTED")


async def test_somebody_asks_for_a_callback_and_cancels_it_while_it_rings(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desk(STRAIGHT))
    async with Phone(pbx, "1001", PhoneScript.answers()), Phone(pbx, CUSTOMER, PhoneScript.rings_out()) as customer:
        await bridge.ask("1001", "login")
        made = await asyncio.to_thread(bridge.client.call_back, "support", CUSTOMER)
        await customer.until(lambda record: record.invite_at, limit=15)
        await asyncio.to_thread(bridge.client.change_callback, made["id"], "cancel")
        assert (await bridge.until("callback_ended"))["outcome"] == "cancelled"
        await bridge.until("call_ended")
        await bridge.until_state("1001", "ready")


async def test_a_supervisor_gives_a_callback_another_time_and_number_and_has_it_made_now(house: House, pbx: Pbx) -> None:
    bridge = await house.open(desk(STRAIGHT))
    other = "1006"

    async def change(verb: str, **more: object) -> dict[str, Any]:
        return await asyncio.to_thread(bridge.client.change_callback, made["id"], verb, **more)

    async with (
        Phone(pbx, "1001", PhoneScript.answers()),
        Phone(pbx, CUSTOMER, PhoneScript.answers(talk=1.0)) as customer,
        Phone(pbx, other, PhoneScript.answers(talk=1.0)) as elsewhere,
    ):
        made = await asyncio.to_thread(bridge.client.call_back, "support", CUSTOMER)
        due = time.time() + 3600.0
        assert (await change("reschedule", not_before=due))["due"] == pytest.approx(due, abs=1.0)
        await change("number", number=other)
        await bridge.until("callback_changed", count=2, due=pytest.approx(due, abs=1.0))
        await bridge.kill()
        await bridge.start()
        await bridge.ask("1001", "login")
        await bridge.until_state("1001", "ready")
        assert (await change("call-now"))["id"] == made["id"]
        assert (await bridge.until("callback_ended"))["outcome"] == "kept"
        await bridge.until("talk_ended")
        assert [len(phone.records()) for phone in (customer, elsewhere)] == [0, 1]
