"""Changes of rows are checked by mypy: a misspelt field, one of another row and a value of the wrong type are found."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import pytest
from mypy import api

from callbridge.core.model.agent import Agent
from callbridge.core.model.attempt import Attempt
from callbridge.core.model.changes import AgentChanges, AttemptChanges, LegChanges
from callbridge.core.model.leg import Leg

CACHE = Path(__file__).parents[2] / ".mypy_cache"
RIGHT = "# right"
SNIPPET = f"""
from callbridge.core.entities import agent_states, attempts
from callbridge.core.model.agent import Agent, Work
from callbridge.core.model.attempt import Attempt, AttemptMove, AttemptStage
from callbridge.core.model.call import Call
from callbridge.core.model.leg import Leg
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World


def changes(world: World, agent: Agent, leg: Leg, attempt: Attempt, call: Call) -> None:
    agent_states.change(world, agent, work=Work.IDLE, call="", leg=None)  {RIGHT}
    agent_states.change(world, agent, **agent_states.READY)  {RIGHT}
    agent_states.change(world, agent, wrok=Work.IDLE)
    agent_states.change(world, agent, work="idle")
    agent_states.change(world, agent, heard_at=1.0)
    world.put_leg(leg, call="", up_at=1.0)  {RIGHT}
    world.put_leg(leg, heard=1.0)
    world.put_leg(leg, up_at="now")
    attempts.put(world, attempt, until=None)  {RIGHT}
    attempts.move(world, attempt, AttemptMove.ANSWER, until=None)  {RIGHT}
    attempts.put(world, attempt, stage=AttemptStage.LIVE)
    attempts.move(world, attempt, AttemptMove.ANSWER, until="now")
    attempts.put(world, attempt, untill=None)
    attempts.record(world, attempt, outcome=5)
    evolve(call, keys="1")  {RIGHT}
    evolve(call, kyes="1")
    evolve(call, keys=1)
    agent_states.READY["misses"] = "none"
"""


@pytest.mark.parametrize(("row", "changes"), [(Agent, AgentChanges), (Leg, LegChanges), (Attempt, AttemptChanges)])
def test_what_may_change_is_every_field_of_the_row(row: type, changes: type) -> None:
    hints = get_type_hints(row)
    if row is Attempt:
        del hints["stage"]  # by a move only
    assert get_type_hints(changes) == hints, "core/model/changes.py repeats the fields of the row"


@pytest.mark.slow
def test_mypy_finds_every_wrong_change_and_no_right_one(tmp_path: Path) -> None:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(SNIPPET, encoding="utf-8")
    out, err, _ = api.run(["--strict", "--no-error-summary", "--hide-error-context", "--cache-dir", str(CACHE), str(snippet)])
    assert err == ""
    found = {int(line.split(":")[1]) for line in out.splitlines() if ": error:" in line}
    lines = dict(enumerate(SNIPPET.splitlines(), start=1))
    wrong = {number for number, line in lines.items() if line.startswith("    ") and not line.endswith(RIGHT)}
    assert found == wrong, out
    assert len(wrong) == 12
