"""Many seeds by hand: what was run is counted and recorded, and what breaks a rule is named with how to bring it about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from callbridge.core.model.orders import DropBridge
from tests.sim import __main__ as command
from tests.sim.planting import filter_orders
from tests.sim.sweeps import ROUGH_CRASHES, sweep


@pytest.mark.slow
def test_a_usual_day_is_killed_several_times() -> None:
    counted, found = sweep("crashed-days", 3)
    assert counted == {"crashes": ROUGH_CRASHES}
    assert found == []


@pytest.mark.slow
def test_what_was_found_names_the_seed_the_step_and_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    filter_orders(monkeypatch, lambda world, order: world.boot == "b0" or not isinstance(order, DropBridge))
    counted, found = sweep("crashed-days", 3)
    assert found[0].where.startswith("seed 3 step ")
    assert "bridge" in found[0].what
    assert counted == {"crashes": ROUGH_CRASHES}, "the others are run all the same"


@pytest.mark.slow
def test_the_command_records_what_it_ran(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["tests.sim", "crashed-rows", "--seeds", "0-1", "--workers", "2"])
    assert command.main() == 0
    record = json.loads((tmp_path / "crashed-rows.jsonl").read_text())
    assert record["seeds"] == 2
    assert record["crashes"] > 100
    assert f"2 seeds: {record['crashes']} crashes; 0 found" in capsys.readouterr().out
