"""What the database holds of one person, found by number: shown, exported, erased, or held for the law.

Erasing keeps the rows, so that no figure of the past changes, and takes from them what leads to the person. The ledger's attempts
stay without the number; leads are deleted; the do-not-call list stays, so that nobody calls this number. That it was
erased is written down in ``changes``, in the same transaction and without the number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, delete, insert, select, update

from callbridge.adapters.database.history_tables import (
    call_notes,
    callbacks,
    calls,
    changes,
    flow_steps,
    legal_holds,
    offers,
    recordings,
    script_answers,
    segments,
    survey_answers,
    surveys,
    transfers,
    visits,
    voice_quality,
)
from callbridge.adapters.database.ledger_tables import attempts, blocked, leads
from callbridge.adapters.database.quality_tables import quality_marks, quality_samples, quality_scores
from callbridge.adapters.facts.person_place import PersonHeld, PersonPlace
from callbridge.adapters.history.people import People
from callbridge.core.model.numbers import spellings
from callbridge.core.model.sentence import Sentence

OF_A_CALL = (
    visits,
    offers,
    segments,
    call_notes,
    transfers,
    flow_steps,
    surveys,
    survey_answers,
    script_answers,
    voice_quality,
    recordings,
    quality_samples,
    quality_scores,
)
"""Tables whose rows belong to a call."""
_AT_ONCE = 500
_OUTSIDE = "number:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedPerson:
    """``files``: the recordings, which are the PBX's."""

    places: tuple[PersonPlace, ...]
    files: tuple[str, ...] = ()


class PersonRows:
    """``number``: the identity by which numbers are compared. Every method is one transaction and raises SQLAlchemyError."""

    def __init__(self, engine: Engine, people: People, number: str) -> None:
        self._engine = engine
        self._numbers = sorted(spellings(number))
        """With and without the ``+``, which older rows may lack."""
        self._person = people.identity(number)
        self._shown = people.shown(number)
        self._identities = sorted({self._person, *map(people.identity, self._numbers)} - {""})
        self._targets = [*self._identities, *(_OUTSIDE + one for one in self._numbers)]

    def calls(self) -> list[str]:
        with self._engine.connect() as link:
            return self._calls(link)

    def others(self) -> list[str]:
        """Calls that were transferred to this number."""
        with self._engine.connect() as link:
            return list(link.scalars(select(transfers.c.call).where(transfers.c.target.in_(self._targets)).distinct()))

    def show(self) -> list[PersonPlace]:
        with self._engine.connect() as link:
            found = {name: len(rows) for name, rows in self._rows(link)}
        return [PersonPlace(place=name, found=count) for name, count in found.items()]

    def export(self) -> dict[str, list[dict[str, Any]]]:
        """Every row, by table."""
        with self._engine.connect() as link:
            return {name: [dict(row) for row in rows] for name, rows in self._rows(link)}

    def hold_of(self) -> dict[str, Any] | None:
        """The hold, if there is one."""
        with self._engine.connect() as link:
            return self._held(link)

    def hold(self, by: str, reason: str, at: float) -> None:
        """Neither age nor a request deletes anything of this person from now on, by whichever spelling it is kept."""
        with self._engine.begin() as link:
            link.execute(delete(legal_holds).where(legal_holds.c.person.in_(self._identities)))
            row = {"number": self._shown, "held_at": at, "by": by, "reason": reason}
            link.execute(insert(legal_holds), [{"person": one} | row for one in self._identities])
            _record(link, "hold", by, at, reason)

    def release(self, by: str, at: float) -> bool:
        """False: there was no hold."""
        with self._engine.begin() as link:
            gone = link.execute(delete(legal_holds).where(legal_holds.c.person.in_(self._identities))).rowcount > 0
            if gone:
                _record(link, "release", by, at)
        return gone

    def erase(self, by: str, at: float) -> ErasedPerson:
        """Raises PersonHeld."""
        with self._engine.begin() as link:
            self._refuse_held(link)
            found = dict(self._rows(link))
            files = sorted({row["file"] for row in found["recordings"] if row["file"] and row["deleted_at"] is None})
            erased = self._erase(link, [row["call"] for row in found["calls"]])
            notes = {
                "do_not_call": "kept, so that nobody calls this number",
                "leads": "leads being dialled stay until the attempt has ended",
                "attempts": "kept without the number: they prove the abandon rate",
            }
            places = tuple(
                PersonPlace(place=name, found=len(rows), erased=erased.get(name, 0), note=notes.get(name, "") if rows else "")
                for name, rows in found.items()
            )
            _record(link, "erase", by, at, details=[[one.place, one.found, one.erased] for one in places if one.found])
        return ErasedPerson(places=places, files=tuple(files))

    def _erase(self, link: Connection, own: Sequence[str]) -> dict[str, int]:
        """By table, how many rows lost what leads to the person."""
        nobody = {"person": "", "number": ""}
        erased = {
            "callbacks": _count(link, update(callbacks).where(callbacks.c.person.in_(self._identities)).values(nobody)),
            "transfers_to": _count(link, update(transfers).where(transfers.c.target.in_(self._targets)).values(target=_OUTSIDE)),
            "changes": _count(link, update(changes).where(changes.c.target.in_(self._targets)).values(target="")),
            "leads": _count(link, delete(leads).where(leads.c.number.in_(self._numbers), leads.c.state != "dialling")),
            "attempts": _count(
                link, update(attempts).where(attempts.c.number.in_(self._numbers), attempts.c.outcome != "").values(number="")
            ),
            "calls": 0,
            "recordings": 0,
            "call_notes": 0,
            "script_answers": 0,
            "quality_samples": 0,
            "quality_scores": 0,
        }
        anonymous = nobody | {"name": "", "uniqueid": None, "linkedid": None}
        for some in _slices(own):
            erased["calls"] += _count(link, update(calls).where(calls.c.call.in_(some)).values(anonymous))
            erased["call_notes"] += _count(link, delete(call_notes).where(call_notes.c.call.in_(some)))
            erased["recordings"] += _count(link, update(recordings).where(recordings.c.call.in_(some)).values(file=""))
            written = update(script_answers).where(script_answers.c.call.in_(some)).values(answer="")
            erased["script_answers"] += _count(link, written)
            samples, scores = quality_samples.c.call.in_(some), quality_scores.c.call.in_(some)
            erased["quality_samples"] += _count(link, update(quality_samples).where(samples).values(file=""))
            ids = select(quality_scores.c.id).where(scores)
            link.execute(update(quality_marks).where(quality_marks.c.score.in_(ids)).values(comment=""))
            wordless = {"comment": "", "dispute": None}
            erased["quality_scores"] += _count(link, update(quality_scores).where(scores).values(wordless))
        return erased

    def check_not_held(self) -> None:
        """Raises PersonHeld."""
        with self._engine.connect() as link:
            self._refuse_held(link)

    def _refuse_held(self, link: Connection) -> None:
        held = self._held(link)
        if held is not None:
            raise PersonHeld(
                Sentence("under a legal hold by {by} ({reason}): release it first", by=held["by"], reason=held["reason"])
            )

    def _held(self, link: Connection) -> dict[str, Any] | None:
        row = link.execute(self._hold()).mappings().first()
        return None if row is None else dict(row)

    def _hold(self) -> Select[Any]:
        """One of the rows of the hold: there is one for each spelling."""
        own = legal_holds.c.person
        return select(legal_holds).where(own.in_(self._identities)).order_by(own != self._person).limit(1)

    def _calls(self, link: Connection) -> list[str]:
        return list(link.scalars(select(calls.c.call).where(calls.c.person.in_(self._identities)).order_by(calls.c.arrived_at)))

    def _rows(self, link: Connection) -> Iterator[tuple[str, list[Any]]]:
        """Every place in the database, with its rows."""
        own = self._calls(link)
        yield "calls", _of_calls(link, calls, own)
        for table in OF_A_CALL:
            yield table.name, _of_calls(link, table, own)
        for name, wanted in (
            ("transfers_to", select(transfers).where(transfers.c.target.in_(self._targets))),
            ("callbacks", select(callbacks).where(callbacks.c.person.in_(self._identities))),
            ("changes", select(changes).where(changes.c.target.in_(self._targets))),
            ("leads", self._of_number(leads)),
            ("attempts", self._of_number(attempts)),
            ("do_not_call", self._of_number(blocked)),
            ("legal_holds", self._hold()),
        ):
            yield name, list(link.execute(wanted).mappings())

    def _of_number(self, table: Table) -> Select[Any]:
        return select(table).where(table.c.number.in_(self._numbers))


def _of_calls(link: Connection, table: Table, own: Sequence[str]) -> list[Any]:
    return [row for some in _slices(own) for row in link.execute(select(table).where(table.c.call.in_(some))).mappings()]


def _slices(own: Iterable[str]) -> Iterator[list[str]]:
    left = iter(own)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _count(link: Connection, statement: Any) -> int:
    return int(link.execute(statement).rowcount)


def _record(link: Connection, request: str, by: str, at: float, reason: str = "", details: Any = ()) -> None:
    """In ``changes``, without the number. The fact is none of the core's."""
    number = 0
    while link.scalar(select(changes.c.fact).where(changes.c.fact == f"person-{at:.3f}-{number}")) is not None:
        number += 1
    row = {"fact": f"person-{at:.3f}-{number}", "at": at, "kind": "person", "by": by, "request": request, "granted": True}
    link.execute(insert(changes).values(row | {"reason": reason, "details": json.dumps(details) if details else None}))
