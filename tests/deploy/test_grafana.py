"""deploy/grafana: dashboards that Grafana can load and that are those of the definition, and the provisioning that finds them."""

import re
from itertools import combinations
from typing import Any

import pytest
import yaml

from tests.deploy.files import DASHBOARDS, GRAFANA, PROMETHEUS, dashboards
from tests.grafana.build import text
from tests.grafana.definition import definition

UNITS = {"none", "short", "s", "ops", "cpm", "percentunit", "bytes"}
"""Of Grafana's units those that fit here; durations are seconds, shares 0 to 1."""
KINDS = {"row", "stat", "gauge", "timeseries", "table"}
COLUMNS = 24
SOURCES = {"history": "grafana-postgresql-datasource"}
NAMES = ["agents", "campaigns", "flows", "history", "overview", "queue", "system"]
MADE_BY = "python -m tests.grafana"


def panels(name: str) -> list[dict[str, Any]]:
    return list(dashboards()[name]["panels"])


def shown(name: str) -> list[dict[str, Any]]:
    return [panel for panel in panels(name) if panel["type"] != "row"]


def test_the_committed_dashboards_are_those_of_the_definition() -> None:
    made = {f"{slug}.json": text(slug, one) for slug, one in definition().dashboards.items()}
    assert {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS.iterdir()} == made, f"run: {MADE_BY}"


def test_every_dashboard_has_a_uid_and_a_title_of_its_own_and_leads_to_the_others() -> None:
    assert list(dashboards()) == NAMES
    assert {board["uid"] for board in dashboards().values()} == {f"callbridge-{name}" for name in NAMES}
    assert len({board["title"] for board in dashboards().values()}) == len(NAMES)
    for board in dashboards().values():
        assert [(link["type"], link["tags"]) for link in board["links"]] == [("dashboards", board["tags"])]


@pytest.mark.parametrize("name", NAMES)
def test_ids_and_titles_within_a_dashboard_are_unique(name: str) -> None:
    for key in ("id", "title"):
        found = [panel[key] for panel in panels(name)]
        assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", NAMES)
def test_no_panel_covers_another_or_leaves_the_grid(name: str) -> None:
    squares = {}
    for panel in panels(name):
        at = panel["gridPos"]
        assert 0 <= at["x"] < at["x"] + at["w"] <= COLUMNS
        squares[panel["id"]] = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
    assert [pair for pair in combinations(squares, 2) if squares[pair[0]] & squares[pair[1]]] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_asks_the_chosen_datasource_in_a_known_unit(name: str) -> None:
    assert {panel["type"] for panel in panels(name)} <= KINDS
    source = {"type": SOURCES.get(name, "prometheus"), "uid": "${datasource}"}
    for panel in shown(name):
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == source


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SOURCES])
def test_seconds_are_shown_as_seconds_and_shares_as_shares(name: str) -> None:
    for panel in shown(name):
        names = " ".join(target["expr"] for target in panel["targets"])
        unit = panel["fieldConfig"]["defaults"]["unit"]
        share = re.search(r"ratio|within_target|\) / \(sum", names) if "_seconds" not in names else None
        assert (unit == "percentunit") == (share is not None), panel["title"]
        assert (unit == "s") == ("_seconds" in names), panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_the_variables_are_the_datasource_and_where_panels_use_it_the_queue(name: str) -> None:
    variables = {one["name"]: one for one in dashboards()[name]["templating"]["list"]}
    asked = " ".join(str(target) for panel in shown(name) for target in panel["targets"])
    used = {"queue": "query"} if "$queue" in asked else {}
    assert {key: one["type"] for key, one in variables.items()} == {"datasource": "datasource"} | used
    for one in variables.values():
        assert one["name"] != "queue" or one["multi"]


def test_the_provisioning_finds_the_datasources_and_the_dashboards() -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning/datasources/callbridge.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/callbridge.yaml").read_text())["providers"]
    every = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["global"]["scrape_interval"]
    kinds = {source["type"]: source for source in sources}
    assert kinds["prometheus"]["jsonData"]["timeInterval"] == every
    assert (provider["type"], provider["options"]["path"]) == ("file", f"/var/lib/grafana/{DASHBOARDS.name}")
