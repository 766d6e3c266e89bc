"""On the real PBX nobody is told a number who is not meant to: a day with one telling number in it, and then every output."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from callbridge.adapters.facts.codec import TABLES
from callbridge.adapters.http.routes import ROUTES
from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.waiting import until
from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.sip import Call, Phone, PhoneScript, call
from tests.live.campaign import MESSAGE, VOICE, campaign, command
from tests.live.house import House
from tests.telling import NUMBER, tells, where

pytestmark = [pytest.mark.live, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]
LONG = True
OUTSIDE = "1005"
"""The phone at which every call to the telling number ends."""
THIRD = sounds.TONES["third"]


def config(folder: Path, receiver: Receiver) -> dict[str, Any]:
    hook = receiver.hook()
    link = "https://crm.example/?number={number}&name={name}"
    return floor(
        {"ann": agent("1001", {"support": 1}), "bob": agent("1002", {"sales": 1}, "auto_answer")},
        {"support": {"steps": [{"skills": "support"}], "callback": {}}, "sales": {"steps": [{"skills": "sales"}]}},
        log={"mask_numbers": True},
        region="DE",
        outside={"dial": f"PJSIP/{{number}}@{OUTSIDE}"},
        callbacks={"numbers": ["+X."]},
        webhooks=[{"name": hook.name, "url": hook.url, "secret": SECRET, "link": link}],
        database={"url": f"sqlite:///{folder}/ledger.db"},
        ledger={"per_day": 20, "gap": "0s"},
        campaigns={
            "spring": campaign(
                queue="sales", dial=f"PJSIP/{{number}}@{OUTSIDE}", opted_out="/lab/sounds/tones/third", attempts={"most": 6}
            )
        },
    )


async def test_a_day_with_one_telling_number_tells_it_nowhere(house: House, pbx: Pbx, tmp_path: Path) -> None:
    said: list[str] = []
    async with Receiver() as receiver:
        bridge = await house.open(config(tmp_path, receiver))
        async with listening(bridge, said):
            await a_talk_that_goes_outside(bridge, pbx, said)
            await a_callback(bridge, pbx, said)
            await an_attempt_that_ends_in_an_opt_out(bridge, pbx, tmp_path, said)
            removed = await post(bridge, "/api/do-not-call/remove", {"number": NUMBER})
            assert removed == {"number": "+49*****899", "campaign": ""}
            said += await answers(bridge)
        await until(lambda: {"offer", "answer", "end"} <= {event["type"] for event in receiver.got}, 10)
        said.append(json.dumps(receiver.got))
    facts = {line["event"] for line in bridge.lines() if "seq" in line}
    assert {
        "attempt_made",
        "attempt_ended",
        "opted_out",
        "callback_requested",
        "callback_ended",
        "transfer_started",
        "transfer_ended",
    } <= facts
    said.append(bridge.log.read_text())
    world, public = await everything_in(house.redis.url)
    assert tells(world), "the saved world must hold the number: the test would see it"
    for text in [*said, *public]:
        assert not tells(text), where(text)


async def a_talk_that_goes_outside(bridge: Callbridge, pbx: Pbx, said: list[str]) -> None:
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.5, talk=20.0)), Phone(pbx, OUTSIDE, PhoneScript.answers(talk=1.0)):
        calling = asyncio.create_task(call(pbx, Call(dialled="support", number=NUMBER.lstrip("+"), name=NUMBER.lstrip("+"))))
        offered = await bridge.until("offer_made")
        said += await answers(bridge)
        await bridge.until("talk_began")
        await post(bridge, f"/api/calls/{offered['call']}/transfer", {"to": f"number:{NUMBER}"})
        await bridge.until("transfer_started")
        said += await answers(bridge)
        await bridge.until("transfer_ended", result="completed")
        said += await answers(bridge)
        await calling
        await bridge.until("call_ended")


async def a_callback(bridge: Callbridge, pbx: Pbx, said: list[str]) -> None:
    await bridge.ask("ann", "not-ready", reason=f"calls {NUMBER} first")
    made = await post(bridge, "/api/callbacks", {"queue": "support", "number": NUMBER, "name": NUMBER})
    said.append(json.dumps(made))
    said += await answers(bridge)
    async with Phone(pbx, "1001", PhoneScript.answers(ring=0.2, talk=1.0)), Phone(pbx, OUTSIDE, PhoneScript.answers(talk=5.0)):
        await bridge.ask("ann", "ready")
        ended = await bridge.until("callback_ended", limit=20)
        assert ended["outcome"] == "kept"
        await bridge.until("call_ended", count=2)


async def an_attempt_that_ends_in_an_opt_out(bridge: Callbridge, pbx: Pbx, folder: Path, said: list[str]) -> None:
    """The phone that should answer by itself does not; the customer hears the message, and presses 9."""
    leads = folder / "leads.csv"
    leads.write_text(f"number,name\n{NUMBER},{NUMBER}\n")
    await command(bridge, "load", "spring", leads)
    async with Phone(pbx, "1002", PhoneScript.rings_out()), Softphone(pbx, OUTSIDE, tone=VOICE) as customer:
        await command(bridge, "start", "spring")
        await bridge.until("attempt_ended", limit=20)
        said += await answers(bridge)
        await customer.until_hears(MESSAGE, limit=10)
        customer.press("9")
        await bridge.until("opted_out", limit=10)
        await customer.until_hears(THIRD, limit=10)
        await customer.until_state("DISCONNECTED")
        await bridge.until("call_ended", count=3)
        await command(bridge, "stop", "spring")
    blocks = await answer(bridge, "/api/do-not-call")
    assert "+49*****899" in blocks


# -- what is said ---------------------------------------------------------------------------------------------------


async def answers(bridge: Callbridge) -> list[str]:
    """Of every path that can be asked, with every call, agent and queue that there is."""
    calls = {line["call"] for line in bridge.lines() if line.get("call")}
    names = {"{id}": sorted(calls), "{name}": ["support", "sales"]}
    texts = []
    for route in ROUTES:
        if route.method != "GET" or route.media == "text/event-stream":
            continue
        if "/agents/{id}" in route.path:
            paths = [route.path.replace("{id}", who) for who in ("ann", "bob")]
        elif "/campaigns/{name}" in route.path:
            paths = [route.path.replace("{name}", "spring")]
        elif route.path in ("/api/facts", "/api/recordings"):
            paths = [f"{route.path}?call={each}" for each in sorted(calls)]
        else:
            (mark,) = [mark for mark in names if mark in route.path] or [""]
            paths = [route.path.replace(mark, each) for each in names[mark]] if mark else [route.path]
        texts += [await answer(bridge, path) for path in paths]
    return texts


async def answer(bridge: Callbridge, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(bridge.url + path) as response:
        # 501: nothing is kept or reviewed here.
        away = {501} if path.startswith(("/api/quality", "/api/recordings")) else set()
        away |= {403} if path == "/api/phone" else set()  # never for tokens
        away |= {503} if path == "/readyz" else set()  # what the link says may be late on a full machine
        assert response.status in {200, 404} | away, (path, response.status)
        return path + await response.text()


async def post(bridge: Callbridge, path: str, body: dict[str, Any]) -> Any:
    async with aiohttp.ClientSession() as session, session.post(bridge.url + path, json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


@contextlib.asynccontextmanager
async def listening(bridge: Callbridge, said: list[str]) -> AsyncIterator[None]:
    """Facts as they happen, over HTTP."""

    async def hear() -> None:
        async with aiohttp.ClientSession() as session, session.get(bridge.url + "/api/events") as response:
            while line := await response.content.readline():
                said.append(line.decode())

    announcing = asyncio.create_task(hear())
    try:
        yield
    finally:
        announcing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await announcing
        assert any("opted_out" in line for line in said)


async def everything_in(url: str) -> tuple[str, list[str]]:
    """What the private saved world holds, and all the rest."""
    saved = tuple(f"}}:{name}" for name in (*TABLES, "outbox"))
    world, rest = "", []
    async with Redis.from_url(url, decode_responses=True) as redis:
        async for key in redis.scan_iter():
            held = key + await content(redis, key)
            if key.endswith(saved):
                world += held
            else:
                rest.append(held)
    assert any("facts" in text for text in rest)
    assert any("timeline:" in text for text in rest)
    return world, rest


async def content(redis: Any, key: str) -> str:
    match await redis.type(key):
        case "hash":
            return str(await redis.hgetall(key))
        case "list":
            return str(await redis.lrange(key, 0, -1))
        case "stream":
            return str(await redis.xrange(key))
        case "zset":
            return str(await redis.zrange(key, 0, -1))
        case "set":
            return str(await redis.smembers(key))
        case _:
            return str(await redis.get(key))
