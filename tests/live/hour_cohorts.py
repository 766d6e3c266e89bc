"""Reports of the compressed hour that divide its calls into groups (queues, tiers, entries, service levels, flows, repeat calls),
compared with the facts of the public stream, as in ``hour_views``: the sums are made here from the facts again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from math import inf
from typing import Any

from tests.live.hour_run import Fact
from tests.live.hour_views import OUTCOMES, ROUNDED, said, unlike

SHARE_ROUNDED = 0.0001
"""By which a share may differ: a report has four digits."""
DAY = 86_400.0
CONTAINED = ("flow", "left_flow")
"""Outcomes of calls that a flow ended."""
Rows = list[dict[str, Any]]


def queues_report_differs(rows: Rows, facts: list[Fact]) -> list[str]:
    return _cohorts_differ("queue", rows, facts, lambda fact: str(fact["queue"]))


def tiers_differ(rows: Rows, facts: list[Fact]) -> list[str]:
    tiers = {one["call"]: str(one["tier"]) for one in said(facts, "call_arrived")}
    return _cohorts_differ("tier", rows, facts, lambda fact: tiers[fact["call"]])


def entries_differ(rows: Rows, facts: list[Fact]) -> list[str]:
    entries = {one["call"]: str(one["entry"]) for one in said(facts, "call_arrived")}
    return _cohorts_differ("entry", rows, facts, lambda fact: entries[fact["call"]])


def _cohorts_differ(of: str, rows: Rows, facts: list[Fact], name: Callable[[Fact], str]) -> list[str]:
    """Visits, and talks in queues of callers who called us, by queue, tier or entry."""
    where = f"report by {of}"
    inbound = {one["call"] for one in said(facts, "call_arrived", direction="in")}
    ends: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for one in said(facts, "visit_ended"):
        ends[name(one), one["outcome"]].append(one)
    counts = Counter((name(one), "offered") for one in said(facts, "visit_began"))
    counts.update({key: len(those) for key, those in ends.items()})
    talks, handled = Counter[str](), defaultdict[str, float](float)
    for one in facts:
        if one["call"] in inbound and one["queue"] and one["event"] in ("talk_ended", "wrap_up_ended"):
            talks[name(one)] += one["event"] == "talk_ended"
            handled[name(one)] += one["talked"] if one["event"] == "talk_ended" else one["lasted"]
    found = {(row[of], what): int(row[what] or 0) for row in rows for what in ("offered", *OUTCOMES)}
    wrong = unlike(where, {key: count for key, count in found.items() if count}, counts)
    wrong += unlike(f"{where}, talks", {row[of]: row["talks"] for row in rows if row["talks"]}, +talks)
    for row in rows:
        one_name = row[of]
        answered, gave_up = ends[one_name, "answered"], ends[one_name, "abandoned"]
        expected = {
            "asa": _mean([one["waited"] for one in answered]),
            "longest_wait": max((one["waited"] for one in answered), default=None),
            "mean_abandoned": _mean([one["waited"] for one in gave_up]),
            "longest_abandoned": max((one["waited"] for one in gave_up), default=None),
            "aht": handled[one_name] / talks[one_name] if talks[one_name] else None,
        }
        wrong += unlike(f"{where}, {one_name}", {what: row[what] for what in expected}, expected, ROUNDED)
        within = sum(bool(one["within_target"]) for one in answered)
        level = {"SL": _share(within, len(answered) + len(gave_up))}
        wrong += unlike(f"{where}, {one_name}", {"SL": row["service_level"]}, level, SHARE_ROUNDED)
    return wrong


def service_levels_differ(rows: Rows, facts: list[Fact]) -> list[str]:
    """All four formulas, and how many were answered within which time."""
    ends: dict[str, list[Fact]] = defaultdict(list)
    for one in said(facts, "visit_ended"):
        ends[one["queue"]].append(one)
    offered = Counter(one["queue"] for one in said(facts, "visit_began"))
    wrong = unlike("report service-level", {row["queue"]: row["offered"] for row in rows}, offered)
    for row in rows:
        those = ends[row["queue"]]
        answered, gave_up = ([one for one in those if one["outcome"] == outcome] for outcome in ("answered", "abandoned"))
        within, left = (sum(bool(one["within_target"]) for one in some) for some in (answered, gave_up))
        counted = len(answered) + len(gave_up)
        expected = {
            "answered": len(answered),
            "abandoned": len(gave_up),
            "short_abandoned": sum(one["outcome"] == "short_abandoned" for one in those),
            "within_target": within,
            "service_level": _share(within, counted),
            "service_level_answered": _share(within, len(answered)),
            "service_level_with_abandoned": _share(within + left, counted),
            "service_level_offered": _share(within, offered[row["queue"]]),
        }
        expected |= {f"within_{limit}": sum(one["waited"] <= limit for one in answered) for limit in (10, 20, 30, 60, 120)}
        found = {what: row[what] for what in expected}
        wrong += unlike(f"report service-level, {row['queue']}", found, expected, SHARE_ROUNDED)
    return wrong


def flows_differ(rows: Rows, facts: list[Fact]) -> list[str]:
    """Passages and how many were contained; of each node how often it was reached and left, by which key and to where."""
    expected = Counter(dict(_passages(facts)))
    lasted: dict[str, list[float]] = defaultdict(list)
    for one in said(facts, "flow_ended"):
        expected[one["flow"], one["node"], "", "", "exits"] += 1
        expected[one["flow"], one["node"], "", "", "hung_up"] += one["result"] == "hung_up"
        expected[one["flow"], one["node"], "", f"({one['to'] or one['result']})", "times"] += 1
        lasted[one["flow"]].append(one["lasted"])
    for steps in _by_call(facts, "flow_stepped").values():
        for one in steps:
            expected[one["flow"], one["node"], "", "", "visits"] += 1
        for one, following in pairwise(steps):
            if following["flow"] == one["flow"]:
                expected[one["flow"], one["node"], following["key"], following["node"], "times"] += 1
    names = ("passages", "contained", "visits", "exits", "hung_up", "times")
    found = {
        (row["flow"], row["node"], row["key"], row["went_to"], what): row[what] for row in rows for what in names if row[what]
    }
    wrong = unlike("report flows", found, +expected)
    whole = {row["flow"]: row["mean_time"] for row in rows if not row["node"]}
    return wrong + unlike("report flows, time", whole, {flow: _mean(times) for flow, times in lasted.items()}, ROUNDED)


def _passages(facts: list[Fact]) -> Iterator[tuple[tuple[str, str, str, str, str], int]]:
    """How often each flow was entered, and how many of these calls have since ended in a flow without a talk."""
    ends = {one["call"]: one for one in said(facts, "call_ended")}
    talks = _by_call(facts, "talk_began")
    entered, contained = Counter[str](), Counter[str]()
    for one in said(facts, "flow_began"):
        entered[one["flow"]] += 1
        talked = any(talk["at"] >= one["at"] for talk in talks.get(one["call"], ()))
        ended = ends.get(one["call"], {}).get("outcome")
        contained[one["flow"]] += ended in CONTAINED and not talked and not one["flow"].startswith("survey:")
    for flow, count in entered.items():
        yield (flow, "", "", "", "passages"), count
        yield (flow, "", "", "", "contained"), contained[flow]


def repeats_differ(rows: Rows, facts: list[Fact]) -> list[str]:
    """Who talked in a queue and called it again within a day."""
    expected = repeats_of(facts)
    names = ("answered", "repeats", "repeat_calls")
    found = {(row["queue"], row["agent"], what): row[what] for row in rows for what in names if row[what]}
    shares = {(row["queue"], row["agent"]): row["fcr"] for row in rows}
    resolved = {
        (queue, agent): 1 - expected[queue, agent, "repeats"] / count
        for (queue, agent, what), count in expected.items()
        if what == "answered"
    }
    return unlike("report repeats", found, expected) + unlike("report repeats, FCR", shares, resolved, SHARE_ROUNDED)


def repeats_of(facts: list[Fact]) -> Counter[tuple[str, str, str]]:
    """By queue, agent and column; only what is not 0."""
    callers = {one["call"]: one["number"] for one in said(facts, "call_arrived", direction="in") if one["number"]}
    came: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    talks: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for one in said(facts, "visit_began"):
        came[callers[one["call"]], one["queue"]].setdefault(one["call"], one["at"])
    for one in said(facts, "talk_began"):
        if one["call"] in callers and one["visit"]:
            talks[callers[one["call"]], one["queue"]].append(one)
    expected: Counter[tuple[str, str, str]] = Counter()
    for key, those in talks.items():
        times = sorted(came[key].values())
        those.sort(key=lambda one: one["at"])
        for one, until in zip(those, [*(following["at"] for following in those[1:]), inf], strict=True):
            queue, agent = one["queue"], one["agent"]
            again = [at for at in times if one["at"] <= at <= one["at"] + DAY]
            expected[queue, agent, "answered"] += 1
            expected[queue, agent, "repeats"] += bool(again)
            expected[queue, agent, "repeat_calls"] += bisect_left(again, until)
    return +expected


def _by_call(facts: Iterable[Fact], kind: str) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = defaultdict(list)
    for one in facts:
        if one["event"] == kind:
            found[one["call"]].append(one)
    return found


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
