"""deploy/prometheus: promtool accepts it, each alarm sounds and is silent when it should, and every name is exported."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.views.board import Board
from tests.adapters.waiting import HANGS
from tests.deploy.files import DEPLOY, PROMETHEUS, metrics_of, queries, recorded_of, rules

UNIT_TESTS = Path(__file__).with_name("alerts.yml")
ALL_UNIT_TESTS = [UNIT_TESTS, *(UNIT_TESTS.with_name(name) for name in ("alerts_hours.yml", "alerts_weeks.yml"))]
ALERTS = rules("alert")
NAMES = [rule["alert"] for rule in ALERTS]


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("promtool is missing: run `make setup`")
    return str(found)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=3 * HANGS)  # up to half a minute on a busy machine


def exported() -> set[str]:
    """Every name that /metrics can show."""
    kinds = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    text = asyncio.run(Metrics(Board(), lambda: 0.0).render()).decode()
    families = text_string_to_metric_families(text)
    return {family.name + end for family in families for end in kinds.get(family.type, ("",))}


def test_promtool_accepts_configuration_and_rules(promtool: str) -> None:
    done = run(promtool, "check", "config", "--lint-fatal", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("cases", ALL_UNIT_TESTS, ids=lambda path: path.stem)
def test_every_alarm_sounds_and_is_silent_when_it_should(promtool: str, cases: Path) -> None:
    done = run(promtool, "test", "rules", cases)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_threshold_that_is_changed_is_noticed(promtool: str, tmp_path: Path) -> None:
    for file in PROMETHEUS.glob("callbridge.*.yml"):
        (tmp_path / file.name).write_text(file.read_text().replace("callbridge_redis_up == 0", "callbridge_redis_up == 1"))
    again = yaml.safe_load(UNIT_TESTS.read_text().replace("../../deploy/prometheus/", ""))
    worst = next(test for test in again["tests"] if test["name"] == "the worst day of all")
    of_redis = [case for case in worst["alert_rule_test"] if case["alertname"] == "CallbridgeRedisDown"]
    again["tests"] = [{name: worst[name] for name in ("name", "interval", "input_series")} | {"alert_rule_test": of_redis}]
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(again))
    done = run(promtool, "test", "rules", tmp_path / "alerts.yml")
    assert done.returncode != 0
    assert "CallbridgeRedisDown" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    tests = [test for path in ALL_UNIT_TESTS for test in yaml.safe_load(path.read_text())["tests"]]
    return [case for test in tests for case in test.get("alert_rule_test", ())]


@pytest.mark.parametrize("name", NAMES)
def test_each_alarm_has_a_case_that_sounds_and_one_that_does_not(name: str, cases: list[dict[str, Any]]) -> None:
    sounds = {bool(case["exp_alerts"]) for case in cases if case["alertname"] == name}
    assert sounds == {True, False}


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_each_alarm_says_what_to_do_and_where_that_is_written(rule: dict[str, dict[str, str]]) -> None:
    assert set(rule["annotations"]) == {"summary", "action", "runbook"}
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert file == "deploy/README.md"
    headings = [line.lstrip("# ").lower() for line in (DEPLOY / "README.md").read_text().splitlines() if line.startswith("#")]
    assert anchor in headings
    assert rule["labels"]["severity"] in ("page", "ticket")


def test_rules_and_panels_use_only_what_is_exported_or_recorded() -> None:
    asked = [rule["expr"] for rule in (*rules("record"), *ALERTS)] + [query.expression for query in queries()]
    recorded = {rule["record"] for rule in rules("record")}
    assert {name for text in asked for name in metrics_of(text)} <= exported()
    assert {name for text in asked for name in recorded_of(text)} <= recorded
    assert all(metrics_of(text) or recorded_of(text) for text in asked)
