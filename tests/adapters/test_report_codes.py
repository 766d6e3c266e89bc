"""Dispositions and answers in scripts: how often, by queue and campaign; what may be personal is counted only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from callbridge.adapters.database.ledger_tables import attempts
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.ledger import LedgerStore
from callbridge.adapters.reports.dispositions import dispositions_report
from callbridge.adapters.reports.report import Report
from callbridge.adapters.reports.scripts import scripts_report
from callbridge.adapters.reports.terms import ReportTerms
from callbridge.core.model.facts import AnyFact, DispositionSet, ScriptAnswered, TalkBegan, TalkEnded

from .postgres import new_database
from .told import MORNING, adds_up, arrival, asked, read, tell

TERMS = ReportTerms(answers={("renewal", "period"): ("monthly", "yearly"), ("renewal", "remark"): ()})


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HistoryStore]:
    url = f"sqlite:///{tmp_path}/history.db" if request.param == "sqlite" else new_database()
    with closing(LedgerStore(url)) as book, closing(HistoryStore(url, People())) as made:
        book.open()
        made.open()
        yield made


def talk(call: str, at: float, *, queue: str = "support", talked: float = 60.0, **more: Any) -> list[AnyFact]:
    """A call and its conversation, which is the call's first, and what the agent said of it."""
    who = {"call": call, "agent": more.pop("agent", "amy"), "queue": queue}
    ended_by = more.pop("ended_by", "customer")
    facts: list[AnyFact] = [arrival(call, at, **more), TalkBegan(seq=0, at=at + 5, leg="lab/2", waited=5.0, **who)]
    facts.append(TalkEnded(seq=0, at=at + 5 + talked, talked=talked, hold_seconds=0.0, ended_by=ended_by, **who))
    return facts


def coded(store: HistoryStore, facts: list[AnyFact], codes: dict[str, str]) -> None:
    """Codes name the segment, which is the number of the fact with which it began."""
    ordered = sorted(facts, key=lambda fact: fact.at)
    began = {fact.call: seq for seq, fact in enumerate(ordered, 1) if isinstance(fact, TalkBegan)}
    last = max(fact.at for fact in facts)
    given = (
        DispositionSet(seq=0, at=last + 1, call=call, agent="amy", queue="support", code=code, by="amy", segment=began[call])
        for call, code in codes.items()
    )
    tell(store, [*ordered, *given])


def dialled(store: HistoryStore, *made: tuple[str, str], campaign: str = "spring") -> None:
    """Attempts by outcome and code, as the ledger keeps them: without the end of the conversation."""
    times = {"at": MORNING + 60, "connected_at": MORNING + 70.0, "ended_at": MORNING + 70.0}
    about = {"campaign": campaign, "lead": 1, "number": "", "agent": "bob"} | times
    with store.database.engine.begin() as link:
        for number, (outcome, code) in enumerate(made):
            one = {"id": f"{campaign}-{number}", "call": f"{campaign}-{number}", "outcome": outcome, "disposition": code}
            link.execute(insert(attempts).values(about | one))


def test_codes_of_queues_and_of_campaigns_each_with_what_got_none(store: HistoryStore) -> None:
    facts = [*talk("a", MORNING), *talk("b", MORNING + 1, talked=120.0), *talk("c", MORNING + 2), *talk("d", MORNING + 3)]
    facts += talk("short", MORNING + 4, ended_by="short")
    facts += [
        fact for at in (0, 1, 3) for fact in talk(f"spring-{at}", MORNING + 65, agent="bob", talked=30.0, campaign="spring")
    ]
    coded(store, facts, {"a": "solved", "b": "solved", "c": "later"})
    dialled(store, ("answered", "sold"), ("answered", ""), ("no_answer", ""), ("abandoned", "refused"))
    engine = store.database.engine

    def shown(report: Report) -> list[tuple[Any, ...]]:
        return [
            (row["queue"], row["campaign"], row["disposition"], row["times"], row["times_share"], row["mean_talk"])
            for row in read(report)
        ]

    of_queue = [
        ("support", "", "", 1, 0.25, 60.0),
        ("support", "", "later", 1, 0.25, 60.0),
        ("support", "", "solved", 2, 0.5, 90.0),
    ]
    of_campaign = [("", "spring", code, 1, 0.3333, 30.0) for code in ("", "refused", "sold")]
    assert shown(dispositions_report(engine, asked())) == [*of_campaign, *of_queue]
    assert shown(dispositions_report(engine, asked(queues=frozenset({"support"})))) == of_queue
    assert shown(dispositions_report(engine, asked(campaigns=frozenset({"spring"})))) == of_campaign
    assert shown(dispositions_report(engine, asked(agents=frozenset({"bob"})))) == of_campaign
    both = asked(queues=frozenset({"support"}), campaigns=frozenset({"spring"}))
    assert shown(dispositions_report(engine, both)) == []  # a supervisor of the queue's team asks for a campaign
    adds_up(lambda query: dispositions_report(engine, query))


def answered(call: str, field: str, answer: str, at: float, queue: str = "support") -> ScriptAnswered:
    about = {"call": call, "agent": "amy", "queue": queue, "script": "renewal", "step": "offer", "by": "amy"}
    return ScriptAnswered(seq=0, at=at, field=field, answer=answer, **about)


def test_answers_that_are_listed_are_counted_each_and_others_together(store: HistoryStore) -> None:
    at = MORNING + 60
    calls = {"a": "monthly", "b": "yearly", "c": "yearly", "d": "weekly", "e": "yearly"}
    facts: list[AnyFact] = [arrival(call, MORNING, campaign="spring" if call == "e" else "") for call in calls]
    facts += [answered(call, "period", period, at) for call, period in calls.items()]
    facts += [
        answered("a", "remark", "Ann, of Leeds", at),
        answered("b", "remark", "Bob", at),
        answered("b", "remark", "", at + 1),
    ]
    facts += [answered("c", "period", "monthly", at + 2)]
    tell(store, facts)
    engine = store.database.engine
    rows = [
        (row["campaign"], row["field"], row["answer"], row["times"], row["times_share"])
        for row in read(scripts_report(engine, asked(terms=TERMS)))
    ]
    assert rows == [
        ("", "period", "", 1, 0.25),
        ("", "period", "monthly", 2, 0.5),
        ("", "period", "yearly", 1, 0.25),
        ("", "remark", "", 1, 1.0),
        ("spring", "period", "yearly", 1, 1.0),
    ]
    spring = asked(terms=TERMS, campaigns=frozenset({"spring"}))
    assert [row["campaign"] for row in read(scripts_report(engine, spring))] == ["spring"]
    assert read(scripts_report(engine, asked(queues=frozenset({"sales"})))) == []
    adds_up(lambda query: scripts_report(engine, query))


def test_answers_of_a_script_that_is_not_configured_are_no_longer_told_apart(store: HistoryStore) -> None:
    tell(store, [arrival("a", MORNING), answered("a", "period", "monthly", MORNING + 1)])
    assert [(row["answer"], row["times"]) for row in read(scripts_report(store.database.engine, asked()))] == [("", 1)]
