"""`callbridge queues` on screen: today's visits add up, row by row and in the total."""

from __future__ import annotations

from typing import Any

from callbridge.cli.tables import queues_table
from tests.adapters.http_desk import ToyDesk

VISITS = ("answered", "abandoned", "short", "overflowed", "failed")


def table(rows: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Queue -> column -> what is shown, with the names of the columns as they are on the screen."""
    head, *lines = queues_table(rows).splitlines()
    return {line.split()[0]: dict(zip(head.split(), line.split(), strict=False)) for line in lines if line}


def test_offered_is_what_became_of_all_who_came_and_who_waits() -> None:
    desk = ToyDesk()
    seen = dict.fromkeys(VISITS, 0)
    for _ in range(40):
        desk.run(25)
        shown = table([{"name": name, **(desk.made.queue(name) or {})} for name in desk.made.queues])
        del shown["total"]
        for row in shown.values():
            ended = {name: int(row[name]) for name in VISITS}
            seen = {name: seen[name] + ended[name] for name in VISITS}
            assert int(row["offered"]) == sum(ended.values()) + int(row["waiting"]), row
    assert all(seen[name] for name in ("answered", "abandoned", "short")), seen


def test_the_total_sums_visits_and_names_no_agent_twice() -> None:
    rows = [{"name": "a", "waiting": 2, "offered": 9, "answered": 5, "failed": 2, "agents_ready": 1, "agents_offline": 1}]
    rows += [{"name": "b", "waiting": 1, "offered": 3, "answered": 1, "overflowed": 1, "agents_ready": 1, "agents_not_ready": 2}]
    assert [table(rows)[name]["away"] for name in ("a", "b")] == ["1", "2"]
    assert queues_table(rows).splitlines()[-1].split() == ["total", "3", "12", "6", "0", "0", "1", "2"]
    assert "total" not in queues_table(rows[:1])
