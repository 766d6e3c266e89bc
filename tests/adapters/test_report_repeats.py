"""Repeat calls and first-call resolution, against the definition: every talk with every later call."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from callbridge.adapters.history import HistoryStore
from callbridge.adapters.reports.repeats import repeats_report
from callbridge.core.model.facts import AnyFact, TalkBegan, TalkEnded, VisitBegan, VisitEnded
from tests.examples import seeds

from .told import DAY, MORNING, adds_up, arrival, asked, read, tell

HOUR = 3600.0


def called(
    call: str,
    at: float,
    number: str,
    agent: str = "amy",
    queue: str = "support",
    *,
    wait: float = 5.0,
    ended_by: str = "agent",
    **more: str,
) -> list[AnyFact]:
    """A call that is answered after ``wait`` seconds; without an agent it is abandoned then."""
    facts: list[AnyFact] = [arrival(call, at, number=number, **more)]
    facts.append(VisitBegan(seq=0, at=at, call=call, queue=queue, tier="standard", rank=0.0, day=""))
    outcome = "answered" if agent and ended_by != "short" else "abandoned"
    end: dict[str, Any] = {
        "tier": "standard",
        "outcome": outcome,
        "waited": wait,
        "lasted": wait,
        "within_target": True,
        "day": "",
    }
    facts.append(VisitEnded(seq=0, at=at + wait, call=call, queue=queue, **end))
    if agent:
        facts.append(TalkBegan(seq=0, at=at + wait, call=call, agent=agent, queue=queue, leg="lab/2", waited=wait))
        gone: dict[str, Any] = {"talked": 10.0, "hold_seconds": 0.0, "ended_by": ended_by}
        facts.append(TalkEnded(seq=0, at=at + wait + 10, call=call, agent=agent, queue=queue, **gone))
    return facts


def figures(history: HistoryStore, **more: Any) -> dict[tuple[str, str], tuple[Any, ...]]:
    rows = read(repeats_report(history.database.engine, asked(**more)))
    return {(row["queue"], row["agent"]): (row["answered"], row["repeats"], row["fcr"], row["repeat_calls"]) for row in rows}


def test_who_calls_the_same_queue_again_within_a_day_was_not_helped(history: HistoryStore) -> None:
    at = MORNING + HOUR
    facts = [*called("a", at, "+441"), *called("b", at + HOUR, "+441", "bob"), *called("c", at + 2 * HOUR, "+441", "")]
    facts += [*called("d", at, "+442"), *called("e", at + HOUR, "+442", "amy", "sales")]
    facts += [*called("f", at, "+443"), *called("g", at + DAY + 6, "+443")]
    tell(history, facts)
    assert figures(history) == {
        ("support", "amy"): (3, 1, 0.6667, 1),
        ("support", "bob"): (1, 1, 0.0, 1),
        ("sales", "amy"): (1, 0, 1.0, 0),
    }


def test_a_caller_who_tries_three_times_is_one_unresolved_talk_and_three_calls(history: HistoryStore) -> None:
    at = MORNING + HOUR
    facts = called("a", at, "+441")
    for number in range(3):
        facts += called(f"b{number}", at + 100 + number, "+441", "")
    tell(history, facts)
    assert figures(history) == {("support", "amy"): (1, 1, 0.0, 3)}


def test_calls_before_the_talk_withheld_numbers_and_calls_that_we_made_are_no_repeats(history: HistoryStore) -> None:
    at = MORNING + HOUR
    facts = [*called("a", at, "+441", "", wait=5.0), *called("b", at + 60, "+441")]
    facts += [
        *called("c", at, "withheld"),
        *called("d", at + 60, "withheld"),
        *called("e", at, "anonymous"),
        *called("f", at + 60, "anonymous"),
    ]
    facts += [*called("g", at, "+442"), *called("h", at + 60, "+442", direction="out", callback="cb-1")]
    facts += [*called("i", at, "+443", wait=300.0), *called("j", at + 100, "+443", "")]
    facts += called("k", at, "+444", ended_by="short")
    tell(history, facts)
    assert figures(history) == {("support", "amy"): (3, 0, 1.0, 0)}


def test_a_repeat_after_the_period_is_found_and_counts_with_the_talk(history: HistoryStore) -> None:
    tell(history, [*called("a", MORNING + DAY - 60, "+441"), *called("b", MORNING + DAY + 23 * HOUR, "+441", "bob")])
    assert figures(history) == {("support", "amy"): (1, 1, 0.0, 1)}
    (note,) = repeats_report(history.database.engine, asked(now=MORNING + 2 * DAY)).notes
    assert note == "A visit counts in the interval in which it began; a repeat with the talk before it."
    assert "may still change" in repeats_report(history.database.engine, asked()).notes[1]


def test_only_an_agent_of_a_queue(history: HistoryStore) -> None:
    at = MORNING + HOUR
    tell(history, [*called("a", at, "+441"), *called("b", at + 60, "+441", "bob"), *called("c", at, "+442", queue="sales")])
    assert figures(history, agents=frozenset({"amy"}), queues=frozenset({"support"})) == {("support", "amy"): (1, 1, 0.0, 1)}


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_the_report_is_the_definition_and_any_intervals_add_up(history: HistoryStore, seed: int) -> None:
    rng, facts = Random(seed), list[AnyFact]()
    made: list[tuple[float, str, str, str, float]] = []
    for number in range(220):
        at, who = MORNING + rng.random() * 2.5 * DAY, f"+44{rng.randrange(40)}"
        agent, queue, wait = rng.choice(("amy", "bob", "")), rng.choice(("support", "sales")), rng.random() * 900
        facts += called(f"c{number}", at, who, agent, queue, wait=wait)
        made.append((at, who, agent, queue, at + wait))
    tell(history, facts)
    answered, repeats = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for at, who, agent, queue, talked_at in made:
        if agent and at < MORNING + DAY:
            answered[queue, agent] += 1
            again = (b for b, one, _, of, _ in made if one == who and of == queue)
            repeats[queue, agent] += any(talked_at <= later <= talked_at + DAY for later in again)
    assert +repeats
    assert {key: (one[0], one[1]) for key, one in figures(history).items()} == {
        key: (answered[key], repeats[key]) for key in answered
    }
    engine = history.database.engine
    adds_up(lambda query: repeats_report(engine, query))
