"""Rounds of faults on a real Asterisk 22, every call joined one by one between its caller's and its phone's record.

A round is a lab of its own: about 40 callers in 15 s for 10 agents, some of whom leave while they wait, and one fault in the
middle. *Lost*: a caller neither put through, nor in the fallback, nor gone by the caller's own hang-up. *Cut*: a talk that
neither side ended. *Unbridged*: an agent picks up and is not put through, though the caller is there. *Ghost ring*: a phone
that rings over 1 s after its caller left. *Stuck agent*: not ready 5 s after the last call, with a phone that works.
Rounds with one seed have the same callers, not the same rings and talks: SIPp draws them.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from callbridge.adapters.redis.connection import RedisSettings
from tests.bench.chaos_verdict import CALL_HEADER, Verdict, judge, row, seconds_to_serve, told, totals
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.process import output
from tests.lab.records import CallRecord, PhoneRecord
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, Phone, PhoneScript

ROUNDS = 3
SECONDS = 15.0
CALLS = 40
FAULT_AT = 7.0
DRAIN = 30.0
"""Seconds for the last callers to be served, after the last one has called."""
STUCK = 5.0
ROOM = 120.0
FREEZE = 10.0
RTP_TIMEOUT = 3
LINES = {"a": ("3001", "3002", "3003", "3004"), "b": ("3005", "3006", "3007", "3008"), "c": ("3009",)}
"""Which SIPp process stands for which phones."""
FRAGILE = "3010"
"""The phone that dies, a process of its own. The PBX listens for its voice."""
RING = (0.3, 2.5)
TALK = (1.5, 5.0)
QUEUE = "callbridge-fallback"
SAVED = ("calls", "agents", "meta", "outbox", "cursors")
CEL = {
    "modules.conf": "load=res_cdrel_custom.so\nload=cel_custom.so\n",
    "cel.conf": "[general](+)\nenable=yes\nevents=BRIDGE_ENTER\n",
    "cel_custom.conf": "[mappings]\nMaster.csv => ${eventtype},${eventtime},${CHANNEL(channame)}\n",
}
"""Asterisk's own event log: the witness for who was put through."""
LISTENED = f"[{FRAGILE}](+type=endpoint)\nrtp_timeout={RTP_TIMEOUT}\nrtp_timeout_hold={2 * RTP_TIMEOUT}\n"


@dataclass
class Round:
    """What a fault may lay hands on."""

    pbx: Pbx
    bridge: Callbridge
    redis: RedisServer | None
    phones: dict[str, Phone]
    rng: random.Random
    number: int
    neighbour: Callbridge | None = None
    dead: list[str] = field(default_factory=list)

    async def ask_redis(self, *words: str) -> str:
        assert self.redis is not None
        return await output("redis-cli", "-u", self.redis.url, *words)

    def key(self, name: str) -> str:
        assert self.redis is not None
        return RedisSettings(url=self.redis.url, world="callbridge").private(name)

    async def restart(self, before: Callable[[], Awaitable[object]] | None = None) -> None:
        """kill -9, what is to be done meanwhile, start."""
        await self.bridge.kill()
        if before is not None:
            await before()
        await self.bridge.start(limit=20.0)


async def _none(_: Round) -> None:
    """The control."""


async def _flush_kill(here: Round) -> None:
    await here.restart(lambda: here.ask_redis("flushall"))


async def _kill(here: Round) -> None:
    await here.restart()


async def _wrong_type(here: Round) -> None:
    name = here.key(SAVED[here.number % len(SAVED)])

    async def replace() -> None:
        await here.ask_redis("del", name)
        await here.ask_redis("set", name, "of another")

    await here.restart(replace)


async def _bad_row(here: Round) -> None:
    """One in three saved calls, whatever state it is in."""

    async def spoil() -> None:
        saved = sorted((await here.ask_redis("hkeys", here.key("calls"))).split())
        for call in here.rng.sample(saved, max(1, len(saved) // 3)):
            await here.ask_redis("hset", here.key("calls"), call, "[2,{}]")

    await here.restart(spoil)


async def _neighbour(here: Round) -> None:
    assert here.neighbour is not None
    await here.neighbour.kill()
    await here.neighbour.start()


async def _freeze(here: Round) -> None:
    here.bridge.process.signal(signal.SIGSTOP)
    await asyncio.sleep(FREEZE)
    here.bridge.process.signal(signal.SIGCONT)


async def _dead_phone(here: Round) -> None:
    phone = here.phones[FRAGILE]
    await phone.until(lambda record: record.answered_at and not record.ended_at, limit=SECONDS)
    await asyncio.sleep(0.5)
    await phone.process.kill()
    here.dead.append(FRAGILE)


FAULTS: Mapping[str, Callable[[Round], Awaitable[None]]] = {
    "none": _none,
    "flush_kill": _flush_kill,
    "no_redis_kill": _kill,
    "wrong_type": _wrong_type,
    "bad_row": _bad_row,
    "neighbour": _neighbour,
    "freeze": _freeze,
    "dead_phone": _dead_phone,
}


def callers(rng: random.Random) -> list[Call]:
    """One in four leaves early, one in eight hangs up later, mostly in a talk; the others stay until they are hung up."""
    made = []
    for index in range(CALLS):
        dice = rng.random()
        patience = rng.uniform(0.5, 4.0) if dice < 0.25 else rng.uniform(5.0, 12.0) if dice < 0.375 else None
        made.append(Call(dialled="support", number=f"4932{index:05}", name=f"chaos-{index}", hang_up_after=patience))
    return made


def _config(app: str = "callbridge") -> dict[str, Any]:
    names = [*(name for line in LINES.values() for name in line), FRAGILE]
    agents = {name: agent(name, {"support": 1}) for name in names}
    if app != "callbridge":
        agents = {"other": agent("3099", {"support": 1}, login=False)}
    more: dict[str, Any] = {"instance": {"timezone": "UTC", "app": app}, "fallback": {"mirror": True, "pull_back": True}}
    if app != "callbridge":
        more["fallback"] = {"mirror": False, "pull_back": False}
    return floor(agents, {"support": {"steps": [{"skills": "support"}]}}, queue_defaults={"wrap_up": 0.5}, **more)


async def _pbx(specs: Sequence[PhoneSpec], extra: Mapping[str, str]) -> Pbx:
    """A run takes long, and other labs of the machine come and go: wait until there are ports for this one."""
    limit = time.monotonic() + ROOM
    while True:
        try:
            return Pbx(22, phones=specs, extra=extra)
        except RuntimeError:
            if time.monotonic() > limit:
                raise
            await asyncio.sleep(1.0)


async def _open(stack: AsyncExitStack, fault: str, seed: int, number: int) -> Round:
    specs = [PhoneSpec(name=name, line=line) for line, names in LINES.items() for name in names]
    specs += [PhoneSpec(name=FRAGILE), PhoneSpec(name="3099")]
    extra = CEL | ({"pjsip.conf": LISTENED} if fault == "dead_phone" else {})
    pbx = await _pbx(specs, extra)
    (pbx.folder / "log" / "cel-custom").mkdir()
    await stack.enter_async_context(pbx)
    redis = None if fault == "no_redis_kill" else await stack.enter_async_context(RedisServer())
    phones = {}
    for line in (*LINES, FRAGILE):
        last = fault == "dead_phone" and line == FRAGILE
        steps = PhoneScript.answers(talk=(8.0, 9.0) if last else TALK).steps
        script = PhoneScript(ring=RING, steps=steps, hangs_up=True, audio="agent" if last else None)
        phones[line] = await stack.enter_async_context(Phone(pbx, line, script))
    bridge = await stack.enter_async_context(Callbridge(pbx, _config(), redis=redis, warm=True))
    here = Round(pbx, bridge, redis, phones, random.Random(seed), number)
    if fault == "neighbour":
        here.neighbour = await stack.enter_async_context(Callbridge(pbx, _config("other"), warm=True))
    return here


async def _in_fallback(pbx: Pbx) -> set[str]:
    """The numbers of those who wait in the PBX's queue."""
    waiting = set(re.findall(r"PJSIP/trunk-\w+", await pbx.cli(f"queue show {QUEUE}")))
    shown = [line.split("!") for line in (await pbx.cli("core show channels concise")).splitlines()]
    return {fields[7] for fields in shown if fields[0] in waiting and len(fields) > 7}


def _bridged(pbx: Pbx) -> dict[str, list[float]]:
    """When each phone entered a bridge, by the PBX's event log."""
    found: dict[str, list[float]] = {}
    path = pbx.folder / "log" / "cel-custom" / "Master.csv"
    for line in path.read_text().splitlines():
        kind, at, channel = line.split(",")
        if kind == "BRIDGE_ENTER":
            found.setdefault(channel.partition("/")[2].rpartition("-")[0], []).append(float(at))
    return found


async def _stuck(here: Round) -> list[str]:
    """Agents who are not ready ``STUCK`` seconds after the last call; nobody here asked for a pause."""
    last: dict[str, str] = {}
    for _ in range(round(STUCK / 0.5) + 1):
        agents = await asyncio.to_thread(here.bridge.client.agents)
        last = {row["id"]: row["state"] for row in agents if row["state"] != "ready" and row["id"] not in here.dead}
        if not last:
            break
        await asyncio.sleep(0.5)
    return [f"{name} is {state}" for name, state in sorted(last.items())]


async def _until_over(traffic: Callers) -> list[CallRecord]:
    """Nobody is cut off here: who is still there at the end was forgotten, or is in a queue."""
    limit = time.monotonic() + DRAIN
    while time.monotonic() < limit:
        records = traffic.records()
        if len(records) == CALLS and all(record.ended_at for record in records):
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.5)  # a ring that outlives its caller is seen
    return traffic.records()


async def play(fault: str, seed: int, number: int) -> dict[str, Any]:
    """One round of its own lab; its row."""
    async with AsyncExitStack() as stack:
        here = await _open(stack, fault, seed, number)
        calls = callers(here.rng)
        traffic = await stack.enter_async_context(Callers(here.pbx, calls, rate=CALLS / SECONDS))
        await asyncio.sleep(FAULT_AT)
        fault_at, failed = time.time(), ""
        try:
            await FAULTS[fault](here)
        except (TimeoutError, RuntimeError, AssertionError) as error:
            failed = f"{type(error).__name__}: {error}"
        await asyncio.sleep(max(0.0, fault_at + SECONDS - FAULT_AT - time.time()))
        records = await _until_over(traffic)
        over_at, waiting = time.time(), await _in_fallback(here.pbx)
        stuck = await _stuck(here) if here.bridge.process.running else ["callbridge does not run"]
        rings = [record for phone in here.phones.values() for record in phone.records()]
        verdicts = judge(
            [call.number for call in calls], records, rings, _bridged(here.pbx), waiting, over_at=over_at, dead=here.dead
        )
        made = row(fault, verdicts, stuck, seconds_to_serve(rings, fault_at))
        _tell(made, seed, [*([failed] if failed else []), *told(verdicts), *stuck])
        _keep(here, fault, seed, verdicts, rings, records)
        return made | ({"failed": failed} if failed else {})


def _keep(
    here: Round, fault: str, seed: int, verdicts: Sequence[Verdict], rings: Sequence[PhoneRecord], records: Sequence[CallRecord]
) -> None:
    """What a round that went wrong left behind: its log, and the records of the calls in question."""
    wrong = {one.number for one in verdicts if one.became == "lost" or one.cut or one.ghost_rings or one.unbridged}
    folder = Path("build") / "chaos" / f"{fault}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(here.bridge.log, folder / "callbridge.log")
    shutil.copy(here.pbx.log_path, folder / "asterisk.log")
    shutil.copy(here.pbx.folder / "log" / "cel-custom" / "Master.csv", folder / "bridges.csv")
    lines = [str(one) for one in records if one.number in wrong]
    lines += [
        f"{one.caller_number} {one.headers.get(CALL_HEADER)} {replace(one, headers={})}"
        for one in rings
        if one.caller_number in wrong
    ]
    (folder / "calls.txt").write_text("\n".join([*lines, ""]))


def _tell(made: Mapping[str, object], seed: int, wrong: Sequence[str]) -> None:
    """Rows as they come: a run takes long, and may be broken off."""
    figures = ", ".join(f"{name} {value}" for name, value in made.items() if name != "fault")
    print(f"{made['fault']:>13} seed {seed}: {figures}", flush=True)
    for line in wrong:
        print(f"{'':>15}{line}", flush=True)


async def _measure(faults: Sequence[str], count: int, first_seed: int) -> list[dict[str, Any]]:
    return [await play(fault, first_seed + number, number) for number in range(count) for fault in faults]


def run(*arguments: str) -> dict[str, Any]:
    """``--rounds N`` of each fault (default 3), ``--faults a,b``, ``--seed N`` of the first round of each."""
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    faults = options.get("--faults", ",".join(FAULTS)).split(",")
    if unknown := [name for name in faults if name not in FAULTS]:
        raise SystemExit(f"chaos: no fault {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    seed = int(options.get("--seed", "1"))
    rows = asyncio.run(_measure(faults, int(options.get("--rounds", ROUNDS)), seed))
    return {"seed": seed, "rounds": rows, **totals(rows, sum(one["fault"] != "none" for one in rows))}
