"""A real Prometheus with our rules watches a floor at work: every panel and every rule shows what was recorded there."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import create_engine

from callbridge.adapters.reports.intervals import By, intervals
from callbridge.adapters.reports.queues import report_queues
from tests.deploy.files import PROMETHEUS, Query, filled, metrics_of, queries, recorded_of, rules
from tests.lab.bridge import Callbridge, agent, floor
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.prometheus import Prometheus
from tests.lab.sip import Call, Callers, CallerScript, Hold, Phone, PhoneScript, Press, Talk, Transfer, call
from tests.live.campaign import command, leads_file
from tests.live.conftest import DIALPLAN
from tests.live.house import House

pytestmark = [pytest.mark.live, pytest.mark.timeout(150), pytest.mark.asyncio(loop_scope="module")]
LONG = True

QUICK = PhoneScript(ring=0.1, steps=[Talk(0.3), Hold(0.3), Talk(0.2)], hangs_up=True)
HANDS_OVER = PhoneScript(ring=0.1, steps=[Talk(0.4), Transfer("sales")], hangs_up=True)
TONE = "sound:/lab/sounds/tones/third"
FLOOR = floor(
    {
        "ann": agent("1001", {"support": 1}),
        "bob": agent("1002", {"sales": 1}),
        "cid": agent("1003", {"bell": 1}),
        "dan": agent("1004", {"support": 1}),
        "eve": agent("2002", {"support": 1}),
        "fay": agent("1010", {"spring": 1}, "auto_answer"),
    },
    {
        "support": {"steps": [{"skills": "support"}], "wrap_up": 0.3, "callback": {}, "survey": "service"},
        "sales": {"steps": [{"skills": "sales"}], "wrap_up": 0.3},
        "bell": {"steps": [{"skills": "bell", "for": 2.5}], "ring_for": 1, "then": {"queue": "sales"}},
        "away": {"steps": [{"skills": "bell", "for": 0.3}], "then": {"dialplan": "lab-then,bye"}, "do_not_call": True},
        "spring": {"steps": [{"skills": "spring"}], "wrap_up": 1.5},
    },
    tiers={"numbers": {"gold": ["4930777"]}},
    region="GB",
    callbacks={"numbers": ["XXXX"]},
    outside={"dial": "PJSIP/{number}@1005"},
    surveys={"service": {"questions": [{"ask": TONE, "name": "friendly"}], "wait": "2s", "tries": 1, "again_after": 0}},
    flows={
        "welcome": {
            "nodes": {
                "look": {"lookup": "book", "next": "ask", "otherwise": "ask"},
                "ask": {"menu": TONE, "keys": {"1": "support", "2": "message"}, "otherwise": "bye", "wait": "1s", "tries": 1},
                "support": {"queue": "support"},
                "message": {"voicemail": "support", "longest": "3s", "next": "bye"},
                "bye": {"goodbye": "beep"},
            }
        }
    },
)
FLOOR["entries"]["welcome"] = {"flow": "welcome"}
SPRING = {"queue": "spring", "dial": "PJSIP/{number}@1005", "message": "sound:beep", "dispositions": {"sold": {"success": True}}}
Watched = tuple[Callbridge, Prometheus, str]
"""And the URL of the database."""
VARIABLES = {"__rate_interval": "1m", "queue": ".*"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx() -> AsyncIterator[Pbx]:
    names = ("1001", "1002", "1003", "1004", "1005", "1010")
    phones = [*(PhoneSpec(name=name) for name in names), PhoneSpec(name="2002", contact="none")]
    async with Pbx(22, phones=phones, extra={"extensions.conf": DIALPLAN}) as running:
        yield running


async def a_quarter_of_an_hour(pbx: Pbx, bridge: Callbridge) -> None:
    """Everything that a dashboard shows happens: answered, abandoned, overflowed, handed over, rung out, refused."""
    numbers = ("4930777", "49301", "49302")
    async with Phone(pbx, "1002", QUICK), Phone(pbx, "1003", PhoneScript.rings_out()):
        async with Phone(pbx, "1001", HANDS_OVER):
            await call(pbx, Call(dialled="support", number="49309"))
            await bridge.until("call_ended")
        async with Phone(pbx, "1001", QUICK), Callers(pbx, _calls("support", *numbers)) as callers:
            await callers.wait()
        await call(pbx, Call(dialled="bell", number="49303"))  # rings out, overflows to sales
        await call(pbx, Call(dialled="away", number="49304"))
        await bridge.ask("ann", "not-ready", reason="lunch")
        impatient = [*_calls("support", "49305", "49306", after=1.6), *_calls("support", "49307", after=0.3)]
        async with Callers(pbx, impatient) as callers:
            await callers.wait()
        await bridge.ask("ann", "ready")
        await bridge.ask("cid", "ready")


async def journeys(pbx: Pbx, bridge: Callbridge) -> None:
    """Callers go through a flow: one leaves a message, one presses nothing; three say what they think of the talk, and a
    callback is kept."""
    async with Callers(pbx, _calls("welcome", "49311"), script=CallerScript(steps=[Talk(0.7), Press("2"), Talk(2.5)])) as callers:
        await callers.wait()
    await call(pbx, Call(dialled="welcome", number="4930777"))  # in the book
    answers = CallerScript(steps=[Talk(3.5), Press("5"), Talk(1.0)])
    async with Phone(pbx, "1001", PhoneScript(ring=0.1, steps=[Talk(1.5)], hangs_up=True)):
        for number in ("49321", "49322", "49323"):
            count = len(bridge.facts("survey_ended")) + 1
            async with Callers(pbx, _calls("support", number), script=answers) as callers:
                await callers.wait()
            await bridge.until("survey_ended", count=count)
        async with Phone(pbx, "1005", QUICK):
            await asyncio.to_thread(bridge.client.call_back, "support", "1005")
            await bridge.until("callback_ended")
            await bridge.until("wrap_up_ended", direction="out", queue="support")


async def a_campaign(pbx: Pbx, bridge: Callbridge, folder: Path) -> None:
    """Three people are called, and somebody says what came of it."""
    await command(bridge, "load", "spring", leads_file(folder, range(3)))
    async with Phone(pbx, "1010", PhoneScript.answers(ring=0.02)), Phone(pbx, "1005", QUICK):
        await command(bridge, "start", "spring")
        for count in (1, 2, 3):
            await bridge.until("talk_ended", agent="fay", count=count)
            await asyncio.to_thread(bridge.client.set_disposition, "fay", "sold")


def _calls(dialled: str, *numbers: str, after: float | None = None) -> list[Call]:
    return [Call(dialled=dialled, number=number, hang_up_after=after) for number in numbers]


async def silent(prometheus: Prometheus, asked: Sequence[Query], known: set[str]) -> list[str]:
    """Which of these queries show nothing, or nothing that came from a metric of callbridge."""
    found = []
    for query in asked:
        text = filled(query, **VARIABLES)
        series = await prometheus.query(text)
        values = [float(one["value"][1]) for one in series]
        named = metrics_of(text) | recorded_of(text)
        if not any(math.isfinite(value) for value in values) or not named <= known:
            found.append(f"{query.where}: {text}: {values}")
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(pbx: Pbx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    """One day for all tests, which only ask what was recorded of it."""
    # The agent without a phone is offline, as planned.
    folder, house = tmp_path_factory.mktemp("campaigns"), House(pbx)
    database = {"url": f"sqlite:///{folder}/campaigns.db"}
    (folder / "book.csv").write_text("number,note\n+4930777,a friend\n")
    more = {
        "database": database,
        "campaigns": {"spring": SPRING},
        "lookups": {"book": {"csv": str(folder / "book.csv")}},
        "webhooks": [{"name": "crm", "url": "http://127.0.0.1:9/", "secret": "a secret of the tests"}],
        "metrics": {"recordings": str(folder)},
    }
    house.explains_pbx(r"No audio available")  # who leaves the message says nothing
    async with house:
        bridge = await house.open(FLOOR | more)
        async with Prometheus(PROMETHEUS, target=f"127.0.0.1:{bridge.port}") as prometheus:
            await bridge.ask("dan", "not-ready", reason="training")
            await a_campaign(pbx, bridge, folder)
            for _ in range(2):
                await a_quarter_of_an_hour(pbx, bridge)
            await journeys(pbx, bridge)
            await asyncio.sleep(2.5)  # the last scrape, and the rules after it
            yield bridge, prometheus, str(database["url"])
        await house.at_the_end()


async def test_every_panel_and_every_rule_shows_what_was_recorded(watched: Watched) -> None:
    _, prometheus, _ = watched
    board = list(queries())
    known = set(await prometheus.ask("label/__name__/values"))

    # The harness first: a name that nobody exports, a label that nobody has.
    planted = Query("planted", "sum(callbridge_queue_callers_waiting)")
    unlabelled = Query("unlabelled", 'sum(callbridge_queue_calls_waiting{line=~".+"})')
    assert len(await silent(prometheus, [planted, unlabelled], known)) == 2

    recorded = [Query(rule["record"], rule["record"]) for rule in rules("record") if "usual" not in rule["record"]]
    assert len(recorded) == len(rules("record")) - 1, "what is usual is known after a week; promtool's tests have weeks"
    assert await silent(prometheus, [*board, *recorded], known) == []


async def test_the_figures_are_those_of_the_calls(watched: Watched) -> None:
    bridge, prometheus, _ = watched
    for row in await asyncio.to_thread(bridge.client.queues):
        for outcome in ("answered", "abandoned", "short_abandoned", "overflowed"):
            text = f'sum(callbridge_visits_ended_total{{queue="{row["name"]}", outcome="{outcome}"}}) or vector(0)'
            assert await value(prometheus, text) == float(row[outcome]), (row["name"], outcome)
    states = {one["metric"]["state"] for one in await prometheus.query("callbridge_agent_state_seconds_total")}
    assert {"ready", "ringing", "talking", "wrap_up", "not_ready"} <= states
    assert await value(prometheus, 'sum(callbridge_queue_agents{queue="support", state="offline"})') == 1.0
    assert await value(prometheus, 'sum(callbridge_offers_total{queue="bell", result="no_answer"})') == 2.0
    assert await value(prometheus, 'count(ALERTS{alertname=~".*(Down|Behind|Quarantine|Fail|NotServed)"}) or vector(0)') == 0.0


async def value(prometheus: Prometheus, expression: str) -> float:
    (series,) = await prometheus.query(expression)
    return float(dict[str, Any](series)["value"][1])


async def test_the_handle_time_is_that_of_the_report_though_a_callback_and_a_campaign_were_talked(
    watched: Watched,
) -> None:
    _, prometheus, url = watched
    assert await value(prometheus, 'sum(callbridge_talk_seconds_count{queue="support", direction="out"})') == 1.0
    assert await value(prometheus, 'sum(callbridge_talk_seconds_count{queue="spring", direction="out"})') == 3.0
    assert await prometheus.query('queue:callbridge_handle_seconds:mean30m{queue="spring"}') == []
    database, now = create_engine(url), time.time()
    reported = report_queues(database, intervals(now - 3600.0, now + 60.0, By.WHOLE, ZoneInfo("UTC")))
    database.dispose()
    found = {name: figures.aht for (_, name), figures in reported.items() if name in ("support", "spring") and figures.segments}
    shown = await value(prometheus, 'queue:callbridge_handle_seconds:mean30m{queue="support"}')
    assert found == {"support": pytest.approx(shown, abs=0.001)}
