"""deploy/grafana: a dashboard that Grafana can load, and the provisioning that finds it."""

import re
from itertools import combinations
from typing import Any

import yaml

from tests.deploy.files import DASHBOARD, GRAFANA, PROMETHEUS, dashboard

UNITS = {"none", "short", "s", "ops", "cpm", "percentunit"}
"""Of Grafana's units those that fit here; durations are seconds, shares 0 to 1."""
KINDS = {"row", "stat", "gauge", "timeseries"}
COLUMNS = 24


def panels() -> list[dict[str, Any]]:
    return list(dashboard()["panels"])


def test_ids_and_titles_within_a_row_are_unique() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    row, titles = "", []
    for panel in panels():
        row = panel["title"] if panel["type"] == "row" else row
        titles.append((row, panel["type"] == "row", panel["title"]))
    assert len(set(titles)) == len(titles)


def test_the_rows_are_overview_queues_agents_and_campaigns() -> None:
    assert [panel["title"] for panel in panels() if panel["type"] == "row"] == ["Overview", "Queues", "Agents", "Campaigns"]


def test_no_panel_covers_another_or_leaves_the_grid() -> None:
    squares = {}
    for panel in panels():
        at = panel["gridPos"]
        assert 0 <= at["x"] < at["x"] + at["w"] <= COLUMNS
        squares[panel["id"]] = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
    assert [pair for pair in combinations(squares, 2) if squares[pair[0]] & squares[pair[1]]] == []


def test_every_panel_asks_the_chosen_datasource_in_a_known_unit() -> None:
    shown = [panel for panel in panels() if panel["type"] != "row"]
    assert {panel["type"] for panel in panels()} <= KINDS
    for panel in shown:
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_seconds_are_shown_as_seconds_and_shares_as_shares() -> None:
    for panel in (panel for panel in panels() if panel["type"] != "row"):
        names = " ".join(target["expr"] for target in panel["targets"])
        unit = panel["fieldConfig"]["defaults"]["unit"]
        share = re.search(r"ratio30m|within_target|_ratio\b", names)
        assert (unit == "percentunit") == (share is not None), panel["title"]
        assert (unit == "s") == ("_seconds" in names), panel["title"]


def test_the_variables_are_the_datasource_and_the_queue() -> None:
    variables = {one["name"]: one for one in dashboard()["templating"]["list"]}
    assert {name: one["type"] for name, one in variables.items()} == {"datasource": "datasource", "queue": "query"}
    assert (variables["queue"]["multi"], variables["queue"]["allValue"]) == (True, ".*")


def test_the_provisioning_finds_prometheus_and_the_dashboard() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/callbridge.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/callbridge.yaml").read_text())["providers"]
    every = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert (source["type"], source["jsonData"]["timeInterval"]) == ("prometheus", every)
    assert (provider["type"], provider["options"]["path"]) == ("file", f"/var/lib/grafana/{DASHBOARD.parent.name}")
