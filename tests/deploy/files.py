"""What deploy/ holds, read for tests: panels with their queries, rules, and the metrics that a query names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
GRAFANA = DEPLOY / "grafana"
DASHBOARDS = GRAFANA / "dashboards"
_METRIC = re.compile(r"(?<![\w:])callbridge_\w+")
_RECORDED = re.compile(r"\b[a-z_]+:callbridge_\w+:\w+")


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus, and who asks it."""

    where: str
    expression: str


def dashboards() -> dict[str, dict[str, Any]]:
    """By name: the files that Grafana loads."""
    return {path.stem: dict(json.loads(path.read_text())) for path in sorted(DASHBOARDS.glob("*.json"))}


def queries() -> Iterator[Query]:
    """Every query to Prometheus of every panel, as Grafana has it."""
    for name, board in dashboards().items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                if "expr" in target:
                    yield Query(f"{name} {panel['id']} {panel['title']} {target['refId']}", target["expr"])


def sql_queries() -> Iterator[Query]:
    """Every query to the database of the history."""
    for name, board in dashboards().items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                if "rawSql" in target:
                    yield Query(f"{name} {panel['id']} {panel['title']} {target['refId']}", target["rawSql"])


def filled(query: Query, **variables: str) -> str:
    """The expression as Grafana sends it."""
    text = query.expression
    for name, value in variables.items():
        text = text.replace(f"${name}", value)
    if "$" in text:
        raise ValueError(f"a variable without a value in {query.where}: {text}")
    return text


def rules(kind: str) -> list[dict[str, Any]]:
    """All rules of one kind: ``record`` or ``alert``."""
    files = sorted(PROMETHEUS.glob("callbridge.*.yml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def metrics_of(expression: str) -> set[str]:
    """The metrics of callbridge that an expression names; what rules record is left out."""
    return set(_METRIC.findall(_RECORDED.sub("", expression)))


def recorded_of(expression: str) -> set[str]:
    return set(_RECORDED.findall(expression))
