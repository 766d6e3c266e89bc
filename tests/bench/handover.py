"""How soon a freed agent's phone rings for the next waiting caller: BYE to INVITE on the wire, beside app_queue.

Six queues with one agent each run side by side on one PBX. Callers keep at least five waiting in each; a talk lasts
0.5 to 1.5 s at random and the agent hangs up; there is no wrap-up. First app_queue serves, then callbridge, with its
Redis save on. A sample counts only if five callers were waiting when the agent hung up.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, CallRecord, Phone, PhoneRecord, PhoneScript

LANES = 6
WAITING = 5
SAMPLES = 300
TALK = (0.5, 1.5)
LIMIT = 240.0

APP_QUEUE = "".join(
    f"[aq{n}]\nstrategy=ringall\ntimeout=15\nretry=1\nwrapuptime=0\nautofill=yes\nringinuse=no\nmusicclass=default\n"
    f"joinempty=yes\nleavewhenempty=no\nmember => PJSIP/10{n:02}\n"
    for n in range(LANES)
)
EXTENSIONS = "[from-trunk](+)\n" + "".join(f"exten => aq{n},1,Answer()\n same => n,Queue(aq{n})\n" for n in range(LANES))
PHONES = [f"10{n:02}" for n in range(LANES)]


def gaps(phone: Sequence[PhoneRecord], arrivals: Sequence[float]) -> list[float]:
    """Milliseconds from each BYE to the next INVITE of one phone, where enough callers were waiting."""
    served = sorted(phone, key=lambda record: record.invite_at)
    found = []
    for index, (before, after) in enumerate(itertools.pairwise(served)):
        if before.ended_at is None or before.ended_by != "phone":
            continue
        if bisect_right(arrivals, before.ended_at) - (index + 1) >= WAITING:
            found.append((after.invite_at - before.ended_at) * 1000)
    return found


async def _side(pbx: Pbx, entry: str, rate: float) -> list[float]:
    """Samples of one system: ``entry`` is its entries' name without the number."""
    phones = [
        Phone(pbx, name, PhoneScript(ring=0.0, steps=PhoneScript.answers(talk=TALK).steps, hangs_up=True)) for name in PHONES
    ]
    first = [Call(dialled=f"{entry}{n % LANES}", number=f"4930{n:05}") for n in range(LANES * (WAITING + 8))]
    more = [Call(dialled=f"{entry}{n % LANES}", number=f"4931{n:05}") for n in range(LANES * 90)]
    async with Callers(pbx, first, rate=40.0) as waiting:
        await asyncio.sleep(len(first) / 40.0 + 1.0)
        for phone in phones:
            await phone.start()
        async with Callers(pbx, more, rate=rate) as callers:
            try:
                async with asyncio.timeout(LIMIT):
                    while True:
                        await asyncio.sleep(1.0)
                        records = [*waiting.records(), *callers.records()]
                        samples = [
                            gap
                            for n, phone in enumerate(phones)
                            for gap in gaps(phone.records(), _arrivals(records, f"{entry}{n}"))
                        ]
                        if len(samples) >= SAMPLES:
                            return samples
            finally:
                for phone in phones:
                    await phone.stop()
                await callers.stop()
                await waiting.stop()
                await pbx.cli("channel request hangup all")
                await pbx.quiet(20.0)


def _arrivals(records: Sequence[CallRecord], entry: str) -> list[float]:
    return sorted(record.started_at for record in records if record.dialled == entry)


async def _measure() -> dict[str, Any]:
    phones = [PhoneSpec(name=name) for name in PHONES]
    agents = {name: agent(name, {f"s{n}": 1}) for n, name in enumerate(PHONES)}
    queues = {f"cb{n}": {"steps": [{"skills": f"s{n}"}], "wrap_up": 0} for n in range(LANES)}
    extra = {"queues.conf": APP_QUEUE, "extensions.conf": EXTENSIONS}
    async with Pbx(22, phones=phones, extra=extra) as pbx, RedisServer(appendonly=True) as redis:
        theirs = await _side(pbx, "aq", rate=4.0)
        async with Callbridge(pbx, floor(agents, queues), redis=redis):
            ours = await _side(pbx, "cb", rate=6.5)
    return {"app_queue": theirs, "callbridge": ours}


def run() -> dict[str, Any]:
    """Both sides on one PBX, one after the other."""
    print(APP_QUEUE.split("[aq1]")[0])
    samples = asyncio.run(_measure())
    theirs, ours = samples["app_queue"], samples["callbridge"]
    return {
        "samples": [len(theirs), len(ours)],
        "app_queue_median_ms": round(statistics.median(theirs), 2),
        "app_queue_p99_ms": round(percentile(theirs, 0.99), 2),
        "callbridge_median_ms": round(statistics.median(ours), 2),
        "callbridge_p99_ms": round(percentile(ours, 0.99), 2),
        "ratio": round(statistics.median(theirs) / statistics.median(ours), 1),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
