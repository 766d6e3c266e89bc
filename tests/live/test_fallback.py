"""When callbridge is away: the PBX's fallback queue has our agents, its callers come back, and nobody is left with music."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.lab import build
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx
from tests.lab.process import Process, output
from tests.lab.sip import Call, Callers, Phone, PhoneScript
from tests.live.conftest import DIALPLAN, PHONES
from tests.live.forwarder import Forwarder
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
LONG = True

QUEUE = "callbridge-fallback"
ON: dict[str, Any] = {"fallback": {"mirror": True, "pull_back": True}}
LOOK = 6.0
"""Seconds within which callbridge has looked at the queue once more."""
QUEUES = """
[somebody-elses]
strategy=rrmemory
member => PJSIP/1008,0,callbridge:ann
"""
LISTENER = """
[listener]
secret=only-listens
deny=0.0.0.0/0.0.0.0
permit=127.0.0.1/255.255.255.255
read=system,call,agent,user
write=reporting
eventfilter=Event: DeviceStateChange
"""
ARRIVED = 0.2
"""Seconds by which the arrival that the dialplan noted may differ from the wire."""
_MEMBER = re.compile(r"^\s+(?P<name>\S.*?) \((?P<phone>PJSIP/\w+)", re.MULTILINE)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[22, 16])
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    version: int = request.param
    if not build.is_built(version):
        pytest.skip(f"Asterisk {version} is not built: run `python -m tests.lab.build`")
    extra = {"extensions.conf": DIALPLAN, "queues.conf": QUEUES, "manager.conf": LISTENER}
    async with Pbx(version, phones=PHONES, extra=extra, verbose=3) as running:
        yield running


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _nobody_yet(pbx: Pbx) -> None:
    """What an earlier test's callbridge left in the queue is gone: it would stay for ever, that is what it is for."""
    for phone in await members(pbx):
        await pbx.cli(f"queue remove member {phone} from {QUEUE}")


async def members(pbx: Pbx, queue: str = QUEUE) -> dict[str, tuple[str, bool]]:
    """Name, and whether paused, of each member by phone."""
    shown = await pbx.cli(f"queue show {queue}")
    return {
        found["phone"]: (found["name"], "(paused" in shown[found.start() : shown.find("\n", found.end())])
        for found in _MEMBER.finditer(shown)
    }


async def until_members(pbx: Pbx, wanted: dict[str, tuple[str, bool]], limit: float = 3.0) -> None:
    last: dict[str, tuple[str, bool]] = {}
    try:
        async with asyncio.timeout(limit):
            while (last := await members(pbx)) != wanted:
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"members are {last}, not {wanted}, after {limit} s") from None


async def until_waiting(pbx: Pbx, count: int, limit: float = 5.0) -> None:
    async with asyncio.timeout(limit):
        while f" has {count} calls" not in await pbx.cli(f"queue show {QUEUE}"):
            await asyncio.sleep(0.1)


async def rescue(bridge: Callbridge, *more: str, limit: float = 40.0) -> tuple[int, list[dict[str, Any]]]:
    """Run the command to its end: exit code and log."""
    log = bridge.folder / f"rescue-{time.monotonic_ns()}"
    process = await Process.callbridge("rescue", "-c", bridge.path, *more, log=log)
    code = await process.wait(limit)
    return code, [json.loads(line) for line in log.read_text().splitlines()]


def only_on_22(pbx: Pbx) -> None:
    if pbx.version != 22:
        pytest.skip("what depends on the version is asked elsewhere")


async def kill(house: House, bridge: Callbridge) -> None:
    house.explains_pbx("outbound websocket per-call config|Stasis app 'callbridge' (doesn't exist|not active|not registered)")
    await bridge.kill()


def said(lines: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == event]


def two() -> dict[str, Any]:
    return floor({"ann": agent("1001", {"support": 1}), "bob": agent("1002", {"support": 1}, login=False)}, **ON)


def one(**more: Any) -> dict[str, Any]:
    return floor({"ann": agent("1001", {"support": 1})}, **ON | more)


ANN_READY = {"PJSIP/1001": ("callbridge:ann", False)}
ANN_PAUSED = {"PJSIP/1001": ("callbridge:ann", True)}


async def test_the_members_follow_the_agents(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two())
    await until_members(pbx, ANN_READY)
    await bridge.ask("bob", "login")
    await until_members(pbx, ANN_READY | {"PJSIP/1002": ("callbridge:bob", False)}, 1.0)
    await bridge.ask("bob", "not-ready", reason="lunch")
    await until_members(pbx, ANN_READY | {"PJSIP/1002": ("callbridge:bob", True)}, 1.0)
    await bridge.ask("bob", "login", phone="PJSIP/1003")
    await until_members(pbx, ANN_READY | {"PJSIP/1003": ("callbridge:bob", False)}, 1.0)
    await bridge.ask("bob", "logout")
    await until_members(pbx, ANN_READY, 1.0)


async def test_foreign_changes_of_ours_are_mended_and_what_is_not_ours_is_left_alone(house: House, pbx: Pbx) -> None:
    only_on_22(pbx)
    await pbx.cli(f"queue add member PJSIP/1009 to {QUEUE} penalty 0 as Zoe")
    theirs = {"PJSIP/1009": ("Zoe", False)}
    bridge = await house.open(two())
    await until_members(pbx, theirs | ANN_READY)
    await pbx.cli(f"queue pause member PJSIP/1009 queue {QUEUE}")
    await pbx.cli(f"queue pause member PJSIP/1001 queue {QUEUE}")
    theirs = {"PJSIP/1009": ("Zoe", True)}
    await until_members(pbx, theirs | ANN_READY, LOOK)
    await pbx.cli(f"queue remove member PJSIP/1001 from {QUEUE}")
    await pbx.cli(f"queue add member PJSIP/1007 to {QUEUE} penalty 0 as callbridge:gone")
    await until_members(pbx, theirs | ANN_READY, LOOK)
    await bridge.ask("ann", "logout")
    await until_members(pbx, theirs)
    assert await members(pbx, "somebody-elses") == {"PJSIP/1008": ("callbridge:ann", False)}


async def test_a_phone_that_somebody_else_put_there_is_not_taken_over(house: House, pbx: Pbx) -> None:
    only_on_22(pbx)
    await pbx.cli(f"queue add member PJSIP/1001 to {QUEUE} penalty 0 as Ann")
    bridge = await house.open(two())
    await bridge.ask("bob", "login")
    await until_members(pbx, {"PJSIP/1001": ("Ann", False), "PJSIP/1002": ("callbridge:bob", False)})
    await bridge.ask("ann", "logout")
    await asyncio.sleep(LOOK)
    assert (await members(pbx))["PJSIP/1001"] == ("Ann", False)


async def test_what_changed_while_the_link_was_down_is_made_up_for(house: House, pbx: Pbx) -> None:
    only_on_22(pbx)
    async with Forwarder() as wire:
        bridge = await house.open(two() | {"pbx": await wire.to_ami(pbx)})
        await until_members(pbx, ANN_READY)
        wire.cut(refuse=True)
        await bridge.until("ami link down")
        await pbx.cli(f"queue remove member PJSIP/1001 from {QUEUE}")
        await bridge.ask("bob", "login")
        await bridge.ask("ann", "not-ready")
        wire.restore()
        await until_members(pbx, ANN_PAUSED | {"PJSIP/1002": ("callbridge:bob", False)}, 8.0)


async def test_the_members_outlive_callbridge_and_a_restart_of_asterisk(house: House, pbx: Pbx) -> None:
    house.explains_pbx("WARNING|ERROR")
    bridge = await house.open(two())
    await bridge.ask("bob", "login")
    await bridge.ask("bob", "not-ready")
    both = ANN_READY | {"PJSIP/1002": ("callbridge:bob", True)}
    await until_members(pbx, both)
    await kill(house, bridge)
    await pbx.restart()
    assert await members(pbx) == both
    await bridge.start()
    await bridge.ask("bob", "ready")
    await until_members(pbx, ANN_READY | {"PJSIP/1002": ("callbridge:bob", False)})


async def test_missing_permission_and_missing_queue_are_said_once_and_cost_nothing(house: House, pbx: Pbx) -> None:
    only_on_22(pbx)
    ami = {"pbx": {"ami": {"port": pbx.ami_port, "user": "listener", "secret": "only-listens"}}}
    bridge = await house.open(one() | ami)
    said_so = await bridge.until("agents cannot be added to the fallback queue")
    assert said_so["add"] == "agent to this AMI user's write= in manager.conf"
    async with Phone(pbx, "1001", PhoneScript.answers(talk=0.5)), Callers(pbx, [Call(dialled="support")]) as callers:
        await callers.wait()
    await asyncio.sleep(LOOK)
    assert len(bridge.facts("agents cannot be added to the fallback queue")) == 1
    assert len(bridge.facts("talk_began")) == 1
    await bridge.stop()
    other = await house.open(one(fallback={"queue": "no-such-queue"}))
    assert (await other.until("the PBX has no fallback queue"))["add"] == "a section [no-such-queue] to queues.conf"


async def test_while_away_a_ready_agent_is_rung_and_a_paused_one_is_not(house: House, pbx: Pbx) -> None:
    bridge = await house.open(two())
    await bridge.ask("bob", "login")
    await bridge.ask("bob", "not-ready", reason="lunch")
    await until_members(pbx, ANN_READY | {"PJSIP/1002": ("callbridge:bob", True)})
    await kill(house, bridge)
    async with Phone(pbx, "1001", PhoneScript.answers()) as ann, Phone(pbx, "1002", PhoneScript.answers()) as bob:
        async with Callers(pbx, [Call(dialled="support", hang_up_after=6)]) as callers:
            await ann.until(lambda record: record.answered_at)
            await bridge.start()
            await bridge.until_state("ann", "busy_elsewhere")
            await callers.wait()
        await bridge.until_state("ann", "ready")
        assert len(ann.records()) == 1
        assert bob.records() == []


async def test_on_return_a_waiting_caller_is_pulled_back_with_the_arrival_and_answered(house: House, pbx: Pbx) -> None:
    bridge = await house.open(one())
    await bridge.ask("ann", "not-ready")
    await until_members(pbx, ANN_PAUSED)
    await kill(house, bridge)
    async with Phone(pbx, "1001", PhoneScript.answers(talk=1.0)), Callers(pbx, [Call(dialled="support")]) as callers:
        await until_waiting(pbx, 1)
        came = callers.records()[0].started_at
        await asyncio.sleep(4.0)
        await bridge.start()
        arrived = await bridge.until("call_arrived")
        assert arrived["at"] == pytest.approx(came, abs=ARRIVED + house.slack)
        assert arrived["pii.number"] == "4930100"
        await bridge.ask("ann", "ready")
        began = await bridge.until("talk_began")
        assert began["waited"] == pytest.approx(time.time() - came, abs=ARRIVED + 0.2 + house.slack)
        (made,) = await callers.wait()
    assert made.ended_by == "pbx"
    assert len(bridge.facts("call_arrived")) == 1


async def test_a_caller_for_whom_the_fallback_rings_stays_and_the_next_one_comes_back(house: House, pbx: Pbx) -> None:
    bridge = await house.open(one())
    await until_members(pbx, ANN_READY)
    await kill(house, bridge)
    calls = [Call(dialled="support", number="49301"), Call(dialled="support", number="49302", hang_up_after=15)]
    async with Phone(pbx, "1001", PhoneScript.answers(ring=9.0, talk=0.5)) as ann:
        async with Callers(pbx, calls, rate=1) as callers:
            rung = await ann.until(lambda record: record.ringing_at)
            await until_waiting(pbx, 2)
            await bridge.start()
            back = await bridge.until("call_arrived")
            assert (rung.caller_number, back["pii.number"]) == ("49301", "49302")
            await bridge.until_state("ann", "busy_elsewhere")
            first = await ann.until(lambda record: record.answered_at, 12)
            assert first.call_id == rung.call_id
            await callers.wait()
        assert len(bridge.facts("call_arrived")) == 1


async def test_whom_we_sent_there_ourselves_stays_there(house: House, pbx: Pbx) -> None:
    """One left by the queue's own rule, one by an entry that nobody knows; one never came by an entry at all."""
    steps = {"steps": [{"skills": "support", "for": 0.5}], "then": {"dialplan": f"{QUEUE},support"}}
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1})}, {"support": steps}, **ON))
    await bridge.ask("ann", "not-ready")
    calls = [Call(dialled=entry, number=f"4930{n}", hang_up_after=2 * LOOK) for n, entry in enumerate(("support", "nosuch"))]
    async with Callers(pbx, calls) as callers:
        await until_waiting(pbx, 2)
        await asyncio.sleep(LOOK)
        await until_waiting(pbx, 2, 0.5 + house.slack)
        assert len(bridge.facts("call_arrived")) == 1
        assert len(bridge.facts("call_diverted")) == 2
        await callers.wait()


async def test_whom_a_flow_sent_there_on_purpose_stays_also_over_a_restart(house: House, pbx: Pbx) -> None:
    """The one beside, who came while callbridge was away, comes back."""
    flows = {"night": {"nodes": {"away": {"dialplan": f"{QUEUE},night"}}}}
    entries = {"night": {"flow": "night"}, "support": {"queue": "support"}}
    more: dict[str, Any] = {"flows": flows, "entries": entries, "fallback": {"mirror": True, "pull_back": True, "leave_alone": 1}}
    bridge = await house.open(floor({"ann": agent("1001", {"support": 1})}, **more))
    await bridge.ask("ann", "not-ready")

    def arrivals(number: str) -> int:
        return sum(fact["pii.number"] == number for fact in bridge.facts("call_arrived"))

    night = Call(dialled="night", number="49301", hang_up_after=6 * LOOK)
    async with Callers(pbx, [night]) as given_away:
        await until_waiting(pbx, 1)
        await asyncio.sleep(LOOK)
        await until_waiting(pbx, 1, 0.5 + house.slack)
        await kill(house, bridge)
        async with Callers(pbx, [Call(dialled="support", number="49302", hang_up_after=4 * LOOK)]) as unserved:
            await until_waiting(pbx, 2)
            await bridge.start()
            await bridge.eventually(lambda: arrivals("49302") == 1)
            await asyncio.sleep(LOOK)
            await until_waiting(pbx, 1, 0.5 + house.slack)
            await unserved.wait()
            assert arrivals("49301") == 1
        await given_away.wait()


def line_of_three() -> dict[str, Any]:
    """Somebody talks, somebody waits, somebody's offer rings."""
    agents = {
        "ann": agent("1001", {"talk": 1}),
        "bell": agent("1002", {"ring": 1}),
        "nail": agent("1003", {"nail": 1}, "nailed_up"),
    }
    queues = {name: {"steps": [{"skills": name}]} for name in ("talk", "ring", "nail", "wait")}
    return floor(agents, queues, skills=["wait"], queue_defaults={"ring_for": 60}, **ON)


async def test_rescue_frees_who_waits_and_leaves_who_talks(house: House, pbx: Pbx) -> None:
    bridge = await house.open(line_of_three())
    async with (
        Phone(pbx, "1001", PhoneScript.answers()) as ann,
        Phone(pbx, "1002", PhoneScript.rings_out()) as bell,
        Phone(pbx, "1003", PhoneScript.answers()) as nail,
        Callers(pbx, [Call(dialled="talk", number="49301", hang_up_after=60)]) as talking,
        Callers(pbx, [Call(dialled=entry, number=f"4930{n}") for n, entry in enumerate(("wait", "ring"), 2)]) as waiting,
    ):
        await bridge.until_state("nail", "ready")
        await bridge.until("talk_began")
        await bell.until(lambda record: record.ringing_at)
        await bridge.until("call_arrived", count=3)
        await bridge.until_state("bell", "ringing")
        came = {fact["pii.number"]: fact["at"] for fact in bridge.facts("call_arrived")}
        # Nobody takes them yet: this test wants to see them waiting.
        for phone in ("1001", "1002", "1003"):
            await pbx.cli(f"queue pause member PJSIP/{phone} queue {QUEUE}")
        dead = time.monotonic()
        await kill(house, bridge)
        code, lines = await rescue(bridge)
        await until_waiting(pbx, 2)
        assert time.monotonic() - dead < 30.0
        assert code == 0
        assert {line["entry"] for line in said(lines, "a stranded caller was sent to the fallback")} == {"wait", "ring"}
        assert len(said(lines, "an orphaned leg was hung up")) == 2
        assert nail.records()[0].ended_by == "pbx"
        assert bell.records()[0].outcome == "cancelled"
        assert talking.records()[0].ended_at is None
        assert ann.records()[0].ended_at is None
        await bridge.start()
        again = [await bridge.until("call_arrived", count=count) for count in (4, 5)]
        assert {fact["pii.number"] for fact in again} == {"49302", "49303"}
        assert all(abs(fact["at"] - came[fact["pii.number"]]) <= ARRIVED + house.slack for fact in again)
        assert talking.records()[0].ended_at is None
        assert [record.ended_at for record in waiting.records()] == [None, None]
        assert await bridge.state("ann") == "talking"
        await pbx.hang_up_all()
        await pbx.quiet()


async def test_two_rescues_at_once_do_no_harm_even_with_a_broken_configuration(house: House, pbx: Pbx) -> None:
    bridge = await house.open(one())
    await bridge.ask("ann", "not-ready")
    async with Callers(pbx, [Call(dialled="support", number=f"4930{n}", hang_up_after=45) for n in range(4)]) as callers:
        await bridge.until("call_arrived", count=4)
        await until_members(pbx, ANN_PAUSED)
        await kill(house, bridge)
        good = bridge.path.read_text()
        bridge.path.write_text(good.replace('"support": 1', '"suport": 9'))
        (first, one_says), (second, other_says) = await asyncio.gather(rescue(bridge), rescue(bridge))
        bridge.path.write_text(good)
        await until_waiting(pbx, 4)
        assert (first, second) == (0, 0)
        assert len(said(one_says, "the configuration has errors; rescue ignores those parts")) == 1
        sent = said(one_says + other_says, "a stranded caller was sent to the fallback")
        assert len({line["channel"] for line in sent}) == 4
        await pbx.hang_up_all()
        await callers.wait()


async def test_rescue_does_nothing_while_callbridge_lives(house: House, pbx: Pbx) -> None:
    only_on_22(pbx)
    bridge = await house.open(one())
    await bridge.ask("ann", "not-ready")
    async with Callers(pbx, [Call(dialled="support", hang_up_after=25)]) as callers:
        await bridge.until("call_arrived")
        began = time.monotonic()
        assert await rescue(bridge) == (0, [])
        assert time.monotonic() - began < 8.0
        assert len(await bridge.calls()) == 1
        await pbx.hang_up_all()
        await callers.wait()


async def test_rescue_lets_go_when_callbridge_comes_back(house: House, pbx: Pbx) -> None:
    only_on_22(pbx)
    bridge = await house.open(one())
    await bridge.ask("ann", "not-ready")
    async with Callers(pbx, [Call(dialled="support", hang_up_after=30)]) as callers:
        await bridge.until("call_arrived")
        await kill(house, bridge)
        rescuing = asyncio.create_task(rescue(bridge))
        await asyncio.sleep(8.0)
        await bridge.start()
        assert await rescuing == (0, [])
        await until_waiting(pbx, 0, 0.5 + house.slack)
        assert [call["state"] for call in await bridge.calls()] == ["waiting"]
        await pbx.hang_up_all()
        await callers.wait()


async def test_rescue_without_a_pbx_says_so_in_one_line(house: House, pbx: Pbx) -> None:
    only_on_22(pbx)
    bridge = await house.open(one())
    await bridge.stop()
    bridge.path.write_text(bridge.path.read_text().replace(str(pbx.http_port), "9"))
    code, lines = await rescue(bridge)
    assert (code, [line["event"] for line in lines]) == (1, ["the PBX cannot be queried"])
    with pytest.raises(RuntimeError, match=r"cannot read|no such file"):
        await output(sys.executable, "-m", "callbridge", "rescue", "-c", "/nonexistent/callbridge.yaml")


@pytest.mark.parametrize("then", ["rescue", "restart", "restart without the saved world"])
async def test_a_customer_whose_agent_hung_up_meanwhile_gets_no_second_agent(house: House, pbx: Pbx, then: str) -> None:
    """An agent who hangs up ends the call, also when nobody listens: rescue and restart do the same."""
    agents = {"ann": agent("1001", {"talk": 1}), "bob": agent("1002", {"talk": 1})}
    config = floor(agents, {"talk": {"steps": [{"skills": "talk"}]}}, **ON)
    bridge = await house.open(config, redis=then != "restart without the saved world")
    async with (
        Phone(pbx, "1001", PhoneScript.answers(talk=6)) as ann,
        Phone(pbx, "1002", PhoneScript.answers(talk=6)) as bob,
        Callers(pbx, [Call(dialled="talk", number="49301", hang_up_after=90)]) as callers,
    ):
        talk = await bridge.until("talk_began")
        mine, other = (ann, bob) if talk["agent"] == "ann" else (bob, ann)
        await kill(house, bridge)
        assert (await mine.until(lambda record: record.ended_at)).ended_by == "phone"
        assert callers.records()[0].ended_at is None, "nobody is there to end it"
        if then == "rescue":
            code, lines = await rescue(bridge)
            assert (code, len(said(lines, "an orphaned leg was hung up"))) == (0, 1)
        else:
            await bridge.start()
        async with asyncio.timeout(10.0):
            while callers.records()[0].ended_at is None:
                await asyncio.sleep(0.1)
        assert callers.records()[0].ended_by == "pbx"
        assert other.records() == []
    if then == "rescue":
        await bridge.start()
    elif then != "restart":
        await bridge.stop()  # its books have no end of a call that was forgotten
