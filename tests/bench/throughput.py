"""How many calls a second go through, and what each costs, beside app_queue on the same PBX.

60 agents at one SIPp process, a talk of 0.5 s, no wrap-up. Every call is joined by its caller's number: a call *failed*
when no agent's phone answered it or either side saw no clean BYE. Every 20th caller sends a tone; the phones echo what
they hear, so the tone coming back proves voice both ways. CPU is that of the PBX process and of callbridge, per call.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.lab import build
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.capture import Capture
from tests.lab.pbx import TRUNK_HOST, Pbx, PhoneSpec
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, CallerScript, CallRecord, Phone, PhoneRecord, PhoneScript

AGENTS = [str(number) for number in range(2001, 2061)]
SYSTEMS = {"app_queue": "aq", "callbridge": "cb"}
"""Each with the entry that leads to it."""
RATES = (10, 40, 80, 100)
SECONDS = 60.0
SEARCH_SECONDS = 20.0
STEP, FINE = 20, 10
MAX_RATE = 200
"""Beyond the fixed rates it goes up by STEP until one fails, or this one is reached; then by FINE from the last good one."""
TALK = 0.5
EVERY = 20
PATIENCE = 30.0
KEEPS_UP_MS = 3000.0
"""What 99 % may wait for an agent at most: in a line that grows it is more, and app_queue's usual half second is far from it."""
GRACE = 10.0
"""Seconds for the last callers to go, beyond their patience."""
TICKS = os.sysconf("SC_CLK_TCK")

APP_QUEUE = (
    "[aq]\nstrategy=rrmemory\ntimeout=15\nretry=1\nwrapuptime=0\nautofill=yes\nringinuse=no\nmusicclass=default\n"
    + "".join(f"member => PJSIP/{name}\n" for name in AGENTS)
)
EXTENSIONS = "[from-trunk](+)\nexten => aq,1,Answer()\n same => n,Queue(aq)\n"


ANSWERS = PhoneScript.answers(ring=0.0, talk=TALK)


class EchoingPhones(Phone):
    """All agents at one address; what they hear they say."""

    async def _start(self, files: dict[str, bytes], *options: str) -> None:
        await super()._start(files, "-rtp_echo", *options)


class NoRows(SystemExit):
    """Nothing was measured: no result, and no success either."""


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def calls(entry: str, count: int, rate: int) -> tuple[list[Call], list[Call]]:
    """The silent callers, and every 20th who sends a tone."""
    made = [Call(dialled=entry, number=f"49{rate:03}{n:06}", hang_up_after=PATIENCE) for n in range(count)]
    return [call for n, call in enumerate(made) if n % EVERY], made[::EVERY]


def is_clean(caller: CallRecord, phones: Mapping[str, PhoneRecord]) -> bool:
    """Was the call answered by an agent's phone, and ended by BYE on both sides?"""
    phone = phones.get(caller.number)
    return (
        phone is not None
        and phone.outcome == "answered"
        and phone.phone in AGENTS
        and phone.ended_at is not None
        and caller.final_code == 200
        and caller.ended_at is not None
        and caller.ended_by == "pbx"
    )


def judge(
    calls: Sequence[Call], records: Sequence[CallRecord], phones: Mapping[str, PhoneRecord], heard: set[str]
) -> Counter[str]:
    """What became of the calls: how many were good, and how many failed for which reason. ``heard``: whose voice came back, of
    those who sent one; a call that is in neither list of the wire has failed, too."""
    by_number = {record.number: record for record in records}
    found: Counter[str] = Counter()
    for call in calls:
        record, phone = by_number.get(call.number), phones.get(call.number)
        if record is None or record.final_code != 200:
            found["not answered by the PBX"] += 1
        elif phone is None or phone.outcome != "answered":
            found["not answered by an agent"] += 1
        elif not is_clean(record, phones):
            found["without a clean end"] += 1
        elif call.number not in heard:
            found["without voice both ways"] += 1
        else:
            found["good"] += 1
    return found


def numbers_of(call_ids: Collection[str], known: Mapping[str, str]) -> set[str]:
    """Whose calls these are, of those that are ``known``: the other process on the same address counts its calls, too, and a
    late packet at a port that is used again belongs to none."""
    return {known[call_id] for call_id in call_ids if call_id in known}


def reasons(found: Mapping[str, int], late: Collection[str], slowest_ms: float) -> list[str]:
    """Why a system did not keep up; none when it did. ``late``: of callers that were not over in time."""
    failed = sorted((why for why in found if why != "good"), key=lambda why: -found[why])
    grew = [f"the line grew: 1 % waited over {slowest_ms / 1000:.1f} s"] if slowest_ms > KEEPS_UP_MS else []
    return [*(f"{found[why]} {why}" for why in failed), *sorted(late), *grew]


async def _wait(callers: Callers, limit: float) -> tuple[list[CallRecord], str]:
    """Their records, and why not all of them are complete."""
    try:
        return await callers.wait(limit), ""
    except TimeoutError:
        return callers.records(), f"not over after {limit:g} s"
    except RuntimeError as crash:
        return callers.records(), str(crash)


async def measure_row(
    pbx: Pbx, system: str, rate: int, seconds: float, own: int | None, phone: PhoneScript = ANSWERS
) -> dict[str, Any]:
    """One system at one rate: every call joined with what its agent's phone saw."""
    silent, sounding = calls(SYSTEMS[system], round(rate * seconds), rate)
    total = len(silent) + len(sounding)
    async with AsyncExitStack() as stack:
        phones = await stack.enter_async_context(EchoingPhones(pbx, "bank", phone))
        capture = Capture(pbx.folder / f"{system}-{rate}.pcap", TRUNK_HOST)
        await stack.enter_async_context(capture)
        before = cpu(pbx.pid), cpu(own) if own else 0.0
        crowd = await stack.enter_async_context(Callers(pbx, silent, rate=rate * (1 - 1 / EVERY)))
        # SIPp plays no sound in the last call of a process, so there is one more who does not count.
        extra = Call(dialled=SYSTEMS[system], number=f"48{rate:03}", hang_up_after=PATIENCE)
        script = CallerScript(audio="caller")
        voices = await stack.enter_async_context(Callers(pbx, [*sounding, extra], rate=rate / EVERY, script=script))
        limit = seconds + PATIENCE + GRACE
        (of_crowd, late), (of_voices, later) = await asyncio.gather(_wait(crowd, limit), _wait(voices, limit))
        used = cpu(pbx.pid) - before[0], (cpu(own) if own else 0.0) - before[1]
        rung = {record.caller_number: record for record in phones.records()}
    tone = build.LAB / "sounds" / "tones" / "caller.ulaw"
    asked = {call.number for call in sounding}
    heard = numbers_of(capture.echoed(tone), voices.numbers()) & asked
    records = [*of_crowd, *of_voices]
    found = judge([*silent, *sounding], records, rung, heard | {call.number for call in silent})
    slowest = _waited(records, rung, 0.99)
    why = reasons(found, {late, later} - {""}, slowest)
    return {
        "system": system,
        "rate": rate,
        "seconds": seconds,
        "calls": total,
        "failed": total - found["good"],
        "kept_up": not why,
        "reason": "; ".join(why),
        "voice": f"{len(heard)}/{len(asked)}",
        "wait_p50_ms": _waited(records, rung, 0.5),
        "wait_p99_ms": slowest,
        "pbx_cpu_ms": round(used[0] / total * 1000, 2),
        "own_cpu_ms": round(used[1] / total * 1000, 2),
    }


def fallen(system: str, rate: int, seconds: float, why: BaseException) -> dict[str, Any]:
    """The row of a system that could not even be measured at this rate."""
    total = round(rate * seconds)
    where = [frame.name for frame in traceback.extract_tb(why.__traceback__) if "/tests/" in frame.filename]
    reason = f"{type(why).__name__}: {why}".strip(": ") + (f" in {where[-1]}" if where else "")
    row = {"system": system, "rate": rate, "seconds": seconds, "calls": total, "failed": total, "kept_up": False}
    row |= {"reason": reason}
    return row | {"voice": "0/0", "wait_p50_ms": -1.0, "wait_p99_ms": -1.0, "pbx_cpu_ms": 0.0, "own_cpu_ms": 0.0}


def _waited(records: Sequence[CallRecord], rung: dict[str, PhoneRecord], share: float) -> float:
    """Milliseconds from a caller's INVITE to the answer of the agent's phone."""
    waits = sorted(
        (answered - record.started_at) * 1000
        for record in records
        if record.number in rung and (answered := rung[record.number].answered_at) is not None
    )
    return round(waits[min(len(waits) - 1, int(len(waits) * share))], 1) if waits else -1.0


async def _run_row(system: str, rate: int, seconds: float, dtmf: str) -> dict[str, Any]:
    """On a PBX of its own, so that one that was overrun spoils nothing that comes after."""
    specs = [PhoneSpec(name=name, line="bank") for name in AGENTS]
    queues = {"cb": {"steps": [{"skills": "support"}], "wrap_up": 0}}
    bridges = "mixing,dtmf_events" if dtmf == "on" else "mixing"
    config = floor(
        {name: agent(name, {"support": 1}) for name in AGENTS}, queues, pbx={"bridge_type": bridges}, log={"level": "warning"}
    )
    extra = {"queues.conf": APP_QUEUE, "extensions.conf": EXTENSIONS}
    try:
        async with Pbx(22, phones=specs, extra=extra, rtp_ports=4000) as pbx:
            if system == "app_queue":
                return await measure_row(pbx, system, rate, seconds, None)
            async with RedisServer(appendonly=True) as redis, Callbridge(pbx, config, redis=redis) as bridge:
                return await measure_row(pbx, system, rate, seconds, bridge.process.pid)
    except Exception as fall:  # noqa: BLE001 - whatever it was, the other rows count
        return fallen(system, rate, seconds, fall)


Measure = Callable[[str, int, float], Awaitable[dict[str, Any]]]


async def compare(measure: Measure, rates: Sequence[int], seconds: float, search_seconds: float) -> dict[str, Any]:
    """Both systems at the fixed rates, then for each the highest rate with which it keeps up: 0 when there is none, MAX_RATE when
    the search ended there."""
    rows: list[dict[str, Any]] = []

    async def holds(system: str, rate: int, length: float) -> bool:
        row = await measure(system, rate, length)
        rows.append(row)
        _tell(row)
        return bool(row["kept_up"])

    held: dict[str, dict[int, bool]] = {system: {} for system in SYSTEMS}
    for rate in sorted(rates):
        for system in SYSTEMS:
            held[system][rate] = await holds(system, rate, seconds)
    if not rows:
        raise NoRows("throughput: no rows were measured")
    highest = {}
    for system, results in held.items():
        failed = min((rate for rate, good in results.items() if not good), default=None)
        low = max((rate for rate, good in results.items() if good and (failed is None or rate < failed)), default=0)
        highest[system] = await search(lambda rate, of=system: holds(of, rate, search_seconds), low, failed)  # type: ignore[misc]
    return {"rows": rows, "highest_rate": highest, "searched_up_to": MAX_RATE}


async def search(holds: Callable[[int], Awaitable[bool]], low: int, failed: int | None) -> int:
    """The highest rate that holds: up from ``low`` by STEP until one fails, then by FINE to that one."""
    while failed is None and low + STEP <= MAX_RATE:
        if await holds(low + STEP):
            low += STEP
        else:
            failed = low + STEP
    while failed is not None and low + FINE < failed:
        if not await holds(low + FINE):
            break
        low += FINE
    return low


def _tell(row: Mapping[str, Any]) -> None:
    """Rows as they come: a run takes long, and may be broken off."""
    verdict = "kept up" if row["kept_up"] else f"{row['failed']} failed: {row['reason']}"
    print(
        f"{row['system']:>10} at {row['rate']:>3} calls/s for {row['seconds']:g} s: {row['calls']} calls, {verdict}", flush=True
    )


def run(*arguments: str) -> dict[str, Any]:
    """``--dtmf on|off`` (default on), ``--seconds N`` of the fixed rates (those of the search are at most that long), ``--rates
    10,40,80,100``."""
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    dtmf = options.get("--dtmf", "on")
    rates = [int(rate) for rate in options.get("--rates", ",".join(map(str, RATES))).split(",") if rate]
    seconds = float(options.get("--seconds", SECONDS))

    async def measure(system: str, rate: int, length: float) -> dict[str, Any]:
        return await _run_row(system, rate, length, dtmf)

    return {"dtmf": dtmf} | asyncio.run(compare(measure, rates, seconds, min(seconds, SEARCH_SECONDS)))
