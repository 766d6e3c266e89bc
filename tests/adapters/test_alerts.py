"""Alerts without Prometheus: what is wrong, told once per episode, by mail and webhook, until it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from callbridge.adapters.alerts import (
    AlertCondition,
    AlertWatch,
    CallVolume,
    Episodes,
    Figures,
    MailChannel,
    Notice,
    Outlet,
    Thresholds,
    WebhookChannel,
    channels,
    conditions,
)
from callbridge.adapters.alerts import watch as alert_watch
from callbridge.adapters.alerts.channels import AlertNotSent
from callbridge.adapters.alerts.conditions import RULES
from callbridge.adapters.alerts.growth import RecentGrowth
from callbridge.adapters.mail import Mailer, MailSettings
from callbridge.adapters.views.board import QueueFigures
from callbridge.core.model.tally import Tally
from callbridge.wire.alerts import RuleName
from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.smtp_server import certificate, smtp_server
from tests.adapters.waiting import until

NOW = 10_000.0
WELL = QueueFigures(waiting=2, oldest_arrived_at=NOW - 20, agents={"talking": 3}, today=Tally(queue="support", day="d"))
LONG = AlertCondition("long_wait", "support", "a caller in support has waited for 6 min 00 s")


def figures(queue: QueueFigures = WELL, **more: Any) -> Figures:
    return replace(Figures(now=NOW, queues={"support": queue}, not_ready={}), **more)


def told(seen: Figures, **more: Any) -> list[tuple[str, str, str]]:
    return [(one.rule, one.about, one.text) for one in conditions(seen, Thresholds(**more))]


def test_the_rules_of_the_settings_are_the_rules() -> None:
    assert set(get_args(RuleName)) == set(RULES)


def test_on_a_day_like_any_other_nothing_is_told() -> None:
    gold = {"gold": (NOW + 1.0,), "standard": (NOW - 100.0,)}
    today = Tally(queue="support", day="d", offered=100, answered=80, abandoned=20, within_target=75)
    seen = figures(
        replace(WELL, due=gold, today=today),
        history_behind=1000,
        facts_lost={"facts": 0.0},
        not_ready={"ann": ("lunch", NOW - 7000.0)},
        backlogs={"crm": 500},
        offers={("support", "no_answer"): 30.0, ("support", "answered"): 31.0},
    )
    assert told(seen, vip={"support": {"gold"}}) == []


TODAY = Tally(queue="support", day="d", answered=18, abandoned=2, within_target=13)
BAD: list[tuple[str, str, str, dict[str, Any]]] = [
    (
        "vip_over_target",
        "support/gold",
        "2 gold callers of support waiting longer than promised, one by 8 s",
        {"due": {"gold": (NOW - 3, NOW - 8, NOW + 2)}},
    ),
    ("long_wait", "support", "a caller in support has waited for 1 h 00 min", {"oldest_arrived_at": NOW - 3601}),
    (
        "nobody_on_duty",
        "support",
        "2 callers waiting in support, and no agent is on duty",
        {"agents": {"not_ready": 3}, "without_agent": 2},
    ),
    ("nobody_fits", "support", "1 caller waiting in support whom no agent on duty can serve", {"without_agent": 1}),
    ("service_level", "support", "today 65% of 20 callers of support were answered within the target", {"today": TODAY}),
]


@pytest.mark.parametrize(("rule", "about", "text", "queue"), BAD, ids=[row[0] for row in BAD])
def test_each_trouble_of_a_queue_is_told(rule: str, about: str, text: str, queue: dict[str, Any]) -> None:
    seen = figures(replace(WELL, **queue))
    assert told(seen, vip={"support": {"gold"}}) == [(rule, about, text)]
    assert told(seen, vip={"support": {"gold"}}, off={rule}) == []


def test_each_trouble_of_agents_links_and_readers_is_told() -> None:
    seen = figures(
        not_ready={"ann": ("lunch", NOW - 7300.0), "bob": ("", NOW - 10.0)},
        links=["pbx pbx1: no ARI link"],
        store="Redis does not answer",
        databases={"history": "nothing is written since 10:00"},
        history_behind=1001,
        facts_lost={"hook:crm": 3.0, "facts": 0.0},
        names={"ann": "Ann Lee"},
        backlogs={"crm": 501},
        offers={("support", "no_answer"): 11.0, ("support", "answered"): 2.0},
    )
    assert told(seen) == [
        ("offers_missed", "support", "11 offers of support rang out within 5 minutes, 2 were answered"),
        ("not_ready_too_long", "ann", "agent Ann Lee (ann) has been not ready (lunch) for 2 h 01 min"),
        ("pbx_link", "pbx pbx1: no ARI link", "pbx pbx1: no ARI link"),
        ("store_behind", "", "the state of callbridge is not saved: Redis does not answer"),
        ("database", "history", "history: nothing is written since 10:00"),
        ("history_behind", "", "the history is 1001 facts behind"),
        ("facts_lost", "hook:crm", "3 facts for hook:crm were lost within a quarter of an hour"),
        ("webhook_backlog", "crm", "501 deliveries wait for the webhook crm"),
    ]


QUIET = replace(WELL, waiting=0, oldest_arrived_at=None)


@pytest.mark.parametrize(("within", "abandoned", "low"), [(7.0, 4.0, True), (8.0, 3.0, False), (6.0, 4.0, False)])
def test_the_level_of_a_tier_is_that_of_half_an_hour_with_more_than_ten_callers(
    within: float, abandoned: float, low: bool
) -> None:
    gold = {"answered": within, "within_target": within, "abandoned": abandoned, "short_abandoned": 9.0}
    others = {("support", "silver", "answered"): 90.0, ("support", "silver", "within_target"): 80.0}
    said = told(figures(visits={("support", "gold", what): count for what, count in gold.items()} | others))
    text = "64% of 11 gold callers of support within half an hour were answered in time"
    assert said == [("tier_service_level", "support/gold", text)] * low


RATED = {("support", "kind", key): 0.0 for key in "12345"}


@pytest.mark.parametrize(
    ("hour", "day", "spikes"),
    [
        pytest.param({"1": 6, "5": 18}, {"1": 6, "5": 54}, True, id="25 % within the hour, 10 % of the day"),
        pytest.param({"1": 4, "5": 4}, {"1": 4, "5": 54}, False, id="four are too few"),
        pytest.param({"1": 5, "5": 20}, {"1": 5, "5": 95}, False, id="20 % are no more than 20 %"),
        pytest.param({"1": 6, "5": 18}, {"1": 12, "5": 84}, False, id="twice the share of the day is not more than twice"),
        pytest.param({"1": 5}, {"1": 5, "3": 6}, True, id="all of few"),
        pytest.param({"1": 6, "5": 18}, {"1": 6, "5": 18}, False, id="nothing is known of before"),
    ],
)
def test_a_bad_hour_of_a_survey_is_one_against_its_day(hour: dict[str, float], day: dict[str, float], spikes: bool) -> None:
    answers, of_day = (RATED | {("support", "kind", key): float(n) for key, n in one.items()} for one in (hour, day))
    said = told(figures(answers=answers, answers_of_day=of_day))
    assert [(rule, about) for rule, about, _ in said] == [("survey_dsat", "support/kind")] * spikes
    yes_or_no = {("support", "again", key): 10.0 for key in "12"}
    assert told(figures(answers=yes_or_no, answers_of_day=yes_or_no | {("support", "again", "2"): 99.0})) == []


def test_growth_is_that_of_the_period_and_starts_with_the_first_look() -> None:
    recent = RecentGrowth[str](60.0)
    assert recent.step(0.0, {"a": 7.0, "b": 0.0}) == {"a": 0.0, "b": 0.0}
    assert recent.step(5.0, {"a": 9.0, "b": 0.0, "c": 1.0}) == {"a": 2.0, "b": 0.0, "c": 1.0}
    assert recent.step(64.9, {"a": 10.0, "b": 0.0, "c": 1.0}) == {"a": 3.0, "b": 0.0, "c": 1.0}
    assert recent.step(65.0, {"a": 10.0, "b": 0.0, "c": 1.0}) == {"a": 1.0, "b": 0.0, "c": 0.0}
    assert recent.step(70.0, {"a": 3.0}) == {"a": 1.0}, "a counter that began again"


class Run:
    """Episodes, with a look every 5 s; everything lasts 60 s."""

    def __init__(self, most: int = 20) -> None:
        self.episodes, self.most, self.now = Episodes(), most, 0.0

    def look(self, seconds: float, *found: AlertCondition) -> list[tuple[float, str, str]]:
        said: list[Notice] = []
        until = self.now + seconds
        while self.now < until:
            said += self.episodes.step(self.now, found, lambda rule: 60.0, self.most)
            self.now += 5.0
        return [(one.at, one.state, one.condition.about) for one in said]


def test_an_episode_is_told_once_and_its_end_once() -> None:
    run = Run()
    assert run.look(3600.0, LONG) == [(60.0, "raised", "support")]
    assert run.look(300.0) == [(3660.0, "resolved", "support")]
    assert run.look(60.0, LONG) == []
    assert run.look(60.0, LONG) == [(3960.0, "raised", "support")]


def test_what_ends_before_it_lasted_is_never_told_and_a_short_gap_belongs_to_the_episode() -> None:
    run = Run()
    assert [run.look(55.0, LONG), run.look(5.0), run.look(55.0, LONG)] == [[], [], []]
    assert run.look(10.0, LONG) == [(115.0 + 5.0, "raised", "support")]
    for _ in range(20):
        assert (run.look(55.0), run.look(5.0, LONG)) == ([], [])
    assert [state for _, state, _ in run.look(120.0)] == ["resolved"]


def test_more_than_may_be_sent_in_an_hour_wait_and_those_that_still_stand_are_told_then() -> None:
    run = Run(most=2)
    many = [replace(LONG, about=f"q{number}") for number in range(4)]
    assert [about for _, _, about in run.look(600.0, *many)] == ["q0", "q1"]
    assert run.look(3000.0, many[0], many[3]) == [(660.0, "resolved", "q1")]
    assert run.look(120.0, many[0], many[3]) == [(3660.0, "raised", "q3")], "an hour after the first; q2 is over"


def notice(state: Any = "raised") -> Notice:
    return Notice(state=state, condition=replace(LONG, about="支持"), since=NOW, at=NOW + 60.0)


async def test_a_mail_says_what_is_wrong_since_when_and_what_to_do() -> None:
    async with smtp_server() as server:
        mailer = Mailer(MailSettings(host="127.0.0.1", port=server.port, sender="cb@example.com", tls="off"))
        channel = MailChannel(mailer, ["ops@example.com"], "callbridge", ZoneInfo("Asia/Shanghai"))
        await channel.send(notice())
        await channel.send(notice("resolved"))
        server.answer = "451 try again"
        with pytest.raises(AlertNotSent, match="answered 451 try again"):
            await channel.send(notice())
        channel.close()
    raised, resolved = server.messages[:2]
    assert (raised["To"], raised["Subject"]) == ("ops@example.com", f"[callbridge] ticket: {LONG.text}")
    assert resolved["Subject"] == f"[callbridge] resolved: {LONG.text}"
    assert raised.get_content().splitlines() == [
        LONG.text,
        "",
        "Since 1970-01-01 10:46:40. It lasts.",
        "What to do: chapter CallbridgeLongWait of the runbook (deploy/README.md).",
    ]


async def test_a_webhook_gets_a_signed_object_and_again_until_it_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "FIRST_PAUSE", 0.05)
    async with Receiver() as receiver:
        monkeypatch.setattr(receiver, "answer", lambda event: 500 if receiver.tries[event["id"]] < 3 else 204)
        outlet = Outlet(WebhookChannel(f"http://127.0.0.1:{receiver.port}/alerts", SECRET, "callbridge"))
        running = asyncio.create_task(outlet.run())
        outlet.take(notice())
        outlet.take(notice("resolved"))
        await until(lambda: len(receiver.got) == 2)
        running.cancel()
    assert (receiver.forged, set(receiver.tries.values())) == (0, {3})
    first = dict(receiver.got[0])
    assert first.pop("id") != receiver.got[1]["id"]
    assert first == {
        "type": "alert",
        "state": "raised",
        "rule": "long_wait",
        "about": "支持",
        "text": LONG.text,
        "severity": "ticket",
        "since": NOW,
        "at": NOW + 60.0,
        "instance": "callbridge",
        "runbook": "deploy/README.md#callbridgelongwait",
    }
    assert receiver.got[1]["state"] == "resolved"


class Deaf:
    name = "deaf"

    def __init__(self) -> None:
        self.closed = False

    async def send(self, notice: Notice) -> None:
        raise AlertNotSent("nobody listens")

    def close(self) -> None:
        self.closed = True


async def test_what_nobody_takes_is_given_up_after_its_time_and_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "KEPT_FOR", 0.0)
    given_up: list[Any] = []
    monkeypatch.setattr(channels.log, "error", lambda event, **more: given_up.append((event, more["about"])))
    deaf = Deaf()
    outlet = Outlet(deaf)
    running = asyncio.create_task(outlet.run())
    outlet.take(notice())
    outlet.take(notice())
    await until(lambda: len(given_up) == 2)
    running.cancel()
    await asyncio.wait([running])
    assert given_up == [("an alert was given up", "支持")] * 2
    assert deaf.closed


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 70}.example"])
async def test_a_host_that_cannot_be_looked_up_is_told_without_the_url(host: str) -> None:
    channel = WebhookChannel(f"http://{host}/hooks/hidden", SECRET, "callbridge")
    with pytest.raises(AlertNotSent, match=r"^its URL cannot be used$"):
        await channel.send(notice())


async def test_a_receiver_whose_certificate_is_not_trusted_is_told_as_that(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context) as server:
        channel = WebhookChannel(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", SECRET, "callbridge")
        with pytest.raises(AlertNotSent, match="CERTIFICATE_VERIFY_FAILED"):
            await channel.send(notice())


async def test_an_alert_whose_sending_raises_is_given_up_and_the_next_is_sent() -> None:
    sent: list[Notice] = []

    class Faulty(Deaf):
        async def send(self, notice: Notice) -> None:
            if notice.state == "raised":
                raise KeyError("a bug")
            sent.append(notice)

    outlet = Outlet(Faulty())
    running = asyncio.create_task(outlet.run())
    outlet.take(notice())
    outlet.take(notice("resolved"))
    await until(lambda: bool(sent) or running.done())
    running.cancel()
    await asyncio.wait([running])
    assert sent == [notice("resolved")]


async def test_offers_are_those_of_the_last_five_minutes() -> None:
    seen: list[Figures] = []

    def look() -> Figures:
        return seen[-1]

    class Ear:
        name = "ear"

        def __init__(self) -> None:
            self.heard: list[str] = []

        async def send(self, notice: Notice) -> None:
            self.heard.append(notice.condition.text)

        def close(self) -> None: ...

    ear, watch = Ear(), AlertWatch(look)
    await watch.adopt(Thresholds(lasts={"offers_missed": 0.0}, off={"long_wait"}), [ear], 20)

    async def heard_at(minutes: Iterable[float], missed: float) -> list[str]:
        for minute in minutes:
            seen.append(
                figures(now=NOW + 60.0 * minute, offers={("support", "no_answer"): missed, ("support", "answered"): 400.0})
            )
            watch.step()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return ear.heard

    assert await heard_at([0], 500.0) == [], "how long ago that was is not known"
    assert await heard_at([5, 6], 510.0) == []
    assert await heard_at([8], 511.0) == ["11 offers of support rang out within 5 minutes, 0 were answered"]
    await watch.close()


class CountedMail(MailChannel):
    sent = 0

    async def send(self, notice: Notice) -> None:
        await super().send(notice)
        self.sent += 1


async def test_many_calls_and_a_bad_survey_go_by_mail_and_webhook_and_so_does_their_end() -> None:
    good, bad = (
        {("support", "kind", "1"): float(worst), ("support", "kind", "5"): 95.0 + best} for worst, best in ((0, 0), (5, 15))
    )
    many = {"support": CallVolume(48, 12.0)}
    days: list[tuple[float, dict[tuple[str, str, str], float], dict[str, CallVolume]]] = [
        (0.0, dict.fromkeys(good, 0.0), {}),
        (300.0, good, {}),
        (4000.0, bad, many),
        (4299.0, bad, many),
        (4300.0, bad, many),
        (8000.0, bad, {}),
        (8060.0, bad, {}),
    ]
    looks = iter(figures(QUIET, now=NOW + after, answers=answers, volumes=volumes) for after, answers, volumes in days)
    async with Receiver() as receiver, smtp_server() as server:
        mailer = Mailer(MailSettings(host="127.0.0.1", port=server.port, sender="cb@example.com", tls="off"))
        mail = CountedMail(mailer, ["ops@example.com"], "callbridge", ZoneInfo("UTC"))
        watch = AlertWatch(lambda: next(looks))
        await watch.adopt(Thresholds(), [mail, WebhookChannel(f"http://127.0.0.1:{receiver.port}/", SECRET, "callbridge")], 20)
        for _ in days:
            watch.step()
        await until(lambda: len(receiver.got) == mail.sent == 4)
        await watch.close()
    calls = "support received 48 calls in the last hour; usual at this hour: 12"
    survey = "25% of the 20 answers to kind in support within an hour are 1, more than twice the share of the day"
    assert {(event["rule"], event["about"], event["state"], event["at"], event["text"]) for event in receiver.got} == {
        ("calls_unusual", "support", "raised", NOW + 4300.0, calls),
        ("survey_dsat", "support/kind", "raised", NOW + 4300.0, survey),
        ("calls_unusual", "support", "resolved", NOW + 8060.0, calls),
        ("survey_dsat", "support/kind", "resolved", NOW + 8060.0, survey),
    }
    assert {event["runbook"].partition("#")[2] for event in receiver.got} == {
        "callbridgecallsunusual",
        "callbridgesurveydsathigh",
    }
    assert sorted(str(one["Subject"]) for one in server.messages) == sorted(
        f"[callbridge] {state}: {text}" for state in ("ticket", "resolved") for text in (calls, survey)
    )


async def test_a_look_that_raises_costs_alerts_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    logged: list[str] = []
    monkeypatch.setattr(alert_watch.log, "exception", logged.append)

    def look() -> Figures:
        looks.append(1)
        raise ZeroDivisionError

    watch = AlertWatch(look, every=0.01)
    await watch.adopt(Thresholds(), [Deaf()], 20)
    running = asyncio.create_task(watch.run())
    await until(lambda: len(looks) > 2)
    assert not running.done()
    running.cancel()
    await watch.close()
    assert set(logged) == {"alerts could not be worked out"}
