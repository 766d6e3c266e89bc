"""A legal hold keeps everything of the person, however the number is spelt there, from the moment in which it begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select

from callbridge.adapters.database import Database
from callbridge.adapters.database.history_tables import calls, legal_holds, recordings, visits
from callbridge.adapters.history import People, retention
from callbridge.adapters.history.persons import PersonRows
from callbridge.adapters.history.recording_retention import RecordingTerms, delete_due
from callbridge.adapters.history.retention import DAY, Retention, prune

pytestmark = pytest.mark.slow

NOW = 1000 * DAY
NUMBER = "+442079460001"
SPELLINGS = (NUMBER, NUMBER[1:])


@pytest.fixture(params=[b"", b"secret key"], ids=["plain", "hashed"])
def people(request: pytest.FixtureRequest) -> People:
    return People(key=request.param)


@pytest.fixture
def database(tmp_path: Path, people: People) -> Iterator[Database]:
    """Old calls of one person by either spelling, the first with a stranger's call before it."""
    (tmp_path / "monitor").mkdir()
    with closing(Database(f"sqlite:///{tmp_path}/history.db")) as database:
        database.open()
        with database.engine.begin() as link:
            for at, number in enumerate(("+442079460009", *SPELLINGS)):
                call, when = f"c{at}", at + 1.0
                about = {"call": call, "person": people.identity(number), "number": people.shown(number)}
                link.execute(insert(calls).values(about | {"arrived_at": when, "ended_at": when}))
                link.execute(insert(visits).values(call=call, visit=1, began_at=when, ended_at=when))
                recorded = {"fact": f"r{at}", "call": call, "kind": "talk", "file": f"r{at}.wav", "at": when}
                link.execute(insert(recordings).values(recorded))
                (tmp_path / "monitor" / f"r{at}.wav").touch()
        yield database


def left(engine: Engine) -> set[str]:
    with engine.connect() as link:
        return set(link.scalars(select(calls.c.call))) & set(link.scalars(select(visits.c.call)))


def test_every_spelling_is_held_and_it_is_one_hold(database: Database, people: People, tmp_path: Path) -> None:
    engine, terms = database.engine, RecordingTerms(folder=tmp_path / "monitor", days=1)
    person = PersonRows(engine, people, NUMBER)
    person.hold("ops", "court", 5.0)
    delete_due(engine, terms, NOW)
    assert sorted(path.name for path in terms.folder.iterdir()) == ["r1.wav", "r2.wav"]
    prune(database, Retention(days=1, flow_days=1), NOW)
    assert left(engine) == {"c1", "c2"}
    assert {place.place: place.found for place in person.show()}["legal_holds"] == 1
    assert person.release("ops", 6.0)
    assert person.hold_of() is None
    prune(database, Retention(days=1, flow_days=1), NOW)
    assert left(engine) == set()


def test_a_hold_that_begins_while_rows_are_deleted_keeps_the_rest(
    database: Database, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = delete

    def held_meanwhile(table: Any) -> Any:
        with database.engine.connect() as link:
            first = link.scalar(select(legal_holds.c.person)) is None
        if table in (calls, visits) and first:
            PersonRows(database.engine, people, NUMBER).hold("ops", "court", 5.0)
        return real(table)

    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(retention, "delete", held_meanwhile)
    prune(database, Retention(days=1, flow_days=1), NOW)
    assert left(database.engine) == {"c1", "c2"}
