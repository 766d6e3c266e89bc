"""No output tells a number: every kind of fact, with one telling number wherever a number may stand, through every output."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, get_type_hints

import pytest
import structlog
from redis.asyncio import Redis

from callbridge.adapters.facts.codec import FACT_KINDS, fact_type
from callbridge.adapters.facts.masking import masked, masks_of
from callbridge.adapters.facts.privacy import mask, mask_target, scrub
from callbridge.adapters.facts.totals import Totals
from callbridge.adapters.http import Accounts, ApiToken, EventFeed, HttpSettings, TokenRole, Wall
from callbridge.adapters.http.feed import Wanted
from callbridge.adapters.http.routes import ROUTES
from callbridge.adapters.ledger import BlockEntry, LedgerRequests
from callbridge.adapters.logs.log import FactLog, configure
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.outbox.envelope import Stamper, masked_data
from callbridge.adapters.redis.fact_stream import FactStream
from callbridge.adapters.redis.projection import RedisProjection
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.redis.timeline_archive import TimelineArchive
from callbridge.adapters.store import Delta, Meta
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.phrasing import in_parts
from callbridge.adapters.views.timeline import in_words
from callbridge.adapters.views.timelines import Timelines, plain_fact
from callbridge.adapters.webhooks.body import FACTS, WebhookSettings, body
from callbridge.core.engine import step
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    CallbackChange,
    CallbackChangeRequested,
    CallerArrived,
    CallRequest,
    CallRequested,
    EntityFaulted,
)
from callbridge.core.model.facts import (
    AgentChanged,
    AnyFact,
    AttemptMade,
    CallArrived,
    CallDiverted,
    CallTransferred,
    ClosureEnded,
    ClosureMade,
    EntityQuarantined,
    Fact,
    OptedOut,
    RequestGranted,
    TieLineFailed,
    TransferStarted,
)
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.personal import Content
from callbridge.core.model.plan import Plan, ToQueue
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.world import World
from callbridge.wire.webhooks import PLACEHOLDERS
from tests.adapters.conftest import RedisServer
from tests.adapters.http_desk import ToyDesk, client_of
from tests.adapters.reading import drained
from tests.adapters.toy_ledger import book
from tests.adapters.worlds import PBX
from tests.telling import FORMS, NATIONAL, NUMBER, tells, where

_SAMPLES: dict[Content, tuple[str, ...]] = {
    Content.NUMBER: (NUMBER, NATIONAL),
    Content.NAME: (NUMBER, f"Ann {NATIONAL}"),
    Content.ANSWERS: (json.dumps({"mobile": NUMBER}),),
    Content.TARGET: (f"number:{NUMBER}", f"number:{NATIONAL}", *FORMS),
    Content.KEY: (f"support|{NUMBER}", f"|{NUMBER}", f"spring|{NUMBER.removeprefix('+')}"),
    Content.TEXT: FORMS,
    Content.PLAIN: ("word",),
}
_FITTING = {"state": "ready", "previous": "talking", "agent": "1001", "outcome": "overflowed"}
_NEEDS_A_LOOK = {"number", "phone", "to", "target", "name", "reason", "why", "detail", "text", "collected", "caller"}
"""Names of fields that hold, or may come to hold, what people and phones choose."""
_LOOKED_AT = {
    *((AgentChanged, "name"), (CallDiverted, "reason"), (ClosureMade, "target"), (ClosureEnded, "target")),
    (TieLineFailed, "to"),
}
"""Agents are called by their names; the reason is one of an enumeration; what is closed, and a PBX, is called as in the
configuration."""


def made(kind: type, turn: int) -> AnyFact:
    """A fact of this kind with a telling number in every field that may hold one, in the ``turn``-th form."""
    values: dict[str, Any] = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        content = next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Content)), None)
        if content is not None:
            samples = _SAMPLES[content]
            values[name] = _FITTING.get(name) or samples[turn % len(samples)]
        elif hint in (bool, int, float):
            values[name] = hint(1)
    fact: AnyFact = kind(**(values | {"seq": 1, "at": 5.0, "call": "c1"}))
    return fact


@cache
def every_fact() -> list[AnyFact]:
    """Every kind with every form; numbered, with arrivals first, so that their call is known."""
    kinds = sorted(FACT_KINDS.values(), key=lambda kind: kind is not CallArrived)
    facts = [made(kind, turn) for kind in kinds for turn in range(len(FORMS) + 2)]
    return [with_changes(fact, seq=seq) for seq, fact in enumerate(facts, 1)]


@cache
def every_fact_of(call: str) -> list[AnyFact]:
    return [with_changes(fact, call=call, seq=10_000) for fact in every_fact()]


def with_changes(fact: AnyFact, **changes: Any) -> AnyFact:
    changed: AnyFact = type(fact)(**{f.name: getattr(fact, f.name) for f in fields(fact)} | changes)
    return changed


def quiet(text: str) -> None:
    """Fails when a text tells the number."""
    assert not tells(text), where(text)


# -- what is declared -----------------------------------------------------------------------------------------------


def test_a_text_field_that_does_not_say_whose_data_it_holds_is_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Careless(Fact):
        mobile: "str"  # noqa: UP037 - as facts are written

    with pytest.raises(TypeError, match=r"Careless\.mobile: its type must say whose data it holds"):
        masks_of(Careless)


@pytest.mark.parametrize("kind", FACT_KINDS.values(), ids=FACT_KINDS)
def test_no_field_that_people_fill_is_declared_plain(kind: type) -> None:
    masks = masks_of(kind)
    hints = get_type_hints(kind, include_extras=True)
    texts = {f.name for f in fields(kind) if "Annotated" in str(hints[f.name])}
    careless = {name for name in texts & _NEEDS_A_LOOK if name not in masks and (kind, name) not in _LOOKED_AT}
    assert careless == set()


def test_numbers_of_campaigns_are_masked() -> None:
    made_now = AttemptMade(seq=1, at=1.0, call="c1", campaign="spring", attempt="a", lead=1, number=NUMBER, risk=0.1)
    out = OptedOut(seq=1, at=1.0, campaign="", number=NUMBER, reason=f"asked from {NATIONAL}", by="ops")
    assert plain_fact(made_now)["number"] == plain_fact(out)["number"] == "+49*****899"
    assert plain_fact(out)["reason"] == "asked from *****899"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (f"support|{NUMBER}", "support|+49*****899"),
        (f"|{NUMBER}", "|+49*****899"),
        ("support|110", "support|*****"),
        ("cb-call-mi4k2x9z-12345678", "cb-call-mi4k2x9z-12345678"),
        ("pbx/1700000000.12", "pbx/1700000000.12"),
        ("10001234", "10001234"),
    ],
    ids=["a place", "a block", "a short number", "a call", "a leg", "an agent"],
)
def test_a_row_that_was_given_up_is_named_without_the_number_in_its_key(key: str, shown: str) -> None:
    assert plain_fact(EntityQuarantined(seq=1, at=1.0, kind="place", id=key))["id"] == shown


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("queue:technik", "queue:technik"),
        ("agent:1202", "agent:1202"),
        ("agent:4930123456", "agent:4930123456"),
        ("1202@from-internal", "1202@from-internal"),
        ("technik@from-phones", "technik@from-phones"),
        (f"number:{NUMBER}", "number:+49*****899"),
        ("number:110", "number:*****"),
        (f"{NATIONAL}@from-internal", "*****899@from-internal"),
        (NUMBER, "+49*****899"),
    ],
)
def test_a_transfer_shows_which_queue_or_agent_it_led_to_but_no_number_outside(target: str, shown: str) -> None:
    made_now = CallTransferred(seq=1, at=1.0, call="c1", agent="ann", target=target, attended=False)
    assert plain_fact(made_now)["target"] == shown
    started = TransferStarted(seq=1, at=1.0, call="c1", agent="ann", to=target, kind="blind", leg="l1")
    assert plain_fact(started)["to"] == shown
    (line,) = in_words([plain_fact(made_now)], Plan())
    assert line.text == f"transferred blind to {shown.replace(':', ' ')} by ann"


def test_a_fault_about_a_place_and_about_a_block_tells_no_number() -> None:
    world = World(Plan(), "b")
    for kind, key in (("place", f"support|{NUMBER}"), ("block", f"|{NUMBER}")):
        (fact,) = step(world, EntityFaulted(at=1.0, kind=kind, id=key)).facts
        quiet(json.dumps(plain_fact(fact)))


# -- what is recognised ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_number_in_a_text_is_masked_however_it_is_written(form: str) -> None:
    quiet(scrub(form))
    assert scrub(scrub(form)) == scrub(form)
    assert scrub(form).endswith("899") or not form.endswith("899")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("415-555-2671", "*****671"),
        ("(415) 555-2671", "*****671"),
        ("(415)555-2671", "*****671"),
        ("1 (415) 555-2671", "*****671"),
        ("1-415-555-2671", "*****671"),
        ("415.555.2671", "*****671"),
        ("415 555 2671 since 2026-11-28", "*****671 since 2026-11-28"),
        ("612 34 56 78", "***** 78"),
        ("12 34 56 78", "***** 78"),
        ("49 30 123 45 67", "***** 67"),
        ("20 7946 0000", "*****000"),
        ("7700 900123 at 10:15", "*****123 at 10:15"),
        ("call 415-555-2671 or 20 7946 0000!", "call *****671 or *****000!"),
        ("on 2026-11-28 415-555-2671", "on 2026-11-28 *****671"),
        ("415-555-2671 2026-11-28 10:15:01", "*****671 2026-11-28 10:15:01"),
        ("PJSIP/415-555-2671@trunk", "PJSIP/*****671@trunk"),
        ("sip:415-555-2671@198.51.100.7:5060", "sip:*****671@198.51.100.7:5060"),
    ],
)
def test_a_number_in_groups_without_plus_or_zero_is_masked(text: str, shown: str) -> None:
    assert scrub(text) == shown
    assert scrub(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-28 10:15:01",
        "28-11-2026 10:15",
        "28 11 2026",
        "11/28/2026 10:15",
        "2026-11-28 2026-11-29",
        "10:15 28-11-2026",
        "2026-11-28 10-15-01",
        "2026-11-28T10:15:01+0100",
        "22.5.2~dfsg-1 16.28.0",
        "198.51.100.7 198.51.100.8",
        "203.0.113.200 5060",
        "agents 1001 1002",
        "cb-call-mi4k2x9z-12-345678",
        "cb-attempt.spring-mi4k2x9z-1234",
        "550e8400-e29b-4123-8456-a466554c000a",
        "PJSIP/1001-00000012 PJSIP/1002-00000013",
        "12.5 s of 20.0 s",
        "1001, 1002, 1003, 1004",
        "pbx/1700000000.12",
        "asterisk-1700000000.123",
        "cb-call-mi4k2x9z-1234567",
        "PJSIP/1001-0000002a",
        "PJSIP/1001-00000012",
        "2026-11-28T10:15:01.123456Z",
        "28/11/2026 at 10:15",
        "01.12.2026",
        "192.168.100.200:8090",
        "0.123456789",
        "support/2026-11-28/1001-cb-call-mi4k2x9z-12-1.wav",
        "anonymous",
        "no such queue: sales2",
        "65536",
        "",
    ],
)
def test_what_is_no_number_stays(text: str) -> None:
    assert scrub(text) == text


def test_a_refusal_with_a_number_keeps_its_template_and_every_part_is_masked() -> None:
    fault = Sentence("'{number}' is not a phone number", number="+44 20 7946 0000")
    shown = scrub(Sentence("cannot be called back: {fault}", fault=fault))
    assert shown == "cannot be called back: '+44*****000' is not a phone number"
    assert isinstance(shown, Sentence)
    assert in_parts(shown)["template"] == "cannot be called back: {fault}"
    assert "7946" not in json.dumps(in_parts(shown))


def test_a_number_that_only_the_whole_sentence_makes_is_masked_and_the_template_is_dropped() -> None:
    whole = Sentence("call {area} {rest}", area="+44", rest="207946")
    assert (scrub(whole), in_parts(scrub(whole))) == ("call +44*****946", {})


def test_targets_of_our_own_stay() -> None:
    for target in ("queue:4930123456", "agent:10001234", "flow:closed", "dialplan:outside,200"):
        assert mask_target(target) == target
    assert mask_target("number:110") == "number:*****"
    assert mask_target("phone:PJSIP/+493012345678@trunk") == "phone:PJSIP/+49*****678@trunk"


def test_a_kind_of_fact_that_only_another_version_knows_is_masked_by_what_that_version_says() -> None:
    assert masked("sms_sent", {"number": NUMBER, "length": 3}, "number") == {"number": "*****", "length": 3}


def test_a_field_that_only_another_version_knows_is_masked_by_what_that_version_says() -> None:
    """The fields of a fact that we know are masked as ever: an empty or short mask of ours says more than nothing at all."""
    data = {"number": NUMBER, "reason": f"asked from {NATIONAL}", "campaign": "", "mobile": NUMBER, "digits": [8, 9], "lead": 1}
    shown = masked("opted_out", data, "number,reason,mobile,digits")
    assert shown == {
        "number": "+49*****899",
        "reason": "asked from *****899",
        "campaign": "",
        "mobile": "*****",
        "digits": "*****",
        "lead": 1,
    }


def test_a_field_that_another_version_has_found_to_be_personal_is_hidden_although_we_think_it_plain() -> None:
    assert masked("opted_out", {"by": NUMBER}, "by") == {"by": "*****"}


def test_what_another_version_says_is_in_the_public_stream_without_it() -> None:
    (fact,) = Stamper().stamp(7, [made(OptedOut, 0)])
    assert masked_data(replace(fact, data=json.dumps({"mobile": NUMBER}), personal="mobile")) == '{"mobile":"*****"}'


# -- every output ---------------------------------------------------------------------------------------------------


def test_what_we_wrote_ourselves_is_masked_alike_without_a_look_at_every_field() -> None:
    facts = Stamper().stamp(7, every_fact())
    assert [masked_data(fact, 7) for fact in facts] == [masked_data(fact) for fact in facts]


def test_what_a_version_that_masked_less_has_written_is_looked_at() -> None:
    (fact,) = Stamper().stamp(7, [made(CallArrived, 0)])
    quiet(masked_data(replace(fact, personal=""), 8))


def test_the_log_tells_no_number() -> None:
    stream = io.StringIO()
    FactLog(stream=stream).on_facts(every_fact())
    for line in stream.getvalue().splitlines():
        quiet(line)
    assert '"pii.number": "+49*****899"' in stream.getvalue()


def test_what_is_masked_stands_in_the_log_under_a_key_of_its_own_also_where_nothing_is_masked() -> None:
    stream = io.StringIO()
    FactLog(stream=stream, mask=False).on_facts(every_fact())
    for line in map(json.loads, stream.getvalue().splitlines()):
        quiet(json.dumps({name: value for name, value in line.items() if not name.startswith("pii.")}))


def test_timelines_tell_no_number() -> None:
    stories = Timelines(longest=100_000)
    stories.on_facts(every_fact())
    story = stories.timeline("c1") or []
    assert {fact["type"] for fact in story} == FACT_KINDS.keys()
    quiet(json.dumps(story))
    for line in in_words(story, Plan()):
        quiet(json.dumps(line.plain()))


def test_server_sent_events_tell_no_number() -> None:
    feed = EventFeed("run")
    feed.on_facts(every_fact())
    place, said = 0, b""
    while place < feed.end:
        events, place = feed.since(place, Wanted())
        said += b"".join(events)
    assert b'"number":"+49*****899"' in said
    quiet(said.decode())


@pytest.mark.parametrize("event", ["offer", "answer", "end", "alert", "survey", "recording"])
def test_webhooks_tell_no_number(event: str) -> None:
    link = "https://crm.example/?" + "&".join(f"{name}={{{name}}}" for name in PLACEHOLDERS)
    hook = WebhookSettings(name="crm", url="", secret="", link=link, events=(event,))
    wanted = [one for one in Stamper().stamp(1, every_fact()) if hook.wants(one.type)]
    assert {one.type for one in wanted} <= FACTS
    assert wanted
    for one in wanted:
        quiet(body(one, hook).decode())


async def test_metrics_tell_no_number() -> None:
    desk, totals = speaking_desk(), Totals(label_agents=True)
    metrics = Metrics(desk.made, desk.now, totals)
    metrics.on_facts(every_fact())
    metrics.note(totals.count(every_fact()), desk.now())
    quiet((await metrics.render()).decode())
    quiet(str(totals.rows()))


@pytest.mark.parametrize("by_us", [True, False])
async def test_redis_tells_no_number_but_in_the_private_world(redis_server: RedisServer, *, by_us: bool) -> None:
    """Whether the process that copies the facts has written them, or another one has."""
    settings = redis_server.settings()
    desk, store = speaking_desk(), RedisStore(settings)
    await store.take_over()
    for number, chunk in enumerate(every_fact()[start : start + 200] for start in range(0, len(every_fact()), 200)):
        await store.save(Delta(number=number + 1, changed={}, meta=Meta.of(desk.busy.world), facts=chunk))
    token = store.token if by_us else store.token + 1
    stream, archive = FactStream(settings, token=lambda: token), TimelineArchive(settings, token=lambda: token)
    projection = RedisProjection(settings, desk.made)
    await drained(store.outbox, stream)
    await drained(store.outbox, archive)
    await projection.flush()
    async with Redis.from_url(settings.url) as redis:
        keys: list[bytes] = [key async for key in redis.scan_iter()]
        private = [key for key in keys if key.startswith(settings.private("").encode())]
        for key in [*set(keys) - set(private), *(key for key in private if b"timeline:" in key)]:
            quiet(key.decode())
            quiet(await content(redis, key))
        assert tells(await content(redis, settings.private("outbox").encode()))  # the test would see it
        assert {b"callbridge:facts", b"callbridge:agent:a0"} <= set(keys)
        assert any(key.startswith(b"callbridge:call:") for key in keys)
        kept: Any = redis.rpush(settings.private("timeline:old"), json.dumps(plain_fact(made(AttemptMade, 0), mask=False)))
        await kept
        quiet(json.dumps(await archive.timeline("old")))
    for each in (stream, archive, projection, store):
        await each.close()


async def content(redis: Redis, key: bytes) -> str:
    """Everything under a key, as text."""
    kind = await redis.type(key)
    match kind:
        case b"hash":
            found: Any = await redis.hgetall(key)
        case b"list":
            found = await redis.lrange(key, 0, -1)
        case b"stream":
            found = await redis.xrange(key)
        case b"zset":
            found = await redis.zrange(key, 0, -1)
        case b"set":
            found = await redis.smembers(key)
        case _:
            found = await redis.get(key)
    return str(found)


# -- what HTTP answers ----------------------------------------------------------------------------------------------


def caller(now: float, leg: LegId, entry: str) -> CallerArrived:
    return CallerArrived(at=now, leg=leg, entry=entry, channel_name="PJSIP/t-1", number=NUMBER, name=NUMBER, tier="standard")


def speaking_desk() -> ToyDesk:
    """A house in which the number is everywhere: a caller, an agent's phone and pause, a callback, refusals, a list."""
    desk = ToyDesk()
    desk.people = Accounts(walls={"front": Wall(name="front")})
    now = desk.now()
    for agent in ("a0", "a1"):
        desk.tell(
            AgentRequested(
                at=now, agent=agent, request=AgentRequest.LOGIN, phone=f"PJSIP/{NUMBER}" if agent == "a0" else "", by="ops"
            )
        )
    desk.tell(AgentRequested(at=now, agent="a1", request=AgentRequest.NOT_READY, reason=f"calls {NATIONAL} back", by="ops"))
    for entry in ("q0", "q1", "q2"):
        leg = leg_id(PBX, f"customer-{entry}")
        desk.tell(
            CallerArrived(at=now, leg=leg, entry=entry, channel_name="PJSIP/t-1", number=NUMBER, name=NUMBER, tier="standard")
        )
    desk.tell(
        CallerArrived(at=now, leg=leg_id(PBX, "odd"), entry=NUMBER, channel_name="PJSIP/t-2", number=NUMBER, name="", tier="")
    )
    desk.tell(
        CallbackChangeRequested(at=now, change=CallbackChange.MAKE, queue="q1", number="+4915773218898", name=NUMBER, by="ops")
    )
    desk.tell(CallbackChangeRequested(at=now, change=CallbackChange.MAKE, queue="q2", number=NATIONAL, name=NUMBER, by="ops"))
    for call in list(desk.made.calls):
        desk.tell(CallRequested(at=now, call=call, request=CallRequest.MOVE, to=ToQueue(NUMBER), by="ops"))
        desk.stories.on_facts(every_fact_of(call))
    return desk


OF_THE_HISTORY = ("/api/reports/", "/api/quality/", "/api/recordings")
"""They tell what the history keeps, which has a policy and tests of its own."""


async def test_no_answer_of_the_api_tells_a_number(tmp_path: Any) -> None:
    desk = speaking_desk()
    book().block([BlockEntry(NUMBER, "spring", f"asked from {NATIONAL}", "ops", desk.now())])
    asked: set[str] = set()
    try:
        async with client_of(desk, HttpSettings(host="127.0.0.1", token="root")) as client:
            head = {"Authorization": "Bearer root"}
            for route in ROUTES:
                if route.method != "GET" or route.media == "text/event-stream" or route.path.startswith(OF_THE_HISTORY):
                    continue
                if route.path == "/api/phone":  # never for tokens; it tells an endpoint and its password
                    continue
                for path in paths(desk, route.path):
                    async with client.get(path, headers=head) as answer:
                        assert answer.status == 200, path
                        quiet(await answer.text())
                asked.add(route.path)
            for path, said in (
                ("/api/do-not-call", {"number": NUMBER, "reason": f"again: {NUMBER}"}),
                ("/api/do-not-call/remove", {"number": NUMBER}),
                ("/api/callbacks", {"queue": "q0", "number": "+4915773218897"}),
            ):
                async with client.post(path, json=said, headers=head) as answer:
                    assert answer.status == 200, await answer.text()
                    quiet(await answer.text())
    finally:
        book().unblock(NUMBER, "spring")
    assert {"/api/walls/{name}", "/api/targets"} <= asked
    assert {"/api/calls", "/api/waiting", "/api/callbacks", "/api/do-not-call", "/api/explain/calls/{id}"} <= asked


@pytest.mark.parametrize("path", ["/api/views", "/api/walls/front/views"])
@pytest.mark.parametrize("token", ["root", "anna"])
async def test_no_screen_shows_a_number(path: str, token: str) -> None:
    desk = speaking_desk()
    desk.shown.shows_numbers = False  # `http.agents_see_numbers`
    tokens = [ApiToken(name="anna", role=TokenRole.AGENT, token="anna", agent="a0")]
    async with (
        client_of(desk, HttpSettings(token="root", tokens=tokens)) as client,
        client.get(path, headers={"Authorization": f"Bearer {token}"}) as answer,
    ):
        line = b""
        while not line.startswith(b"data: "):
            line = await answer.content.readline()
    assert b'"queues":{"q0"' in line
    assert desk.made.agents["a0"].call
    quiet(line.decode())


def paths(desk: ToyDesk, path: str) -> Iterator[str]:
    """A route's paths, for everything that the house has."""
    board = desk.made
    if path == "/api/facts":
        yield from (f"{path}?call={call}" for call in board.calls)
    elif "/agents/{id}" in path:
        yield from (path.replace("{id}", agent) for agent in ("a0", "a1"))
    elif "/calls/{id}" in path:
        yield from (path.replace("{id}", call) for call in board.calls)
    elif "/campaigns/{name}" in path:
        yield path.replace("{name}", "spring")
    elif "/walls/{name}" in path:
        yield path.replace("{name}", "front")
    elif "/queues/{name}" in path:
        yield from (path.replace("{name}", queue) for queue in board.queues)
    else:
        yield path


async def test_without_masking_the_api_tells_numbers() -> None:
    """What the test above would see."""
    desk = speaking_desk()
    desk.made.masked = False
    ledger = desk.ledger()
    plain = LedgerRequests(**{f.name: getattr(ledger, f.name) for f in fields(ledger)} | {"masked": False})
    async with client_of(desk, HttpSettings(host="127.0.0.1", token="root")) as client:
        head = {"Authorization": "Bearer root"}
        for path in ("/api/calls", "/api/waiting", "/api/agents/a0", "/api/explain/agents/a1", "/api/explain/agents/a0"):
            async with client.get(path, headers=head) as answer:
                assert tells(await answer.text()), path
    assert plain.shown({"number": NUMBER, "reason": "x"}) == {"number": NUMBER, "reason": "x"}


def test_a_board_without_masking_is_plain_by_request_only() -> None:
    desk = speaking_desk()
    call = next(iter(desk.made.calls))
    assert (desk.made.call(call) or {})["number"] == mask(NUMBER)
    assert (desk.made.agent("a0") or {})["phone"] == "PJSIP/+49*****899"
    assert (Board.of(desk.busy.world, masked=False).agent("a0") or {})["phone"] == f"PJSIP/{NUMBER}"


# -- lines of the log that no fact is behind ------------------------------------------------------------------------


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    configure(stream=written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("form", FORMS)
def test_other_lines_of_the_log_tell_no_number(stream: io.StringIO, form: str) -> None:
    log = structlog.get_logger("callbridge.x")
    log.warning("a number was removed from the do-not-call list", campaign="", by="ops", **{"pii.number": NUMBER})
    log.error("a saved row cannot be read", table="places", key=f"support|{NUMBER}", why=form, rows=[form], more={form: form})
    logging.getLogger("library").error("no route to %s", form)
    try:
        raise KeyError(form)
    except KeyError as fault:
        log.exception("a step raised an exception", fault=repr(fault), about=fault)
    log.info("an id", call="cb-call-4930123456789-1", channel="4930123456789")
    for line in stream.getvalue().splitlines():
        quiet(line)
    assert '"pii.number": "+49*****899"' in stream.getvalue()
    assert '"channel": "4930123456789"' in stream.getvalue()


def test_an_audit_of_a_grant_keeps_the_id_of_the_callback() -> None:
    granted = RequestGranted(
        seq=1, at=1.0, request="callback_make", by="ops", to="queue:support", reason="cb-promise-mi4k2x9z-12345678"
    )
    assert plain_fact(granted)["reason"] == "cb-promise-mi4k2x9z-12345678"
    assert fact_type(granted) == "request_granted"
