"""A year of a call centre for the benchmark ``history``: one day's rows made by a seeded chance, then copied by the database
itself to every other day, so that ten million calls take minutes. The same number of calls makes the same rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Float, Table, insert, text

from callbridge.adapters.database.history_tables import agent_states, calls, offers, segments, visits

BEGAN = 1_735_689_600.0
"""Midnight of the first day: 2025-01-01 UTC."""
DAY = 86_400.0
DAYS = 365
QUEUES, AGENTS = 10, 200
TIERS = ("diamond", "gold", "silver", "standard")
COPIED = (calls, visits, offers, segments, agent_states)
COPIED_BY_NAME = {table.name: table for table in COPIED}
_IDS = ("call", "fact")
"""Columns whose text begins with the day, in four characters."""

Rows = dict[str, list[dict[str, Any]]]


def fill(engine: Engine, many: int) -> int:
    """Fill empty tables with about so many calls, evenly over the days; returns how many there are."""
    a_day = max(1, many // DAYS)
    with engine.begin() as link:
        for name, rows in _a_day(a_day).items():
            link.execute(insert(COPIED_BY_NAME[name]), rows)
    for day in range(1, DAYS):
        with engine.begin() as link:
            for table in COPIED:
                link.execute(text(_copy(table)), {"day": f"d{day:03}", "shift": day * DAY})
    with engine.begin() as link:
        _present(link)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as link:
        # As a database that has been in service has done by itself; without it, it would do so while it is measured.
        link.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM (ANALYZE)"))
    return a_day * DAYS


def _copy(table: Table) -> str:
    """SQL that copies the first day's rows to another day."""
    values = []
    for column in table.columns:
        name = f'"{column.name}"'
        if column.name in _IDS:
            values.append(f":day || substr({name}, 5)")
        elif isinstance(column.type, Float) and column.name.endswith("_at"):
            values.append(f"{name} + :shift")
        else:
            values.append(name)
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    (began,) = (name for name in ("arrived_at", "began_at") if name in table.columns)
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {', '.join(values)} FROM {table.name} "
        f'WHERE "{began}" >= {BEGAN} AND "{began}" < {BEGAN + DAY}'
    )


def _present(link: Connection) -> None:
    """Every agent is logged out at the end."""
    end = BEGAN + DAYS * DAY
    link.execute(
        insert(agent_states),
        [{"agent": f"agent{n}", "fact": "now", "state": "logged_out", "reason": "", "began_at": end} for n in range(AGENTS)],
    )


def _a_day(many: int) -> Rows:
    rng = random.Random(1)
    rows: Rows = {table.name: [] for table in COPIED}
    for number in range(many):
        _call(rng, rows, number, arrived=BEGAN + rng.uniform(8.0, 18.0) * 3600.0)
    for agent in range(AGENTS):
        rows["agent_states"] += _shift(rng, agent, talks=max(1, many // AGENTS))
    return rows


def _call(rng: random.Random, rows: Rows, number: int, arrived: float) -> None:
    call, queue, tier = f"d000-{number:06}", f"q{rng.randrange(QUEUES)}", rng.choices(TIERS, (1, 5, 14, 80))[0]
    who = f"+4420794{rng.randrange(100_000):05}"
    waited = rng.expovariate(1 / 20)
    outcome = rng.choices(("answered", "abandoned", "short_abandoned", "overflowed"), (85, 9, 3, 3))[0]
    ended = arrived + waited
    rows["visits"].append(
        {
            "call": call,
            "visit": 2,
            "queue": queue,
            "tier": tier,
            "began_at": arrived,
            "ended_at": ended,
            "outcome": outcome,
            "waited": waited,
            "lasted": waited,
            "within_target": outcome == "answered" and waited <= 20,
            "went_to": "",
            "reason": "",
            "entered_at_position": rng.randrange(1, 20),
            "left_at_position": 1,
        }
    )
    offers_made = 1 + (rng.random() < 0.2) if outcome == "answered" else int(rng.random() < 0.1)
    for offer in range(offers_made):
        answered = outcome == "answered" and offer == offers_made - 1
        rows["offers"].append(
            {
                "call": call,
                "offer": 4 + offer,
                "visit": 2,
                "queue": queue,
                "tier": tier,
                "agent": f"agent{rng.randrange(AGENTS)}",
                "began_at": ended - 4.0,
                "ended_at": ended,
                "waited": waited,
                "rang_for": 4.0,
                "result": "answered" if answered else "no_answer",
            }
        )
    talked = rng.expovariate(1 / 180) if outcome == "answered" else 0.0
    if outcome == "answered":
        rows["segments"].append(
            {
                "call": call,
                "segment": 8,
                "visit": 2,
                "offer": 4,
                "transfer": 0,
                "queue": queue,
                "agent": rows["offers"][-1]["agent"],
                "began_at": ended,
                "ended_at": ended + talked,
                "waited": waited,
                "talked": talked,
                "hold": 0.0,
                "ended_by": "customer",
                "wrap_up": 15.0,
                "wrapped_up_at": ended + talked + 15.0,
            }
        )
    rows["calls"].append(
        {
            "call": call,
            "pbx": "pbx1",
            "uniqueid": f"{arrived:.6f}",
            "linkedid": f"{arrived:.6f}",
            "entry": queue,
            "tier": tier,
            "person": who,
            "number": who,
            "name": "",
            "arrived_at": arrived,
            "ended_at": ended + talked,
            "lasted": waited + talked,
            "outcome": outcome,
            "segments": int(outcome == "answered"),
            "callback": "",
            "campaign": "",
        }
    )


def _shift(rng: random.Random, agent: int, talks: int) -> Iterator[dict[str, Any]]:
    """From eight to six: ready, ringing, talking, wrap-up, again and again; logged out before and after."""
    hours = 10 * 3600.0 / talks
    times = [("logged_out", 8 * 3600.0)]
    for _ in range(talks):
        talk = min(rng.expovariate(1 / 180), hours / 2)
        times += [("ready", hours - talk - min(19.0, hours / 4)), ("ringing", min(4.0, hours / 8))]
        times += [("talking", talk), ("wrap_up", min(19.0, hours / 4) - min(4.0, hours / 8))]
    times.append(("logged_out", 6 * 3600.0))
    at = BEGAN
    for number, (state, lasted) in enumerate(times):
        row = {"agent": f"agent{agent}", "fact": f"d000-{agent:03}-{number:05}", "state": state, "reason": "", "phone": "PJSIP/x"}
        yield row | {"began_at": at, "ended_at": at + lasted}
        at += lasted
