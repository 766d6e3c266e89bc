"""What a large floor costs a browser: 50 queues, 1,000 agents, 10 changes a second."""

from __future__ import annotations

import asyncio
import random

import pytest
from playwright.async_api import Page

from tests.browser.conftest import Open
from tests.browser.stand_in import Row, StandIn, agent, call, queue

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]

SECONDS = 8.0


@pytest.fixture
def large(server: StandIn) -> StandIn:
    now, states = server.now, ("ready", "talking", "wrap_up", "not_ready", "ringing")
    queues = [queue(f"queue {n}", now, waiting=n % 7, oldest=9.0 * n, level=0.7 + n % 30 / 100) for n in range(50)]
    agents = [agent(f"Agent {n}", now, states[n % 5], id=str(n), lasted=n, queue=f"queue {n % 50}") for n in range(1000)]
    calls = [call(f"call-{n}", now, "talking", f"queue {n % 50}", f"+4420{n:08}", agent=str(n)) for n in range(400)]
    server.parts["queues"] = {row["name"]: row for row in queues}
    server.parts["agents"] = {row["id"]: row for row in agents}
    server.parts["calls"] = {row["id"]: row for row in calls}
    return server


async def _used(page: Page, server: StandIn) -> float:
    """The share of a core that the page's thread uses while ten rows a second change: by its own clock of processor time."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def clock() -> float:
        metrics = (await devtools.send("Performance.getMetrics"))["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    before, rng = await clock(), random.Random(7)
    for number in range(int(SECONDS * 10)):
        rows: dict[str, dict[str, Row | None]] = {}
        name = f"queue {rng.randrange(50)}"
        rows["queues"] = {name: queue(name, server.now, waiting=number, oldest=number)}
        if "agents" in server.parts:
            agent_id = str(rng.randrange(1000))
            state = rng.choice(("ready", "talking", "wrap_up"))
            rows["agents"] = {agent_id: agent(f"Agent {agent_id}", server.now, state, id=agent_id)}
        server.change(rows)
        await asyncio.sleep(0.1)
    return (await clock() - before) / SECONDS


async def test_a_wall_of_fifty_queues_costs_little(opened: Open, large: StandIn) -> None:
    page = await opened(f"{large.url}/wall/floor", viewport={"width": 1920, "height": 1080})
    await page.locator(".board").nth(49).wait_for()
    used = await _used(page, large)
    print(f"a wall of 50 queues: {used:.1%} of a core")
    assert used < 0.10


async def test_a_supervisors_page_of_a_thousand_agents_costs_little(opened: Open, large: StandIn) -> None:
    large.sign_in("boss")
    page = await opened(f"{large.url}/supervisor")
    await page.locator("tr").nth(200).wait_for()
    used = await _used(page, large)
    print(f"a supervisor's page of 1,000 agents: {used:.1%} of a core")
    assert used < 0.15


@pytest.mark.timeout(400)
async def test_a_wall_keeps_its_memory_flat_over_eight_hours(opened: Open, server: StandIn) -> None:
    """Hours of the page's clock: changes, ticks, and a layout asked for each minute. Nothing may pile up."""
    page = await opened("about:blank")
    await page.clock.install()
    await page.goto(f"{server.url}/wall/floor")
    await page.locator(".board").nth(2).wait_for()
    devtools = await page.context.new_cdp_session(page)

    async def held() -> tuple[int, int, int]:
        """Bytes, nodes and listeners, after the rubbish was collected."""
        await devtools.send("HeapProfiler.collectGarbage")
        counters = await devtools.send("Memory.getDOMCounters")
        used = (await devtools.send("Runtime.getHeapUsage"))["usedSize"]
        return int(used), int(counters["nodes"]), int(counters["jsEventListeners"])

    rng, after_an_hour = random.Random(3), (0, 0, 0)
    for step in range(8 * 3600 // 20):
        if step == 3600 // 20:
            after_an_hour = await held()
        name = rng.choice(("support", "sales", "general"))
        server.change({"queues": {name: queue(name, server.now, waiting=step % 30, oldest=step % 90, level=rng.random())}})
        await page.clock.run_for(20_000)
    used, nodes, listeners = await held()
    print(f"after an hour {after_an_hour}, after eight {(used, nodes, listeners)}")
    assert used < after_an_hour[0] + 500_000
    assert nodes <= after_an_hour[1] + 50
    assert listeners <= after_an_hour[2] + 5
