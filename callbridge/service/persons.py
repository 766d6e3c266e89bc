"""One person in every place where callbridge keeps something: the database, Redis and, while it runs, its memory.

``PersonStores`` is what needs no running callbridge. A running one forgets as well (``erase`` of ``LivePersons``): it cancels the
person's callbacks, and its timelines and last agents go. A call that goes on keeps its number until it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import BadDatabase, Database, cause_of, file_of
from callbridge.adapters.facts.person_place import NoPerson, PersonPlace, PersonsAway
from callbridge.adapters.facts.privacy import hide, mask, mask_target, scrub
from callbridge.adapters.history.persons import PersonRows
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.redis.persons import PersonKeys
from callbridge.core.model.events import CallbackChange, CallbackChangeRequested
from callbridge.core.model.sentence import Sentence
from callbridge.service.adapter_settings import history_people, redis_settings
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.service.term import Term

REDIS_WITHIN = 60.0
IN_PROGRESS = "go on: erase again when they have ended"
FORGOTTEN_SOON = "forgotten within ten minutes of the end of the agent's wrap-up"
NO_STORE = Sentence("there is neither a section 'database:' nor one 'redis:'")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFound:
    """``files``: names of recordings, below the PBX's folder ``monitor``. ``held``: the legal hold."""

    places: tuple[PersonPlace, ...]
    files: tuple[str, ...] = ()
    held: dict[str, Any] | None = None

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Of an export: the rows in the database."""

    def as_data(self, *, masked: bool = False) -> dict[str, Any]:
        """``masked``: without numbers and names."""
        held = self.held if not masked or self.held is None else _masked(self.held)
        tables = {name: [_masked(row) for row in rows] for name, rows in self.tables.items()} if masked else self.tables
        places = [asdict(one) for one in self.places]
        return {"places": places, "files": list(self.files), "held": held, "tables": tables}


_NUMBERS, _NAMES = frozenset({"number", "person"}), frozenset({"name", "details"})


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    return {column: _hidden(column, value) if isinstance(value, str) else value for column, value in row.items()}


def _hidden(column: str, text: str) -> str:
    if column in _NUMBERS:
        return mask(text)
    if column in _NAMES:
        return hide(text)
    return mask_target(text) if column == "target" else scrub(text)


class PersonStores:
    """``text``: the number, however it is written. Blocks. Raises NoPerson and PersonsAway."""

    def __init__(self, settings: Settings, text: str) -> None:
        self.number = settings.numbers.identity(text)
        if not self.number:
            raise NoPerson(Sentence("'{number}': {fault}", number=text[:40], fault=Sentence(settings.numbers.refusal(text))))
        self._settings = settings
        self._redis = redis_settings(settings)
        if settings.database is None and self._redis is None:
            raise NoPerson(NO_STORE)

    def show(self) -> PersonFound:
        rows = self._database(lambda one: (one.calls(), one.others(), one.show(), one.hold_of(), one.export()["recordings"]))
        calls, others, places, held, recorded = rows if rows is not None else ([], [], [], None, [])
        files = tuple(sorted({row["file"] for row in recorded if row["file"]}))
        return PersonFound(places=(*places, *self._look(calls, others, erase=False)), files=files, held=held)

    def export(self) -> PersonFound:
        """Everything in the database, by table, and what there is elsewhere."""
        tables = self._database(lambda one: one.export())
        return replace(self.show(), tables=tables if tables is not None else {})

    def check_not_held(self) -> None:
        """Raises PersonHeld."""
        self._database(lambda one: one.check_not_held())

    def erase(self, by: str, at: float, more_calls: Collection[str] = ()) -> PersonFound:
        """``more_calls``: of which only the running callbridge knows. Raises PersonHeld."""
        rows = self._database(lambda one: (one.calls(), one.others(), one.erase(by, at)))
        own, others, erased = rows if rows is not None else ([], [], None)
        places = erased.places if erased is not None else ()
        files = erased.files if erased is not None else ()
        return PersonFound(places=(*places, *self._look({*own, *more_calls}, others, erase=True)), files=files)

    def hold(self, by: str, reason: str, at: float) -> None:
        self._need_database()
        self._database(lambda one: one.hold(by, reason, at))

    def release(self, by: str, at: float) -> bool:
        self._need_database()
        return bool(self._database(lambda one: one.release(by, at)))

    def _need_database(self) -> None:
        if self._settings.database is None:
            raise NoPerson("a legal hold needs a section 'database:'")

    def _database(self, work: Any) -> Any:
        """None: there is no database, or none yet."""
        if self._settings.database is None:
            return None
        url = self._settings.database.url.get_secret_value()
        file = file_of(url)
        if file is not None and not file.exists():
            return None
        try:
            with closing(Database(url)) as database:
                database.open()
                return work(PersonRows(database.engine, history_people(self._settings), self.number))
        except BadDatabase as trouble:
            raise PersonsAway(Sentence("the database: {cause}", cause=str(trouble))) from None
        except SQLAlchemyError as trouble:
            raise PersonsAway(Sentence("the database: {cause}", cause=cause_of(trouble))) from None

    def _look(self, calls: Collection[str], others: Collection[str], *, erase: bool) -> list[PersonPlace]:
        return asyncio.run(self._in_redis(calls, others, erase=erase))

    async def _in_redis(self, calls: Collection[str], others: Collection[str], *, erase: bool) -> list[PersonPlace]:
        if self._redis is None:
            return []
        keys = PersonKeys(self._redis, self._settings.numbers, self.number)
        memory = LastAgents(lambda: 0.0, lambda call: "", redis=self._redis)
        memory.adopt(1.0, 0.0, self._settings.numbers)
        try:
            async with asyncio.timeout(REDIS_WITHIN):
                known = bool(await memory.recall(self.number))
                own = {*calls, *(await keys.calls())}
                found = await keys.look(own, set(others) - own, erase=erase)
                erased = erase and await memory.forget(self.number)
        except (RedisError, OSError, TimeoutError) as trouble:
            raise PersonsAway(Sentence("Redis: {cause}", cause=type(trouble).__name__)) from None
        finally:
            await keys.close()
            await memory.close()
        return [*found, PersonPlace(place="last agent", found=int(known or erased), erased=int(erased))]


class LivePersons:
    """The running callbridge's part: what it has in memory."""

    def __init__(self, settings: Settings, term: Term, timelines: Any, submit: Any) -> None:
        self._settings, self._term, self._timelines, self._submit = settings, term, timelines, submit

    async def erase(self, number: str, by: str, at: float) -> tuple[list[PersonPlace], set[str]]:
        """What was forgotten, and the calls of the person that were known."""
        numbers, world = self._settings.numbers, self._term.world

        def is_of(text: str) -> bool:
            return numbers.identity(text) == number

        owed = [one.id for one in world.callbacks.values() if number in (one.who, numbers.identity(one.number))]
        for callback in owed:
            await self._submit(CallbackChangeRequested(at=at, change=CallbackChange.CANCEL, callback=callback, by=by))
        going_on = [one.id for one in (*world.calls.values(), *world.observed_calls.values()) if is_of(one.number)]
        calls = self._timelines.of_number(is_of) - set(going_on)
        answered = [one for one in world.script_answers.values() if one.id in {*calls, *going_on}]
        forgotten = self._timelines.erase(calls)
        known = await self._term.callers.memory.forget(number)
        left = sum(number in (one.who, numbers.identity(one.number)) for one in world.callbacks.values())
        places = [
            PersonPlace(place="callbacks owed", found=len(owed), erased=len(owed) - left, note=IN_PROGRESS if left else ""),
            PersonPlace(place="calls in progress", found=len(going_on), note=IN_PROGRESS if going_on else ""),
            PersonPlace(place="script answers in memory", found=len(answered), note=FORGOTTEN_SOON if answered else ""),
            PersonPlace(place="timelines in memory", found=len(calls), erased=forgotten),
            PersonPlace(place="last agent in memory", found=int(known), erased=int(known)),
        ]
        return places, calls
