"""A start without the saved world: conversations go on, each with its agent's state, its end and its wrap-up."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import aiohttp
import pytest

from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.process import output
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers
from tests.live.foreign import foreign
from tests.live.scene import CONFIG, PLAIN, Scene, now, pause, setting

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(150)]
LONG = True
TALK = 15.0
AGENTS = {"ann": "1002", "bob": "1012", "cid": "1022", "wrap": "1003", "spare": "1005", "nailed": "1006"}
CALLS = {
    "4931001": "talk",
    "4931002": "talk",
    "4931003": "talk",
    "4931004": "wrap",
    "4931005": "spare",
    "4931006": "nail",
}
FRESH = "4931007"
"""Somebody who calls after the start, and waits: all agents of that queue talk."""


async def _six_talk(scene: Scene) -> dict[str, dict[str, Any]]:
    """Six conversations, and a caller who waits. Gives each conversation's fact by the number."""
    bridge = scene.bridge
    await bridge.ask("paused", "not-ready", reason="lunch")
    for who in ("spare", "nailed"):
        await bridge.until_state(who, "ready")
    for number, entry in CALLS.items():
        await scene.call(Call(dialled=entry, number=number, name="talking"))
    await bridge.until("talk_began", count=6)
    await scene.call(Call(dialled="line", number=PLAIN, name="waiting"))
    await bridge.until("call_arrived", count=7)
    calls = {fact["pii.number"]: fact["call"] for fact in bridge.facts("call_arrived")}
    talks = {fact["call"]: fact for fact in bridge.facts("talk_began")}
    return {number: talks[calls[number]] for number in CALLS}


async def _all_go_on(scene: Scene, talks: dict[str, dict[str, Any]]) -> None:
    """Nobody has noticed anything, and every call is its agent's, under its old id."""
    bridge = scene.bridge
    await bridge.until("call_adopted", count=6)
    adopted = {fact["call"]: fact for fact in bridge.facts("call_adopted")}
    for talk in talks.values():
        told = adopted[talk["call"]]
        assert (told["agent"], told["queue"]) == (talk["agent"], talk["queue"])
        assert abs(told["began_at"] - talk["at"]) < 1.0
    for who, phone in AGENTS.items():
        assert await bridge.state(who) == "talking", who
        assert [record.ended_at for record in scene.at_phone(phone)] == [None], phone
    for number in CALLS:
        assert scene.record(number).ended_at is None
    await scene.figures_add_up()


async def _each_ends_well(scene: Scene) -> None:
    """Half of the customers and half of the agents hang up: the other one's phone ends too, and nobody is queued again."""
    bridge = scene.bridge
    by_agent = {"4931001": "ann", "4931003": "cid", "4931004": "wrap"}
    served = dict(zip(CALLS, AGENTS, strict=True))
    for number, who in served.items():
        if number in by_agent:
            await scene.hang_up_phone(AGENTS[who])
        else:
            await scene.hang_up(number)
        await bridge.eventually(partial(_has_ended, scene, number), 3)
    for number, who in served.items():
        ended = await bridge.until("talk_ended", agent=who)
        assert ended["ended_by"] == ("agent" if number in by_agent else "customer")
        assert ended["talked"] > TALK
        if who != "wrap":
            await bridge.until_state(who, "talking" if who == "ann" else "ready")
    assert await bridge.state("wrap") == "wrap_up"


def _has_ended(scene: Scene, number: str) -> bool:
    return scene.record(number).ended_at is not None


@pytest.mark.parametrize(
    ("version", "world"), [(22, "flushed"), (22, "never saved"), (22, "under another prefix"), (16, "flushed")]
)
async def test_six_conversations_survive_a_start_without_the_saved_world(version: int, world: str) -> None:
    async with (
        RedisServer() as redis,
        setting(version, None if world == "never saved" else redis) as scene,
        foreign(scene.pbx) as other,
    ):
        bridge = scene.bridge
        talks = await _six_talk(scene)
        began = now()
        await bridge.kill()
        if world == "flushed":
            await output("redis-cli", "-u", redis.url, "flushall")
        elif world == "under another prefix":
            bridge.write_config(CONFIG | {"redis": {"url": redis.url, "prefix": "another:"}})
        await bridge.start()
        await _all_go_on(scene, talks)

        await scene.call(Call(dialled="talk", number=FRESH, name="fresh"))
        await pause(max(0.0, began + TALK - now()))
        await _all_go_on(scene, talks)
        assert {row["number"] for row in await bridge.calls() if row["state"] == "waiting"} == {FRESH}
        await bridge.eventually(lambda: scene.record(PLAIN).ended_at)  # who had waited was queued again, and served
        figures = await scene.figures()
        assert {name: row["offered"] for name, row in figures.items() if row["offered"]} == {"line": 1, "talk": 1}

        await _each_ends_well(scene)
        arrived = [fact["pii.number"] for fact in bridge.facts("call_arrived")]
        assert sorted(arrived) == sorted([*CALLS, PLAIN, PLAIN, FRESH])
        (served,) = bridge.facts("talk_began", agent="ann")[1:]
        assert served["call"] == next(fact["call"] for fact in bridge.facts("call_arrived") if fact["pii.number"] == FRESH)
        await other.unharmed()
        assert scene.trouble() == []


async def test_another_instance_with_another_redis_takes_over_and_cuts_nobody() -> None:
    async with RedisServer() as redis, RedisServer() as theirs, setting(22, redis) as scene:
        talks = await _six_talk(scene)
        began, first = now(), scene.bridge
        async with Callbridge(scene.pbx, CONFIG, redis=theirs) as second:
            assert await first.process.wait(5) == 3
            scene.bridge = second
            await _all_go_on(scene, talks)
            await pause(max(0.0, began + TALK - now()))
            await _all_go_on(scene, talks)
            await scene.hang_up("4931002")
            await second.until_state("bob", "ready")
            assert scene.at_phone("1012")[0].ended_at is not None
        scene.bridge = first


VOICE, REPLY, THIRD, MUSIC, FOURTH = (sounds.TONES[name] for name in ("caller", "agent", "third", "music", "apology"))
THREE = floor(
    {"ann": agent("1008", {"support": 1}), "1007": agent("1007", {"sales": 1})},
    {"support": {"steps": [{"skills": "support"}]}, "sales": {"steps": [{"skills": "sales"}]}},
    keys={"*2": "consult", "*3": "complete", "*5": "conference"},
    outside={"dial": "PJSIP/{number}"},
)
DESKS = [PhoneSpec(name=name) for name in ("1007", "1008", "1009")]


async def _members(pbx: Pbx) -> list[set[str]]:
    """Who is together in bridges of ours, by the names of the channels without their serial numbers."""
    headers = {"Authorization": aiohttp.encode_basic_auth(pbx.ari_user, pbx.ari_password)}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{pbx.ari_url}/channels") as answer:
            names = {one["id"]: one["name"].rpartition("-")[0] for one in await answer.json()}
        async with session.get(f"{pbx.ari_url}/bridges") as answer:
            bridges = [one["channels"] for one in await answer.json() if one["id"].startswith("cb-")]
    return [{names[channel] for channel in members} for members in bridges]


async def _restart(bridge: Callbridge) -> None:
    await bridge.kill()
    await bridge.start()
    await bridge.until("call_adopted")


@pytest.mark.parametrize("together", [False, True])
async def test_a_consult_and_a_conference_go_on(together: bool) -> None:
    async with (
        Pbx(22, phones=DESKS) as pbx,
        Callbridge(pbx, THREE, warm=True) as bridge,
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1007", tone=THIRD) as bob,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*21007#")
        await ann.until_hears(THIRD)
        if together:
            ann.press("*5")
            await caller.until_hears(THIRD)
        before = await _members(pbx)
        await _restart(bridge)
        await pause(2.0)
        assert await _members(pbx) == before
        assert [await bridge.state(who) for who in ("ann", "1007")] == ["talking", "talking"]
        assert ann.hears(THIRD, last=0.5) and bob.hears(REPLY, last=0.5)
        assert caller.hears(THIRD if together else MUSIC, last=0.5)
        ann.press("*3")
        await caller.until_hears(THIRD)
        await ann.until_state("DISCONNECTED")
        await bridge.until_state("1007", "talking")
        caller.hang_up()
        await bob.until_state("DISCONNECTED")
        ended = await bridge.until("call_ended")
        assert ended["call"] == bridge.facts("call_arrived")[0]["call"]
        assert len(bridge.facts("call_arrived")) == 1


async def test_a_conversation_with_somebody_outside_and_a_supervised_one_go_on() -> None:
    async with (
        Pbx(22, phones=DESKS) as pbx,
        Callbridge(pbx, THREE, warm=True) as bridge,
        Softphone(pbx, "1008", tone=REPLY) as ann,
        Softphone(pbx, "1009", tone=THIRD) as outside,
        Softphone(pbx, "1007", tone=FOURTH) as eva,
        Softphone(pbx, "1", trunk=True, tone=VOICE) as caller,
    ):
        await caller.call("support")
        await ann.until_hears(VOICE)
        ann.press("*21009#")
        await ann.until_hears(THIRD)
        ann.press("*3")
        await caller.until_hears(THIRD)
        await bridge.until_state("ann", "ready")
        async with Callers(pbx, [Call(dialled="support", number="49302")]) as other:
            talk = await bridge.until("talk_began", count=2)
            await asyncio.to_thread(bridge.client.act_on_call, talk["call"], "listen", phone="PJSIP/1007")
            await eva.until_hears(REPLY)
            await _restart(bridge)
            await bridge.until("call_adopted", count=2)
            await eva.until_state("DISCONNECTED")
            assert sorted(map(sorted, await _members(pbx))) == [["PJSIP/1008", "PJSIP/trunk"], ["PJSIP/1009", "PJSIP/trunk"]]
            assert await bridge.state("ann") == "talking"
            outside.hang_up()
            await caller.until_state("DISCONNECTED")
            ann.hang_up(2)
            await bridge.until("call_ended", count=2)
            await other.wait()
        await bridge.until_state("ann", "ready")
