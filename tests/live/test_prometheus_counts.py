"""Prometheus says what was on the wire, to the call: from the first call on, over kill -9, a restart and a take-over.

SIPp's logs of the wire are the measure. Calls are joined one by one, by the number that callers and phones both saw.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from tests.deploy.files import PROMETHEUS
from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx
from tests.lab.prometheus import Prometheus
from tests.live.house import House
from tests.live.wire import A_MIX, FLOOR, OUTCOMES, QUICK, TIERS, Figures, Wire, phones_of

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]
LONG = True
ON_16 = ("test_the_counters_are_those_of_the_wire_over_kill_restart_and_take_over",)

SCRAPES = 4.0
"""Seconds between two scrapes: calls come and go in between, and callbridge too."""


@pytest_asyncio.fixture(loop_scope="module")
async def wire(pbx: Pbx) -> AsyncIterator[Wire]:
    wire = await phones_of(pbx)
    yield wire
    for phone in wire.phones:
        await phone.stop()


COUNTERS = {"offered": "visits_offered_total", "ended": "visits_ended_total", "within": "visits_within_target_total"}
COUNTS = {
    "offered": "queue_tier:callbridge_visits_offered:count30m",
    "ended": "queue_tier_outcome:callbridge_visits_ended:count30m",
    "within": "queue_tier:callbridge_visits_within_target:count30m",
}


async def asked(prometheus: Prometheus, expressions: Mapping[str, str], at: float | None = None) -> dict[tuple[str, ...], float]:
    """Every series of these, by what it is of, queue, tier and outcome."""
    found = {}
    for name, expression in expressions.items():
        for one in await prometheus.query(expression, at):
            labels = one["metric"]
            key = (name, *(labels[label] for label in ("queue", "tier", "outcome") if label in labels))
            found[key] = round(float(one["value"][1]), 3)
    return found


def nothing_else(found: Mapping[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    return {key: value for key, value in found.items() if value}


async def increases(prometheus: Prometheus, instance: str) -> dict[tuple[str, ...], float]:
    """``increase()`` from the first scrape to the last one: nothing is left to extrapolate."""
    (one,) = await prometheus.query(f'callbridge_build_info{{instance="{instance}"}}[1h]')
    first, last = float(one["values"][0][0]), float(one["values"][-1][0])
    window = f'{{instance="{instance}"}}[{round((last - first) * 1000)}ms]'
    return await asked(prometheus, {name: f"increase(callbridge_{of}{window})" for name, of in COUNTERS.items()}, last)


def service_levels(figures: Figures) -> dict[tuple[str, ...], float]:
    """Of each queue, and of each tier in it, where somebody was counted."""
    levels: dict[tuple[str, ...], float] = {}
    for queue, tiers in itertools.product({key[1] for key in figures}, (TIERS, *((tier,) for tier in TIERS))):
        counted = sum(figures["ended", queue, tier, outcome] for tier in tiers for outcome in ("answered", "abandoned"))
        key = ("sl", queue) if tiers == TIERS else ("sl_tier", queue, *tiers)
        if counted:
            levels[key] = round(sum(figures["within", queue, tier] for tier in tiers) / counted, 3)
    return levels


LEVELS = {"sl": "queue:callbridge_service_level:ratio30m", "sl_tier": "queue_tier:callbridge_service_level:ratio30m"}


async def scraped(prometheus: Prometheus, instance: str) -> float:
    """Wait for the next scrape; gives its time."""
    expression = f'timestamp(callbridge_build_info{{instance="{instance}"}})'
    known = await _latest(prometheus, expression)
    async with asyncio.timeout(30):
        while (latest := await _latest(prometheus, expression)) <= known:
            await asyncio.sleep(0.02)
    return latest


async def _latest(prometheus: Prometheus, expression: str) -> float:
    found = await prometheus.query(expression)
    return float(found[0]["value"][1]) if found else 0.0


async def until_ended(bridge: Callbridge, calls: int) -> None:
    await bridge.until("call_ended", count=calls, limit=30)
    await bridge.eventually(lambda: len(bridge.facts("visit_ended")) == len(bridge.facts("visit_began")))


async def today(bridge: Callbridge) -> Figures:
    """What the API says of the day."""
    found: Figures = Counter()
    for row in await asyncio.to_thread(bridge.client.queues):
        found["offered", row["name"]] = int(row["offered"])
        for outcome in OUTCOMES:
            found["ended", row["name"], outcome] = int(row[outcome])
    return +found


async def test_the_counters_are_those_of_the_wire_over_kill_restart_and_take_over(house: House, pbx: Pbx, wire: Wire) -> None:
    bridge = await house.open(FLOOR)
    second = Callbridge(pbx, FLOOR, redis=house.redis, warm=True)
    first, other = f"127.0.0.1:{bridge.port}", f"127.0.0.1:{second.port}"
    async with Prometheus(PROMETHEUS, first, other, scrapes=f"{SCRAPES:g}s") as prometheus:
        # Everything is there before anything happens.
        await scraped(prometheus, first)
        raw = {name: f"max without (instance) (callbridge_{of})" for name, of in COUNTERS.items()}
        at_first = await asked(prometheus, raw)
        assert set(at_first.values()) == {0.0}
        assert {key for key in at_first if key[0] == "ended"} == set(
            itertools.product(["ended"], FLOOR["queues"], TIERS, OUTCOMES)
        )

        # One call alone has a service level.
        await wire.call(("support", "gold", None))
        await until_ended(bridge, 1)
        await scraped(prometheus, first)
        await asyncio.sleep(1.5)  # the rules after it
        assert await asked(prometheus, LEVELS) == {("sl", "support"): 1.0, ("sl_tier", "support", "gold"): 1.0}

        # What happens between a scrape and a kill -9, or an orderly stop, and the start after it.
        for end in (bridge.kill, bridge.stop):
            await wire.call(*A_MIX)
            await until_ended(bridge, len(wire.calls))
            await scraped(prometheus, first)
            await wire.call(*QUICK)
            await until_ended(bridge, len(wire.calls))
            await end()
            await bridge.start()
        await wire.call(*A_MIX)
        await until_ended(bridge, len(wire.calls))
        await scraped(prometheus, first)
        await asyncio.sleep(1.5)
        expected = dict(wire.figures())
        assert nothing_else(await asked(prometheus, raw)) == expected
        assert nothing_else(await asked(prometheus, COUNTS)) == expected
        assert nothing_else(await increases(prometheus, first)) == expected
        levels = service_levels(Counter(expected))
        assert await asked(prometheus, LEVELS) == levels
        assert any(0.0 < level < 1.0 for level in levels.values()), "a mixture is what tells ratios apart"

        # Another instance takes over, again between a scrape and the next.
        await scraped(prometheus, first)
        await wire.call(*QUICK)
        await until_ended(bridge, len(wire.calls))
        for line in ("store", "application"):
            house.explains(f"another instance has taken the {line}; standing down")
        async with second:
            assert await bridge.process.wait(5) == 3
            await wire.call(*A_MIX)
            await until_ended(second, len(A_MIX))
            await scraped(prometheus, other)
            await asyncio.sleep(1.5)
            expected = dict(wire.figures())
            assert nothing_else(await asked(prometheus, raw)) == expected
            assert nothing_else(await asked(prometheus, COUNTS)) == expected
            assert await asked(prometheus, LEVELS) == service_levels(Counter(expected))
            await the_day_is_the_same(prometheus, second, expected)


async def the_day_is_the_same(prometheus: Prometheus, bridge: Callbridge, expected: Mapping[tuple[str, ...], float]) -> None:
    """Gauges of today, the API and the wire agree."""
    gauges = {"offered": "callbridge_queue_today_offered", "ended": "callbridge_queue_today_ended"}
    of_day: Figures = Counter()
    for (name, queue, _, *outcome), count in expected.items():
        if name != "within":
            of_day[(name, queue, *outcome)] += round(count)
    assert nothing_else(await asked(prometheus, gauges)) == dict(of_day)
    assert await today(bridge) == of_day
