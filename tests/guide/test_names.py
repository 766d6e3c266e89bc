"""What the guide names exists, and what exists is in the guide: metrics, facts, routes, keys, nodes, codes, links."""

from __future__ import annotations

import ast
import asyncio
import re
from dataclasses import fields
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from callbridge.adapters.facts.codec import FACT_KINDS, FACT_TYPES
from callbridge.adapters.facts.counts import families
from callbridge.adapters.http.routes import ROUTES
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.redis.connection import RedisSettings
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.rows import ENDED
from callbridge.adapters.webhooks.body import FACTS
from callbridge.core.model.agent import State
from callbridge.core.model.call import Phase
from callbridge.settings.flows import NODE_KINDS
from callbridge.wire.webhooks import EVENTS
from tests.guide.pages import PAGES, README, ROOT, RUNBOOK, TOPICS, Page, page, spans_of
from tests.sources import parsed

TITLES = [each.name for each in PAGES]
ROLES = ("viewer", "agent", "supervisor", "admin")
ASTERISK = {"app_queue", "queue_log", "res_pjsip", "total_analysis_time", "answer_after_policy"}
"""Names that are the PBX's, or a phone's."""


# -- metrics


def exported() -> dict[str, str]:
    """Every metric -> its kind."""
    text = asyncio.run(Metrics(Board(), lambda: 0.0).render()).decode()
    found = text_string_to_metric_families(text)
    return {each.name + ("_total" if each.type == "counter" else ""): each.type for each in found}


def test_every_metric_is_in_the_table_with_its_kind() -> None:
    kinds = {"C": "counter", "G": "gauge", "H": "histogram"}
    table = {spans_of(row[0])[0]: kinds[row[2]] for row in page("metrics.md").rows("metric")}
    assert table == exported()


def test_the_labels_of_metrics_are_those_of_the_table() -> None:
    table = {spans_of(row[0])[0]: tuple(spans_of(row[1])) for row in page("metrics.md").rows("metric")}
    for family in families(label_agents=False):
        name = f"callbridge_{family.name}" + ("" if family.bounds else "_total")
        assert table[name] == family.labels, name


@pytest.mark.parametrize("each", PAGES, ids=TITLES)
def test_every_metric_that_a_page_names_exists(each: Page) -> None:
    known = exported()
    for span in each.spans():
        if found := re.fullmatch(r"(callbridge_\w+)(\{.*\})?", span):
            prefix = [name for name in known if found[1].endswith("_") and name.startswith(found[1])]
            assert found[1] in known or prefix, span


# -- facts


def facts() -> dict[str, set[str]]:
    """Type -> fields, as the page has them."""
    table = {spans_of(row[0])[0]: set(spans_of(row[2])) for row in page("redis-and-facts.md").rows("type")}
    assert len(table) > 40
    return table


def test_every_fact_is_on_the_page_and_none_that_is_not() -> None:
    assert set(facts()) == FACT_TYPES


@pytest.mark.parametrize("name", sorted(FACT_KINDS))
def test_the_fields_of_facts_are_those_of_the_page(name: str) -> None:
    common = {"seq", "at", "call", "agent", "queue"}
    assert facts()[name] == {each.name for each in fields(FACT_KINDS[name])} - common


def test_webhooks_have_the_events_and_facts_of_their_page() -> None:
    here = page("webhooks.md")
    assert tuple(spans_of(row[0])[0] for row in here.rows("event")) == (
        *EVENTS[:3],
        "end",
        "survey",
        "recording",
        "score",
        "alert",
    )
    assert set(EVENTS) == {spans_of(row[0])[0] for row in here.rows("event")}
    assert FACT_TYPES & set(here.spans()) == FACTS


# -- routes


def test_every_route_is_in_the_table_with_its_roles() -> None:
    table = {route: row[1:] for row in page("http-api.md").rows("request") for route in spans_of(row[0])}
    for route in ROUTES:
        name = f"{route.method} {route.path}"
        if route.roles is None:
            assert name in page("http-api.md").spans()
        else:
            cells = table.pop(name)
            assert {role for role, cell in zip(ROLES, cells, strict=True) if cell} == set(route.roles), name
    assert not table, "no such routes"


@pytest.mark.parametrize("each", PAGES, ids=TITLES)
def test_every_path_that_a_page_names_is_one(each: Page) -> None:
    paths = {route.path for route in ROUTES}
    for span in each.spans():
        if found := re.fullmatch(r"(?:(?:GET|POST) )?(/(?:api|healthz|readyz|metrics)[^?\s]*)(?:\?\S*)?", span):
            start = found[1].removesuffix("...")
            assert found[1] in paths or (start != found[1] and any(path.startswith(start) for path in paths)), span


# -- Redis


def answered(path: str) -> set[str]:
    """The fields of what a GET of this path answers, of a list those of one row."""
    (route,) = (route for route in ROUTES if (route.method, route.path) == ("GET", path))
    return set((get_args(route.answer) or (route.answer,))[0].model_fields)


def test_the_hashes_have_the_fields_of_the_page() -> None:
    table = {spans_of(row[0])[0]: set(spans_of(row[1])) for row in page("redis-and-facts.md").rows("hash")}
    assert table == {
        "queue": answered("/api/queues") - {"name"},
        "agent": answered("/api/agents") - {"id"},
        "call": answered("/api/calls") - {"id", "supervisors"},  # these are not for agents' programs
    }


@pytest.mark.parametrize("each", PAGES, ids=TITLES)
def test_every_key_of_redis_that_a_page_names_is_one(each: Page) -> None:
    known = {RedisSettings().public(name) for name in ("queue:<name>", "agent:<id>", "call:<id>", "facts", "")}
    private = RedisSettings().private("x")
    for span in each.spans():
        if span.startswith("callbridge:") and span != "callbridge:<agent>":  # a member of the fallback queue
            assert span in known or private.startswith(span.removesuffix("...")), span


def test_the_states_of_the_page_are_those_of_calls_and_agents() -> None:
    text = " ".join(page("redis-and-facts.md").text.split())
    of_calls, of_agents = re.findall(r"(?:A call's `state`|An agent's) is one of (.*?)\.", text)
    assert set(spans_of(of_calls)) == {phase.value for phase in Phase} | {ENDED}
    assert set(spans_of(of_agents)) == {state.value for state in State}


# -- flows, codes


def test_the_nodes_of_the_page_are_those_of_flows() -> None:
    table = {re.split(r"[: ]", spans_of(row[0])[0])[0]: row for row in page("flows.md").rows("node")}
    assert table.keys() == NODE_KINDS.keys()
    for kind, (needs, may) in NODE_KINDS.items():
        assert set(spans_of(table[kind][2])) == set(needs), kind
        said = {word.partition(":")[0] for word in spans_of(table[kind][3])} - {"#"}
        assert said == set(may), kind


def test_the_feature_codes_of_the_page_are_those_of_the_dialplan() -> None:
    dialplan = (ROOT / "dialplan" / "callbridge.conf").read_text()
    dialled = set(re.findall(r"^exten => _?(\*\d\d)", dialplan, re.MULTILINE))
    named = {code for row in page("agents-and-phones.md").rows("code") for code in re.findall(r"\*\d\d", row[0])}
    assert named | {"*32", "*33"} == dialled  # the page says `*31` to `*34`
    watched = {code for row in page("transfers-and-supervision.md").rows("code") for code in re.findall(r"\*\d\d", row[0])}
    assert watched == {"*31", "*32", "*33", "*34"}


# -- any name at all


def unknown(words: set[str]) -> set[str]:
    """Those of the words that neither the program nor the dialplan calls anything. Only a file that has one of them as text is
    parsed, for that takes long."""
    rest = words - set(FACT_TYPES) - ASTERISK
    for path in (ROOT / "dialplan").rglob("*.conf"):
        rest -= set(re.findall(r"\w+", path.read_text()))
    for path in (ROOT / "callbridge").rglob("*.py"):
        text = path.read_text()
        if rest & set(re.findall(r"\w+", text)):
            rest -= called(text)
    return rest


def called(source: str) -> set[str]:
    """Every name in this source, and every word of its texts."""
    found = set()
    for node in ast.walk(parsed(source)):
        match node:
            case ast.Constant(value=str(text)):
                found |= set(re.findall(r"\w+", text))
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                found.add(name)
    return found


def test_every_name_with_an_underscore_is_known_to_the_program() -> None:
    named = {
        (each.name, span)
        for each in PAGES
        for span in each.spans()
        if re.fullmatch(r"[a-z]+(_[a-z]+)+", span) and not span.startswith("callbridge_")
    }
    assert len(named) > 150
    missing = unknown({span.removesuffix("_file") for _, span in named})  # pin_file is a pin
    assert {(where, span) for where, span in named if span.removesuffix("_file") in missing} == set()


def test_a_name_that_the_program_does_not_know_is_noticed() -> None:
    assert unknown({"made_up_by_nobody", "wrap_up"}) == {"made_up_by_nobody"}


# -- links


@pytest.mark.parametrize("each", [*PAGES, RUNBOOK], ids=[*TITLES, "runbook"])
def test_every_link_leads_somewhere(each: Page) -> None:
    for link in each.links():
        target, _, anchor = link.partition("#")
        if target.startswith("http"):
            continue
        path = (each.path.parent / target).resolve() if target else each.path
        assert path.exists(), link
        assert not anchor or anchor in Page(path).anchors(), link


def test_the_readme_leads_to_every_page_and_every_page_is_linked() -> None:
    linked = {(README.path.parent / link.partition("#")[0]).resolve() for link in README.links()}
    assert {each.path for each in TOPICS} <= linked
    assert len(TOPICS) == 27
