"""A floor in full swing, to be interrupted: callers waiting, ringing, talking, in wrap-up, nailed up and paused at once.

Rule of this file: the scene is the same in every test of recovery, so that only the interruption differs. Each group of
agents has a queue of its own, so that nobody takes a caller who is to stay where he is.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, CallRecord, Phone, PhoneRecord, PhoneScript
from tests.live.house import crowded

PHONES = [
    *(PhoneSpec(name=name, line="steady") for name in ("1002", "1003", "1005", "1006", "1012", "1022")),
    PhoneSpec(name="1001"),
    PhoneSpec(name="1004"),
]
WRAP_UP = 12.0
RING_FOR = 6.0
PLAIN, GOLD, THIRD, IMPATIENT = "4930001", "4930002", "4930003", "4930004"
RINGING, TALKING, CUSTOMER_LEAVES, AGENT_LEAVES = "4930005", "4930006", "4930007", "4930008"
WRAPPED, NAILED, NEWCOMER = "4930009", "4930010", "4930011"
WAITING = (GOLD, PLAIN, THIRD)
"""Who waits all along, in the order of their ranks."""
TALKERS = {TALKING: "1002", CUSTOMER_LEAVES: "1012", AGENT_LEAVES: "1022"}

CONFIG = floor(
    {
        "bell": agent("1001", {"ring": 1}),
        "ann": agent("1002", {"talk": 1}),
        "bob": agent("1012", {"talk": 1}),
        "cid": agent("1022", {"talk": 1}),
        "wrap": agent("1003", {"wrap": 1}),
        "paused": agent("1004", {"line": 1}),
        "spare": agent("1005", {"spare": 1}, "nailed_up"),
        "nailed": agent("1006", {"nail": 1}, "nailed_up"),
    },
    {
        "line": {"steps": [{"skills": "line"}], "wrap_up": 0, "tiers": {"gold": {"head_start": 600}}},
        "ring": {"steps": [{"skills": "ring"}], "ring_for": RING_FOR},
        "talk": {"steps": [{"skills": "talk"}]},
        "wrap": {"steps": [{"skills": "wrap"}], "wrap_up": WRAP_UP},
        "nail": {"steps": [{"skills": "nail"}]},
        "spare": {"steps": [{"skills": "spare"}]},
    },
    tiers={"numbers": {"gold": [GOLD]}},
)
OUTCOMES = ("answered", "abandoned", "short_abandoned", "overflowed", "failed", "waiting")


class Gone(AssertionError):
    """Who was to be hung up has no channel any more."""


class Scene:
    """The PBX, its phones and callers, and the callbridge beside it."""

    def __init__(self, pbx: Pbx, bridge: Callbridge, phones: Mapping[str, Phone]) -> None:
        self.pbx, self.bridge, self.phones = pbx, bridge, phones
        self.callers: list[Callers] = []
        self.arrived: dict[str, float] = {}
        self.ids: dict[str, str] = {}

    # -- setting it

    async def call(self, *calls: Call, rate: float = 10.0) -> None:
        callers = Callers(self.pbx, calls, rate=rate)
        self.callers.append(callers)
        await callers.start()

    async def begin(self) -> None:
        """Everybody takes the place where the interruption is to find them."""
        bridge = self.bridge
        await bridge.ask("paused", "not-ready", reason="lunch")
        for who in ("spare", "nailed"):
            await bridge.until_state(who, "ready")
        await self.call(Call(dialled="wrap", number=WRAPPED, name="wrapped", hang_up_after=1.0))
        for number in TALKERS:
            await self.call(Call(dialled="talk", number=number, name="talking"))
        await self.call(Call(dialled="nail", number=NAILED, name="nailed"))
        for number in (PLAIN, GOLD, THIRD, IMPATIENT):
            await self.call(Call(dialled="line", number=number, name="waiting"))
        await bridge.until("talk_began", count=5)
        await bridge.until_state("wrap", "wrap_up")
        await self.call(Call(dialled="ring", number=RINGING, name="ringing"))
        await self.phones["1001"].until(lambda record: record.ringing_at)
        await bridge.until("call_arrived", count=10)
        self.arrived = {row["number"]: row["arrived_at"] for row in await bridge.calls()}
        self.ids = {fact["pii.number"]: fact["call"] for fact in bridge.facts("call_arrived")}

    async def people_leave(self) -> None:
        """While nobody listens: a waiting caller, a talking caller and an agent hang up, and somebody new calls."""
        await self.hang_up(IMPATIENT)
        await self.hang_up(CUSTOMER_LEAVES)
        await self.hang_up_phone(TALKERS[AGENT_LEAVES])
        await self.call(Call(dialled="line", number=NEWCOMER, name="newcomer"))

    async def newcomer_is_in_the_fallback(self) -> None:
        await self.until_answered(NEWCOMER)
        await self.until_in_fallback(1)

    # -- looking

    def record(self, number: str) -> CallRecord:
        found = [record for callers in self.callers for record in callers.records() if record.number == number]
        assert len(found) == 1, f"{number} called {len(found)} times"
        return found[0]

    def at_phone(self, phone: str) -> list[PhoneRecord]:
        line = "steady" if phone in ("1002", "1003", "1005", "1006", "1012", "1022") else phone
        return [record for record in self.phones[line].records() if record.phone == phone]

    async def until_answered(self, number: str) -> None:
        """Also by the fallback: the PBX said 200."""
        calls = [callers for callers in self.callers if any(call.number == number for call in callers.calls)]
        await self.bridge.eventually(lambda: any(one.answered_at for callers in calls for one in callers.records()))

    def call_of(self, number: str) -> str:
        return self.ids[number]

    async def channel_of(self, number: str) -> str:
        """The name of the caller's channel."""
        for line in (await self.pbx.cli("core show channels concise")).splitlines():
            fields = line.split("!")
            if fields[0].startswith("PJSIP/trunk") and number in fields:
                return fields[0]
        raise Gone(f"no channel of {number}")

    async def hang_up(self, number: str) -> None:
        """The caller is gone, as far as the PBX can see."""
        await self.pbx.cli(f"channel request hangup {await self.channel_of(number)}")

    async def hang_up_phone(self, phone: str) -> None:
        for line in (await self.pbx.cli("core show channels concise")).splitlines():
            if line.startswith(f"PJSIP/{phone}-"):
                await self.pbx.cli(f"channel request hangup {line.split('!')[0]}")

    async def until_in_fallback(self, count: int) -> None:
        async with asyncio.timeout(5):
            while f" has {count} calls" not in await self.pbx.cli("queue show callbridge-fallback"):
                await asyncio.sleep(0.05)

    async def figures(self) -> dict[str, dict[str, int]]:
        rows = await asyncio.to_thread(self.bridge.client.queues)
        return {row["name"]: {name: int(row[name]) for name in ("offered", *OUTCOMES)} for row in rows}

    async def metric(self, name: str) -> float:
        def ask() -> str:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{self.bridge.url}/metrics", timeout=5) as answer:
                return str(answer.read().decode())

        text = await asyncio.to_thread(ask)
        values = [float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"callbridge_{name}")]
        assert values, f"no metric {name}"
        return sum(values)

    def trouble(self) -> list[dict[str, Any]]:
        """Lines that should never be there. A busy machine may be too slow for a save: that is no fault of the calls."""
        return [line for line in self.bridge.trouble() if line["event"] != "store degraded"]

    # -- what must be true after every interruption

    async def all_is_well(self) -> None:
        """Who talked talks, who waited waits, who was paused or logged in still is; the figures add up."""
        await self.still_talking(TALKING, NAILED)
        for who, state in {"ann": "talking", "nailed": "talking", "spare": "ready", "paused": "not_ready"}.items():
            assert await self.bridge.state(who) == state, who
        assert len(self.at_phone("1005")) == 1
        await self.figures_add_up()
        self.no_id_twice()

    async def the_books_know_who_left(self, *, estimated: bool) -> None:
        for number in (IMPATIENT, CUSTOMER_LEAVES):
            ended = await self.bridge.until("call_ended", call=self.call_of(number))
            assert ended["estimated"] is estimated
        (left,) = self.bridge.facts("visit_ended", call=self.call_of(IMPATIENT))
        assert left["outcome"] in ("abandoned", "short_abandoned")
        assert left["estimated"] is estimated
        talk = await self.bridge.until("talk_ended", call=self.call_of(AGENT_LEAVES))
        assert talk["estimated"] is estimated
        await self.bridge.eventually(lambda: self.record(AGENT_LEAVES).ended_at)
        for who in ("bob", "cid"):
            await self.bridge.until_state(who, "ready")

    async def everybody_leaves(self) -> None:
        """The end of the day: served, hung up, and counted to the last one."""
        await self.places_kept()
        for one in await self.bridge.calls():
            with contextlib.suppress(Gone):  # the agent of the line has served the last one meanwhile
                await self.hang_up(one["number"])
        await self.bridge.eventually(lambda: self.record(NAILED).ended_at)
        await self.nobody_left()
        await self.figures_add_up()
        figures = await self.figures()
        assert figures["talk"] == row(offered=3, answered=3)
        assert figures["nail"] == figures["wrap"] == row(offered=1, answered=1)
        assert figures["ring"] == row(offered=1, abandoned=1)
        line = figures["line"]
        assert line["offered"] == 4
        assert line["answered"] + line["abandoned"] + line["short_abandoned"] == 4
        assert line["answered"] >= len(WAITING)

    async def nobody_left(self) -> None:
        async with asyncio.timeout(10):
            while await self.bridge.calls():
                await asyncio.sleep(0.05)

    async def figures_add_up(self) -> None:
        for queue, row in (await self.figures()).items():
            assert row["offered"] == sum(row[name] for name in OUTCOMES), (queue, row)

    def no_id_twice(self) -> None:
        legs = [fact["leg"] for fact in self.bridge.facts("offer_made") if "-agent-" in fact["leg"]]
        calls = [fact["call"] for fact in self.bridge.facts("call_arrived")]
        assert len(set(legs)) == len(legs)
        assert len(set(calls)) == len(calls)

    async def still_talking(self, *numbers: str) -> None:
        """Neither side has heard anything of the interruption, and both are in one bridge."""
        for number in numbers:
            assert self.record(number).ended_at is None, number
        for _ in range(10):  # a caller who was waiting may be put through between the two lists
            shown = await self.pbx.cli("bridge show all")
            two = re.findall(r"^cb-bridge\S+ .* 2 +stasis ", shown, re.MULTILINE)
            talking = [one for one in await self.bridge.calls() if one["state"] == "talking"]
            if len(two) == len(talking):
                break
            await asyncio.sleep(0.1)
        assert len(two) == len(talking) >= len(numbers), shown

    async def places_kept(self) -> None:
        """The waiting callers have their arrival times, and are served in the order of their ranks."""
        now = {row["number"]: row["arrived_at"] for row in await self.bridge.calls()}
        assert {number: now[number] for number in WAITING} == {number: self.arrived[number] for number in WAITING}
        await self.serve_the_line()
        assert [record.caller_number for record in self.at_phone("1004")][:3] == list(WAITING)
        for number in WAITING:
            (answered,) = self.bridge.facts("visit_ended", call=self.call_of(number))
            assert answered["outcome"] == "answered"
            assert abs(answered["waited"] - (answered["at"] - self.arrived[number])) < 0.1 + crowded()

    async def serve_the_line(self) -> None:
        await self.bridge.ask("paused", "ready")
        await self.bridge.eventually(lambda: all(self.record(number).ended_at for number in WAITING), 20)

    async def rung_again(self, back: float) -> None:
        """The phone that rang had stopped a second after we were back, and then the offer was made again."""
        first = self.phones["1001"].records()[0]
        again = await self.phones["1001"].until(lambda record: record.call_id != first.call_id)
        first = self.phones["1001"].records()[0]
        assert first.outcome == "cancelled"
        assert first.ended_at is not None
        assert first.ended_at < back + 1.0 + crowded()
        assert first.ended_at < again.invite_at < back + 2.0 + crowded()
        assert (await self.bridge.until("offer_ended", agent="bell"))["result"] == "cancelled"


@contextlib.asynccontextmanager
async def setting(
    version: int,
    redis: RedisServer | None,
    *,
    config: Mapping[str, Any] = CONFIG,
    warm: bool = True,
    via: Callable[[Pbx], Awaitable[dict[str, Any]]] | None = None,
) -> AsyncIterator[Scene]:
    """A PBX with the scene's phones, and a callbridge that is ready for calls."""
    async with contextlib.AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(Pbx(version, phones=PHONES))
        phones = {
            "steady": await stack.enter_async_context(Phone(pbx, "steady", PhoneScript.answers(0.05))),
            "1001": await stack.enter_async_context(Phone(pbx, "1001", PhoneScript.rings_out())),
            "1004": await stack.enter_async_context(Phone(pbx, "1004", PhoneScript.answers(0.05, talk=0.4))),
        }
        links = {"pbx": await via(pbx)} if via is not None else {}
        bridge = await stack.enter_async_context(Callbridge(pbx, {**config, **links}, redis=redis, warm=warm))
        scene = Scene(pbx, bridge, phones)
        try:
            yield scene
        finally:
            for callers in scene.callers:
                await callers.stop()


def row(**counts: int) -> dict[str, int]:
    return {name: counts.get(name, 0) for name in ("offered", *OUTCOMES)}


async def pause(seconds: float) -> None:
    """Nothing is awaited here but the time itself: the length of a gap."""
    await asyncio.sleep(seconds)


def now() -> float:
    return time.time()
