"""The last contacts of a customer: who may see which, whether it is a repeat, and what becomes of a database that is away."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from callbridge.adapters.database.history_tables import call_notes, calls, segments, visits
from callbridge.adapters.database.ledger_tables import attempts
from callbridge.adapters.history import HistoryStore
from callbridge.adapters.http import Accounts, Team
from callbridge.adapters.reports import contacts as reading
from callbridge.adapters.reports.asking import HistoryNotConfigured, NoHistory
from callbridge.adapters.reports.contacts import ContactQuestion, ContactService, KnownAs, LastContacts, read_contacts
from callbridge.service.agent_pages import known_as
from tests.settings.conftest import RIGHT

from .waiting import HANGS

NOW = 1_795_856_400.0
HOUR, DAY = 3600.0, 86_400.0
ANN = "+442079460001"
WHO = KnownAs(persons={ANN}, numbers={ANN})


def called(history: HistoryStore, call: str, ago: float, **more: Any) -> None:
    """A call that amy answered after 5 s, in support; without an agent it was abandoned then."""
    said = {"person": ANN, "queue": "support", "agent": "amy", "direction": "in", "ended_by": "agent"} | more
    at, agent = NOW - ago, said["agent"]
    outcome = "answered" if agent else "abandoned"
    caller = {name: said[name] for name in ("person", "direction")}
    with history.database.engine.begin() as link:
        link.execute(insert(calls).values(call=call, arrived_at=at, outcome=outcome, **caller))
        visit = {"call": call, "visit": 1, "queue": said["queue"], "began_at": at, "ended_at": at + 5, "outcome": outcome}
        link.execute(insert(visits).values(**visit))
        if agent:
            talk = {"call": call, "segment": 2, "visit": 1, "queue": said["queue"], "agent": agent, "ended_by": said["ended_by"]}
            link.execute(insert(segments).values(**talk, began_at=at + 5, talked=60.0, kind="talk"))


def question(**more: Any) -> ContactQuestion:
    return replace(ContactQuestion(number=ANN, call="now", queue="support", before=NOW), **more)


def found(history: HistoryStore, **more: Any) -> LastContacts:
    return read_contacts(history.database.engine, WHO, question(**more))


def test_the_last_five_come_the_latest_first_and_nobody_elses(history: HistoryStore) -> None:
    for number in range(7):
        called(history, f"c{number}", ago=10 * DAY + number * HOUR)
    called(history, "other", ago=HOUR, person="+442079460002")
    called(history, "now", ago=0.0)
    called(history, "later", ago=-60.0)
    assert [one.call for one in found(history).contacts] == ["c0", "c1", "c2", "c3", "c4"]
    first = found(history).contacts[0]
    assert (first.at, first.queue, first.agent, first.outcome, first.talked) == (
        NOW - 10 * DAY,
        "support",
        "amy",
        "answered",
        60.0,
    )


def test_a_call_that_nobody_answered_has_its_queue_and_no_agent(history: HistoryStore) -> None:
    called(history, "c1", ago=DAY, agent="")
    called(history, "c2", ago=2 * DAY, ended_by="short")
    shown = [(one.call, one.queue, one.agent, one.outcome, one.talked) for one in found(history).contacts]
    assert shown == [("c1", "support", "", "abandoned", 0.0), ("c2", "support", "", "answered", 0.0)]


def test_the_disposition_of_a_campaigns_call_is_there(history: HistoryStore) -> None:
    called(history, "c1", ago=DAY, direction="out")
    with history.database.engine.begin() as link:
        link.execute(
            insert(attempts).values(id="a1", campaign="x", lead=1, number=ANN, at=NOW - DAY, call="c1", disposition="sold")
        )
    assert [one.disposition for one in found(history).contacts] == ["sold"]


def test_the_code_of_a_queues_call_and_the_last_note_are_there(history: HistoryStore) -> None:
    called(history, "c1", ago=DAY)
    called(history, "c2", ago=2 * DAY)
    with history.database.engine.begin() as link:
        link.execute(segments.update().where(segments.c.call == "c1").values(disposition="resolved"))
        for fact, text in enumerate(("first", "<b>last</b>")):
            link.execute(insert(call_notes).values(fact=str(fact), call="c1", at=NOW - DAY + fact, text=text))
    assert [(one.disposition, one.note) for one in found(history).contacts] == [("resolved", "<b>last</b>"), ("", "")]


def test_others_contacts_are_left_out_and_the_next_ones_take_their_place(history: HistoryStore) -> None:
    for number in range(8):
        called(history, f"c{number}", ago=DAY + number * HOUR, queue="sales" if number % 2 else "support")
    mine = found(history, sees=lambda queue, agent: queue == "sales").contacts
    assert [one.call for one in mine] == ["c1", "c3", "c5", "c7"]


@pytest.mark.parametrize(
    ("ago", "more", "repeats"),
    [
        (HOUR, {}, True),
        (DAY, {}, True),
        (DAY + 6.0, {}, False),
        (HOUR, {"queue": "sales"}, False),
        (HOUR, {"agent": ""}, False),
        (HOUR, {"ended_by": "short"}, False),
        (HOUR, {"direction": "out"}, False),
        (HOUR, {"person": "+442079460002"}, False),
    ],
)
def test_a_repeat_is_what_the_report_counts_as_one(
    history: HistoryStore, ago: float, more: dict[str, Any], repeats: bool
) -> None:
    called(history, "c1", ago=ago, **more)
    again = found(history).repeated
    assert (again is not None) is repeats
    assert again is None or (again.at, again.agent, again.after) == (NOW - ago + 5, "amy", ago - 5)


def test_a_repeat_does_not_name_an_agent_whom_one_may_not_see(history: HistoryStore) -> None:
    called(history, "c1", ago=HOUR)
    again = found(history, sees=lambda queue, agent: False)
    assert again.contacts == ()
    assert again.repeated is not None
    assert again.repeated.agent == ""


# -- the service ------------------------------------------------------------------------------------------------------


async def test_a_withheld_number_is_nobody_and_asks_no_database() -> None:
    service = ContactService("sqlite:////nowhere/at/all.db", lambda number: KnownAs())
    assert await service.of(question(number="withheld")) == LastContacts()


async def test_without_a_history_that_is_said() -> None:
    with pytest.raises(HistoryNotConfigured):
        await ContactService(None, lambda number: WHO).of(question())


async def test_a_database_that_cannot_be_read_is_said() -> None:
    service = ContactService("sqlite:////nowhere/at/all.db", lambda number: WHO)
    with closing(service), pytest.raises(NoHistory, match="does not answer in time"):
        await service.of(question())


async def test_a_database_that_says_nothing_is_not_waited_for(history: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = threading.Event()
    monkeypatch.setattr(reading, "CONTACTS_WITHIN", 0.05)
    monkeypatch.setattr(reading, "read_contacts", lambda *_: stuck.wait(10 * HANGS))
    url = history.database.engine.url.render_as_string(hide_password=False)
    with closing(ContactService(url, lambda number: WHO)) as service:
        async with asyncio.timeout(HANGS):
            with pytest.raises(NoHistory, match="does not answer in time"):
                await service.of(question())
        stuck.set()


# -- who is who, and who sees what ------------------------------------------------------------------------------------


def test_a_number_is_known_in_all_its_spellings(tmp_path: Path) -> None:
    from callbridge.settings.loading import load

    path = tmp_path / "cb.yaml"
    path.write_text(f"region: GB\n{RIGHT}", encoding="utf-8")
    settings = load(path, {})
    assert known_as(settings, "020 7946 0001").persons == {"020 7946 0001", ANN, ANN.lstrip("+")}
    assert known_as(settings, "withheld") == known_as(settings, "anonymous") == known_as(settings, "") == KnownAs()


def test_agents_see_the_contacts_of_their_teams() -> None:
    teams = {"front": Team(name="front", queues=frozenset({"support"}), agents=frozenset({"amy", "bob"}))}
    people = Accounts(teams=teams)
    assert people.seen_by("amy").either("support", "eve")
    assert people.seen_by("amy").either("sales", "bob")
    assert not people.seen_by("amy").either("sales", "eve")
    assert people.seen_by("eve").either("sales", "eve")
    assert not people.seen_by("eve").either("support", "amy")
    assert Accounts().seen_by("eve").either("sales", "amy")
