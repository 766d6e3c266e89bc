"""Whatever the flow and anybody who the caller: one outcome, nobody in silence, nothing left in the PBX."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callbridge.core.model.events import PlanChanged
from callbridge.core.model.facts import CallArrived, CallEnded, FlowBegan, FlowEnded
from callbridge.core.model.flow import (
    KEYS,
    BranchNode,
    CallbackNode,
    CollectNode,
    Condition,
    DialplanNode,
    DoNotCallNode,
    Flow,
    FlowNode,
    GoodbyeNode,
    HoursNode,
    LookupNode,
    MenuNode,
    Node,
    PlayNode,
    QueueNode,
    SetNode,
    VoicemailNode,
)
from callbridge.core.model.plan import AnnouncementPlan, CallbackTerms, CallFirst, OverflowRule, PreferredAgent, ToFlow
from tests.core.flows import floor, stage
from tests.core.story import queue, routing
from tests.core.toy import NEVER, REJECTS
from tests.examples import examples

NAMES = ("a", "b", "c", "d", "e")
FLOWS = ("one", "two")
SILENCE = 2.0
"""Seconds without a sound that nobody is to hear."""

media = st.sampled_from(["", "hello", "missing", "digits:{typed}", "digits:1,endless", "hello,number:{typed}"])
to = st.sampled_from(NAMES)
conditions = st.sampled_from(
    [
        Condition(tiers=frozenset({"diamond"})),
        Condition(value="typed", pattern="X."),
        Condition(queue="support", waiting=1),
        Condition(queue="support", agents=0),
        Condition(languages=frozenset({"zh"})),
    ]
)
short = st.sampled_from([1.0, 3.0])


def _nodes() -> st.SearchStrategy[Node]:
    build: Callable[..., st.SearchStrategy[Any]] = st.builds
    tries = st.integers(1, 3)
    return st.one_of(
        build(PlayNode, media=media, next=to, interrupt=st.booleans()),
        build(
            MenuNode,
            media=media,
            keys=st.dictionaries(st.sampled_from(KEYS), to, max_size=4),
            otherwise=to,
            wait=short,
            tries=tries,
            wrong=media,
            silent=media,
        ),
        build(
            CollectNode,
            media=media,
            into=st.just("typed"),
            next=to,
            otherwise=to,
            least=st.integers(1, 2),
            most=st.integers(2, 5),
            pattern=st.sampled_from(["", "NX."]),
            read_back=media,
            wait=short,
            gap=short,
            tries=tries,
            wrong=media,
        ),
        build(HoursNode, calendar=st.just("none"), open=to, closed=to),
        build(LookupNode, lookup=st.just("crm"), next=to, otherwise=to),
        build(SetNode, next=to, tier=st.sampled_from(["", "diamond"]), language=st.sampled_from(["", "zh"])),
        build(BranchNode, cases=st.lists(st.tuples(conditions, to), max_size=3).map(tuple), otherwise=to),
        build(VoicemailNode, queue=st.just("support"), media=media, next=to, longest=short, callback=st.booleans()),
        build(CallbackNode, queue=st.sampled_from(["support", "gone"]), next=to, otherwise=to),
        build(DoNotCallNode, next=to, campaign=st.sampled_from(["", "gone"])),
        build(QueueNode, queue=st.sampled_from(["support", "gone"])),
        build(FlowNode, flow=st.sampled_from([*FLOWS, "gone"])),
        st.just(DialplanNode(context="ctx", extension="1")),
        build(GoodbyeNode, media=media),
    )


def _flows(version: str) -> st.SearchStrategy[list[Flow]]:
    nodes = st.fixed_dictionaries({name: _nodes() for name in NAMES})
    return st.tuples(nodes, nodes).map(
        lambda pair: [Flow(name=name, version=version, start="a", nodes=found) for name, found in zip(FLOWS, pair, strict=True)]
    )


deeds = st.lists(
    st.one_of(
        st.tuples(st.just("press"), st.sampled_from(KEYS)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 0.7, 2.5, 6.0])),
        st.tuples(st.sampled_from(["restart", "break", "reload", "hang up"]), st.none()),
    ),
    max_size=25,
)


@settings(max_examples=examples(int(os.environ.get("EXAMPLES", "60"))), suppress_health_check=[HealthCheck.too_slow])
@given(
    old=_flows("1"),
    new=_flows("2"),
    story=deeds,
    answers=st.booleans(),
    knows=st.sampled_from([None, {"typed": "12", "agent": "amy"}]),
    first=st.sampled_from(CallFirst),
    there=st.sampled_from([1.0, NEVER, REJECTS]),
)
def test_every_caller_ends_in_one_outcome_and_nothing_is_left(
    old: list[Flow],
    new: list[Flow],
    story: list[tuple[str, Any]],
    answers: bool,
    knows: dict[str, str] | None,
    first: CallFirst,
    there: float,
) -> None:
    support = queue(
        "support",
        routing(("support >= 1", 20.0), then=ToFlow("two")),
        keys={"5": "two"},
        overflow=(OverflowRule(Condition(waited=15.0, tiers=frozenset({"diamond"})), ToFlow("one"), "late"),),
        announcements=AnnouncementPlan(greeting="hello", position="number:{position}", first=3.0, every=4.0),
        ring_for=4.0,
        callback=CallbackTerms(first=first, ring_for=8.0, attempts=2, retry_after=20.0, keep_for=100.0),
        whisper="hello",
        read_out="digits:{agent}",
        prefer=PreferredAgent(lasts=3.0),
        reclaim_within=30.0,
    )
    outside: dict[str, Any] = {"outside": "PJSIP/{number}@trunk", "call_back_to": ("X.", "+X.")}
    plan = floor(*old, queues=[support], agents={"amy": answers}, lookups={"crm": 0.3}, **outside)
    changed = floor(*new, queues=[support], agents={"amy": answers}, lookups={"crm": 0.3}, **outside)
    toy = stage(plan, {"amy": 2.0 if answers else NEVER, "PJSIP/+44@trunk": there})
    toy.most = 20_000
    toy.knows = knows
    leg = toy.calls("ann", entry="one")
    for what, how in story:
        match what:
            case "press":
                toy.presses(leg, how)
            case "wait":
                toy.run(toy.story.now + how)
            case "restart":
                toy.restart()
            case "break":
                toy.cut()
                toy.run(toy.story.now + 1.0)
                toy.reconnect()
            case "reload":
                toy.tell(PlanChanged(at=toy.story.now, plan=changed))
            case "hang up":
                toy.hangs_up(leg)
    quiet = toy.longest_silence
    toy.run(toy.story.now + 150.0)
    deaf = float(sum(what == "break" for what, _ in story))  # a second each
    assert max(quiet, toy.longest_silence) < SILENCE + deaf + 0.01, "nobody hears nothing"
    toy.hangs_up(leg)
    for _ in range(10):
        toy.run(toy.story.now + 30.0)
        for other in list(toy.channels):
            toy.hangs_up(other)
    toy.run(toy.story.now + 30.0)
    told = toy.story.told
    ours = {fact.call for fact in told if isinstance(fact, CallArrived) and fact.direction == "in"}
    assert len([fact for fact in told if isinstance(fact, CallEnded) and fact.call in ours]) == 1
    assert not toy.story.world.callbacks.rows(), "every promise ends"
    assert len([fact for fact in told if isinstance(fact, FlowBegan)]) == len([f for f in told if isinstance(f, FlowEnded)])
    assert not toy.story.world.calls.rows()
    assert not toy.channels, "nothing is left in the PBX"
