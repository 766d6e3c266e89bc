"""What the source may say of a label's values, and what is there at zero: the two must not drift apart."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from callbridge.adapters.facts.totals import Totals
from callbridge.core.model.attempt import Running
from callbridge.core.model.call import DiversionReason
from callbridge.core.model.callback import TRY_RESULTS
from callbridge.core.model.events import AgentRequest, CallbackChange, CallRequest
from callbridge.core.model.plan import AnnouncementPlan, CallbackTerms, Plan, QueuePlan
from callbridge.core.model.saved_tables import SAVED_TABLES
from callbridge.core.model.world import World
from callbridge.core.recovery import quarantine
from tests.core.story import agent
from tests.sources import calls, name_of
from tests.sources import functions as functions_of_the_core


def at_zero(plan: Plan) -> dict[str, set[tuple[str, ...]]]:
    """Metric -> the label values that are there before anything has happened."""
    totals = Totals()
    totals.adopt(plan)
    found: dict[str, set[tuple[str, ...]]] = {}
    for family, values in totals.shown():
        found.setdefault(family.name, set()).add(values)
    return found


def given(field: str, *functions: str) -> set[str]:
    """What is written out in the core as this argument of these functions, by its name or its place: a text as it is, a text with
    values in it up to the first of them. A name stands for all that its function assigns to it."""
    owners = functions_of_the_core()
    places = {(owner.name, place) for owner in owners for place, argument in enumerate(owner.args.args) if argument.arg == field}
    found: set[str] = set()
    for owner in owners:
        for call in calls(owner):
            name = name_of(call)
            if name in functions:
                there = [word.value for word in call.keywords if word.arg == field]
                there += [each for place, each in enumerate(call.args) if (name, place) in places]
                found |= {text for each in there for text in _texts(each, owner)}
    return found


def _texts(value: ast.expr, owner: ast.FunctionDef) -> set[str]:
    match value:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return {text}
        case ast.IfExp():
            return _texts(value.body, owner) | _texts(value.orelse, owner)
        case ast.Name():
            return {text for one in _assigned(value.id, owner) for text in _texts(one, owner)}
    return set()


def _assigned(name: str, owner: ast.FunctionDef) -> list[ast.expr]:
    """What a function assigns to a name, alone or with others."""
    found = []
    for node in ast.walk(owner):
        match node:
            case ast.Assign(targets=[ast.Name(id=known)], value=value) if known == name:
                found.append(value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                found += [each for one, each in zip(names, values, strict=True) if getattr(one, "id", "") == name]
    return found


def due_to_be_said() -> set[str]:
    """What waiting callers are told in turn."""
    (owner,) = [node for node in functions_of_the_core() if node.name == "_due"]
    pairs = [node for node in ast.walk(owner) if isinstance(node, ast.Tuple) and len(node.elts) == 2]
    return {text for pair in pairs for text in _texts(pair.elts[1], owner)}


def test_every_kind_that_can_be_given_up_is_there() -> None:
    assert at_zero(Plan())["quarantines"] == {(table.kind,) for table in SAVED_TABLES} | {("tie",)}


def test_whatever_has_a_deadline_can_be_given_up_by_its_kind() -> None:
    kinds = set(World(Plan(), "t")._rows_due)
    assert kinds - {"feature"} <= set(quarantine.QUARANTINE_KINDS), "that one is a leg's"
    assert kinds >= {"call", "place"}


def test_every_request_that_can_be_refused_is_there() -> None:
    """A new one with a value in its name needs a line here: nobody can see in the source what the values are."""
    ends = {"callback_": tuple(CallbackChange), "campaign_": tuple(Running)}
    said = given("request", "RequestRefused", "refuse", "_refuse_without_call")
    assert said >= {"reload", "switch", "set_disposition", "callback_", "campaign_"}
    asks = {ask + end for ask in said for end in ends.get(ask, ("",))}
    assert {ask for (ask,) in at_zero(Plan())["requests_refused"]} == asks | {*AgentRequest, *CallRequest}


def test_every_prompt_of_a_queue_that_can_fail_is_there() -> None:
    said = AnnouncementPlan(greeting="a", position="b", periodic=("c",), busy="d")
    calls_back = CallbackTerms(greeting="e")
    every = QueuePlan(name="q", routings={}, announcements=said, callback=calls_back, whisper="f", read_out="g")
    sure = replace(agent("bob"), confirm=True)
    at_first = at_zero(Plan(queues={"q": every}, agents={"bob": sure}))["prompts_failed"]
    there = {where.removeprefix("queue:q/") for (where,) in at_first}
    spoken = given("what", "AnnouncementState", "_play", "_prompt_failed") | due_to_be_said()
    assert spoken >= {"callback", "connection_lost", "read_out", "periodic"}
    assert there == spoken | {"whisper", "confirming"}


def test_every_reason_to_send_a_call_to_the_dialplan_is_there() -> None:
    at_first = {reason for _, reason in at_zero(Plan(pbxs=("p",)))["calls_diverted"]}
    assert at_first == {*DiversionReason}
    assert given("reason", "leave_for", "divert", "CallDiverted") == set(), "written out beside the enumeration"


def test_every_result_of_calling_a_customer_back_is_there() -> None:
    """A new one is listed beside the callback, where the timeline's words are looked for, too."""
    plan = Plan(queues={"q": QueuePlan(name="q", routings={}, callback=CallbackTerms())})
    assert {values[-1] for values in at_zero(plan)["callback_attempts"]} == {*TRY_RESULTS}
    assert given("result", "emit_tried") <= {*TRY_RESULTS}


@pytest.mark.parametrize("queue", [QueuePlan(name="q", routings={}), QueuePlan(name="q", routings={}, callback=CallbackTerms())])
def test_a_prompt_that_is_not_configured_is_not_there(queue: QueuePlan) -> None:
    assert at_zero(Plan(queues={"q": queue}))["prompts_failed"] == {("queue:q/connection_lost",)}
