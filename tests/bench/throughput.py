"""How many calls a second go through, and what each costs, beside app_queue on the same PBX.

60 agents at one SIPp process, a talk of 0.5 s, no wrap-up. Every call is joined by its caller's number: a call *failed*
when no agent's phone answered it or either side saw no clean BYE. Every 20th caller sends a tone; the phones echo what
they hear, so the tone coming back proves voice both ways. CPU is that of the PBX process and of callbridge, per call.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
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
RATES = (10, 40, 80)
SECONDS = 60.0
TALK = 0.5
EVERY = 20
PATIENCE = 30.0
TICKS = os.sysconf("SC_CLK_TCK")

APP_QUEUE = (
    "[aq]\nstrategy=rrmemory\ntimeout=15\nretry=1\nwrapuptime=0\nautofill=yes\nringinuse=no\nmusicclass=default\n"
    + "".join(f"member => PJSIP/{name}\n" for name in AGENTS)
)
EXTENSIONS = "[from-trunk](+)\nexten => aq,1,Answer()\n same => n,Queue(aq)\n"


class EchoingPhones(Phone):
    """All agents at one address; what they hear they say."""

    async def _start(self, files: dict[str, bytes], *options: str) -> None:
        await super()._start(files, "-rtp_echo", *options)


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def calls(entry: str, count: int, rate: int) -> tuple[list[Call], list[Call]]:
    """The silent callers, and every 20th who sends a tone."""
    made = [Call(dialled=entry, number=f"49{rate:03}{n:06}", hang_up_after=PATIENCE) for n in range(count)]
    return [call for n, call in enumerate(made) if n % EVERY], made[::EVERY]


def is_clean(caller: CallRecord, phones: dict[str, PhoneRecord]) -> bool:
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


async def _row(pbx: Pbx, system: str, entry: str, rate: int, own: int | None, seconds: float) -> dict[str, Any]:
    silent, sounding = calls(entry, round(rate * seconds), rate)
    total = len(silent) + len(sounding)
    async with AsyncExitStack() as stack:
        phones = await stack.enter_async_context(EchoingPhones(pbx, "bank", PhoneScript.answers(ring=0.0, talk=TALK)))
        capture = Capture(pbx.folder / f"{system}-{rate}.pcap", TRUNK_HOST)
        await stack.enter_async_context(capture)
        before = cpu(pbx.pid), cpu(own) if own else 0.0
        crowd = await stack.enter_async_context(Callers(pbx, silent, rate=rate * (1 - 1 / EVERY)))
        # SIPp plays no sound in the last call of a process, so there is one more who does not count.
        script = CallerScript(audio="caller")
        extra = Call(dialled=entry, number=f"48{rate:03}", hang_up_after=PATIENCE)
        voices = await stack.enter_async_context(Callers(pbx, [*sounding, extra], rate=rate / EVERY, script=script))
        limit = seconds + PATIENCE + 10
        records = [*await crowd.wait(limit), *await voices.wait(limit)]
        used = cpu(pbx.pid) - before[0], (cpu(own) if own else 0.0) - before[1]
        rung = {record.caller_number: record for record in phones.records()}
    tone = build.LAB / "sounds" / "tones" / "caller.ulaw"
    heard = {voices.calls[int(name.partition("-")[0]) - 1].number for name in capture.echoed(tone)}
    asked = {call.number for call in sounding}
    good = {record.number for record in records if is_clean(record, rung)} - (asked - heard)
    return {
        "system": system,
        "rate": rate,
        "calls": total,
        "failed": total - len(good - {extra.number}),
        "voice": f"{len(heard & asked)}/{len(asked)}",
        "wait_p50_ms": _wait(records, rung, 0.5),
        "wait_p99_ms": _wait(records, rung, 0.99),
        "pbx_cpu_ms": round(used[0] / total * 1000, 2),
        "own_cpu_ms": round(used[1] / total * 1000, 2),
    }


def _wait(records: Sequence[CallRecord], rung: dict[str, PhoneRecord], share: float) -> float:
    """Milliseconds from a caller's INVITE to the answer of the agent's phone."""
    waits = sorted(
        (answered - record.started_at) * 1000
        for record in records
        if record.number in rung and (answered := rung[record.number].answered_at) is not None
    )
    return round(waits[min(len(waits) - 1, int(len(waits) * share))], 1) if waits else -1.0


async def _measure(rates: Sequence[int], seconds: float, dtmf: str) -> list[dict[str, Any]]:
    specs = [PhoneSpec(name=name, line="bank") for name in AGENTS]
    queues = {"cb": {"steps": [{"skills": "support"}], "wrap_up": 0}}
    bridges = "mixing,dtmf_events" if dtmf == "on" else "mixing"
    config = floor(
        {name: agent(name, {"support": 1}) for name in AGENTS}, queues, pbx={"bridge_type": bridges}, log={"level": "warning"}
    )
    extra = {"queues.conf": APP_QUEUE, "extensions.conf": EXTENSIONS}
    rows = []
    async with Pbx(22, phones=specs, extra=extra, rtp_ports=4000) as pbx, RedisServer(appendonly=True) as redis:
        for rate in rates:
            rows.append(await _row(pbx, "app_queue", "aq", rate, None, seconds))
            await pbx.quiet(30.0)
            async with Callbridge(pbx, config, redis=redis) as bridge:
                rows.append(await _row(pbx, "callbridge", "cb", rate, bridge.process.pid, seconds))
            await pbx.quiet(30.0)
    return rows


def run(*arguments: str) -> dict[str, Any]:
    """``--dtmf on|off`` (default on), ``--seconds N``, ``--rates 10,40,80``."""
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    dtmf = options.get("--dtmf", "on")
    rates = [int(rate) for rate in options.get("--rates", ",".join(map(str, RATES))).split(",")]
    return {"dtmf": dtmf, "rows": asyncio.run(_measure(rates, float(options.get("--seconds", SECONDS)), dtmf))}
