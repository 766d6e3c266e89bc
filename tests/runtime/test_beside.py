"""A floor of app_queue beside our own: one numbering, one save, and no say in our calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from callbridge.adapters.views.board import Board
from callbridge.core.model.agent import Intent
from callbridge.core.model.events import AgentRequest, AgentRequested, CallerArrived, PlanChanged
from callbridge.core.model.facts import AgentChanged, CallArrived, CallEnded, TalkBegan, TalkEnded, VisitEnded
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import Ring
from callbridge.core.model.world import World
from callbridge.observe import AmiHeard, Beside, ObservedFloor, QueuesListed
from callbridge.runtime.observing import BesideRuntime
from tests.core.story import PBX
from tests.runtime.fakes import PLAN, House, house

FALLBACK = "callbridge-fallback"
MEMBER = {
    "Event": "QueueMember",
    "Queue": FALLBACK,
    "Name": "callbridge:bob",
    "Location": "PJSIP/bob",
    "Status": "1",
    "Paused": "0",
}
STRANGER = MEMBER | {"Name": "Zoe", "Location": "PJSIP/9"}


def beside(world: World, *args: Any, **more: Any) -> BesideRuntime:
    def at(phone: str) -> str:
        agent = world.agent_at(phone)
        return agent.id if agent is not None else ""

    there = Beside(fallback=FALLBACK, agent_at=at, known=lambda agent: agent if agent in world.agents else "")
    theirs = World(replace(PLAN, queues={}, agents={}), "t")
    runtime = BesideRuntime(world, *args, **more)
    runtime.watch(ObservedFloor(theirs, PBX, queues=frozenset({FALLBACK}), beside=there))
    return runtime


def heard(one: House, kind: str, channel: str, **more: str) -> None:
    now = one.runtime.clock.now()
    message = {"Event": kind, "Queue": FALLBACK, "Uniqueid": channel, "CallerIDNum": "49301"} | more
    assert isinstance(one.runtime, BesideRuntime)
    one.runtime.see(AmiHeard(at=now, day=one.world.day, message=message))


def listed(one: House, *messages: Mapping[str, str]) -> None:
    assert isinstance(one.runtime, BesideRuntime)
    params = {"Event": "QueueParams", "Queue": FALLBACK, "ServiceLevel": "0"}
    one.runtime.see(QueuesListed(at=one.runtime.clock.now(), day=one.world.day, messages=[params, *messages]))


async def with_bob(one: House) -> None:
    one.runtime.post(PlanChanged(at=one.runtime.clock.now(), plan=PLAN))
    await one.until(lambda: "bob" in one.world.agents)
    phone = one.world.agents["bob"].phone
    MEMBER["Location"] = phone
    request = AgentRequested(at=one.runtime.clock.now(), agent="bob", request=AgentRequest.LOGIN)
    one.runtime.post(request)
    await one.until(lambda: one.world.agents["bob"].intent is Intent.READY)


async def test_a_call_of_the_fallback_is_saved_shown_and_numbered_with_ours_and_offered_to_nobody() -> None:
    async with house(made=beside) as one:
        await with_bob(one)
        rung = len([order for order in one.line.sent if isinstance(order, Ring)])
        listed(one, MEMBER, STRANGER)
        heard(one, "QueueCallerJoin", "c1", Position="1")
        heard(one, "QueueCallerJoin", "c2", Queue="reception", Position="1")
        await one.until(lambda: one.seen(CallArrived))
        board = Board.of(one.world)
        shown = board.queue(FALLBACK)
        assert shown is not None
        assert (shown["offered"], shown["waiting"], shown["agents_ready"]) == (1, 1, 1)
        assert set(board.agents) == {"bob", "9"}
        heard(one, "AgentCalled", "c1", DestUniqueid="m1", Interface=MEMBER["Location"])
        heard(one, "QueueCallerLeave", "c1")
        heard(one, "AgentConnect", "c1", DestUniqueid="m1", Interface=MEMBER["Location"])
        heard(one, "AgentComplete", "c1", DestUniqueid="m1", Interface=MEMBER["Location"], Reason="agent")
        heard(one, "Hangup", "c1")
        await one.until(lambda: one.seen(CallEnded))
        arrived, talk = one.seen(CallArrived), one.seen(TalkBegan)
        assert [(fact.call, fact.source) for fact in arrived] == [("c1", "fallback")]
        assert [(fact.agent, fact.queue) for fact in talk] == [("bob", FALLBACK)]
        assert {fact.agent for fact in one.seen(AgentChanged) if fact.agent != "bob"} == {"9"}
        seqs = [fact.seq for fact in one.memory.facts]
        assert seqs == sorted(set(seqs))
        assert not one.world.calls
        assert len([order for order in one.line.sent if isinstance(order, Ring)]) == rung
        saved = await one.store.load()
        assert saved is not None
        assert [(row.queue, row.offered, row.answered) for row in saved.rows["observed_tallies"] if row.offered] == [
            (FALLBACK, 1, 1)
        ]
        assert saved.rows["observed_calls"] == []


async def test_a_caller_who_comes_back_into_our_hands_ends_as_a_call_of_the_fallback() -> None:
    async with house(made=beside) as one:
        heard(one, "QueueCallerJoin", "c1", Position="1")
        await one.until(lambda: "c1" in one.world.observed_calls)
        at, name = one.runtime.clock.now(), "PJSIP/trunk-1"
        leg = leg_id(PBX, "c1")
        one.runtime.post(
            CallerArrived(at=at, leg=leg, entry="support", channel_name=name, number="49301", name="", tier="standard")
        )
        await one.until(lambda: one.seen(CallEnded))
        assert [(fact.call, fact.outcome) for fact in one.seen(VisitEnded)] == [("c1", "overflowed")]
        assert [fact.source for fact in one.seen(CallArrived)] == ["fallback", "callbridge"]
        assert "c1" not in one.world.observed_calls
        heard(one, "QueueCallerAbandon", "c1")
        heard(one, "QueueCallerLeave", "c1")
        heard(one, "QueueCallerJoin", "c9", Position="1")
        await one.until(lambda: "c9" in one.world.observed_calls)
        assert len(one.seen(CallEnded)) == 1


async def test_a_talk_whose_end_is_not_told_ends_by_the_clock_of_the_whole() -> None:
    async with house(made=beside) as one:
        heard(one, "QueueCallerJoin", "c1", Position="1")
        heard(one, "AgentCalled", "c1", DestUniqueid="m1", Interface="PJSIP/9")
        heard(one, "AgentConnect", "c1", DestUniqueid="m1", Interface="PJSIP/9")
        heard(one, "Hangup", "c1")
        await one.until(lambda: one.seen(TalkBegan))
        assert not one.seen(TalkEnded)
        await one.until(lambda: one.seen(TalkEnded))
        assert not one.world.observed_calls
