"""Callers in flows on the real PBX: keys by RTP and by INFO, what is heard, where it leads, and no silence on the way."""

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import web

from tests.lab import sounds
from tests.lab.audio import Softphone, heard, longest_silence
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Callers, CallerScript, CallRecord, Phone, PhoneScript, Press, Step, Talk, call
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

ON_16 = {
    "test_every_kind_of_node_leads_on_by_keys_of_either_kind",
    "test_prompts_are_heard_music_plays_meanwhile_and_a_key_cuts_them",
    "test_a_restart_says_the_node_again",
    "test_waiting_callers_hear_announcements_without_a_gap",
}

MUSIC, HELLO, CHOOSE, REPLY = (sounds.TONES[name] for name in ("music", "apology", "third", "agent"))
VOICE = sounds.TONES["caller"]
SAY_HELLO, SAY_CHOOSE = "sound:/lab/sounds/tones/apology", "sound:/lab/sounds/tones/third"
SILENCE = 2.0
"""Seconds that no caller may hear nothing."""


def desk(flows: dict[str, Any], *, online: bool = True, queue: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """One agent at 1001, an entry for each flow and queue."""
    queues = {"support": {"steps": [{"skills": "support"}]} | (queue or {}), "other": {"steps": [{"skills": "support"}]}}
    entries = {name: {"queue": name} for name in queues} | {name: {"flow": name} for name in flows}
    staff = {"1001": agent("1001", {"support": 1}, login=online)}
    tiers = {"order": ["gold", "standard"], "default": "standard"}
    return floor(staff, queues, tiers=tiers) | {"flows": flows, "entries": entries} | more


async def dial(pbx: Pbx, entry: str, steps: list[Step], *, stays: float | None = None, number: str = "4930100") -> CallRecord:
    calls = [Call(dialled=entry, number=number, hang_up_after=stays)]
    async with Callers(pbx, calls, script=CallerScript(steps=steps)) as callers:
        return (await callers.wait(40))[0]


def steps_of(bridge: Callbridge) -> list[str]:
    return [line["node"] for line in bridge.facts("flow_stepped")]


class Crm:
    """Somebody who knows callers: answers JSON, garbage, or nothing in time."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.answer: Any = {"tier": "gold", "account": "77"}
        self.delay = 0.0
        self.asked: list[str] = []

    async def _handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.query["number"])
        await asyncio.sleep(self.delay)
        if isinstance(self.answer, str):
            return web.Response(text=self.answer)
        return web.json_response(self.answer)

    async def __aenter__(self) -> "Crm":
        app = web.Application()
        app.router.add_get("/", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def lookups(self) -> dict[str, Any]:
        return {"crm": {"url": f"http://127.0.0.1:{self.port}/?number={{caller}}"}}


PATIENT = {"otherwise": "bye", "wait": "3s"}


def welcome() -> dict[str, Any]:
    """Every kind of node, one after the other."""
    return {
        "nodes": {
            "hello": {"play": "beep", "next": "office"},
            "office": {"hours": "office", "open": "who", "closed": "bye"},
            "who": {"lookup": "crm", "next": "split", "otherwise": "split"},
            "split": {"branch": [{"when": {"tiers": "gold"}, "to": "greet"}], "otherwise": "ask"},
            "greet": {"set": {"language": "en", "head_start": "5m", "values": {"seen": "gold"}}, "next": "ask"},
            "ask": {
                "menu": "beep",
                "keys": {"1": "number", "2": "other", "3": "out", "4": "bye"},
                "otherwise": "bye",
                "wait": "3s",
            },
            "number": {
                "collect": "beep",
                "into": "customer",
                "length": "4-6",
                "pattern": "NXX.",
                "read_back": "digits:{customer}",
                "next": "wait",
                "otherwise": "bye",
            },
            "other": {"flow": "second"},
            "out": {"dialplan": "lab-then,bye"},
            "wait": {"queue": "support"},
            "bye": {"goodbye": "beep"},
        }
    }


SECOND = {"nodes": {"on": {"queue": "other"}}}
ALWAYS = {"office": {"week": {"mon-sun": "00:00-24:00"}}}


def everything(crm: Crm, **more: Any) -> dict[str, Any]:
    return desk({"welcome": welcome(), "second": SECOND}, calendars=ALWAYS, lookups=crm.lookups(), **more)


@pytest.mark.parametrize("info", [False, True], ids=["rtp", "info"])
async def test_every_kind_of_node_leads_on_by_keys_of_either_kind(house: House, pbx: Pbx, info: bool) -> None:
    async with Crm() as crm, Phone(pbx, "1001", PhoneScript.answers(talk=0.5)), Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(everything(crm, log={"mask_numbers": True}))
        await caller.call("welcome")
        await bridge.until("flow_stepped", node="ask")
        caller.press("1", info=info)
        await bridge.until("flow_stepped", node="number")
        for key in "23456#":
            caller.press(key, info=info)
            await asyncio.sleep(0.3)
        caller.press("1", info=info)
        await caller.until_state("DISCONNECTED", limit=20)
        assert steps_of(bridge) == ["hello", "office", "who", "split", "greet", "ask", "number", "wait"]
        (offer,) = bridge.facts("offer_made")
        assert offer["tier"] == "gold"
        assert crm.asked == ["+4930100"]
        assert [line["result"] for line in bridge.facts("lookup_ended")] == ["found"]
        story = await asyncio.to_thread(bridge.client.call, offer["call"])
    assert "23456" not in str(story), "what a caller typed is in no story"


@pytest.mark.parametrize(
    ("key", "result", "to"),
    [("2", "flow", "flow:second"), ("3", "dialplan", "dialplan:lab-then,bye"), ("4", "goodbye", "")],
)
async def test_a_key_leads_to_another_flow_the_dialplan_or_the_end(
    house: House, pbx: Pbx, key: str, result: str, to: str
) -> None:
    async with Crm() as crm, Phone(pbx, "1001", PhoneScript.answers(talk=0.3)):
        bridge = await house.open(everything(crm))
        await dial(pbx, "welcome", [Talk(1.5), Press(key)])
        ended = await bridge.until("flow_ended")
        assert (ended["result"], ended.get("to", "")) == (result, to)


async def test_no_key_and_wrong_keys_come_to_an_end(house: House, pbx: Pbx) -> None:
    async with Crm() as crm:
        bridge = await house.open(everything(crm))
        made = await dial(pbx, "welcome", [Talk(1.0), Press("9")])
        assert made.ended_by == "pbx"
        assert (await bridge.until("call_ended"))["outcome"] == "flow"
        assert steps_of(bridge)[-2:] == ["ask", "bye"]


@pytest.mark.parametrize("answer", ["not json", ["no object"], {"tier": "nobody", "x" * 99: 1}], ids=["garbage", "list", "odd"])
async def test_odd_answers_of_other_systems_change_nothing(house: House, pbx: Pbx, answer: Any) -> None:
    async with Crm() as crm:
        crm.answer = answer
        bridge = await house.open(everything(crm))
        await dial(pbx, "welcome", [Talk(1.5), Press("4")])
        assert steps_of(bridge) == ["hello", "office", "who", "split", "ask", "bye"]


async def test_a_late_answer_is_not_waited_for(house: House, pbx: Pbx) -> None:
    async with Crm() as crm:
        crm.delay = 5.0
        bridge = await house.open(everything(crm))
        await dial(pbx, "welcome", [Talk(2.0), Press("4")])
        (ended,) = bridge.facts("lookup_ended")
        assert ended["result"] == "failed"
        assert 0.25 < ended["lasted"] < 1.0


@pytest.mark.parametrize("after", [0.1, 0.6, 1.3, 2.0, 2.8, 3.4])
async def test_a_caller_may_hang_up_anywhere(house: House, pbx: Pbx, after: float) -> None:
    async with Crm() as crm:
        bridge = await house.open(everything(crm, online=False))
        keys: list[Step] = [Talk(1.5), Press("1"), Talk(0.4), Press("23456#"), Talk(5.0)]
        await dial(pbx, "welcome", keys[: 1 if after < 1.5 else 5], stays=after)
        assert (await bridge.until("call_ended"))["outcome"] in ("left_flow", "abandoned", "short_abandoned")


async def test_keys_pressed_during_the_greeting_are_not_lost(house: House, pbx: Pbx) -> None:
    flow = {"nodes": {"hello": {"play": SAY_HELLO, "next": "ask"}, **menu_of({"1": "wait"})}}
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.3)):
        bridge = await house.open(desk({"welcome": flow}))
        await dial(pbx, "welcome", [Talk(0.5), Press("1")])
        assert steps_of(bridge) == ["hello", "ask", "wait"]


def menu_of(keys: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "ask": {"menu": SAY_CHOOSE, "keys": keys, "otherwise": "bye"} | more,
        "wait": {"queue": "support"},
        "bye": {"goodbye": "beep"},
    }


async def test_prompts_are_heard_music_plays_meanwhile_and_a_key_cuts_them(house: House, pbx: Pbx) -> None:
    flow = {"nodes": {"hello": {"play": SAY_HELLO, "next": "ask"}, **menu_of({"1": "wait"}, wait="8s")}}
    async with Softphone(pbx, "1001", tone=REPLY), Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(desk({"welcome": flow}))
        await caller.call("welcome")
        await caller.until_hears(HELLO)
        await caller.until_hears(CHOOSE)
        await caller.until_hears(MUSIC)
        caller.press("5")
        await caller.until_hears(CHOOSE)
        caller.press("1")
        await caller.until_hears(REPLY)
        await caller.until_hears_no_more(CHOOSE)
        caller.hang_up()
        await bridge.until("call_ended")
    assert longest_silence(caller.recording()) < SILENCE


async def test_a_silence_would_be_found_out(house: House, pbx: Pbx) -> None:
    """The check of silence proves itself. (A music class that is missing is no silence: Asterisk plays its default.)"""
    house.explains_pbx("no-such-class")
    quiet = {"hello": {"play": "beep", "next": "silence"}, "silence": {"play": "silence/4", "next": "ask"}}
    flow = {"music": "no-such-class", "nodes": quiet | menu_of({}, wait="2s", tries=1)}
    async with Softphone(pbx, "4930100", trunk=True) as caller:
        await house.open(desk({"welcome": flow}))
        await caller.call("welcome")
        await caller.until_hears(MUSIC, limit=15)
        await caller.until_state("DISCONNECTED", limit=20)
    assert SILENCE < longest_silence(caller.recording()) < 4.5


async def test_missing_prompts_are_told_and_lead_on(house: House, pbx: Pbx) -> None:
    house.explains_pbx("no-such-sound")
    house.explains_pbx("layback failed")
    flow = {"nodes": {"hello": {"play": "no-such-sound", "next": "wait"}, "wait": {"queue": "support"}}}
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.3)):
        bridge = await house.open(desk({"welcome": flow}))
        made = await dial(pbx, "welcome", [])
        assert made.ended_by == "pbx"
        assert [line["where"] for line in bridge.facts("prompt_failed")] == ["flow:welcome/hello"]


async def test_a_restart_says_the_node_again(house: House, pbx: Pbx) -> None:
    flow = {"nodes": menu_of({"1": "wait"}, wait="9s")}
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.3)), Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(desk({"welcome": flow}))
        await caller.call("welcome")
        await caller.until_hears(MUSIC)
        await bridge.kill()
        await bridge.start()
        await caller.until_hears(CHOOSE, limit=10)
        caller.press("1")
        await caller.until_state("DISCONNECTED", limit=20)
        assert longest_silence(caller.recording()) < SILENCE


async def test_callers_finish_on_the_flow_that_they_began(house: House, pbx: Pbx) -> None:
    flow = {"nodes": menu_of({"1": "wait"}, wait="9s")}
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.3)):
        bridge = await house.open(desk({"welcome": flow}))
        async with Callers(pbx, [Call(dialled="welcome")], script=CallerScript(steps=[Talk(3.5), Press("1")])) as callers:
            await bridge.until("flow_began")
            bridge.write_config(desk({"welcome": {"nodes": menu_of({"2": "wait"})}}))
            await asyncio.to_thread(bridge.client.reload)
            await callers.wait(30)
        assert steps_of(bridge) == ["ask", "wait"]
        await dial(pbx, "welcome", [Talk(1.0), Press("2")])
        assert steps_of(bridge) == ["ask", "wait", "ask", "wait"]


@pytest.mark.parametrize("hangs_up", [False, True], ids=["key", "hang-up"])
async def test_a_message_is_recorded_and_told(house: House, pbx: Pbx, hangs_up: bool) -> None:
    flow = {"nodes": {"vm": {"voicemail": "support", "greeting": "beep", "next": "bye"}, "bye": {"goodbye": "beep"}}}
    async with Softphone(pbx, "4930100", trunk=True, tone=VOICE) as caller:
        bridge = await house.open(desk({"welcome": flow}))
        await caller.call("welcome")
        await bridge.until("flow_stepped", node="vm")
        await asyncio.sleep(5.0)
        caller.hang_up() if hangs_up else caller.press("#")
        left = await bridge.until("voicemail_left")
        await bridge.until("call_ended", outcome="voicemail")
    kept = pbx.folder / "spool" / "recording" / f"{left['recording']}.wav"
    await bridge.eventually(lambda: kept.exists() and kept.stat().st_size > 8000)
    assert left["lasted"] == pytest.approx(4.0, abs=2.0)
    assert heard(kept, VOICE)


# -- waiting ----------------------------------------------------------------------------------------------------------

ANNOUNCE = {"greeting": SAY_HELLO, "position": f"{SAY_CHOOSE},number:{{position}}", "first": "4s", "every": "6s"}


async def test_waiting_callers_hear_announcements_without_a_gap(house: House, pbx: Pbx) -> None:
    async with Softphone(pbx, "1001", tone=REPLY), Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(desk({}, online=False, queue={"announce": ANNOUNCE}))
        await caller.call("support")
        await caller.until_hears(HELLO)
        await caller.until_hears(MUSIC)
        await caller.until_hears(CHOOSE)
        await caller.until_hears(MUSIC)
        await bridge.until("announced", count=3)
        await caller.until_hears(CHOOSE)
        await bridge.ask("1001", "login")  # the announcement is cut
        await caller.until_hears(REPLY)
        await caller.until_hears_no_more(CHOOSE)
        caller.hang_up()
        await bridge.until("call_ended")
        assert [line["what"] for line in bridge.facts("announced")] == ["greeting", "position", "position"]
    assert longest_silence(caller.recording()) < SILENCE


async def test_a_key_while_waiting_opens_a_flow_and_the_place_is_kept(house: House, pbx: Pbx) -> None:
    offer = {"nodes": menu_of({"1": "wait", "2": "bye"}, wait="9s")}
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.3)), Softphone(pbx, "4930100", trunk=True) as caller:
        bridge = await house.open(desk({"offer": offer}, online=False, queue={"keys": {"5": "offer"}}))
        await caller.call("support")
        await caller.until_hears(MUSIC)
        caller.press("5")
        await caller.until_hears(CHOOSE)
        caller.press("1")
        await bridge.until("flow_ended", result="queue")
        await caller.until_hears(MUSIC)
        await bridge.ask("1001", "login")
        await bridge.until("call_ended")
        assert len(bridge.facts("visit_began")) == 1
    assert longest_silence(caller.recording()) < SILENCE


BYE = {"sorry": {"nodes": {"bye": {"goodbye": "beep"}}}}


@pytest.mark.parametrize(
    ("when", "online", "waits"),
    [
        ({"waited": "1s"}, False, 1.0),
        ({"agents": 0}, False, 0.0),
        ({"closed": "never"}, True, 0.0),
        ({"tiers": "standard", "waited": "1s"}, False, 1.0),
    ],
    ids=["waited", "nobody", "hours", "tier"],
)
async def test_callers_overflow_by_the_rules(house: House, pbx: Pbx, when: dict[str, Any], online: bool, waits: float) -> None:
    rules = [{"when": when, "flow": "sorry", "reason": "rule"}]
    config = desk(BYE, online=online, queue={"overflow": rules}, calendars={"never": {"week": {}}, **ALWAYS})
    async with Phone(pbx, "1001", PhoneScript.rings_out()):
        bridge = await house.open(config)
        made = await dial(pbx, "support", [])
        assert made.ended_by == "pbx"
        (ended,) = bridge.facts("visit_ended")
        assert (ended["outcome"], ended["to"], ended["reason"]) == ("overflowed", "flow:sorry", "rule")
        assert ended["waited"] == pytest.approx(waits, abs=0.5 + house.slack)


async def test_a_full_queue_sends_who_comes_next_elsewhere(house: House, pbx: Pbx) -> None:
    rules = [{"when": {"waiting": 2}, "queue": "other"}]
    bridge = await house.open(desk({}, online=False, queue={"overflow": rules}))
    calls = [Call(dialled="support", number=f"493010{n}", hang_up_after=3.0) for n in range(3)]
    async with Callers(pbx, calls, rate=5) as callers:
        await callers.wait(20)
    ended = await bridge.until("visit_ended", outcome="overflowed")
    assert ended["to"] == "queue:other"


async def test_a_long_estimated_wait_sends_who_comes_next_elsewhere(house: House, pbx: Pbx) -> None:
    """Nobody is sent away before the pace is known; then anybody who would wait for more than 4 s is."""
    queue = {"overflow": [{"when": {"wait": "4s"}, "flow": "sorry", "reason": "long"}], "wrap_up": "0s"}
    bridge = await house.open(desk(BYE, queue=queue))
    async with Phone(pbx, "1001", PhoneScript.answers(talk=2.0)):
        crowd = [Call(dialled="support", number=f"493010{n}") for n in range(8)]
        async with Callers(pbx, crowd, rate=8) as callers:
            await bridge.until("talk_began", count=5, limit=30)
            assert not bridge.facts("visit_ended", outcome="overflowed"), "who came while nothing was known"
            late = await dial(pbx, "support", [], number="4930109")
            await callers.wait(40)
    assert late.ended_by == "pbx"
    left = bridge.facts("visit_ended", outcome="overflowed")
    assert {(line["to"], line["reason"]) for line in left} == {("flow:sorry", "long")}
    last = bridge.facts("visit_began")[-1]["call"]
    assert last in {line["call"] for line in left}, "the last one comes when the pace is known"


async def test_an_emergency_closure_sends_the_waiting_away_at_once(house: House, pbx: Pbx) -> None:
    rules = [{"when": {"closed": "office"}, "dialplan": "lab-then,bye"}]
    bridge = await house.open(desk({}, online=False, queue={"overflow": rules}, calendars=ALWAYS))
    async with Callers(pbx, [Call(dialled="support")]) as callers:
        await bridge.until("visit_began")
        await asyncio.to_thread(bridge.client.close, "office", True)
        await callers.wait(10)
    ended = await bridge.until("visit_ended")
    assert ended["to"] == "dialplan:lab-then,bye"


async def test_a_call_by_hand(house: House, pbx: Pbx) -> None:
    """An entry that leads into a queue takes calls as ever."""
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.3)):
        await house.open(desk({}))
        assert (await call(pbx, Call(dialled="support"))).ended_by == "pbx"
