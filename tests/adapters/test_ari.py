"""The ARI link against a fake server: snapshot first, proof of ownership, and orders that are written or not."""

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from callbridge.adapters.ari.http import AriHttp, Reply
from callbridge.adapters.ari.link import Ari, AriSettings
from callbridge.adapters.pbx_link import NotSent, OrderRefused, TimedOut
from callbridge.core.model import orders as o
from callbridge.core.model.events import (
    AnyEvent,
    ApplicationTaken,
    CallerArrived,
    LegEnded,
    LegHeld,
    LegLeft,
    LegMoved,
    LegProbed,
    PbxHeard,
    PbxLost,
    PbxSnapshot,
    PhoneInspected,
)
from callbridge.core.model.ids import LegId
from callbridge.wire import ari as wire
from callbridge.wire.ari import Request
from tests.adapters.fake_ari import FakeAri
from tests.adapters.waiting import HANGS, Counts, running, until

LEG = LegId("a/cb-leg-1")
CALLER = LegId("a/c1")
CHANNEL = {"id": "c1", "name": "PJSIP/trunk-1", "state": "Ring"}
RING = o.Ring(leg=LEG, phone="PJSIP/1001", role="agent", agent="ann", give_up=20.0)
CREATE, DIAL, DELETE = (
    "POST /channels/create",
    "POST /channels/cb-leg-1/dial?timeout=20",
    "DELETE /channels/cb-leg-1?reason=normal",
)


class Rig:
    """One adapter beside one fake, and all that it told."""

    def __init__(self, fake: FakeAri, **changes: Any) -> None:
        self.fake = fake
        self.told: list[AnyEvent] = []
        self.heard: list[PbxHeard] = []
        """Told all the time, so kept apart."""
        self.counts = Counts()
        self.replaced = 0
        self.on_lost: Callable[[], object] = lambda: None
        self.held: bool | None = False
        self.lag = 0.0
        settings = {"echo_every": 0.02, "echo_limit": HANGS, "retry_first": 0.01, "request_timeout": HANGS} | changes
        self.ari = Ari(
            AriSettings(name="a", user="u", password="p", url=fake.url, app="app", **settings),
            post=self._tell,
            now=lambda: time.time() + self.lag,
            on_replaced=self._on_replaced,
            holds=self._holds,
            observer=self.counts,
        )

    def _tell(self, event: AnyEvent) -> None:
        if isinstance(event, PbxHeard):
            self.heard.append(event)
        else:
            self.told.append(event)
        if isinstance(event, PbxLost):
            self.on_lost()

    async def _holds(self) -> bool | None:
        return self.held

    def _on_replaced(self) -> None:
        self.replaced += 1

    def count(self, kind: type[object]) -> int:
        return sum(isinstance(event, kind) for event in self.told)

    async def synced(self, times: int = 1) -> None:
        await until(lambda: self.count(PbxSnapshot) >= times)


@pytest.fixture
async def fake() -> AsyncIterator[FakeAri]:
    async with FakeAri().serve() as server:
        yield server


@pytest.fixture
async def rig(fake: FakeAri) -> AsyncIterator[Rig]:
    one = Rig(fake)
    async with running(one.ari.run()):
        await one.synced()
        yield one


async def test_a_connect_filters_lists_and_tells_one_snapshot(rig: Rig) -> None:
    link = [line for line in rig.fake.asked if not line.startswith("POST /events")]
    assert link[:5] == [  # then it asks how often the application was started
        "GET /events?app=app&subscribeAll=false",
        "PUT /applications/app/eventFilter",
        "GET /applications/app",
        "GET /channels",
        "GET /bridges",
    ]
    assert {"type": "ChannelVarset"} in rig.fake.bodies["PUT /applications/app/eventFilter"]["disallowed"]
    assert rig.fake.authorizations == {"Basic " + base64.b64encode(b"u:p").decode()}
    assert rig.counts.links == [("ari", True)]
    assert rig.ari.fresh


async def test_what_is_heard_before_the_snapshot_is_told_after_it(fake: FakeAri) -> None:
    rig = Rig(fake)
    gate = fake.gate("GET /bridges")
    async with running(rig.ari.run()):
        await until(lambda: "GET /bridges" in fake.asked)
        await fake.say("StasisStart", args=["inbound", "sales"], channel=CHANNEL)
        await until(lambda: "StasisStart" in rig.counts.kinds)
        assert rig.told == []
        assert not rig.ari.fresh
        gate.set()
        await until(lambda: rig.count(CallerArrived))
        await fake.say("ChannelHold", channel=CHANNEL)
        await until(lambda: rig.count(LegHeld))
    assert [type(event) for event in rig.told] == [PbxSnapshot, CallerArrived, LegHeld, PbxLost]
    times = [event.at for event in rig.told]
    assert times == sorted(times)


async def test_a_torn_socket_is_told_and_mended(rig: Rig) -> None:
    await until(lambda: "echo" in rig.counts.kinds)
    await rig.fake.sockets[-1].close()
    await rig.synced(2)
    first, lost, second = rig.told
    assert isinstance(first, PbxSnapshot)
    assert isinstance(second, PbxSnapshot)
    assert lost == PbxLost(at=lost.at, pbx="a")
    assert first.last_heard_at < second.last_heard_at <= lost.at <= second.requested_at <= second.at
    assert rig.counts.links == [("ari", True), ("ari", False), ("ari", True)]


async def test_a_late_echo_stops_the_orders_and_connects_again(fake: FakeAri) -> None:
    rig = Rig(fake)
    async with running(rig.ari.run()):
        await rig.synced()
        await until(lambda: rig.ari.fresh)
        fake.echoing = False
        rig.lag = 10 * HANGS
        await until(lambda: rig.count(PbxLost))
        assert not rig.ari.fresh
        with pytest.raises(NotSent):
            await rig.ari.perform(o.Answer(leg=CALLER))
        fake.echoing = True
        await until(lambda: rig.ari.fresh)
        await asyncio.sleep(0.2)
        assert rig.ari.fresh
    assert fake.orders().count("POST /channels/c1/answer") == 0
    assert rig.counts.results == [("Answer", "unsent")]


async def test_old_echoes_prove_nothing_after_a_stall(fake: FakeAri) -> None:
    rig = Rig(fake, echo_limit=0.5, echo_every=0.3)
    async with running(rig.ari.run()):
        await rig.synced()
        await until(lambda: "echo" in rig.counts.kinds)
        await fake.say("ChannelUserevent", eventname="callbridge-echo", userevent={"mark": "somebody-1"})
        fake.echoing = False  # a new one would be proof
        rig.lag = 10 * HANGS
        assert not rig.ari.fresh
        await until(lambda: rig.count(PbxLost))


async def test_what_has_been_heard_is_told_with_the_time_up_to_which_it_is_everything(rig: Rig) -> None:
    before = time.time()
    await until(lambda: rig.heard and rig.heard[-1].until > before)
    rig.fake.echoing = False  # the beats of this moment are never heard again
    await asyncio.sleep(0.05)
    count, since = len(rig.heard), time.time()
    await rig.fake.say("ChannelHold", channel=CHANNEL)
    await until(lambda: rig.count(LegHeld))
    assert len(rig.heard) == count, "an event proves nothing of others that may be under way"
    rig.fake.echoing = True
    await until(lambda: rig.heard[-1].until > since)


async def test_who_asks_to_hear_need_not_wait_for_the_next_beat(fake: FakeAri) -> None:
    rig = Rig(fake, echo_every=30.0, echo_limit=60.0)
    async with running(rig.ari.run()):
        await rig.synced()
        (seen,) = (event for event in rig.told if isinstance(event, PbxSnapshot))
        assert rig.heard[0].until == seen.requested_at, "a snapshot is all that was said before it"
        asked_at = time.time()
        assert not [heard for heard in rig.heard if heard.until >= asked_at]
        rig.ari.listen()
        await until(lambda: rig.heard and rig.heard[-1].until >= asked_at)


async def test_an_order_that_timed_out_fails_after_what_was_said_meanwhile(fake: FakeAri) -> None:
    rig = Rig(fake, request_timeout=0.1, echo_limit=5.0)
    fake.gate("POST /channels/c1/answer")
    async with running(rig.ari.run()):
        await rig.synced()
        fake.echoing = False
        answering = asyncio.create_task(rig.ari.perform(o.Answer(leg=CALLER)))
        await until(lambda: rig.counts.results == [("Answer", "timeout")])
        await fake.say("ChannelHold", channel=CHANNEL)
        await until(lambda: rig.count(LegHeld))
        assert not answering.done()
        fake.echoing = True
        with pytest.raises(TimedOut):
            await answering


async def test_another_owner_ends_the_link_for_good(fake: FakeAri) -> None:
    rig = Rig(fake)
    async with running(rig.ari.run()) as task:
        await rig.synced()
        await fake.say("ApplicationReplaced")
        await asyncio.wait_for(task, HANGS)
    assert rig.replaced == 1
    assert [type(event) for event in rig.told] == [PbxSnapshot, PbxLost]
    assert len(fake.sockets) == 1
    with pytest.raises(NotSent):
        await rig.ari.perform(o.Answer(leg=CALLER))


async def test_another_client_on_our_application_is_answered_by_taking_it_back(fake: FakeAri) -> None:
    rig = Rig(fake)
    rig.held = True
    async with running(rig.ari.run()) as task:
        await rig.synced()
        await fake.say("ApplicationReplaced")
        await until(lambda: rig.count(ApplicationTaken))
        with pytest.raises(NotSent):
            await rig.ari.perform(o.Answer(leg=CALLER))
        await rig.synced(2)
        await until(lambda: rig.ari.fresh)
        await rig.ari.perform(o.Answer(leg=CALLER))
        assert not task.done()
    assert rig.replaced == 0
    assert [type(event) for event in rig.told] == [PbxSnapshot, PbxLost, ApplicationTaken, PbxSnapshot, PbxLost]


async def test_our_own_former_socket_that_is_replaced_is_nobody_else(fake: FakeAri) -> None:
    """Asterisk tells the former socket of every newer one, ours as well; only what the present one hears counts."""
    rig = Rig(fake)
    async with running(rig.ari.run()) as task:
        await rig.synced()
        rig.ari.resync("overload")
        await rig.synced(2)
        with contextlib.suppress(ConnectionError):  # it is closed, or about to be
            await fake.sockets[0].send_str('{"type": "ApplicationReplaced", "application": "app"}')
        await until(lambda: rig.ari.fresh)
        await rig.ari.perform(o.Answer(leg=CALLER))
        assert not task.done()
    assert rig.replaced == 0
    assert len(fake.sockets) == 2


async def test_with_a_standby_the_application_is_opened_only_while_nobody_else_leads(fake: FakeAri) -> None:
    rig = Rig(fake, verified=True)
    rig.held = True
    async with running(rig.ari.run()) as task:
        await rig.synced()
        rig.held = False
        rig.ari.resync("overload")  # whatever ends a connection: the standby may have taken over since
        await asyncio.wait_for(task, HANGS)
    assert rig.replaced == 1
    assert len(fake.sockets) == 1


async def test_a_connection_that_is_given_up_ends_though_an_echo_comes_in_that_moment(fake: FakeAri) -> None:
    """Else the link would neither be of use nor be opened again."""
    rig = Rig(fake)
    async with running(rig.ari.run()):
        await rig.synced()
        beats = sum(line.startswith("POST /events/user") for line in fake.asked)
        rig.ari.resync("overload")
        rig.ari.listen()
        rig.ari._proven_at = time.time()
        await until(lambda: sum(line.startswith("POST /events/user") for line in fake.asked) > beats)
        await rig.synced(2)


async def test_where_redis_does_not_say_who_leads_the_stamp_on_the_pbx_does(
    fake: FakeAri, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callbridge.adapters.ari.ownership.STAMPED", 0.3)
    monkeypatch.setattr("callbridge.adapters.ari.ownership._STAMP_CHECK_EVERY", 0.02)
    stamp = wire.stamp_request("app")
    fake.answers[f"{stamp.method} {stamp.path}"] = 200, {"value": "theirs:1"}
    rig = Rig(fake, verified=True)
    rig.held = None
    async with running(rig.ari.run()) as task:
        await rig.synced()  # nobody stamps: it may be opened
        monkeypatch.setattr("callbridge.adapters.ari.ownership.STAMPED", HANGS)
        fake.asked.clear()
        rig.ari.resync("overload")
        await until(lambda: any(line.startswith("GET /asterisk/variable") for line in fake.asked))
        fake.answers[f"{stamp.method} {stamp.path}"] = 200, {"value": "theirs:2"}
        await asyncio.wait_for(task, HANGS)
    assert rig.replaced == 1
    assert len(fake.sockets) == 1


async def test_a_cancellation_that_meets_a_loss_is_not_forgotten(fake: FakeAri) -> None:
    rig = Rig(fake)
    async with running(rig.ari.run()) as task:
        await rig.synced()
        rig.on_lost = task.cancel
        await fake.say("ApplicationReplaced")
        await asyncio.wait((task,), timeout=HANGS)
        assert task.cancelled()


async def test_a_wrong_password_is_not_hammered(fake: FakeAri) -> None:
    fake.refuse_socket = 401
    rig = Rig(fake, retry_unauthorised=0.15)
    async with running(rig.ari.run()):
        await asyncio.sleep(0.1)
        assert len(fake.asked) == 1
        fake.refuse_socket = 0
        await rig.synced()


async def test_orders_before_any_link_are_not_sent(fake: FakeAri) -> None:
    with pytest.raises(NotSent):
        await Rig(fake).ari.perform(o.Answer(leg=CALLER))


async def test_an_order_that_waits_for_a_connection_is_judged_when_it_has_one(fake: FakeAri) -> None:
    rig = Rig(fake, connections=1)
    gate = fake.gate("POST /channels/c1/answer")
    async with running(rig.ari.run()):
        await rig.synced()
        first = asyncio.create_task(rig.ari.perform(o.Answer(leg=CALLER)))
        await until(lambda: "POST /channels/c1/answer" in fake.asked)
        second = asyncio.create_task(rig.ari.perform(o.StopMusic(leg=CALLER)))
        await asyncio.sleep(0.02)
        rig.lag = 10 * HANGS
        gate.set()
        await first
        with pytest.raises(NotSent):
            await second
    assert "DELETE /channels/c1/moh" not in fake.asked


async def test_waiting_for_a_connection_is_no_failure(fake: FakeAri) -> None:
    """Longer than a connection may take to open, longer than an answer may take, and longer than our proof may be old."""
    rig = Rig(fake, connections=4, echo_limit=2.0, request_timeout=2.0)
    fake.delay = 0.1
    async with running(rig.ari.run()):
        await rig.synced()
        began = time.time()
        await asyncio.gather(*(rig.ari.perform(o.Answer(leg=LegId(f"a/c{number}"))) for number in range(100)))
        assert time.time() - began > 2.0
        assert rig.count(PbxLost) == 0
    assert rig.counts.results == [("Answer", "done")] * 100


async def test_an_order_that_cannot_be_written_is_tried_again_while_the_link_is_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    real = AriHttp.write

    async def refusing(http: AriHttp, request: Request) -> Reply:
        tries.append(request.path)
        if len(tries) < 3:
            raise NotSent("connection refused")
        return await real(http, request)

    monkeypatch.setattr(AriHttp, "write", refusing)
    await rig.ari.perform(o.Answer(leg=CALLER))
    assert rig.fake.orders()[-1] == "POST /channels/c1/answer"
    assert rig.counts.results == [("Answer", "done")]


async def test_an_order_that_can_never_be_written_is_given_up_though_the_link_is_up(
    fake: FakeAri, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refusing(http: AriHttp, request: Request) -> Reply:
        raise NotSent("connection refused")

    rig = Rig(fake, order_patience=0.2)
    async with running(rig.ari.run()):
        await rig.synced()
        monkeypatch.setattr(AriHttp, "write", refusing)
        with pytest.raises(NotSent):
            await rig.ari.perform(o.Answer(leg=CALLER))
        assert rig.count(PbxLost) == 0


async def test_an_order_that_waited_when_the_link_was_lost_is_not_sent_on_the_next_one(fake: FakeAri) -> None:
    rig = Rig(fake, connections=1)
    gate = fake.gate("POST /channels/c1/answer")
    async with running(rig.ari.run()):
        await rig.synced()
        first = asyncio.create_task(rig.ari.perform(o.Answer(leg=CALLER)))
        await until(lambda: "POST /channels/c1/answer" in fake.asked)
        second = asyncio.create_task(rig.ari.perform(o.StopMusic(leg=CALLER)))
        await asyncio.sleep(0.02)
        await fake.sockets[-1].close()
        await rig.synced(2)
        gate.set()
        await first
        with pytest.raises(NotSent):
            await second
    assert "DELETE /channels/c1/moh" not in fake.asked


async def test_a_leg_that_was_created_and_could_not_be_dialled_is_not_called_unsent(
    fake: FakeAri, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unsent would mean that there is no channel."""
    real = AriHttp.write

    async def refusing(http: AriHttp, request: Request) -> Reply:
        if "/dial" in request.path:
            raise NotSent("connection refused")
        return await real(http, request)

    rig = Rig(fake, order_patience=0.1)
    async with running(rig.ari.run()):
        await rig.synced()
        monkeypatch.setattr(AriHttp, "write", refusing)
        with pytest.raises(TimedOut):
            await rig.ari.perform(RING)
    assert fake.orders()[-1] == CREATE


async def test_a_refusal_has_asterisks_words(rig: Rig) -> None:
    rig.fake.answers[CREATE] = (500, {"error": "Allocation failed"})
    with pytest.raises(OrderRefused, match="Allocation failed") as caught:
        await rig.ari.perform(RING)
    assert (caught.value.status, caught.value.detail) == (500, "Allocation failed")
    assert rig.fake.orders()[-1] == CREATE
    assert rig.counts.results == [("Ring", "refused")]


async def test_no_answer_is_a_time_out(fake: FakeAri) -> None:
    rig = Rig(fake, request_timeout=0.1)
    fake.gate("POST /channels/c1/answer")
    async with running(rig.ari.run()):
        await rig.synced()
        with pytest.raises(TimedOut):
            await rig.ari.perform(o.Answer(leg=CALLER))
    assert rig.counts.results == [("Answer", "timeout")]


@pytest.mark.parametrize("order", [o.HangUp(leg=LEG), o.DropBridge(bridge="b", pbx="a")])
async def test_what_is_gone_already_is_done(rig: Rig, order: o.Order) -> None:
    rig.fake.answers |= {DELETE: (404, None), "DELETE /bridges/b": (404, None)}
    await rig.ari.perform(order)
    assert rig.counts.results == [(type(order).__name__, "done")]


async def test_ringing_creates_then_dials(rig: Rig) -> None:
    await rig.ari.perform(RING)
    assert rig.fake.orders()[-2:] == [CREATE, DIAL]


async def test_a_dial_that_comes_before_the_leg_is_in_stasis_waits_for_it(rig: Rig) -> None:
    rig.fake.answers[DIAL] = (409, {"message": "Channel not in Stasis application"})
    ring = asyncio.create_task(rig.ari.perform(RING))
    await until(lambda: DIAL in rig.fake.asked)
    await asyncio.sleep(0.05)
    assert rig.fake.orders()[-2:] == [CREATE, DIAL]
    del rig.fake.answers[DIAL]
    await rig.fake.say("StasisStart", args=["agent"], channel={"id": "cb-leg-1"})
    await ring
    assert rig.fake.orders()[-3:] == [CREATE, DIAL, DIAL]


async def test_a_dial_refused_for_good_is_refused(rig: Rig) -> None:
    rig.fake.answers[DIAL] = (409, {"message": "Channel is not in the Down state"})
    ring = asyncio.create_task(rig.ari.perform(RING))
    await until(lambda: DIAL in rig.fake.asked)
    await rig.fake.say("StasisStart", args=["agent"], channel={"id": "cb-leg-1"})
    with pytest.raises(OrderRefused, match="Down state"):
        await ring


async def test_a_leg_hung_up_while_being_created_is_hung_up_again_and_never_dialled(rig: Rig) -> None:
    rig.fake.answers[DELETE] = (404, None)
    gate = rig.fake.gate(CREATE)
    ring = asyncio.create_task(rig.ari.perform(RING))
    await until(lambda: CREATE in rig.fake.asked)
    await rig.ari.perform(o.HangUp(leg=LEG))
    assert rig.fake.orders()[-2:] == [CREATE, DELETE]
    gate.set()
    await ring
    assert rig.fake.orders()[-3:] == [CREATE, DELETE, DELETE]


async def test_a_leg_hung_up_while_being_dialled_is_hung_up_again(rig: Rig) -> None:
    rig.fake.answers[DIAL] = (404, None)
    gate = rig.fake.gate(DIAL)
    ring = asyncio.create_task(rig.ari.perform(RING))
    await until(lambda: DIAL in rig.fake.asked)
    await rig.ari.perform(o.HangUp(leg=LEG))
    gate.set()
    await ring
    assert rig.fake.orders()[-4:] == [CREATE, DIAL, DELETE, DELETE]


async def test_a_create_refused_after_a_hangup_is_still_told(rig: Rig) -> None:
    rig.fake.answers[CREATE] = (500, {"error": "Allocation failed"})
    gate = rig.fake.gate(CREATE)
    ring = asyncio.create_task(rig.ari.perform(RING))
    await until(lambda: CREATE in rig.fake.asked)
    await rig.ari.perform(o.HangUp(leg=LEG))
    gate.set()
    with pytest.raises(OrderRefused):
        await ring
    assert rig.fake.orders()[-1] == DELETE


BRIDGE = o.Bridge(bridge="cb-br-1", legs=(CALLER, LEG), call="cb-call-1")
STOP, MAKE = "DELETE /channels/c1/moh", "POST /bridges?type=mixing,dtmf_events&bridgeId=cb-br-1&name=app,cb-call-1"
JOIN, JOIN_ONE = ("POST /bridges/cb-br-1/addChannel?channel=" + who for who in ("c1,cb-leg-1", "cb-leg-1"))
LOOK = "GET /bridges/cb-br-1"


async def test_a_bridge_is_looked_for_only_on_a_retry(rig: Rig) -> None:
    rig.fake.answers |= {STOP: (404, None), JOIN: (422, {"message": "Channel not in Stasis application"})}
    with pytest.raises(OrderRefused, match="not in Stasis"):
        await rig.ari.perform(BRIDGE)
    assert rig.fake.orders()[-3:] == [STOP, MAKE, JOIN]
    rig.fake.answers[LOOK] = (200, {"id": "cb-br-1", "channels": ["c1"]})
    await rig.ari.perform(BRIDGE)
    assert rig.fake.orders()[-3:] == [LOOK, STOP, JOIN_ONE]


async def test_a_retry_makes_the_bridge_that_is_not_there(rig: Rig) -> None:
    rig.fake.answers |= {MAKE: (500, None), LOOK: (404, None)}
    with pytest.raises(OrderRefused):
        await rig.ari.perform(BRIDGE)
    rig.fake.answers[MAKE] = (409, {"message": "exists"})
    await rig.ari.perform(BRIDGE)
    assert rig.fake.orders()[-4:] == [LOOK, STOP, MAKE, JOIN]


async def test_a_bridge_seen_in_the_snapshot_is_looked_for(fake: FakeAri) -> None:
    fake.bridges = [{"id": "cb-br-1", "name": "app,cb-call-1", "channels": []}]
    fake.answers[LOOK] = (200, {"channels": ["c1", "cb-leg-1"]})
    rig = Rig(fake)
    async with running(rig.ari.run()):
        await rig.synced()
        await rig.ari.perform(BRIDGE)
    assert fake.orders()[-2:] == [LOOK, STOP]


LEAVE = o.LeaveToDialplan(leg=CALLER, context="fallback", extension="sales")
CONTINUE = "POST /channels/c1/continue?context=fallback&extension=sales&priority=1"


async def test_a_stasis_end_that_overtakes_the_reply_is_a_move(rig: Rig) -> None:
    gate = rig.fake.gate(CONTINUE)
    leave = asyncio.create_task(rig.ari.perform(LEAVE))
    await until(lambda: CONTINUE in rig.fake.asked)
    await rig.fake.say("StasisEnd", channel=CHANNEL)
    await until(lambda: rig.count(LegMoved))
    gate.set()
    await leave
    await rig.fake.say("StasisEnd", channel=CHANNEL)
    await until(lambda: rig.count(LegLeft))


async def test_a_refused_leave_makes_no_move(rig: Rig) -> None:
    rig.fake.answers[CONTINUE] = (412, {"message": "Channel in invalid state"})
    with pytest.raises(OrderRefused):
        await rig.ari.perform(LEAVE)
    await rig.fake.say("StasisEnd", channel=CHANNEL)
    await until(lambda: rig.count(LegLeft))


async def test_a_probe_and_an_inspection_tell_their_answers(rig: Rig) -> None:
    rig.fake.answers |= {
        "GET /channels/c1": (200, CHANNEL | {"state": "Up", "dialplan": {"app_name": "Stasis", "app_data": "app,inbound,x"}}),
        "GET /channels/cb-leg-1": (404, {"message": "Channel not found"}),
        "GET /endpoints/PJSIP/1001": (200, {"channel_ids": ["c9"]}),
    }
    await rig.ari.perform(o.Probe(leg=CALLER))
    await rig.ari.perform(o.Probe(leg=LEG))
    await rig.ari.perform(o.InspectPhone(pbx="a", phone="PJSIP/1001"))
    probed, ended, phone = rig.told[1:]
    assert probed == LegProbed(at=probed.at, leg=CALLER, in_app=True, up=True)
    assert ended == LegEnded(at=ended.at, leg=LEG, estimated=True)
    assert phone == PhoneInspected(at=phone.at, phone="PJSIP/1001", legs=(LegId("a/c9"),))


async def test_an_unreadable_answer_is_a_refusal(rig: Rig) -> None:
    rig.fake.answers["GET /channels/c1"] = (200, [])
    with pytest.raises(OrderRefused, match="invalid answer"):
        await rig.ari.perform(o.Probe(leg=CALLER))


async def test_hostile_frames_are_counted_and_survived(rig: Rig) -> None:
    for frame in ("{", "[" * 5000, '{"type": "Invented", "application": "app"}'):
        await rig.fake.sockets[-1].send_str(frame)
    await rig.fake.say("ChannelHold", channel=CHANNEL)
    await until(lambda: rig.count(LegHeld))
    said = [kind for kind in rig.counts.kinds if kind != "echo"]
    assert said == ["malformed", "malformed", "unknown", "ChannelHold"]
