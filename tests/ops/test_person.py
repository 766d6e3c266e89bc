"""One person is shown, exported, erased and held: in the database, in a real Redis, and in the memory of a running callbridge."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Connection, insert, select

from callbridge.adapters.database import Database
from callbridge.adapters.database.ledger_tables import attempts, blocked, leads
from callbridge.adapters.database.quality_tables import quality_marks, quality_samples, quality_scores
from callbridge.adapters.database.schema import ALL_TABLES
from callbridge.adapters.facts.person_place import PersonHeld
from callbridge.adapters.history import HistoryStore, Retention
from callbridge.adapters.history.retention import DAY, prune
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.outbox.envelope import Envelope, Stamper
from callbridge.adapters.redis.fact_stream import FactStream
from callbridge.adapters.redis.timeline_archive import TimelineArchive
from callbridge.adapters.views.timelines import Timelines
from callbridge.cli import main
from callbridge.core.model.events import CallbackChangeRequested
from callbridge.core.model.facts import (
    AnyFact,
    CallArrived,
    CallbackRequested,
    CallEnded,
    CallNoted,
    CallRecorded,
    OptedOut,
    TalkBegan,
    TransferStarted,
)
from callbridge.service.adapter_settings import history_people, redis_settings
from callbridge.service.persons import LivePersons, PersonStores
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from tests.adapters.conftest import RedisServer, one_redis, redis_server  # noqa: F401 - fixtures
from tests.adapters.postgres import new_database
from tests.ops.test_reloading import config

pytestmark = pytest.mark.slow

ANN, BOB = "+442079460123", "+442079460999"
NOWHERE = ["--url", "http://127.0.0.1:1"]


def arrived(seq: int, call: str, number: str) -> CallArrived:
    return CallArrived(
        seq=seq,
        at=1000.0 + seq,
        call=call,
        leg="l",
        entry="e",
        tier="gold",
        number=number,
        name="Name",
        uniqueid="u",
        linkedid="u",
    )


def told() -> list[AnyFact]:
    """Two people, and a transfer of Bob's call to Ann's number."""
    facts: list[AnyFact] = []
    for number, call in ((ANN, "anns"), (BOB, "bobs")):
        seq = 10 * len(facts)
        facts += [
            arrived(seq + 1, call, number),
            TalkBegan(seq=seq + 2, at=1001.0, call=call, queue="support", agent="bob", leg="l", waited=1.0),
            CallRecorded(seq=seq + 3, at=1002.0, call=call, file=f"{call}.wav", lasted=1.0, paused=0.0),
            TransferStarted(seq=seq + 4, at=1003.0, call=call, agent="bob", to=f"number:{ANN}", kind="blind", leg="l"),
            CallbackRequested(
                seq=seq + 5, at=1004.0, call=call, callback=f"k{call}", number=number, tier="gold", rank=1.0, expires_at=2e9
            ),
            OptedOut(seq=seq + 6, at=1005.0, campaign="", number=number, reason="asked", by="bob"),
            CallNoted(seq=seq + 8, at=1005.5, call=call, agent="bob", segment=seq + 2, text=f"call {number} back", by="bob"),
            CallEnded(seq=seq + 7, at=1006.0, call=call, lasted=5.0, outcome="answered", segments=1),
        ]
    return facts


class Stores:
    """Everything that is kept, of Ann and of Bob."""

    def __init__(self, path: Path, url: str, server: RedisServer, **history: Any) -> None:
        self.path = path / "cb.yaml"
        kept = {"url": url}
        about: dict[str, Any] = {
            "region": "GB",
            "database": kept,
            "history": history,
            "repeat_calls": {"within": "1d"},
            "log": {"mask_numbers": False},
        }
        self.path.write_text(json.dumps(config(**about, redis={"url": f"redis://127.0.0.1:{server.port}/0"})))
        self.settings: Settings = load(self.path, {})
        self.redis = Redis(port=server.port)
        self.url = url
        facts = Stamper().stamp(1, told())
        with closing(HistoryStore(url, history_people(self.settings))) as store:
            store.open()
            store.write(facts, 2000.0)
            with store.database.engine.begin() as link:
                for seq, number in enumerate((ANN, BOB)):
                    at = {"loaded_at": 1.0, "changed_at": 1.0}
                    link.execute(insert(leads).values(campaign="spring", number=number, name="Name", state="ready", **at))
                    link.execute(
                        insert(attempts).values(id=f"a{seq}", campaign="s", lead=1, number=number, at=1.0, outcome="busy")
                    )
                    self._reviewed(link, "anns" if number == ANN else "bobs", seq + 1)
                    link.execute(insert(blocked).values(number=number, campaign="", reason="asked", at=1.0))
        asyncio.run(self._in_redis(facts))

    @staticmethod
    def _reviewed(link: Connection, call: str, score: int) -> None:
        about = {"recording": call, "call": call, "agent": "bob", "recorded_at": 1.0, "form": "f"}
        link.execute(insert(quality_samples).values(sample="s", period="p", place=1, file=f"{call}.wav", drawn_at=1.0, **about))
        said = {"id": score, "sample": "s", "reviewer": "eve", "assigned_at": 1.0, "score": 0.9, "comment": f"{call} was rude"}
        link.execute(insert(quality_scores).values(said | about))
        mark = {"score": score, "criterion": "c", "section": "x", "fatal": False, "most": 5.0, "comment": f"{call} said her name"}
        link.execute(insert(quality_marks).values(mark))

    async def _in_redis(self, facts: list[Envelope]) -> None:
        redis = redis_settings(self.settings)
        assert redis is not None
        stream, archive = FactStream(redis, masked=False), TimelineArchive(redis, masked=False)
        memory = LastAgents(lambda: 1000.0, {"anns": ANN, "bobs": BOB}.__getitem__, redis=redis)
        memory.adopt(86_400.0, 86_400.0, self.settings.numbers)
        memory.on_facts([fact for fact in told() if isinstance(fact, TalkBegan)])
        await archive.place()
        for reader in (stream, archive):
            await reader.handle(facts)
        writing = asyncio.create_task(memory.run())
        while len(self.redis.keys("*talked:*")) < 2:
            await asyncio.sleep(0.01)
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        for one in (stream, archive, memory):
            await one.close()

    def in_database(self) -> dict[str, list[dict[str, Any]]]:
        with closing(Database(self.url)) as database, database.engine.connect() as link:
            return {table.name: [dict(row) for row in link.execute(select(table)).mappings()] for table in ALL_TABLES}

    def in_redis(self) -> str:
        """All of it, as text."""
        said = []
        for key in self.redis.keys("*"):
            kind = self.redis.type(key)
            value: Any = self.redis.lrange(key, 0, -1) if kind == b"list" else None
            value = self.redis.xrange(key) if kind == b"stream" else value
            said.append(f"{key!r} {value!r} {self.redis.get(key) if kind == b'string' else ''!r}")
        return "\n".join(said)

    def command(self, *words: str) -> int:
        return main(["person", *words, "-c", str(self.path), *NOWHERE])


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield f"sqlite:///{tmp_path}/history.db" if request.param == "sqlite" else new_database()


@pytest.fixture
def stores(tmp_path: Path, url: str, redis_server: RedisServer) -> Stores:  # noqa: F811
    return Stores(tmp_path, url, redis_server)


def places(printed: str) -> dict[str, tuple[int, int]]:
    return {row["place"]: (row["found"], row["erased"]) for row in json.loads(printed)["places"] if row["found"]}


FOUND = {
    **dict.fromkeys(("calls", "transfers", "segments", "recordings", "callbacks", "changes", "leads", "attempts"), 1),
    **dict.fromkeys(("quality_samples", "quality_scores", "call_notes"), 1),
    "transfers_to": 2,
    "do_not_call": 1,
    "timelines": 1,
    "last agent": 1,
}


@pytest.mark.parametrize("written", ["020 7946 0123", "+44 20 7946 0123", "0044-20-79460123"])
def test_a_person_is_found_in_every_place_however_the_number_is_written(
    stores: Stores, capsys: pytest.CaptureFixture[str], written: str
) -> None:
    assert stores.command(written, "show", "--json") == 0
    found = places(capsys.readouterr().out)
    assert {name: found[name][0] for name in FOUND} == FOUND
    assert found["public stream"][0] >= 7


def test_a_person_who_is_erased_is_nowhere_but_on_the_do_not_call_list(
    stores: Stores, capsys: pytest.CaptureFixture[str]
) -> None:
    before = stores.in_database()
    assert stores.command(ANN, "erase", "--json") == 0
    printed = capsys.readouterr().out
    erased = places(printed)
    assert {name: erased[name] for name in FOUND if name not in ("transfers", "segments")} == {
        name: (count, 0 if name == "do_not_call" else count)
        for name, count in FOUND.items()
        if name not in ("transfers", "segments")
    }
    assert json.loads(printed)["files"] == ["anns.wav"]
    after = stores.in_database()
    leaking = {name for name, held in after.items() if "79460123" in str(held)}
    assert leaking == {"do_not_call"}
    assert "79460123" not in stores.in_redis()
    assert "anns.wav" not in str(after) and "anns was" not in str(after) and "anns said" not in str(after)
    assert "timeline:anns" not in stores.in_redis() and "timeline:bobs" in stores.in_redis()
    for name in ("calls", "segments", "transfers", "recordings", "callbacks", "attempts"):
        assert len(after[name]) == len(before[name]), "the figures stay"
    bobs = {name: [row for row in held if BOB in row.values() or row.get("call") == "bobs"] for name, held in before.items()}
    kept = {name: [row for row in held if BOB in row.values() or row.get("call") == "bobs"] for name, held in after.items()}
    assert {name: kept[name] for name in kept if name != "transfers"} == {
        name: bobs[name] for name in bobs if name != "transfers"
    }


def test_the_erasure_is_recorded_without_the_number(stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    stores.command(ANN, "erase")
    out = capsys.readouterr().out
    assert "recordings                  1 found, 1 erased" in out and "callbridge is not running" in out
    assert ANN not in out
    (row,) = [row for row in stores.in_database()["changes"] if row["kind"] == "person"]
    assert (row["request"], row["granted"]) == ("erase", True) and row["by"].endswith("(command)")
    assert ["calls", 1, 1] in json.loads(row["details"]) and "0123" not in str(row["details"])


def test_nothing_of_a_person_under_a_legal_hold_is_erased_by_request_or_by_age(
    stores: Stores, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stores.command(ANN, "hold") == 2
    assert stores.command(ANN, "hold", "--reason", "court") == 0
    assert stores.command("020 7946 0123", "erase") == 1
    assert "under a legal hold" in capsys.readouterr().err
    with closing(Database(stores.url)) as database:
        prune(database, Retention(days=1, flow_days=1), 1000.0 + 3 * DAY)
    left = stores.in_database()
    assert {row["call"] for row in left["calls"]} == {"anns"}
    assert {row["call"] for row in left["recordings"]} == {"anns"}
    assert stores.command(ANN, "release") == 0
    assert stores.command(ANN, "release") == 1
    assert stores.command(ANN, "erase") == 0
    with closing(Database(stores.url)) as database:
        prune(database, Retention(days=1, flow_days=1), 1000.0 + 3 * DAY)
    assert stores.in_database()["calls"] == []
    assert [row["request"] for row in stores.in_database()["changes"] if row["kind"] == "person"] == ["hold", "release", "erase"]


def test_an_export_holds_every_row(stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    assert stores.command(ANN, "export") == 0
    tables_ = json.loads(capsys.readouterr().out)["tables"]
    assert [row["number"] for row in tables_["calls"]] == [ANN]
    assert [row["name"] for row in tables_["leads"]] == ["Name"]
    found = PersonStores(stores.settings, ANN).export().as_data(masked=True)
    assert "79460123" not in str(found) and "'Name'" not in str(found) and found["tables"]["calls"]


def test_where_numbers_are_hashed_the_same_hash_finds_the_person(tmp_path: Path, redis_server: RedisServer) -> None:  # noqa: F811
    stores = Stores(tmp_path, f"sqlite:///{tmp_path}/x.db", redis_server, numbers="hashed", key="a secret of sixteen")
    assert "79460123" not in str(
        {name: held for name, held in stores.in_database().items() if name in ("calls", "changes", "transfers")}
    )
    one = PersonStores(stores.settings, "020 7946 0123")
    assert {place.place: place.found for place in one.show().places}["calls"] == 1
    one.erase("ops", 3000.0)
    assert {place.place: place.found for place in one.show().places}["calls"] == 0
    one.hold("ops", "court", 3001.0)
    with pytest.raises(PersonHeld, match="court"):
        one.erase("ops", 3002.0)


async def test_a_running_callbridge_forgets_as_well(stores: Stores) -> None:
    timelines = Timelines(mask=False)
    timelines.on_facts([*told(), arrived(90, "now", ANN)])
    memory = LastAgents(lambda: 1000.0, {"anns": ANN, "bobs": BOB}.__getitem__, redis=None)
    memory.adopt(86_400.0, 86_400.0, stores.settings.numbers)
    memory.on_facts([fact for fact in told() if isinstance(fact, TalkBegan)])
    owed = {"k1": SimpleNamespace(id="k1", who=ANN, number="02079460123"), "k2": SimpleNamespace(id="k2", who=BOB, number=BOB)}
    calling = {"now": SimpleNamespace(id="now", number=ANN)}
    world = SimpleNamespace(callbacks=owed, calls=calling, observed_calls={}, script_answers={})

    async def submit(event: CallbackChangeRequested) -> None:
        del owed[event.callback]

    term: Any = SimpleNamespace(world=world, callers=SimpleNamespace(memory=memory))
    found, calls = await LivePersons(stores.settings, term, timelines, submit).erase(ANN, "ops", 1.0)
    assert {one.place: (one.found, one.erased) for one in found} == {
        "callbacks owed": (1, 1),
        "calls in progress": (1, 0),
        "script answers in memory": (0, 0),
        "timelines in memory": (1, 1),
        "last agent in memory": (1, 1),
    }
    assert calls == {"anns"} and list(owed) == ["k2"]
    assert timelines.timeline("anns") is None and timelines.timeline("bobs") is not None and timelines.timeline("now") is not None
    assert await memory.recall(ANN) == {} and (await memory.recall(BOB))["last_agent"] == "bob"


def test_what_is_no_number_is_told_with_the_reason(stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    assert stores.command("abc", "show") == 1
    assert capsys.readouterr().err == "callbridge: 'abc': not a phone number\n"
