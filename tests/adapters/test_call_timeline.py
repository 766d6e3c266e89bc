"""The story of a call in words, living and ended, from memory and from Redis after a restart."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.adapters.facts.codec import fact_type
from callbridge.adapters.http import HttpSettings
from callbridge.adapters.http.explain_routes import Explainer
from callbridge.adapters.outbox.envelope import BEGINNING, Envelope
from callbridge.adapters.redis.outbox import RedisOutbox
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.redis.timeline_archive import Overtaken, TimelineArchive
from callbridge.adapters.store import Delta, Meta
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.timeline import _SENTENCES, _SILENT, in_words
from callbridge.adapters.views.timeline_services import _TRY_TEXTS
from callbridge.adapters.views.timelines import Timelines, plain_fact
from callbridge.core.model import facts
from callbridge.core.model.attempt import OUTCOMES
from callbridge.core.model.call import DiversionReason
from callbridge.core.model.callback import TRY_RESULTS
from callbridge.core.model.events import CallerAudible, CallRequest, CallRequested, LegAnswered, LegEnded
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.plan import ToAgent
from tests.adapters.conftest import RedisServer
from tests.adapters.http_desk import ToyDesk, client_of
from tests.adapters.reading import drained
from tests.adapters.worlds import Busy
from tests.core.flows import floor, flow, menu, stage, the_call
from tests.core.story import Story, agent, one_queue, plan, queue, routing
from tests.examples import cases


def words(story: Story, name: str = "ann") -> list[str]:
    call = next(fact.call for fact in story.told if isinstance(fact, facts.CallArrived) and fact.leg.endswith(f"/{name}"))
    return [line.text for line in in_words((plain_fact(fact) for fact in story.told if fact.call == call), story.world.plan)]


@pytest.mark.parametrize(
    ("cause", "after", "said"),
    [
        (16, 8.0, "then the caller hung up"),
        (18, 32.0, "then the PBX gave up, because the answer was never acknowledged, or a request not answered"),
        (0, 35.0, "wait_for_audio is over, offered as usual"),
        (None, 3.0, "then audio came"),
    ],
)
def test_why_a_caller_without_audio_was_not_offered(cause: int | None, after: float, said: str) -> None:
    story = one_queue(agent("bob"), wait_for_audio=35.0)
    leg = story.caller()
    story.happens(LegAnswered(at=story.now, leg=leg))
    story.wait(after)
    story.happens(CallerAudible(at=story.now, leg=leg) if cause is None else LegEnded(at=story.now, leg=leg, cause=cause))
    assert f"no audio from the caller for {after:g} s, not offered meanwhile: {said}" in words(story)


def test_the_ordinary_story_reads_from_arrival_to_end() -> None:
    story = one_queue(agent("bob"))
    customer, _ = story.talk()
    story.wait(42)
    story.gone(customer)
    assert words(story) == [
        "arrived at entry support, number *****; tier standard (the number is in no tier list)",
        "waits in queue support; ranked as if due 20 s after its arrival",
        "step 1: can be offered to agents with support >= 1",
        "offered to Bob (bob) after waiting 0 s: matches support >= 1; of the matching available agents, the one idle longest; "
        "became free 0 s earlier",
        "Bob (bob): answered after 0 s",
        "queue support: answered after 0 s, within the target",
        "connected to Bob (bob)",
        "conversation with Bob (bob) ended after 42 s: the caller hung up",
        "call ended after 42 s: answered, 1 conversation with agents",
    ]


@pytest.mark.parametrize(
    ("party", "said"),
    [
        ("agent", "transferred blind to 4711@out by Bob (bob)"),
        ("customer", "transferred blind to 4711@out by the caller's own phone; from here on the call is with that party"),
        ("outside", "transferred blind to 4711@out by the party that it had been transferred to"),
    ],
)
def test_who_transferred_a_call_is_told(party: str, said: str) -> None:
    story = one_queue(agent("bob"))
    who = "bob" if party == "agent" else ""
    fact = facts.CallTransferred(seq=1, at=1.0, call="c1", agent=who, target="4711@out", attended=False, party=party)
    (line,) = in_words([plain_fact(fact)], story.world.plan)
    assert line.text == said


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("queue:sales", "queue sales"),
        ("agent:bob", "agent Bob (bob)"),
        ("number:+442079460123", "number +44*****123"),
        ("", "somebody"),
    ],
)
def test_a_transfer_made_on_the_phone_is_said_as_one_by_request_is(to: str, said: str) -> None:
    story = one_queue(agent("bob"))
    made = facts.CallTransferred(seq=1, at=1.0, call="c1", agent="bob", target=to, attended=True)
    (line,) = in_words([plain_fact(made)], story.world.plan)
    assert line.text == f"transferred after a consult to {said} by Bob (bob)"


def test_widening_a_rejection_and_the_next_agent_are_told() -> None:
    story = Story(plan([queue("support", routing(("support >= 4", 5.0), ("support >= 1", None)))], [agent("ann"), agent("bob")]))
    story.caller("vip", tier="diamond")
    story.gone(story.ring().leg, cause=21)
    text = "\n".join(words(story, "vip"))
    assert "tier diamond (from the tier lists, by number)" in text
    assert "rejected the call after 0 s (cause 21)" in text
    assert text.index("offered to Ann (ann)") < text.index("offered to Bob (bob)")


def test_a_pulled_call_says_who_pulled_it() -> None:
    story = one_queue(agent("bob", {"other": 1}))
    story.caller()
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.PULL, to=ToAgent("bob"), by="ops"))
    text = "\n".join(words(story))
    assert "ops requested: pull" in text
    assert "pulled by ops" in text


@pytest.mark.parametrize("reason", DiversionReason)
def test_every_reason_to_send_a_call_to_the_dialplan_has_words(reason: DiversionReason) -> None:
    (line,) = in_words([{"type": "call_diverted", "at": 1.0, "call": "c", "reason": reason}], one_queue().world.plan)
    said = line.text.removeprefix("sent to the dialplan: ")
    assert " " in said and said != reason.replace("_", " ")


@pytest.mark.parametrize("result", TRY_RESULTS)
def test_every_result_of_calling_a_customer_back_has_words(result: str) -> None:
    (line,) = in_words(
        [{"type": "callback_tried", "at": 1.0, "call": "c", "attempt": 1, "result": result}], one_queue().world.plan
    )
    assert line.text.removeprefix("callback, attempt 1: the customer ") in _TRY_TEXTS.english.values()


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_of_a_campaigns_attempt_has_words(outcome: str) -> None:
    fact = {"type": "attempt_ended", "at": 1.0, "call": "c", "outcome": outcome, "delay": 0.5}
    (line,) = in_words([fact], one_queue().world.plan)
    assert line.text.removeprefix("attempt ended: the customer ") != outcome


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (None, "hears position 3"),
        (1, "hears position 3 and an estimated wait of 1 minute"),
        (2, "hears position 3 and an estimated wait of 2 minutes"),
    ],
)
def test_an_announced_position_is_told_with_the_estimated_wait(minutes: int | None, said: str) -> None:
    fact = facts.Announced(seq=1, at=1.0, call="c1", what="position", position=3, minutes=minutes)
    (line,) = in_words([plain_fact(fact)], one_queue().world.plan)
    assert line.text == said


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("full", "a limit on callers was reached"),
        ("abandoned", "no agent was connected in time"),
        ("long_wait", "left a queue, long wait"),
    ],
)
def test_a_flow_that_began_without_a_queue_is_not_said_to_follow_one(reason: str, said: str) -> None:
    fact = facts.FlowBegan(seq=1, at=1.0, call="c1", flow="sorry", reason=reason)
    (line,) = in_words([plain_fact(fact)], one_queue().world.plan)
    assert line.text == f"enters flow sorry: {said}"


def test_an_offer_that_needs_no_skills_says_so() -> None:
    fact = facts.OfferMade(seq=1, at=1.0, call="c1", agent="bob", queue="support", leg="l", tier="standard", needs="", waited=2.0)
    (line,) = in_words([plain_fact(fact)], one_queue(agent("bob")).world.plan)
    assert "matches any skills; of the matching available agents" in line.text


def test_every_kind_of_fact_about_calls_has_words() -> None:
    kinds = {fact_type(object.__new__(kind)) for kind in get_args(AnyFact)}
    not_of_calls = {
        "agent_alerted",
        "switch_changed",
        "closure_made",
        "closure_ended",
        "difference_found",
        "application_replaced",
        "tie_line_failed",
        "callback_changed",
        "callback_moved",
        "queue_renamed",
        "config_reloaded",
        "api_logged_in",
    }
    assert kinds - _SILENT - not_of_calls == set(_SENTENCES)


def test_a_kind_of_fact_of_tomorrow_is_shown_by_its_fields() -> None:
    (line,) = in_words([{"type": "call_painted", "at": 1.0, "call": "c", "colour": "blue"}], one_queue().world.plan)
    assert line.text == "call_painted: colour blue"


@given(st.integers(0, 10_000))
def test_whatever_happens_to_calls_can_be_told(seed: int) -> None:
    busy = Busy(seed)
    for _ in range(60):
        for fact in busy.any().facts:
            assert len(list(in_words([plain_fact(fact)], busy.world.plan))) <= 1


# -- kept in Redis --------------------------------------------------------------------------------------------------


async def _saved(server: RedisServer, busy: Busy, steps: int, number: int = 0) -> tuple[RedisStore, list[AnyFact]]:
    """Let things happen and be saved as the runtime does it: facts in the same script as the world."""
    store = RedisStore(server.settings())
    await store.take_over()
    await store.load()
    all_facts: list[AnyFact] = []
    for _ in range(steps):
        outcome = busy.any()
        all_facts += outcome.facts
        number = store.number + 1
        meta = Meta(now=busy.world.now, seq=busy.world.seq, day=busy.world.day)
        await store.save(Delta(number=number, changed=outcome.changed, facts=outcome.facts, meta=meta))
    return store, all_facts


async def page(server: RedisServer, archive: TimelineArchive, count: int) -> list[Envelope]:
    """The next facts for the archive."""
    outbox = RedisOutbox(server.settings())
    feed = outbox.feed(archive.name, None)
    feed.seek(await archive.place())
    await outbox.fill(feed)
    await outbox.close()
    return feed.peek(count)[0]


async def caught_up(server: RedisServer, archive: TimelineArchive) -> None:
    outbox = RedisOutbox(server.settings())
    await drained(outbox, archive)
    await outbox.close()


def of_calls(all_facts: list[AnyFact]) -> dict[str, list[dict[str, Any]]]:
    stories: dict[str, list[dict[str, Any]]] = {}
    for fact in all_facts:
        if fact.call:
            stories.setdefault(fact.call, []).append(plain_fact(fact))
    return stories


async def test_stories_outlive_the_process_and_hold_every_fact_once(redis_server: RedisServer) -> None:
    store, all_facts = await _saved(redis_server, Busy(5), 150)
    await store.close()
    first = TimelineArchive(redis_server.settings())
    await first.handle(await page(redis_server, first, 100))  # and here we are killed: place and copies are one transaction
    await first.close()
    archive = TimelineArchive(redis_server.settings())
    await caught_up(redis_server, archive)
    expected = of_calls(all_facts)
    assert expected
    assert {call: await archive.timeline(call) for call in expected} == expected
    assert await archive.timeline("never-was") is None
    await archive.close()


async def test_two_readers_at_once_tell_nothing_twice(redis_server: RedisServer) -> None:
    store, all_facts = await _saved(redis_server, Busy(6), 80)
    await store.close()
    one, other = TimelineArchive(redis_server.settings()), TimelineArchive(redis_server.settings())
    for reader in (one, other):
        assert await reader.place() == BEGINNING
    facts = await page(redis_server, one, 10)
    await one.handle(facts)
    with pytest.raises(Overtaken):
        await other.handle(facts)
    await caught_up(redis_server, other)
    with pytest.raises(Overtaken):
        await one.handle(facts)
    await caught_up(redis_server, one)
    assert {call: await one.timeline(call) for call in of_calls(all_facts)} == of_calls(all_facts)
    await one.close()
    await other.close()


async def test_stories_go_away_after_their_time_and_hold_no_number(redis_server: RedisServer) -> None:
    store, _ = await _saved(redis_server, Busy(5), 60)
    await store.close()
    archive = TimelineArchive(redis_server.settings(), kept=1000)
    await caught_up(redis_server, archive)
    settings = redis_server.settings()
    keys = [key async for key in archive._redis.scan_iter(match=settings.private("timeline:*"))]
    assert keys
    for key in keys:
        assert 990 <= await archive._redis.ttl(key) <= 1000
        assert "2079460123" not in str(await archive._redis.lrange(key, 0, -1))
    await archive.close()


async def test_a_redis_that_is_away_costs_the_old_story_only() -> None:
    archive = TimelineArchive(RedisServer(1, "").settings(connect_timeout=0.2))
    assert await archive.timeline("any") is None
    await archive.close()


async def test_after_a_restart_the_call_is_told_from_its_beginning(redis_server: RedisServer) -> None:
    busy = Busy(7)
    store, all_facts = await _saved(redis_server, busy, 120)
    await store.close()
    archive = TimelineArchive(redis_server.settings())
    await caught_up(redis_server, archive)
    call = next(call for call, story in of_calls(all_facts).items() if len(story) > 4)
    stories = Timelines()
    stories.on_facts([fact for fact in all_facts if fact.call == call][-2:])  # what was heard since the restart
    explainer = Explainer(busy.world, Board.of(busy.world), stories, lambda: busy.now, archive)
    found = await explainer.call(call)
    assert found is not None
    assert found["timeline"] == of_calls(all_facts)[call]
    assert str(found["lines"][0]["text"]).startswith("arrived at entry")
    await archive.close()


# -- over HTTP ------------------------------------------------------------------------------------------------------


async def test_explanations_and_the_line_of_callers_come_over_http() -> None:
    desk = ToyDesk()
    desk.run(80)
    async with client_of(desk, HttpSettings()) as client:
        waiting = await (await client.get("/api/waiting")).json()
        assert waiting["bypass"] is False
        assert waiting["total"] == sum(waiting["totals"].values()) == len(waiting["waiting"]) > 0
        for limit, most in (("0", 0), ("1", 1), ("999", 999)):
            asked = await (await client.get("/api/waiting", params={"limit": limit})).json()
            assert asked["totals"] == waiting["totals"]
            assert len(asked["waiting"]) == sum(min(most, number) for number in asked["totals"].values())
        assert (await client.get("/api/waiting", params={"limit": "all"})).status == 400
        first = waiting["waiting"][0]
        assert {"id", "queue", "tier", "number", "position", "waited", "needs", "step", "steps"} <= first.keys()
        for path in ("agents/a1", "queues/q1", f"calls/{first['id']}"):
            answer = await client.get(f"/api/explain/{path}")
            assert answer.status == 200
            assert (await answer.json())["lines"]
        for path in ("agents/nobody", "queues/none", "calls/none", "things/a1"):
            assert (await client.get(f"/api/explain/{path}")).status == 404


@pytest.mark.parametrize("moments", cases([40, 150], fast=1))
async def test_every_living_call_and_agent_can_be_explained_at_any_moment(moments: int) -> None:
    desk = ToyDesk()
    explainer = Explainer(desk.busy.world, desk.made, desk.stories, lambda: desk.busy.now)
    for _ in range(moments):
        desk.run(1)
        for call in desk.busy.world.calls:
            found = await explainer.call(call)
            assert found is not None
            assert found["lines"]
        for name in desk.busy.world.plan.agents:
            assert await explainer.agent(name)
        for name in desk.busy.world.plan.queues:
            assert await explainer.queue(name)


async def test_a_caller_in_a_flow_is_found_there() -> None:
    toy = stage(floor(flow({"ask": menu({"1": "bye"})})))
    toy.calls("ann", entry="welcome")
    toy.run(toy.story.now + 3.0)
    world, stories = toy.story.world, Timelines()
    stories.on_facts(toy.story.told)
    found = await Explainer(world, Board.of(world), stories, lambda: toy.story.now).call(the_call(toy).id)
    assert found is not None
    texts = [line["text"] for line in found["lines"]]
    assert texts[-2:] == ["at welcome/ask", "now in flow welcome at ask for 3 s"]
