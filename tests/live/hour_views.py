"""Every view of the compressed hour - Prometheus, the API, the command, the reports - compared with the facts of the public
stream, which ``hour_books`` compares with the wire.

Rule of this file: the sums are made here from the facts again, never by the product's own code; counts are equal, and seconds
add up but for the tenth to which a report rounds.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import aiohttp

from tests.lab.bridge import Callbridge
from tests.lab.prometheus import Prometheus
from tests.live.campaign import BY_DIGIT
from tests.live.hour_run import Fact

ROUNDED = 0.051
"""Seconds by which a report's figure may differ: it has tenths."""
OUTCOMES = ("answered", "abandoned", "short_abandoned", "overflowed", "failed")
LABELS = {"agent_state_seconds_total": ("reason", "state")}
Sums = defaultdict[tuple[str, ...], float]
"""(metric, labels in the order of their names) -> value."""


def said(facts: Iterable[Fact], kind: str, **fields: Any) -> list[Fact]:
    return [one for one in facts if one["event"] == kind and all(one.get(name) == value for name, value in fields.items())]


# -- Prometheus


def _grows(fact: Fact) -> Iterator[tuple[tuple[str, ...], float]]:
    """What one fact adds to which metric."""
    queue = fact.get("queue", "")
    match fact["event"]:
        case "visit_began":
            yield ("visits_offered_total", queue, fact["tier"]), 1
        case "visit_ended":
            yield ("visits_ended_total", fact["outcome"], queue, fact["tier"]), 1
            if fact["outcome"] == "answered":
                yield ("answer_wait_seconds_sum", queue, fact["tier"]), fact["waited"]
                yield ("answer_wait_seconds_count", queue, fact["tier"]), 1
                yield ("visits_within_target_total", queue, fact["tier"]), fact["within_target"]
            if fact["outcome"] == "abandoned":
                yield ("abandon_wait_seconds_sum", queue, fact["tier"]), fact["waited"]
                yield ("abandon_wait_seconds_count", queue, fact["tier"]), 1
        case "talk_ended":
            yield ("talk_seconds_sum", fact["direction"], queue), fact["talked"] - fact["hold_seconds"]
            yield ("talk_seconds_count", fact["direction"], queue), 1
        case "wrap_up_ended":
            yield ("wrap_up_seconds_sum", fact["direction"], queue), fact["lasted"]
            yield ("wrap_up_seconds_count", fact["direction"], queue), 1
        case "offer_ended":
            yield ("offers_total", queue, fact["result"]), 1
        case "agent_changed" if fact["previous"] != "logged_out":
            yield ("agent_state_seconds_total", fact["previous_reason"], fact["previous"]), fact["lasted"]
        case "survey_answered":
            yield ("survey_answers_total", fact["answer"], fact["question"], queue), 1
        case "survey_ended":
            yield ("surveys_ended_total", queue, fact["result"]), 1
        case "survey_missed":
            yield ("surveys_ended_total", queue, "hung_up_first"), 1
        case "callback_requested":
            yield ("callbacks_total", "made", queue), 1
        case "callback_ended":
            yield ("callbacks_total", fact["outcome"], queue), 1
        case "callback_tried":
            yield ("callback_attempts_total", queue, fact["result"]), 1
        case "attempt_made":
            yield ("dialer_dials_total", fact["campaign"]), 1
        case "attempt_ended":
            yield ("dialer_attempts_total", fact["campaign"], fact["outcome"]), 1
        case "call_diverted":
            yield ("calls_diverted_total", "pbx1", fact["reason"]), 1
        case "flow_ended":
            yield ("flows_ended_total", fact["flow"], fact["result"]), 1
    if fact.get("estimated"):
        yield ("estimated_times_total",), 1


async def prometheus_differs(prometheus: Prometheus, facts: Iterable[Fact]) -> list[str]:
    expected: Sums = defaultdict(float)
    for fact in facts:
        for key, amount in _grows(fact):
            expected[key] += amount
    found: Sums = defaultdict(float)
    for name in sorted({key[0] for key in expected}):
        for one in await prometheus.query(f"callbridge_{name}"):
            labels = dict.fromkeys(LABELS.get(name, ()), "") | one["metric"]  # Prometheus knows no empty label
            values = (labels[label] for label in sorted(labels.keys() - {"__name__", "instance", "job"}))
            found[(name, *values)] += float(one["value"][1])
    return [
        f"Prometheus: {key} {found[key]:g}, by the facts {expected[key]:g}"
        for key in sorted({*expected, *found})
        if abs(found[key] - expected[key]) > 0.001
    ]


# -- today's figures


def today(facts: Iterable[Fact]) -> dict[tuple[str, str], int]:
    found: Counter[tuple[str, str]] = Counter()
    for fact in facts:
        if fact["event"] == "visit_began":
            found[fact["queue"], "offered"] += 1
        elif fact["event"] == "visit_ended":
            found[fact["queue"], fact["outcome"]] += 1
    return dict(found)


def queues_differ(where: str, rows: Iterable[Mapping[str, Any]], facts: Iterable[Fact]) -> list[str]:
    found = {(row["name"], what): int(row[what] or 0) for row in rows for what in ("offered", *OUTCOMES)}
    return unlike(where, {key: count for key, count in found.items() if count}, today(facts))


def unlike(where: str, found: Mapping[Any, Any], expected: Mapping[Any, Any], within: float = 0.0) -> list[str]:
    return [
        f"{where}: {key} is {found.get(key)}, expected {expected.get(key)}"
        for key in sorted({*found, *expected}, key=str)
        if abs((found.get(key) or 0) - (expected.get(key) or 0)) > within
    ]


# -- reports


async def report(bridge: Callbridge, name: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{bridge.url}/api/reports/{name}") as answer:
        assert answer.status == 200, await answer.text()
        return list(json.loads(await answer.text()))


def agents_differ(rows: list[dict[str, Any]], sessions: list[dict[str, Any]], facts: list[Fact]) -> list[str]:
    """An agent's seconds of all states are the time logged in, by the agents' report, the sessions and the facts."""
    states: Counter[tuple[str, str]] = Counter()
    logged: dict[str, float] = defaultdict(float)
    for one in said(facts, "agent_changed"):
        if one["previous"] != "logged_out":
            states[one["agent"], "ringing" if one["previous"] == "connecting" else one["previous"]] += one["lasted"]
        logged[one["agent"]] += one["at"] * ((one["state"] == "logged_out") - (one["previous"] == "logged_out"))
    handled = Counter(one["agent"] for one in said(facts, "talk_began"))
    missed, rejected = (
        Counter(one["agent"] for one in said(facts, "offer_ended", result=what)) for what in ("no_answer", "rejected")
    )
    names = ("ready", "talking", "wrap_up", "not_ready", "ringing", "busy_elsewhere", "offline")
    found = {(row["agent"], name): row[name] for row in rows for name in names}
    wrong = unlike("report agents", found, states, ROUNDED)
    wrong += unlike("report agents, logged in", {row["agent"]: row["logged_in"] for row in rows}, logged, ROUNDED + 0.001)
    for row in rows:
        if abs(row["logged_in"] - sum(row[name] for name in names)) > ROUNDED * (len(names) + 1):
            wrong.append(f"report agents: {row['agent']}'s states do not sum to the {row['logged_in']} s logged in")
    wrong += unlike("report agents, handled", {row["agent"]: row["handled"] for row in rows}, handled)
    wrong += unlike("report agents, missed", {row["agent"]: row["missed"] for row in rows}, missed)
    wrong += unlike("report agents, rejected", {row["agent"]: row["rejected"] for row in rows}, rejected)
    lengths: Counter[str] = Counter()
    for row in sessions:
        lengths[row["agent"]] += row["length"] if row["what"] == "session" else 0
    return wrong + unlike("report sessions", lengths, logged, 2 * ROUNDED)


def offers_differ(rows: list[dict[str, Any]], facts: list[Fact]) -> list[str]:
    names = {"no_answer": "missed"} | dict.fromkeys(("offline", "unavailable", "misconfigured"), "unreachable")
    results = ("answered", "missed", "rejected", "unreachable", "cancelled", "still_ringing")
    expected = Counter(
        (one["agent"], one["queue"], names.get(one["result"], one["result"])) for one in said(facts, "offer_ended")
    )
    found = {(row["agent"], row["queue"], what): row[what] for row in rows for what in results if row[what]}
    return unlike("report offers", found, expected)


def campaign_differs(rows: list[dict[str, Any]], dialled: Counter[str]) -> list[str]:
    """``dialled``: INVITEs by the number that they were for."""
    (row,) = rows
    live = sum(count for number, count in dialled.items() if BY_DIGIT[number[-1]] == "answered")
    wrong = unlike("report campaigns", {"attempts": row["attempts"]}, {"attempts": dialled.total()})
    return wrong + unlike("report campaigns", {"live": row["live"]}, {"live": live})


def callbacks_differ(rows: list[dict[str, Any]], facts: list[Fact], calls_home: int) -> list[str]:
    ends = Counter(one["outcome"] for one in said(facts, "callback_ended"))
    expected = {"requested": len(said(facts, "callback_requested")), "attempts": calls_home} | ends
    return unlike("report callbacks", {name: sum(row[name] for row in rows) for name in expected}, expected)


def surveys_differ(rows: list[dict[str, Any]], facts: list[Fact]) -> list[str]:
    results = Counter(one["result"] for one in said(facts, "survey_ended"))
    asked = sum(results[name] for name in ("complete", "partial", "refused", "no_answer"))
    expected: dict[str, float] = {"asked": asked, "responded": results["complete"] + results["partial"]}
    expected |= {
        "refused": results["refused"],
        "no_answer": results["no_answer"],
        "hung_up_first": len(said(facts, "survey_missed")),
    }
    whole = [row for row in rows if not row["question"]]
    wrong = unlike("report surveys", {name: sum(row[name] for row in whole) for name in expected}, expected)
    answers = [row for row in rows if row["question"]]
    wrong += [f"report surveys: mean {row['mean_score']} though all pressed 5" for row in answers if row["mean_score"] != 5]
    given = {"answers": len(said(facts, "survey_answered"))}
    return wrong + unlike("report surveys", {"answers": sum(row["answers"] for row in answers)}, given)


def transfers_differ(rows: list[dict[str, Any]], facts: list[Fact]) -> list[str]:
    """Each that was begun, or made on a phone or to a queue without a beginning of its own."""
    began = said(facts, "transfer_started")
    targets = ("agent:", "number:", "phone:")
    begun: Counter[tuple[str, str]] = Counter((one["agent"], one["to"]) for one in began)
    begun.update(
        (one["agent"], one["target"])
        for one in said(facts, "call_transferred", party="agent")
        if not one["target"].startswith(targets) and not (one["attended"] and one["target"].startswith("queue:"))
    )
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["direction"] == "out":
            found[row["agent"], row["party"]] += row["transfers"]
    return unlike("report transfers", found, begun)


def calls_differ(rows: list[dict[str, Any]], facts: list[Fact]) -> list[str]:
    """Call by call."""
    ends = {one["call"]: one for one in said(facts, "call_ended")}
    talked, waited = Counter[str](), Counter[str]()
    for one in said(facts, "talk_ended"):
        talked[one["call"]] += one["talked"]
    for one in said(facts, "visit_ended"):
        waited[one["call"]] += one["lasted"]
    arrived = {one["call"]: one for one in said(facts, "call_arrived")}
    listed = {row["call"]: row for row in rows if not row["call"].startswith("pbx1/")}
    wrong = [f"report calls: {call} is missing" for call in arrived.keys() - listed.keys()]
    wrong += [f"report calls: {call} did not arrive" for call in listed.keys() - arrived.keys()]
    for call in arrived.keys() & listed.keys():
        row = listed[call]
        if (row["number"], row["outcome"] or "") != (arrived[call]["number"], ends[call]["outcome"] if call in ends else ""):
            wrong.append(f"report calls: {call} {row['number']} {row['outcome']}, by the facts {ends.get(call)}")
        wrong += unlike(f"report calls, {call}", {"talked": row["talked"], "waited": row["waited"]},
                         {"talked": talked[call], "waited": waited[call]}, ROUNDED)  # fmt: skip
    return wrong


async def metric(bridge: Callbridge, series: str) -> str:
    """The value of one series, as it is exported now."""
    async with aiohttp.ClientSession() as session, session.get(f"{bridge.url}/metrics") as answer:
        text = await answer.text()
    return next((line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{series} ")), "")
