"""What a PBX that is offered more than it can do still serves: app_queue, callbridge without limits, and with them.

The floor is that of ``throughput``: 60 agents at one SIPp process, a talk of 0.5 s, no wrap-up, callers who wait for 30 s. They
come at a multiple of ``--capacity``, the highest rate at which all is well. Every tenth is of the tier gold, which is promised an
agent within 5 s; app_queue gives these callers a higher QUEUE_PRIO. After the last caller has come, one more call a second asks
when everything is as before: answered by an agent within 1 s.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.bench.throughput import AGENTS, APP_QUEUE, PATIENCE, cpu
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, CallRecord, Phone, PhoneRecord, PhoneScript

CAPACITY = 90
FACTORS = (0.5, 1.0, 1.5, 2.0, 3.0)
SECONDS = 60.0
VIP_EVERY, PROMISE = 10, 5.0
WARM_UP = 5.0
"""Seconds at the beginning that do not count for what is served: the line of callers is still growing."""
NORMAL_WITHIN, NORMAL_LIMIT = 1.0, 120.0
EXTENSIONS = (
    "[from-trunk](+)\nexten => aq,1,Answer()\n"
    ' same => n,ExecIf($["${CALLERID(num):-1}" = "0"]?Set(QUEUE_PRIO=10))\n'  # every tenth caller, as `is_vip`
    " same => n,Queue(aq)\n"
)
LIMITS: dict[str, dict[str, Any] | None] = {
    "app_queue": None,
    "callbridge": {},
    "callbridge with limits": {"limits": {"responds_within": 0.3}, "queue_defaults": {"most_waiting": 200}},
}
"""System -> its configuration beyond that of the floor."""


def calls(entry: str, count: int) -> list[Call]:
    return [Call(dialled=entry, number=f"4930{n:07}", hang_up_after=PATIENCE) for n in range(count)]


def is_vip(number: str) -> bool:
    return int(number) % VIP_EVERY == 0


def judge(records: Sequence[CallRecord], rung: Mapping[str, PhoneRecord], began: float, seconds: float) -> dict[str, float | int]:
    """What became of the callers. Served: an agent's phone answered, by the phone's log. Failed: neither served nor refused."""
    waits = {
        record.number: answered - record.started_at
        for record in records
        if (phone := rung.get(record.number)) is not None and (answered := phone.answered_at) is not None
    }
    steady = [
        phone
        for phone in rung.values()
        if phone.answered_at is not None and began + WARM_UP <= phone.answered_at < began + seconds
    ]
    refused = sum(record.final_code in (486, 503) for record in records)
    vips = [record.number for record in records if is_vip(record.number)]
    return {
        "calls": len(records),
        "served": len(waits),
        "served_per_second": round(len(steady) / (seconds - WARM_UP), 1),
        "refused": refused,
        "failed": len(records) - len(waits) - refused,
        "vip_within_promise": round(sum(waits.get(each, PROMISE + 1) <= PROMISE for each in vips) / max(1, len(vips)), 3),
    }


def shares_of_peak(rows: Iterable[dict[str, Any]]) -> None:
    """Add to each row what is served of the most that its system served at any rate."""
    measured = [row for row in rows if "served_per_second" in row]
    for row in measured:
        peak = max(other["served_per_second"] for other in measured if other["system"] == row["system"])
        row["served_share_of_peak"] = round(row["served_per_second"] / peak, 3) if peak else 0.0


def event_age_p99(metrics: str) -> float | None:
    """Milliseconds: the upper end of the bucket with the 99th percentile; None beyond the last bucket, or without an event."""
    buckets = [
        (float(sample.labels["le"]), sample.value)
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "callbridge_event_age_seconds_bucket"
    ]
    total = max((count for _, count in buckets), default=0.0)
    upper = min((end for end, count in buckets if total and count >= 0.99 * total), default=float("inf"))
    return round(upper * 1000, 1) if upper < float("inf") else None


async def _metrics(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        answer.raise_for_status()
        return await answer.text()


async def _load(highest: list[float]) -> None:
    while True:
        highest[0] = max(highest[0], os.getloadavg()[0])
        await asyncio.sleep(1.0)


async def _until_normal(pbx: Pbx, entry: str, phones: Phone) -> float:
    """Seconds until a call is answered by an agent within NORMAL_WITHIN; NORMAL_LIMIT if none was."""
    loop = asyncio.get_running_loop()
    began, number = loop.time(), 0
    while loop.time() - began < NORMAL_LIMIT:
        number += 1
        one = Call(dialled=entry, number=f"4931{number:07}", hang_up_after=NORMAL_WITHIN)
        at = loop.time() - began
        async with Callers(pbx, [one]) as probe:
            try:
                (record,) = await probe.wait(10.0)
            except (TimeoutError, RuntimeError, ValueError):
                continue
        phone = {each.caller_number: each for each in phones.records()}.get(one.number)
        if phone is not None and phone.answered_at is not None and phone.answered_at - record.started_at <= NORMAL_WITHIN:
            return round(at, 1)
        await asyncio.sleep(0.5)
    return NORMAL_LIMIT


async def measure(pbx: Pbx, entry: str, rate: float, seconds: float, own: int | None) -> dict[str, Any]:
    made = calls(entry, round(rate * seconds))
    highest = [0.0]
    async with AsyncExitStack() as stack:
        phones = await stack.enter_async_context(Phone(pbx, "bank", PhoneScript.answers(ring=0.0, talk=0.5)))
        watching = asyncio.create_task(_load(highest))
        stack.callback(watching.cancel)
        before = cpu(pbx.pid), cpu(own) if own else 0.0
        crowd = await stack.enter_async_context(Callers(pbx, made, rate=rate))
        await asyncio.sleep(seconds)
        normal = asyncio.create_task(_until_normal(pbx, entry, phones))
        try:
            records = await crowd.wait(PATIENCE + NORMAL_LIMIT)
        except (TimeoutError, RuntimeError):
            records = crowd.records()
        used = cpu(pbx.pid) - before[0], (cpu(own) if own else 0.0) - before[1]
        back = await normal
        rung = {record.caller_number: record for record in phones.records()}
    began = min(record.started_at for record in records)
    return judge(records, rung, began, seconds) | {
        "seconds_to_normal": back,
        "load": round(highest[0], 1),
        "pbx_cpu_s": round(used[0], 1),
        "own_cpu_s": round(used[1], 1),
    }


async def _row(system: str, factor: float, capacity: float, seconds: float) -> dict[str, Any]:
    specs = [PhoneSpec(name=name, line="bank") for name in AGENTS]
    row = {"system": system, "offered": factor, "calls_per_s": round(factor * capacity, 1)}
    more = LIMITS[system]
    extra = {"queues.conf": APP_QUEUE, "extensions.conf": EXTENSIONS}
    async with Pbx(22, phones=specs, extra=extra, rtp_ports=4000) as pbx:
        if more is None:
            return row | await measure(pbx, "aq", factor * capacity, seconds, None)
        count = round(factor * capacity * seconds)
        vips = [f"+{call.number}" for call in calls("cb", count) if is_vip(call.number)]
        defaults = {"wrap_up": 0} | more.get("queue_defaults", {})
        config = floor(
            {name: agent(name, {"support": 1}) for name in AGENTS},
            {"cb": {"steps": [{"skills": "support"}], "tiers": {"gold": {"head_start": "1m"}}}},
            queue_defaults=defaults,
            tiers={"order": ["gold", "standard"], "numbers": {"gold": vips}},
            log={"level": "warning"},
            **{key: value for key, value in more.items() if key != "queue_defaults"},
        )
        async with RedisServer(appendonly=True) as redis, Callbridge(pbx, config, redis=redis) as bridge:
            row |= await measure(pbx, "cb", factor * capacity, seconds, bridge.process.pid)
            return row | {"event_age_p99_ms": event_age_p99(await _metrics(bridge.url))}


def run(*arguments: str) -> dict[str, Any]:
    """``--capacity N`` calls a second (default 90), ``--factors 0.5,1,1.5,2,3``, ``--seconds N`` of each row (default 60)."""
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    capacity, seconds = float(options.get("--capacity", CAPACITY)), float(options.get("--seconds", SECONDS))
    factors = [float(each) for each in options.get("--factors", ",".join(map(str, FACTORS))).split(",")]
    rows = []
    for factor in factors:
        for system in LIMITS:
            try:
                row = asyncio.run(_row(system, factor, capacity, seconds))
            except Exception as fall:  # noqa: BLE001 - whatever it was, the other rows count
                row = {
                    "system": system,
                    "offered": factor,
                    "calls_per_s": factor * capacity,
                    "reason": f"{type(fall).__name__}: {fall}",
                }
            print(row, flush=True)
            rows.append(row)
    shares_of_peak(rows)
    return {"capacity": capacity, "seconds": seconds, "rows": rows}
