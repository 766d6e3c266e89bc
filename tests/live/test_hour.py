"""A whole hour, compressed: every outcome that a call can have, transfers, RONA, callbacks, surveys and a campaign, while
callbridge is killed twice, Redis forgets everything and the database is away for a while. SIPp's own logs of the wire are the
measure: the stream of facts, Prometheus, the API, the command and every report agree with them, to the call and to a fifth of a
second.

What is excused, and nothing else: a time that is marked as estimated may be wrong by as long as callbridge was down; what an
agent's phone did in that time with an offer that was made again; who was on the way to another agent then, and is in the queue
again; who came and left in that time, or came then and left before the next overflow was due; an answer that the caller's
hang-up crossed; and the time for which the processes of the lab waited for a processor (``Crowding``): times may differ by it,
and an agent may hang up before it is over.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.adapters.postgres import new_database
from tests.deploy.files import PROMETHEUS
from tests.lab.bridge import Callbridge
from tests.lab.crowding import Crowding
from tests.lab.pbx import Pbx
from tests.lab.process import Process
from tests.lab.prometheus import Prometheus
from tests.live import hour_cohorts as cohorts
from tests.live import hour_views as views
from tests.live.campaign import command
from tests.live.conftest import DIALPLAN, must_be_built
from tests.live.hour_books import Books, told_of
from tests.live.hour_floor import SKILLS, TOWN, Traffic, config, leads, phone_specs
from tests.live.hour_run import Breaks, Fact, StreamReader, Supervisors, database_away, helped_by, kill_and_start
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
LONG = True
ON_16 = {"test_every_view_of_an_hour_is_that_of_the_wire[whole]"}
COHORTS: dict[str, Callable[[cohorts.Rows, list[Fact]], list[str]]] = {
    "queues": cohorts.queues_report_differs,
    "tiers": cohorts.tiers_differ,
    "entries": cohorts.entries_differ,
    "service-level": cohorts.service_levels_differ,
    "flows": cohorts.flows_differ,
    "repeats": cohorts.repeats_differ,
}
REPORTS = (*COHORTS, "agents", "sessions", "offers", "campaigns", "callbacks", "surveys", "transfers", "calls")
OF_A_CALL = {"wire", "Prometheus", "API", "command", *COHORTS, "agents", "offers", "surveys", "calls"}
"""The views that a call is in which was talked to in ``care``, where callers are asked afterwards."""
AT_WORK = ("ringing", "connecting", "talking", "wrap_up")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[22, 16])
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Pbx]:
    must_be_built(request.param)
    async with Pbx(request.param, phones=phone_specs(), extra={"extensions.conf": DIALPLAN}) as running:
        yield running


@dataclass(slots=True)
class Hour:
    """``seconds``: within which everybody calls; ``leads``: whom the campaign calls."""

    bridge: Callbridge
    stream: StreamReader
    traffic: Traffic
    prometheus: Prometheus
    database: str
    seconds: float
    leads: int
    breaks: Breaks = field(default_factory=Breaks)

    async def things_break(self) -> None:
        """While everybody calls: Redis forgets everything, callbridge is killed, and again in the middle of the time in which
        the database is away."""
        await asyncio.sleep(self.seconds * 0.15)
        await self.stream.forget()
        await asyncio.sleep(self.seconds * 0.15)
        await kill_and_start(self.bridge, self.breaks, 1.0)
        await asyncio.sleep(self.seconds * 0.1)
        async with database_away(self.database):
            await asyncio.sleep(self.seconds * 0.19)
            await kill_and_start(self.bridge, self.breaks, 1.0)
            await asyncio.sleep(self.seconds * 0.19)

    async def ends(self) -> None:
        """Everybody has called, callbacks are kept and leads dialled; then all agents log out, and what is told is written."""
        await self.traffic.over(120.0)
        await self.bridge.ask("1161", "login")
        async with asyncio.timeout(90):
            while await self.bridge.calls() or await self._is_owed():
                await asyncio.sleep(0.2)
            while any(row["state"] in AT_WORK for row in await asyncio.to_thread(self.bridge.client.agents)):
                await asyncio.sleep(0.2)
        for row in await asyncio.to_thread(self.bridge.client.agents):
            if row["state"] != "logged_out":
                await self.bridge.ask(row["id"], "logout")
        await self._written()

    async def _is_owed(self) -> bool:
        return bool(await asyncio.to_thread(self.bridge.client.callbacks) or len(self.stream.of("attempt_ended")) < self.leads)

    async def _written(self) -> None:
        """The history has all facts, the stream, too, and Prometheus has asked since."""
        async with asyncio.timeout(60):
            while len(self.stream.of("agent_changed", state="logged_out")) < sum(map(len, SKILLS.values())) - 1:
                await asyncio.sleep(0.2)
            while await views.metric(self.bridge, 'callbridge_facts_behind{reader="history"}') != "0.0":
                await asyncio.sleep(0.2)
        scraped = await self.prometheus.last_scrape()
        async with asyncio.timeout(30):
            while await self.prometheus.last_scrape() <= scraped + 1.0:
                await asyncio.sleep(0.1)

    async def differences(self, books: Books, facts: list[Fact], told: Path) -> dict[str, list[str]]:
        """View by view what it says otherwise than these facts, and what the facts say otherwise than the wire."""
        bridge = self.bridge
        reports = {name: await views.report(bridge, name) for name in REPORTS}
        command = await Process.callbridge("queues", "--json", "--url", bridge.url, log=told)
        await command.wait()
        town = Counter(record.phone for where in TOWN for record in self.traffic.phones[where].records())
        calls_home = len(self.traffic.phones["home"].records())
        found = {
            "wire": list(books.differences()),
            "Prometheus": await views.prometheus_differs(self.prometheus, facts),
            "API": views.queues_differ("API", await asyncio.to_thread(bridge.client.queues), facts),
            "command": views.queues_differ("command", json.loads(told.read_text()), facts),
            **{name: differ(reports[name], facts) for name, differ in COHORTS.items()},
            "agents": views.agents_differ(reports["agents"], reports["sessions"], facts),
            "offers": views.offers_differ(reports["offers"], facts),
            "campaigns": views.campaign_differs(reports["campaigns"], town),
            "callbacks": views.callbacks_differ(reports["callbacks"], facts, calls_home),
            "surveys": views.surveys_differ(reports["surveys"], facts),
            "transfers": views.transfers_differ(reports["transfers"], facts),
            "calls": views.calls_differ(reports["calls"], facts),
        }
        told.unlink()
        return {view: wrong for view, wrong in found.items() if wrong}


@pytest.mark.parametrize(
    ("kind", "calls", "seconds", "leads_given"),
    [
        pytest.param("sqlite", 400, 160.0, 24, marks=pytest.mark.whole_hour, id="whole"),
        pytest.param("postgresql", 90, 45.0, 8, id="short"),
    ],
)
async def test_every_view_of_an_hour_is_that_of_the_wire(
    house: House, pbx: Pbx, tmp_path: Path, kind: str, calls: int, seconds: float, leads_given: int
) -> None:
    for line in (
        "the history cannot be written; the outbox keeps the facts",
        "an outbox reader failed; retrying",
        "the campaign database cannot be written; waiting for it",
    ):
        house.explains(line)
    house.explains_pbx("Stasis app 'callbridge' (doesn't exist|not active|not registered)")
    url = f"sqlite:///{tmp_path}/callbridge.db" if kind == "sqlite" else new_database()
    bridge, traffic = await house.open(config(url)), Traffic(pbx, calls, seconds)
    crowding = Crowding(lambda: [pbx.pid], bridge.pids, traffic.pids)
    async with AsyncExitStack() as stack:
        stream = await stack.enter_async_context(StreamReader(house.redis))
        prometheus = await stack.enter_async_context(Prometheus(PROMETHEUS, target=f"127.0.0.1:{bridge.port}"))
        hour = Hour(bridge, stream, traffic, prometheus, url, seconds, leads_given)
        supervisors = Supervisors(bridge, stream)
        await traffic.phones_ready(stack)
        async with helped_by(stream.run, supervisors.run, crowding.run):
            await command(bridge, "load", "spring", leads(tmp_path, leads_given))
            await command(bridge, "start", "spring")
            await traffic.begin(stack)
            await hour.things_break()
            await hour.ends()
            books = Books(traffic.records(), traffic.rung(), told_of(stream.facts), supervisors.deeds, hour.breaks, crowding)
            began = time.monotonic()
            differences = await hour.differences(books, stream.facts, tmp_path / "told")
            print(f"compared within {time.monotonic() - began:.1f} s")
            print(books.summary(), *itertools.chain(*differences.values()), sep="\n")
            assert differences == {}
            books.saw_everything(stream.facts)
            assert any(what == "repeats" for _, _, what in cohorts.repeats_of(stream.facts))

            # The harness last: without one call every view of calls complains.
            lost = stream.of("talk_ended", queue="care", ended_by="agent")[0]["call"]
            facts = [one for one in stream.facts if one["call"] != lost]
            differences = await hour.differences(replace(books, calls=told_of(facts)), facts, tmp_path / "told")
            assert differences.keys() == OF_A_CALL
