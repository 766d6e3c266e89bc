"""Calls: a row for each, found by person, names, outcome and score; and one call in full."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

import callbridge
from callbridge.adapters.database import history_tables as tables
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.outbox.envelope import Stamper
from callbridge.adapters.report_forms.as_csv import as_csv
from callbridge.adapters.report_forms.as_json import as_json
from callbridge.adapters.reports import calls
from callbridge.adapters.reports.call_details import UnknownCall, call_report
from callbridge.adapters.reports.calls import calls_report
from callbridge.adapters.reports.names import CALL_OUTCOMES, UnknownName, check_names
from callbridge.adapters.reports.report import FieldsText, FieldValue, ReportValue
from callbridge.adapters.reports.terms import CampaignTerms, ReportTerms
from callbridge.core.model.facts import (
    AnyFact,
    CallbackRefused,
    RecordingFailed,
    RequestRefused,
    SupervisionEnded,
    SupervisionStarted,
)
from callbridge.core.model.sentence import Sentence, Word, packed
from tests.examples import seeds

from .days import rows
from .report_days import MONTH_END, at, put, query, spread, table

DAY = (at("2026-11-28"), at("2026-11-29"))


def a_call(store: HistoryStore, call: str, clock: str, **values: Any) -> float:
    moment = at(f"2026-11-28T{clock}")
    put(store, tables.calls, call=call, arrived_at=moment, **values)
    return moment


def a_transferred_call(store: HistoryStore) -> float:
    """Waits 60 s for ann, who transfers to bob; recorded twice, and rated."""
    who = {"number": "+442079460001", "person": "+442079460001", "name": "Ada", "entry": "main", "tier": "gold"}
    began = a_call(store, "c1", "09:00", **who, outcome="answered", ended_at=at("2026-11-28T09:10"), repeated_after=3600.0)
    put(
        store,
        tables.visits,
        call="c1",
        visit=2,
        queue="sales",
        began_at=began,
        ended_at=began + 60,
        lasted=60.0,
        outcome="answered",
    )
    put(
        store,
        tables.offers,
        call="c1",
        offer=3,
        queue="sales",
        agent="eve",
        began_at=began,
        ended_at=began + 20,
        result="no_answer",
    )
    ann = {"queue": "sales", "agent": "ann", "talked": 120.0, "hold": 20.0, "ended_by": "transfer", "wrap_up": 5.0}
    put(store, tables.segments, call="c1", segment=4, began_at=began + 60, ended_at=began + 180, wrapped_up_at=began + 185, **ann)
    transfer = {"agent": "ann", "kind": "blind", "target": "agent:bob", "result": "completed"}
    put(store, tables.transfers, call="c1", transfer=5, began_at=began + 175, ended_at=began + 180, **transfer)
    bob = {"queue": "sales", "agent": "bob", "talked": 300.0, "hold": 0.0, "ended_by": "customer"}
    put(store, tables.segments, call="c1", segment=6, transfer=5, began_at=began + 180, ended_at=began + 480, **bob)
    for place, file in enumerate(("c1-ann.wav", "c1-bob.wav")):
        put(store, tables.recordings, call="c1", kind="talk", file=file, at=began + 180 + 300 * place)
    for question, answer in (("friendly", "5"), ("clear", "2"), ("solved", "1")):
        put(store, tables.survey_answers, call="c1", survey="csat", question=question, answer=answer, at=began + 500)
    return began


RATED = ReportTerms(scales={("csat", "friendly"): (1, 2, 3, 4, 5), ("csat", "clear"): (1, 2, 3, 4, 5)})


def found(store: HistoryStore, **changes: Any) -> list[ReportValue]:
    return [row["call"] for row in table(calls_report(store.database.engine, query(*DAY, **changes)))]


def fields_of(value: ReportValue) -> Mapping[str, FieldValue]:
    assert isinstance(value, FieldsText)
    return value.fields


def test_a_row_has_all_that_became_of_the_call(history: HistoryStore) -> None:
    began = a_transferred_call(history)
    (row,) = table(calls_report(history.database.engine, query(*DAY, terms=RATED)))
    assert row == {
        "call": "c1",
        "began": began,
        "direction": "in",
        "number": "+442079460001",
        "name": "Ada",
        "entry": "main",
        "tier": "gold",
        "queues": "sales",
        "agents": "ann, bob",
        "waited": 60.0,
        "talked": 420.0,
        "hold": 20.0,
        "wrap_up": 5.0,
        "outcome": "answered",
        "ended_by": "customer",
        "transfers": 1,
        "recording": "c1-ann.wav, c1-bob.wav",
        "score": 3.5,
        "repeated_after": 3600.0,
        "callback": None,
        "campaign": None,
    }


def test_calls_are_found_by_each_name_and_by_all_together(history: HistoryStore) -> None:
    began = a_transferred_call(history)
    a_call(history, "c2", "10:00", person="#9c", entry="night", tier="silver", outcome="abandoned")
    put(
        history,
        tables.visits,
        call="c2",
        queue="support",
        began_at=began + 3600,
        ended_at=began + 3660,
        lasted=60.0,
        outcome="abandoned",
    )
    moment = a_call(history, "c3", "11:00", direction="out", campaign="spring")
    put(history, tables.segments, call="c3", queue="sales", agent="eve", began_at=moment, ended_at=moment + 1, ended_by="short")
    assert found(history) == ["c1", "c2", "c3"]
    assert found(history, person="#9c") == ["c2"]
    assert found(history, queues=frozenset({"support"})) == ["c2"]
    assert found(history, queues=frozenset({"support", "sales"})) == ["c1", "c2", "c3"]
    assert found(history, agents=frozenset({"bob"})) == ["c1"]
    assert found(history, agents=frozenset({"eve"})) == []
    assert found(history, tiers=frozenset({"gold", "silver"})) == ["c1", "c2"]
    assert found(history, entries=frozenset({"night"})) == ["c2"]
    assert found(history, campaigns=frozenset({"spring"})) == ["c3"]
    assert found(history, outcome="abandoned") == ["c2"]
    assert found(history, outcome="abandoned", tiers=frozenset({"gold"})) == []


def test_an_outcome_of_another_version_is_found_where_the_period_has_it_and_else_refused(history: HistoryStore) -> None:
    a_call(history, "c1", "09:00", outcome="beamed_up")
    day = query(*DAY, outcome="beamed_up")
    check_names(history.database.engine, day, {})
    for outcome in CALL_OUTCOMES:
        check_names(history.database.engine, replace(day, outcome=outcome), {})
    with pytest.raises(UnknownName, match=r"no such outcome: 'beamed_up' \(known: abandoned, agent_gone, .* more"):
        check_names(history.database.engine, replace(day, begin=at("2026-11-27"), end=at("2026-11-28")), {})


def test_the_pages_offer_every_outcome() -> None:
    page = Path(callbridge.__file__).parent / "web/src/pure/call.js"
    listed = re.search(r"const OUTCOMES = \[(.*?)\]", page.read_text("utf-8"), re.DOTALL)
    assert listed is not None
    assert sorted(re.findall(r'"(\w+)"', listed[1])) == sorted(CALL_OUTCOMES)


def test_calls_are_found_by_the_mean_of_their_ratings(history: HistoryStore) -> None:
    a_transferred_call(history)
    for call, answer in (("c2", "1"), ("c3", "5")):
        moment = a_call(history, call, "10:00")
        put(history, tables.survey_answers, call=call, survey="csat", question="friendly", answer=answer, at=moment)
    a_call(history, "c4", "11:00")
    assert found(history, least_score=3.5, terms=RATED) == ["c1", "c3"]
    assert found(history, most_score=2.0, terms=RATED) == ["c2"]
    assert found(history, least_score=2.0, most_score=4.0, terms=RATED) == ["c1"]
    assert found(history, least_score=1.0) == []
    rated = table(calls_report(history.database.engine, query(*DAY, terms=RATED)))
    assert [row["score"] for row in rated] == [3.5, 1.0, 5.0, None]
    assert [row["score"] for row in table(calls_report(history.database.engine, query(*DAY)))] == [None] * 4


def test_a_call_counts_on_the_day_of_its_arrival(history: HistoryStore) -> None:
    for call, moment in (("early", DAY[0] - 1), ("first", DAY[0]), ("last", DAY[1] - 1), ("late", DAY[1])):
        put(history, tables.calls, call=call, arrived_at=moment)
    assert found(history) == ["first", "last"]


def test_what_lasts_is_counted_up_to_now(history: HistoryStore) -> None:
    began = a_call(history, "c1", "09:00")
    put(history, tables.visits, call="c1", queue="sales", began_at=began, ended_at=began + 10, lasted=10.0)
    put(history, tables.segments, call="c1", queue="sales", agent="ann", began_at=began + 10)
    (row,) = table(calls_report(history.database.engine, query(*DAY, now=began + 70)))
    assert (row["waited"], row["talked"], row["outcome"], row["ended_by"]) == (10.0, 60.0, None, None)


def test_a_long_report_is_read_a_part_at_a_time(history: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "CALLS_AT_ONCE", 10)
    for number in range(35):
        put(history, tables.calls, call=f"c{number:03}", arrived_at=DAY[0] + number)
        put(history, tables.visits, call=f"c{number:03}", queue="sales", began_at=DAY[0] + number, lasted=float(number))
    asked: list[str] = []
    event.listen(history.database.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    rows_of = iter(calls_report(history.database.engine, query(*DAY)).rows)
    assert asked == []
    first = [next(rows_of) for _ in range(10)]
    before = len(asked)
    rest = list(rows_of)
    assert len(asked) == before + 3 * (before - 1)
    waited = [row[9] for row in (*first, *rest)]
    assert waited == [float(number) for number in range(35)]


@pytest.mark.parametrize("seed", seeds(3, fast=0))
def test_every_call_of_a_day_has_one_row(history: HistoryStore, seed: int) -> None:
    begin, end = spread(history, seed, MONTH_END)
    listed = table(calls_report(history.database.engine, query(begin, end + 1)))
    assert sorted(str(row["call"]) for row in listed) == [row["call"] for row in rows(history, tables.calls)]
    talked = sum(row["talked"] or 0.0 for row in rows(history, tables.segments) if row["ended_by"] != "short")
    assert sum(float(row["talked"] or 0) for row in listed) == pytest.approx(talked, abs=5)


def test_the_details_of_a_call_are_in_order_of_time(history: HistoryStore) -> None:
    began = a_transferred_call(history)
    put(history, tables.surveys, call="c1", survey="csat", result="complete", answers=3, at=began + 501)
    shown = table(call_report(history.database.engine, query(*DAY, call="c1")))
    assert [(float(row["at"] or 0) - began, row["what"], row["agent"], row["lasted"]) for row in shown] == [
        (0.0, "call arrived", "", None),
        (0.0, "queue entered", "", None),
        (0.0, "offer", "eve", None),
        (20.0, "offer ended", "eve", None),
        (60.0, "queue left", "", 60.0),
        (60.0, "talk", "ann", None),
        (175.0, "transfer", "ann", None),
        (180.0, "talk", "bob", None),
        (180.0, "talk ended", "ann", 120.0),
        (180.0, "transfer ended", "ann", 5.0),
        (180.0, "recording", "", None),
        (185.0, "wrap-up ended", "ann", 5.0),
        (480.0, "talk ended", "bob", 300.0),
        (480.0, "recording", "", None),
        (500.0, "survey answer", "", None),
        (500.0, "survey answer", "", None),
        (500.0, "survey answer", "", None),
        (501.0, "survey ended", "", None),
        (600.0, "call ended", "", None),
    ]
    assert shown[0]["details"] == "from +442079460001, name Ada, entry main, tier gold, repeated after 3600.0 s"
    assert shown[8]["details"] == "ended by transfer, hold 20.0 s"
    assert shown[-5]["details"] == "survey csat, friendly 5"


def test_programs_have_the_details_of_a_call_as_fields_and_everybody_else_as_a_line(history: HistoryStore) -> None:
    began = a_transferred_call(history)
    note = {"at": began + 200, "queue": "sales", "agent": "ann", "text": "Wants a copy,\nby mail"}
    put(history, tables.call_notes, call="c1", **note)
    asked = {"kind": "request", "request": "hold", "granted": False, "by": "ann", "reason": "busy", "at": began + 201}
    put(history, tables.changes, call="c1", **asked)
    rated = {"survey": "csat", "question": "survey", "answer": "no, one", "at": began + 501}
    put(history, tables.survey_answers, call="c1", **rated)
    report = call_report(history.database.engine, query(*DAY, call="c1"))
    rows = list(report.rows)
    told = json.loads("".join(as_json(replace(report, rows=rows))))
    arrived = {"number": "+442079460001", "name": "Ada", "entry": "main", "tier": "gold", "repeated_after": 3600.0}
    assert told[0]["details"] == arrived
    of = {row["what"]: row["details"] for row in told}
    assert of["talk"] == {}
    assert of["note"] == {"text": "Wants a copy,\nby mail"}
    assert of["request"] == {"request": "hold", "granted": False, "by": "ann", "reason": "busy"}
    assert of["survey answer"] == {"survey": "csat", "question": "survey", "answer": "no, one"}
    lines = {row[1]: row[5] for row in rows}
    assert lines["note"] == "Wants a copy, by mail"
    assert lines["request"] == "request hold, refused, by ann, reason busy"
    assert lines["survey answer"] == "survey csat, survey no, one"
    masked = table(call_report(history.database.engine, query(*DAY, call="c1", masked=True)))[0]["details"]
    assert isinstance(masked, FieldsText)
    assert masked.fields == arrived | {"number": "+44*****001", "name": "*****"}
    csv = "".join(as_csv(replace(report, rows=rows), ZoneInfo("UTC")))
    assert 'call arrived,,,,"from +442079460001, name Ada, entry main, tier gold, repeated after 3600.0 s"' in csv


QUOTED = Sentence("'{number}': {fault}", number="+44 20 7946 0000", fault=Sentence("a number with letters in it"))
DIALLED = "number:+442079460123"
FAILED = Sentence("{what}: {cause}", what=Sentence("not recorded"), cause=Word("not_executed.refused"))


@pytest.mark.parametrize("masked", [True, False])
def test_why_something_was_refused_or_failed_is_told_in_parts_for_other_languages(history: HistoryStore, masked: bool) -> None:
    began = a_call(history, "c1", "09:00", outcome="answered")
    more: dict[str, Any] = {"call": "c1", "at": began + 9, "queue": "sales", "agent": "ann"}
    told: list[AnyFact] = [
        RequestRefused(seq=1, call="c1", at=began + 1, request="transfer", by="ann", to=DIALLED, reason=QUOTED, **packed(QUOTED)),
        CallbackRefused(seq=2, call="c1", at=began + 2, number="", reason=Sentence("not a phone number")),
        RecordingFailed(seq=3, file="c1.wav", why=FAILED, **packed(FAILED), **more),
    ]
    history.write(tuple(Stamper().stamp(1, told)), 0.0)
    report = call_report(history.database.engine, query(*DAY, call="c1", masked=masked))
    rows = json.loads("".join(as_json(report)))
    request, callback, recording = (row["details"] for row in rows if row["what"] != "call arrived")
    number = "+44*****000" if masked else "+44 20 7946 0000"
    assert request["to"] == ("number:+44*****123" if masked else DIALLED)
    assert request["reason"] == f"'{number}': a number with letters in it"
    fault = {"text": "a number with letters in it", "template": "a number with letters in it", "values": {}}
    assert request["reason_parts"] == {"template": "'{number}': {fault}", "values": {"number": number, "fault": fault}}
    assert (callback["reason"], "reason_parts" in callback) == ("not a phone number", False)
    assert recording["failure"] == "not recorded: refused"
    assert recording["failure_parts"]["values"]["cause"] == {"key": "not_executed.refused", "text": "refused", "values": {}}


def test_a_supervision_has_an_end_that_says_how_long_it_lasted(history: HistoryStore) -> None:
    began = a_call(history, "c1", "09:00", outcome="answered")
    who: dict[str, Any] = {"call": "c1", "queue": "sales", "agent": "ann", "by": "eva", "mode": "listen", "phone": "PJSIP/desk"}
    told: list[AnyFact] = [
        SupervisionStarted(seq=1, at=began + 10, **who),
        SupervisionEnded(seq=2, at=began + 30, lasted=20.0, **who),
    ]
    history.write(tuple(Stamper().stamp(1, told)), 0.0)
    shown = table(call_report(history.database.engine, query(*DAY, call="c1")))
    rows = [row for row in shown if row["what"] in ("supervision", "supervision_ended")]
    assert [(row["what"], row["lasted"], row["agent"], row["details"]) for row in rows] == [
        ("supervision", None, "ann", "request listen, by eva, to PJSIP/desk"),
        ("supervision_ended", 20.0, "ann", "request listen, by eva, to PJSIP/desk"),
    ]


@pytest.mark.parametrize("seq", [9, 99, 250])
def test_what_happened_at_the_same_moment_is_in_the_order_of_the_facts(history: HistoryStore, seq: int) -> None:
    """A supervisor who listened barges in."""
    began = a_call(history, "c1", "09:00", outcome="answered")
    who: dict[str, Any] = {"call": "c1", "at": began + 30, "by": "eva", "phone": "PJSIP/desk"}
    told: list[AnyFact] = [
        SupervisionEnded(seq=seq, lasted=20.0, mode="listen", **who),
        SupervisionStarted(seq=seq + 1, mode="barge", **who),
    ]
    history.write(tuple(Stamper().stamp(1, told)), 0.0)
    shown = table(call_report(history.database.engine, query(*DAY, call="c1")))
    assert [row["what"] for row in shown[1:3]] == ["supervision_ended", "supervision"]


def test_refusals_that_older_versions_kept_and_parts_that_do_not_fit_are_sentences(history: HistoryStore) -> None:
    began = a_call(history, "c1", "09:00", outcome="answered")
    for place, parts in enumerate((None, "", "[", "7", '{"template":7,"values":{}}', '{"template":"{a}","values":{"a":"x"}}')):
        values = {"kind": "request", "request": "hold", "granted": False, "reason": "busy", "reason_parts": parts}
        put(history, tables.changes, call="c1", at=began + place, **values)
    rows = table(call_report(history.database.engine, query(*DAY, call="c1")))
    assert [row["details"] for row in rows if row["what"] == "request"] == ["request hold, refused, reason busy"] * 6


def test_a_call_that_is_not_in_the_history_is_said(history: HistoryStore) -> None:
    with pytest.raises(UnknownCall, match="no call 'c9' in the history"):
        call_report(history.database.engine, query(*DAY, call="c9"))


@pytest.mark.parametrize(
    ("campaign", "code", "label"),
    [
        ("", "solved", "Solved at once"),
        ("spring", "solved", "Renewed"),
        ("spring", "open", "Stays open"),
        ("spring", "no", None),
        ("", "removed", None),
    ],
)
def test_a_call_has_the_label_of_its_disposition_of_the_campaign_first(
    history: HistoryStore, campaign: str, code: str, label: str | None
) -> None:
    began = a_call(history, "c1", "09:00", campaign=campaign)
    talk = {"queue": "sales", "agent": "ann", "ended_by": "agent", "disposition": code}
    put(history, tables.segments, call="c1", segment=4, kind="talk", began_at=began, ended_at=began + 9, **talk)
    spring = CampaignTerms(codes=frozenset({"solved", "open", "no"}), labels={"solved": "Renewed", "open": "Stays open"})
    terms = ReportTerms(campaigns={"spring": spring}, labels={"sales": {"solved": "Solved at once", "no": "Not solved"}})
    rows = table(call_report(history.database.engine, query(*DAY, call="c1", terms=terms)))
    (ended,) = (fields_of(row["details"]) for row in rows if row["what"] == "talk ended")
    assert (ended["disposition"], ended.get("disposition_label")) == (code, label)
