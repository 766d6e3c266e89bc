"""Webhooks against a receiver on a real socket that is well, slow, refusing, hanging, gone or restarted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from callbridge.adapters.outbox import Outbox, OutboxReaders, readers
from callbridge.adapters.outbox.envelope import Envelope, Stamper
from callbridge.adapters.redis.connection import RedisSettings, connect
from callbridge.adapters.redis.cursors import Trimmer
from callbridge.adapters.redis.fact_stream import FactStream
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import Delta, MemoryStore, Meta, Store
from callbridge.adapters.webhooks import delivery
from callbridge.adapters.webhooks.body import WebhookSettings, body, sign
from callbridge.adapters.webhooks.delivery import Webhook
from callbridge.adapters.webhooks.feed import WebhookFeeds
from callbridge.core.model.facts import (
    AgentAlerted,
    AnyFact,
    ApplicationReplaced,
    CallArrived,
    CallEnded,
    CallerChanged,
    CallRecorded,
    OfferMade,
    RecordingFailed,
    SurveyMissed,
    SwitchChanged,
    TalkBegan,
    TieLineFailed,
)
from callbridge.wire.webhooks import EVENTS, TOLD, placeholders
from tests.adapters.conftest import RedisServer
from tests.adapters.reading import Books, Tasks, drained
from tests.adapters.receiver import SECRET, Receiver
from tests.adapters.test_masking import made
from tests.adapters.waiting import HANGS, garbage_kept, running, until

pytestmark = pytest.mark.slow

LINK = "https://crm.example/?number={number}&tier={tier}&queue={queue}&call={call}&agent={agent}"


def story(
    call: str = "c1", *, first: int = 1, at: float = 1.0, number: str = "+442079460123", name: str = "安娜 & Söhne"
) -> list[AnyFact]:
    """A call that was offered, answered and ended."""
    more: dict[str, Any] = {"call": call, "queue": "support", "agent": "1001"}
    who: dict[str, Any] = {"number": number, "name": name, "tier": "gold", "uniqueid": "1.1", "linkedid": "1.1"}
    return [
        CallArrived(seq=first, at=at, call=call, leg="p/1", entry="e", **who),
        OfferMade(seq=first + 1, at=at + 0.5, leg="p/2", tier="gold", needs="x", waited=0.5, **more),
        TalkBegan(seq=first + 2, at=at + 1.0, leg="p/2", waited=1.0, **more),
        CallEnded(seq=first + 3, at=at + 8.0, call=call, lasted=8.0, outcome="talked", segments=1),
    ]


def stamped(*facts: AnyFact) -> list[Envelope]:
    return Stamper().stamp(7, facts)


def stories(count: int) -> list[Envelope]:
    return stamped(*(fact for n in range(count) for fact in story(f"c{n}", first=10 * n, at=time.time())))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_DELIVERY_PAUSE", 0.02)
    monkeypatch.setattr(delivery, "MAX_DELIVERY_PAUSE", 0.2)
    monkeypatch.setattr(delivery, "DELIVERY_TIMEOUT", HANGS)  # a receiver that is well is never tried twice
    monkeypatch.setattr(readers, "SAVED_EVERY", 0.05)
    monkeypatch.setattr(readers, "NO_ROOM", 0.05)
    monkeypatch.setattr(readers, "FIRST_READER_PAUSE", 0.05)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as made:
        yield made


def by_call(events: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What was told of each call, in order, repetitions left out."""
    told: dict[str, list[str]] = {}
    for event in events:
        kinds = told.setdefault(event["call"], [])
        if event["type"] not in kinds:
            kinds.append(event["type"])
    return told


# -- what is said ---------------------------------------------------------------------------------------------------


def bodies(hook: WebhookSettings, *facts: AnyFact) -> list[dict[str, Any]]:
    return [json.loads(body(one, hook)) for one in stamped(*facts) if hook.wants(one.type)]


def test_a_recording_is_told_with_its_file() -> None:
    hook = WebhookSettings(name="crm", url="", secret="", events=("recording",))
    fact = CallRecorded(seq=9, at=2.0, call="c1", agent="1001", queue="support", file="c1-1.wav", lasted=61.5, paused=1.5)
    (said,) = bodies(hook, *story(), fact)
    assert {name: said[name] for name in ("type", "call", "agent", "queue", "file", "lasted", "paused")} == {
        "type": "recording",
        "call": "c1",
        "agent": "1001",
        "queue": "support",
        "file": "c1-1.wav",
        "lasted": 61.5,
        "paused": 1.5,
    }


def test_an_offer_is_a_screen_pop() -> None:
    hook = WebhookSettings(name="crm", url="", secret="", link=LINK, unmasked=True)
    offer, answer, ended = bodies(hook, *story())
    assert offer == {
        "id": "7-2",
        "type": "offer",
        "at": 1.5,
        "call": "c1",
        "pbx": "p",
        "uniqueid": "1.1",
        "linkedid": "1.1",
        "number": "+442079460123",
        "name": "安娜 & Söhne",
        "tier": "gold",
        "queue": "support",
        "agent": "1001",
        "waited": 0.5,
        "collected": {},
        "link": "https://crm.example/?number=%2B442079460123&tier=gold&queue=support&call=c1&agent=1001",
    }
    assert (answer["type"], answer["agent"], answer["waited"], answer["link"]) == ("answer", "1001", 1.0, offer["link"])
    assert {name: ended[name] for name in ("type", "outcome", "segments", "lasted", "number")} == {
        "type": "end",
        "outcome": "talked",
        "segments": 1,
        "lasted": 8.0,
        "number": "+442079460123",
    }


def test_a_caller_whom_a_phone_has_transferred_is_a_screen_pop_of_its_own() -> None:
    hook = WebhookSettings(name="crm", url="", secret="", link=LINK, unmasked=True)
    changed = CallerChanged(
        seq=9, at=1.6, call="c1", agent="1001", queue="support", leg="p/9.1", number="+49301", name="Erika", tier="diamond",
        phone="PJSIP/1002", talking=False,
    )  # fmt: skip
    first, second, *_, ended = bodies(hook, *(facts := story())[:2], changed, *facts[2:])
    assert (first["type"], first["number"]) == ("offer", "+442079460123")
    assert {name: second[name] for name in ("type", "number", "name", "tier", "agent", "talking", "phone", "uniqueid")} == {
        "type": "caller",
        "number": "+49301",
        "name": "Erika",
        "tier": "diamond",
        "agent": "1001",
        "talking": False,
        "phone": "PJSIP/1002",
        "uniqueid": "1.1",
    }
    assert second["link"] == "https://crm.example/?number=%2B49301&tier=diamond&queue=support&call=c1&agent=1001"
    assert (ended["type"], ended["number"], ended["tier"]) == ("end", "+49301", "diamond")
    (masked,) = bodies(replace(hook, unmasked=False, events=("caller",)), *facts[:2], changed)
    assert (masked["number"], "Erika" in json.dumps(masked), "49301" in json.dumps(masked)) == ("*****", False, False)


def test_numbers_and_names_are_masked_unless_asked_for_plainly() -> None:
    hook = WebhookSettings(name="crm", url="", secret="", link=LINK + "&name={name}")
    told = [body(one, hook).decode() for one in stamped(*story()) if hook.wants(one.type)]
    assert len(told) == 3
    assert not [text for text in told if "2079460" in text or "安娜" in text or "Söhne" in text]
    assert json.loads(told[0])["number"] == "+44*****123"
    assert "number=%2B44%2A%2A%2A%2A%2A123" in json.loads(told[0])["link"]


def test_alerts_say_what_is_the_matter() -> None:
    hook = WebhookSettings(name="ops", url="", secret="", events=("alert",))
    lunch = AgentAlerted(seq=1, at=1.0, agent="1001", kind="reason_limit", reason="lunch", limit=2700.0)
    switch = SwitchChanged(seq=2, at=2.0, switch="bypass", on=True, by="ops")
    taken = ApplicationReplaced(seq=3, at=3.0, pbx="pbx1")
    dead = TieLineFailed(seq=4, at=4.0, pbx="pbx1", to="pbx2", lasts=60.0)
    first, second, third, fourth = bodies(hook, lunch, switch, taken, dead, *story(first=5))
    assert (first["type"], first["kind"], first["agent"], first["reason"]) == ("alert", "reason_limit", "1001", "lunch")
    assert (second["type"], second["kind"], second["switch"], second["on"]) == ("alert", "switch", "bypass", True)
    assert (third["type"], third["kind"], third["pbx"]) == ("alert", "application", "pbx1")
    assert (fourth["type"], fourth["kind"], fourth["pbx"], fourth["to"]) == ("alert", "tie_line", "pbx1", "pbx2")


def test_a_survey_that_was_missed_names_the_customer_to_be_asked() -> None:
    missed = SurveyMissed(seq=5, at=6.0, call="c1", agent="1001", queue="support", survey="csat", number="+442079460123")
    masked_hook = WebhookSettings(name="crm", url="", secret="", events=("survey",))
    whole_hook = WebhookSettings(name="crm", url="", secret="", events=("survey",), unmasked=True)
    (hidden,), (whole,) = bodies(masked_hook, *story()[:1], missed), bodies(whole_hook, *story()[:1], missed)
    assert {name: whole[name] for name in ("number", "name", "tier", "survey", "agent", "queue")} == {
        "number": "+442079460123",
        "name": "安娜 & Söhne",
        "tier": "gold",
        "survey": "csat",
        "agent": "1001",
        "queue": "support",
    }
    assert (hidden["number"], hidden["name"], hidden["tier"]) == ("+44*****123", "*****", "gold")


def test_an_alert_about_a_call_names_its_caller() -> None:
    hook = WebhookSettings(name="ops", url="", secret="", events=("alert",), unmasked=True)
    failed = RecordingFailed(seq=9, at=9.0, call="c1", agent="1001", queue="support", file="c1.wav", why="not recorded")
    (alert,) = bodies(hook, *story(), failed)
    assert (alert["kind"], alert["file"], alert["number"], alert["tier"]) == ("recording", "c1.wav", "+442079460123", "gold")


@pytest.mark.parametrize("value", ["a&b=c#d", "../../x", "1 2", "{call}", "\ud800\r\n", "%2e", "安"])
def test_no_value_can_leave_its_place_in_the_link(value: str) -> None:
    hook = WebhookSettings(name="crm", url="", secret="", link="https://crm.example/{number}/open", unmasked=True)
    link = bodies(hook, *story(number=value))[0]["link"]
    inside = link.removeprefix("https://crm.example/").removesuffix("/open")
    assert not set(inside) & set("/?#&= \r\n{}")


@pytest.mark.parametrize(
    "link", ["https://x/{nummer}", "https://x/{}", "https://x/{number!r}", "https://x/{call:>9}", "https://x/{"]
)
def test_a_link_that_asks_for_what_there_is_not_is_refused(link: str) -> None:
    with pytest.raises(ValueError, match=r"placeholder|brace"):
        placeholders(link)


@pytest.mark.parametrize("link", ["javascript:alert({number})", "data:text/html,{name}", "/open/{call}", "{number}"])
def test_a_link_must_be_one(link: str) -> None:
    with pytest.raises(ValueError, match="expected a link"):
        placeholders(link)


def test_the_guide_verifies_what_we_sign() -> None:
    told = (Path(__file__).parents[2] / "deploy" / "guide" / "webhooks.md").read_text()
    code = told[told.index("import hashlib, hmac, time") :].partition("```")[0]
    guide: dict[str, Any] = {}
    exec(compile(code, "webhooks.md", "exec"), guide)
    now, content = str(int(time.time())), b'{"a":1}'
    headers = {"X-Callbridge-Timestamp": now, "X-Callbridge-Signature": sign(SECRET, now, content)}
    assert guide["is_genuine"](SECRET, headers, content)
    assert not guide["is_genuine"](SECRET, headers, content + b" ")
    assert not guide["is_genuine"]("another secret", headers, content)
    old = str(int(time.time()) - 1000)
    replayed = {"X-Callbridge-Timestamp": old, "X-Callbridge-Signature": sign(SECRET, old, content)}
    assert not guide["is_genuine"](SECRET, replayed, content)


# -- delivering -----------------------------------------------------------------------------------------------------


async def test_everything_arrives_once_signed_and_in_order(receiver: Receiver) -> None:
    books = Books()
    hook = Webhook(receiver.hook(), books)
    async with running(hook.run()):
        hook.take(stories(30))
        await until(lambda: hook.backlog == 0)  # the receiver has the last ones before we have its answers
    assert len(receiver.got) == 90
    assert receiver.forged == 0
    assert set(map(tuple, by_call(receiver.got).values())) == {("offer", "answer", "end")}
    assert books.results == {"done": 90}
    assert (books.waiting, hook.backlog, max(receiver.tries.values())) == ({"crm": 0}, 0, 1)


async def test_a_receiver_that_fails_now_and_then_gets_everything_in_order(receiver: Receiver) -> None:
    receiver.answer = lambda event: 204 if receiver.tries[event["id"]] > int(event["id"][-1]) % 3 else 500  # type: ignore[method-assign]
    hook = Webhook(receiver.hook(), Books())
    async with running(hook.run()):
        hook.take(stories(8))
        await until(lambda: hook.backlog == 0)
    assert [event["type"] for event in receiver.got if event["call"] == "c7"] == ["offer", "answer", "end"]
    assert set(map(tuple, by_call(receiver.got).values())) == {("offer", "answer", "end")}
    assert len(by_call(receiver.got)) == 8


async def test_an_event_that_the_receiver_refuses_holds_back_its_own_call_only(receiver: Receiver) -> None:
    receiver.answer = lambda event: 400 if event["call"] == "c3" else 204  # type: ignore[method-assign]
    hook = Webhook(receiver.hook(), Books())
    async with running(hook.run()):
        hook.take(stories(10))
        await until(lambda: hook.backlog == 3)
        await until(lambda: sum(receiver.tries.values()) > 30)
    assert hook.backlog == 3
    assert hook.owed() == ["7-31", "7-32", "7-33"]


async def test_a_dead_receiver_is_not_hammered_and_gets_everything_when_it_is_back(receiver: Receiver) -> None:
    await receiver.stop()
    books = Books()
    hook = Webhook(receiver.hook(), books)
    async with running(hook.run()):
        hook.take(stories(100))
        await asyncio.sleep(0.5)
        assert set(books.results) == {"unreachable"}
        assert books.results["unreachable"] < 30
        await receiver.start()
        await until(lambda: hook.backlog == 0)
    assert set(map(tuple, by_call(receiver.got).values())) == {("offer", "answer", "end")}
    assert len(receiver.got) == 300


async def test_a_receiver_that_hangs_is_given_up_and_asked_again(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "DELIVERY_TIMEOUT", 0.3)
    receiver.answer = lambda event: 0 if receiver.tries[event["id"]] == 1 else 200  # type: ignore[method-assign]
    books = Books()
    hook = Webhook(receiver.hook(), books)
    async with running(hook.run()):
        hook.take(stories(2))
        await until(lambda: hook.backlog == 0)
    assert books.results["done"] == 6
    assert books.results["timeout"] >= 6  # on a busy machine a second answer may come too late as well


async def test_a_dead_hook_delays_no_other_and_taking_never_waits(receiver: Receiver) -> None:
    hung, books = Receiver(), Books()
    hung.answer = lambda event: 0  # type: ignore[method-assign]
    async with hung:
        dead, well = Webhook(hung.hook("dead"), books), Webhook(receiver.hook(), books)
        async with running(dead.run()), running(well.run()):
            with garbage_kept():
                began = time.thread_time()  # it is no coroutine, so it can only calculate
                for hook in (dead, well):
                    hook.take(stories(50))
                assert time.thread_time() - began < 0.1
            await until(lambda: len(receiver.got) == 150)
            assert dead.backlog == 150


async def test_410_disables(receiver: Receiver) -> None:
    receiver.answer = lambda event: 410  # type: ignore[method-assign]
    books = Books()
    hook = Webhook(receiver.hook(), books)
    async with running(hook.run()) as task:
        hook.take(stories(1))
        await until(task.done)
        hook.take(stories(5))
    assert hook.gone
    assert (books.results, sum(receiver.tries.values()), hook.backlog) == ({"gone": 1}, 1, 0)


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answer = lambda event: 307  # type: ignore[method-assign]
    hook = Webhook(receiver.hook(), Books())
    async with running(hook.run()):
        hook.take(stories(1))
        await until(lambda: len(receiver.paths) > 2)
    assert set(receiver.paths) == {"/hook"}


async def test_after_a_day_a_delivery_is_given_up_and_counted(receiver: Receiver) -> None:
    receiver.answer = lambda event: 500  # type: ignore[method-assign]
    books, days = Books(), [0]
    hook = Webhook(receiver.hook(), books, wall=lambda: time.time() + 86_500 * days[0])
    async with running(hook.run()):
        hook.take(stories(1))
        await until(lambda: books.results["refused"] > 2)
        days[0] = 1
        await until(lambda: hook.backlog == 0)
    assert (books.results["expired"], books.lost, books.waiting) == (3, {"hook:crm": 3}, {"crm": 0})


# -- from the outbox ------------------------------------------------------------------------------------------------


class Floor:
    """Calls whose facts go into the outbox."""

    def __init__(self, settings: RedisSettings) -> None:
        self.store = RedisStore(settings)
        self.told: list[str] = []
        """The ids of the facts that a webhook must hear of."""
        self.facts = 0
        self._number = 0
        self._token = 0

    async def lead(self) -> None:
        self._token = await self.store.take_over()
        self._number = self.store.number

    async def goes_on(self, calls: int = 50) -> None:
        """So many more calls, each fact saved by itself: four facts, of which a webhook hears three."""
        for _ in range(calls):
            for fact in story(f"c{self.facts // 4}", first=self.facts + 1, at=time.time()):
                self._number += 1
                await self.store.save(Delta(number=self._number, changed={}, meta=Meta(), facts=[fact]))
                if not isinstance(fact, CallArrived):
                    self.told.append(f"{self._token}-{fact.seq}")
            self.facts += 4


@dataclass(frozen=True, slots=True)
class Hooked:
    """The webhooks of one run of callbridge."""

    hooks: WebhookFeeds
    readers: OutboxReaders
    tasks: Tasks

    @classmethod
    async def to(cls, outbox: Outbox, books: Books, *wanted: WebhookSettings) -> Hooked:
        tasks = Tasks()
        reading = OutboxReaders(outbox, tasks.start, books)
        made = cls(WebhookFeeds(tasks.start, books, reading), reading, tasks)
        await made.hooks.adopt(wanted)
        return made


@asynccontextmanager
async def hooked(store: Store, books: Books, *wanted: WebhookSettings) -> AsyncIterator[Hooked]:
    run = await Hooked.to(store.outbox, books, *wanted)
    try:
        yield run
    finally:
        await run.hooks.close()
        await run.readers.close()
        assert not run.tasks.failed()


@pytest.fixture
async def floor(redis_server: RedisServer) -> AsyncIterator[Floor]:
    made = Floor(redis_server.settings())
    await made.lead()
    yield made
    await made.store.close()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect(redis_server.settings())
    yield client
    await client.aclose()


def ids(receiver: Receiver) -> set[str]:
    return {event["id"] for event in receiver.got}


async def placed(redis: Redis, reader: str = "hook:crm") -> bool:
    return bool(await redis.hexists("callbridge:{main}:cursors", reader))


async def until_placed(redis: Redis, reader: str = "hook:crm") -> None:
    async with asyncio.timeout(HANGS):
        while not await placed(redis, reader):
            await asyncio.sleep(0.01)


async def test_what_is_saved_is_told(redis_server: RedisServer, receiver: Receiver, floor: Floor, redis: Redis) -> None:
    async with hooked(floor.store, Books(), receiver.hook()):
        await until_placed(redis)
        await floor.goes_on(60)
        await until(lambda: ids(receiver) == set(floor.told))
    assert max(receiver.tries.values()) == 1
    assert all(event["number"] == "+44*****123" for event in receiver.got if event["type"] != "alert")


async def test_nothing_is_lost_and_little_is_repeated_over_restarts(
    redis_server: RedisServer, receiver: Receiver, floor: Floor, redis: Redis
) -> None:
    receiver.answer = lambda event: 500 if event["id"].endswith("7") and receiver.tries[event["id"]] < 3 else 200  # type: ignore[method-assign]
    async with hooked(floor.store, Books(), receiver.hook()):
        await until_placed(redis)
        await floor.goes_on(40)
        await until(lambda: len(receiver.got) > 10)
    await receiver.stop()
    async with hooked(floor.store, Books(), receiver.hook()):
        await floor.goes_on(30)
        await asyncio.sleep(0.2)
    await floor.goes_on(30)
    await receiver.start()
    books = Books()
    async with hooked(floor.store, books, receiver.hook()):
        await until(lambda: ids(receiver) == set(floor.told))
    # What was under way at each of the two ends, and what a busy machine had not noted yet.
    assert len(receiver.got) - len(floor.told) <= 4 * delivery.PARALLEL
    assert set(map(tuple, by_call(receiver.got).values())) == {("offer", "answer", "end")}
    assert len(by_call(receiver.got)) == 100
    assert books.lost == {}


async def test_a_crash_repeats_but_loses_nothing(
    redis_server: RedisServer, receiver: Receiver, floor: Floor, redis: Redis
) -> None:
    receiver.slow = 0.01
    killed = await Hooked.to(floor.store.outbox, Books(), receiver.hook())
    await until_placed(redis)
    await floor.goes_on(60)
    await until(lambda: len(receiver.got) > 20)
    await killed.tasks.kill()  # and no place is saved
    async with hooked(floor.store, Books(), receiver.hook()):
        await until(lambda: ids(receiver) == set(floor.told))


async def test_redis_that_was_away_is_followed_again(redis_server: RedisServer, receiver: Receiver, redis: Redis) -> None:
    again = Floor(redis_server.settings())
    async with hooked(again.store, Books(), receiver.hook()):
        await until_placed(redis)
        redis_server.kill()
        await asyncio.sleep(0.2)
        redis_server.start()
        await again.lead()
        await until_placed(redis)
        await again.goes_on(30)
        await until(lambda: ids(receiver) == set(again.told))
    await again.store.close()


async def test_a_new_hook_begins_with_what_happens_from_now_on(
    redis_server: RedisServer, receiver: Receiver, floor: Floor, redis: Redis
) -> None:
    await floor.goes_on(60)
    before = len(floor.told)
    async with hooked(floor.store, Books(), receiver.hook()):
        await until_placed(redis)
        await floor.goes_on(50)
        await until(lambda: ids(receiver) == set(floor.told[before:]))


async def test_a_reload_changes_hooks_without_losing_what_they_owe(
    redis_server: RedisServer, receiver: Receiver, floor: Floor, redis: Redis
) -> None:
    books = Books()
    await receiver.stop()
    async with hooked(floor.store, books, receiver.hook(), receiver.hook("other")) as run:
        await until_placed(redis)
        await until_placed(redis, "hook:other")
        await floor.goes_on(50)
        await until(lambda: books.waiting["crm"] == len(floor.told))
        await run.hooks.adopt([receiver.hook(unmasked=True)])
        assert run.readers.names() == {"hook:crm"}
        assert set(books.waiting) == {"crm"}
        assert set(books.left) == {"hook:crm"}
        await receiver.start()
        await until(lambda: ids(receiver) == set(floor.told))
    assert {event["number"] for event in receiver.got if event["type"] != "alert"} == {"+442079460123"}


async def saved(store: Store, facts: list[AnyFact]) -> None:
    await store.save(Delta(number=store.number + 1, changed={}, meta=Meta(), facts=facts))


async def test_without_redis_what_is_saved_is_told(receiver: Receiver) -> None:
    store = MemoryStore(lambda: 0.007)
    await store.take_over()
    async with hooked(store, Books(), receiver.hook()):
        await asyncio.sleep(0.05)
        await saved(store, story(at=time.time()))
        await until(lambda: len(receiver.got) == 3)
    assert [event["id"] for event in receiver.got] == ["7-2", "7-3", "7-4"]


async def test_without_redis_every_kind_of_event_is_told(receiver: Receiver) -> None:
    facts = [made(kind, 0) for kind in (CallArrived, *TOLD)]
    told = [replace(fact, seq=seq, at=time.time()) for seq, fact in enumerate(facts, 1)]
    store = MemoryStore(lambda: 0.007)
    await store.take_over()
    async with hooked(store, Books(), receiver.hook()):
        await asyncio.sleep(0.05)
        await saved(store, told)
        await until(lambda: len(receiver.got) >= len(TOLD))
    assert ids(receiver) == {f"7-{fact.seq}" for fact in told[1:]}
    assert {event["type"] for event in receiver.got} == set(EVENTS)
    assert {event["number"] for event in receiver.got} == {"+49*****899"}


async def test_without_redis_a_reload_loses_nothing_that_a_hook_owes(receiver: Receiver) -> None:
    store, books = MemoryStore(), Books()
    await store.take_over()
    await receiver.stop()
    async with hooked(store, books, receiver.hook()) as run:
        await asyncio.sleep(0.05)
        for n in range(500):
            await saved(store, story(f"c{n}", first=4 * n + 1, at=time.time()))
        await until(lambda: books.waiting["crm"] >= delivery.MAX_DELIVERIES)
        await run.hooks.adopt([receiver.hook(unmasked=True)])
        await receiver.start()
        await until(lambda: len(ids(receiver)) == 1500)
    assert set(map(tuple, by_call(receiver.got).values())) == {("offer", "answer", "end")}
    assert {event["number"] for event in receiver.got} == {"+442079460123"}
    assert books.lost == {}


# -- trimming -------------------------------------------------------------------------------------------------------


async def outbox(redis: Redis) -> list[str]:
    entries: Any = await redis.xrange("callbridge:{main}:outbox")
    return [entry_id.decode() for entry_id, _ in entries]


async def test_the_outbox_is_trimmed_only_past_the_slowest_reader(
    redis_server: RedisServer, receiver: Receiver, floor: Floor, redis: Redis
) -> None:
    settings, books = redis_server.settings(), Books()
    receiver.answer = lambda event: 500 if receiver.slow else 200  # type: ignore[method-assign]
    receiver.slow = 0.001
    stream = FactStream(settings)
    async with hooked(floor.store, books, receiver.hook()) as run:
        run.readers.add(stream)
        trimmer = Trimmer(settings, run.readers.names, books.facts_lost)
        await until_placed(redis)
        await until_placed(redis, "facts")
        await floor.goes_on(60)
        await asyncio.sleep(0.3)
        await trimmer.trim()
        assert set(await outbox(redis)) >= set(floor.told)
        receiver.slow = 0.0
        await until(lambda: ids(receiver) == set(floor.told))
        async with asyncio.timeout(HANGS):
            while len(await outbox(redis)) > 150:  # Redis trims by nodes of a hundred
                await trimmer.trim()
                await asyncio.sleep(0.02)
        await trimmer.close()
    await stream.close()
    assert books.lost == {}


async def test_the_cap_cuts_what_is_unread_and_says_so(redis_server: RedisServer, floor: Floor, redis: Redis) -> None:
    settings, books = redis_server.settings(outbox_cap=50), Books()
    await redis.hset("callbridge:{main}:cursors", mapping={"facts": "0-0 0-0"})
    await floor.goes_on(10)
    middle = (await outbox(redis))[-1]
    await redis.hset("callbridge:{main}:cursors", mapping={"hook:crm": f"{middle} {middle}"})
    read = floor.facts
    await floor.goes_on(120)
    trimmer = Trimmer(settings, lambda: {"facts", "hook:crm"}, books.facts_lost)
    await trimmer.trim()
    assert len(await outbox(redis)) == 50
    assert books.lost == {"facts": floor.facts - 50, "hook:crm": floor.facts - 50 - read}
    await trimmer.trim()
    assert books.lost["facts"] == floor.facts - 50
    await trimmer.close()


async def test_nothing_is_trimmed_while_a_reader_has_no_place_yet(redis_server: RedisServer, floor: Floor, redis: Redis) -> None:
    await floor.goes_on(60)
    last = (await outbox(redis))[-1]
    await redis.hset("callbridge:{main}:cursors", mapping={"facts": f"{last} {last}", "hook:old": "0-0 0-0"})
    waiting = Trimmer(redis_server.settings(), lambda: {"facts", "hook:crm"}, Books().facts_lost)
    await waiting.trim()
    assert len(await outbox(redis)) == floor.facts
    alone = Trimmer(redis_server.settings(), lambda: {"facts"}, Books().facts_lost)
    await alone.trim()
    assert len(await outbox(redis)) < 150
    assert not await placed(redis, "hook:old")
    await waiting.close()
    await alone.close()


async def test_a_consumer_group_that_falls_behind_the_public_stream_is_told_of(
    redis_server: RedisServer, floor: Floor, redis: Redis
) -> None:
    settings, books = redis_server.settings(facts_cap=100), Books()
    stream, trimmer = FactStream(settings), Trimmer(settings, lambda: (), books.facts_lost)
    await floor.goes_on(10)
    await drained(floor.store.outbox, stream)
    await redis.xgroup_create("callbridge:facts", "bi", id="0-0")
    await trimmer.trim()
    assert books.lost == {}
    await floor.goes_on(200)
    await drained(floor.store.outbox, stream)
    kept = await redis.xlen("callbridge:facts")
    assert kept < 300
    for _ in range(2):
        await trimmer.trim()
        assert books.lost == {"group:bi": floor.facts - kept}
    await stream.close()
    await trimmer.close()
