"""Conversations that are in the PBX and in no book: none is cut, each is somebody's again, and the figures stay right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from callbridge.core.model.agent import Intent, Work
from callbridge.core.model.call import Phase
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    CallRequest,
    CallRequested,
    DayBegan,
    DevicesListed,
    LegAnswered,
    LegReplaced,
    PbxSnapshot,
    PlanChanged,
    PlaybackEnded,
    SeenBridge,
    SeenLeg,
)
from callbridge.core.model.facts import CallAdopted, CallArrived, CallEnded, DifferenceFound, TalkEnded, VisitBegan
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import Bridge, DropBridge, HangUp, LeaveToDialplan, Play, Ring, StartMusic
from callbridge.core.model.plan import ConnectMode, Plan, ToAgent, ToNumber, ToQueue
from callbridge.core.model.world import World
from callbridge.core.recovery import snapshots
from tests.core.laws import Books
from tests.core.story import DAY, PBX, START, Story, agent, one_queue, queue
from tests.core.test_supervised_calls import Talk

AWAY = 5.0


def listed(story: Story) -> PbxSnapshot:
    """The PBX as it is, by what was ordered and heard so far."""
    rings = {order.leg: order for order in story.all_sent(Ring)}
    made = {order.bridge: order for order in reversed(story.all_sent(Bridge))}
    inside: dict[str, list[LegId]] = {}
    legs = []
    for row in story.world.legs.values():
        if row.hung_at is not None:
            continue
        if row.bridge is not None:
            inside.setdefault(row.bridge, []).append(row.id)
        legs.append(_seen(row.id, rings.get(row.id), up=row.up_at is not None))
    bridges = tuple(
        SeenBridge(
            bridge=name,
            legs=tuple(members),
            call=made[name].call,
            queue=made[name].queue,
            agent=made[name].agent,
            created_at=START + 1.0,
        )
        for name, members in inside.items()
    )
    at = story.now + AWAY
    return PbxSnapshot(at=at, pbx=PBX, requested_at=at, last_heard_at=story.now, legs=tuple(legs), bridges=bridges)


def _seen(leg: LegId, ring: Ring | None, *, up: bool) -> SeenLeg:
    if ring is None:
        name = f"PJSIP/trunk-{leg.partition('/')[2]}"
        return SeenLeg(leg=leg, name=name, up=True, created_at=START, entry="support", number="+44", tier="standard")
    return SeenLeg(
        leg=leg,
        name=f"{ring.phone}-00000001",
        up=up,
        created_at=START + 0.5,
        role=ring.role,
        agent=ring.agent,
        customer=ring.originator,
    )


def forget(
    story: Story,
    change: Callable[[PbxSnapshot], PbxSnapshot] = lambda seen: seen,
    *,
    coming: Plan | None = None,
    states: Mapping[str, str] | None = None,
) -> None:
    """A start without the saved world, perhaps with another plan. What is sent from here on is that start's doing. ``states``:
    those of the phones, when they are listed before the channels."""
    seen = change(listed(story))
    story.now = seen.at
    plan = coming or story.world.plan
    story.world, story.books = World(plan, "u"), Books()
    story.world.now = story.now
    snapshots.lost(story.world, PBX)
    story.sent, story.told = [], []
    story.happens(DayBegan(at=story.now, day=DAY))
    story.happens(PlanChanged(at=story.now, plan=plan))
    if states is not None:
        story.happens(DevicesListed(at=story.now, states=dict(states)))
    story.happens(seen)
    if states is None:
        story.happens(DevicesListed(at=story.now, states={}))


def cut(story: Story) -> list[object]:
    """Orders that part people or lead them elsewhere."""
    kinds = (HangUp, DropBridge, LeaveToDialplan, StartMusic)
    return [order for order in story.sent if isinstance(order, kinds)]


def talking(**more: object) -> tuple[Story, LegId, LegId]:
    story = one_queue(agent("bob"), wrap_up=10.0, **more)
    customer, leg = story.talk()
    story.wait(30.0)
    return story, customer, leg


def test_a_conversation_goes_on_as_the_same_call_with_its_agent() -> None:
    story, customer, leg = talking()
    before = story.call()
    forget(story)
    call = story.call()
    assert cut(story) == []
    assert (call.id, call.phase, call.bridge, call.visit) == (before.id, Phase.TALKING, before.bridge, None)
    assert call.segment is not None
    assert (call.segment.agent, call.segment.leg, call.segment.queue) == ("bob", leg, "support")
    assert (call.arrived_at, call.segment.began_at, call.leg) == (START, START + 1.0, customer)
    assert story.state("bob") == "talking"
    (told,) = story.all_told(CallAdopted)
    assert (told.call, told.agent, told.queue, told.leg, told.number) == (call.id, "bob", "support", customer, "+44")
    assert [fact.kind for fact in story.all_told(DifferenceFound)] == ["conversation_without_call"]


@pytest.mark.parametrize(("listed_as", "afterwards"), [("UNAVAILABLE", "offline"), ("INUSE", "ready")])
def test_an_agent_whose_phone_is_offline_meanwhile_is_offered_nobody_afterwards(listed_as: str, afterwards: str) -> None:
    story = one_queue(agent("bob"), wrap_up=0.0)
    customer, leg = story.talk()
    forget(story, states={"PJSIP/bob": listed_as})
    assert story.state("bob") == "talking"
    story.gone(leg)
    story.gone(customer)
    assert story.state("bob") == afterwards
    story.caller("eve")
    assert len(story.all_sent(Ring)) == (afterwards == "ready")


def test_it_belongs_to_the_queue_by_its_name_of_now() -> None:
    story, _, _ = talking()
    helpdesk = queue("helpdesk", renamed_from="support")
    entries = {"desk": ToQueue("helpdesk")}
    coming = replace(story.world.plan, queues={"helpdesk": helpdesk}, entries=entries, renamed_entries={"support": "desk"})
    forget(story, coming=coming)
    call = story.call()
    assert call.segment is not None
    assert (call.segment.queue, call.entry) == ("helpdesk", "desk")
    assert story.all_told(CallAdopted)[0].queue == "helpdesk"


def test_it_is_neither_offered_nor_answered_again() -> None:
    story, *_ = talking()
    forget(story)
    tally = story.tally()
    assert (tally.offered, tally.ended) == (0, 0)
    assert not story.all_told(CallArrived) + story.all_told(VisitBegan)
    story.caller("zoe")
    assert story.rung() == [], "the agent talks"
    assert story.tally().offered == 1


@pytest.mark.parametrize("who", ["customer", "agent"])
def test_when_one_side_hangs_up_it_ends_as_any_other(who: str) -> None:
    story, customer, leg = talking()
    forget(story)
    story.wait(20.0)
    first, other = (customer, leg) if who == "customer" else (leg, customer)
    story.gone(first)
    assert story.hung_up() == {other}
    (ended,) = story.all_told(TalkEnded)
    assert (ended.ended_by, ended.talked) == (who, 30.0 + AWAY + 20.0 - 1.0)
    story.gone(other)
    assert (story.state("bob"), len(story.world.calls), len(story.world.legs)) == ("wrap_up", 0, 0)
    (over,) = story.all_told(CallEnded)
    assert (over.outcome, over.segments) == ("answered", 1)
    story.wait(10.0)
    assert story.state("bob") == "ready"


def test_who_says_nothing_of_itself_is_known_by_the_phone() -> None:
    """Legs and bridges of an older version."""

    def silent(seen: PbxSnapshot) -> PbxSnapshot:
        legs = tuple(replace(one, agent="", customer=None) for one in seen.legs)
        bridges = tuple(replace(one, call="", queue="", agent="", created_at=None) for one in seen.bridges)
        return replace(seen, legs=legs, bridges=bridges)

    story, *_ = talking()
    forget(story, silent)
    assert cut(story) == []
    call = story.call()
    assert call.segment is not None
    assert (call.segment.agent, call.segment.queue, call.segment.began_at) == ("bob", "support", story.now)


def test_two_whom_nobody_knows_are_left_alone_until_one_hangs_up() -> None:
    def unknown(seen: PbxSnapshot) -> PbxSnapshot:
        return replace(seen, legs=tuple(replace(one, agent="", name=f"{one.name[:6]}x-1") for one in seen.legs))

    story, customer, leg = talking()
    forget(story, unknown)
    assert cut(story) == []
    assert (story.call().phase, story.call().far, story.state("bob")) == (Phase.OUTSIDE, leg, "ready")
    story.gone(leg)
    assert story.hung_up() == {customer}
    story.gone(customer)
    assert (len(story.world.calls), len(story.world.legs)) == (0, 0)
    assert story.all_told(TalkEnded) == []


def test_an_agent_whose_desk_was_another_one_is_logged_in_there() -> None:
    story = one_queue(agent("bob", login=False))
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/desk7")
    story.talk()
    forget(story)
    assert cut(story) == []
    bob = story.world.agents["bob"]
    assert (bob.phone, bob.intent, story.state("bob")) == ("PJSIP/desk7", Intent.READY, "talking")


def test_an_agent_at_another_desk_is_rung_there_only() -> None:
    story = one_queue(replace(agent("bob", login=False), also=("PJSIP/bob-web",)))
    story.ask("bob", AgentRequest.LOGIN, phone="PJSIP/desk7")
    story.talk()
    forget(story)
    cut(story)
    assert [*story.world.agents["bob"].phones] == ["PJSIP/desk7"]


def test_a_phone_behind_a_trunk_does_not_become_the_trunk() -> None:
    story = one_queue(agent("bob", phone="PJSIP/0170@trunk"))
    story.talk()

    def by_trunk(seen: PbxSnapshot) -> PbxSnapshot:
        return replace(seen, legs=tuple(replace(one, name="PJSIP/trunk-9") if one.role else one for one in seen.legs))

    forget(story, by_trunk)
    assert (story.state("bob"), story.world.agents["bob"].phone) == ("talking", "PJSIP/0170@trunk")


def test_a_caller_who_waits_is_queued_and_one_whose_agent_has_hung_up_is_hung_up() -> None:
    """As with the saved world, and as `rescue` does: an agent who hangs up ends the call, also when nobody listens."""
    story, customer, leg = talking()
    waiting = story.caller("zoe")
    story.happens(AgentRequested(at=story.now, agent="bob", request=AgentRequest.LOGOUT))

    def agent_gone(seen: PbxSnapshot) -> PbxSnapshot:
        bridges = tuple(replace(one, legs=(customer,)) for one in seen.bridges)
        return replace(seen, legs=tuple(one for one in seen.legs if one.leg != leg), bridges=bridges)

    forget(story, agent_gone)
    assert {call.leg for call in story.world.calls.values()} == {waiting}
    assert [order.leg for order in story.all_sent(HangUp)] == [customer]
    assert "conversation_over" in {fact.kind for fact in story.all_told(DifferenceFound)}
    dropped = next(order for order in story.sent if isinstance(order, DropBridge))
    assert dropped.legs == (customer,)


def test_a_leg_of_ours_alone_in_a_bridge_is_hung_up() -> None:
    story, customer, leg = talking()
    forget(story, lambda seen: replace(seen, legs=tuple(one for one in seen.legs if one.leg != customer)))
    assert [order.leg for order in story.all_sent(HangUp)] == [leg]
    assert story.state("bob") == "ready"


# -- more than two ----------------------------------------------------------------------------------------------------


class NailedTalk(Talk):
    def __init__(self) -> None:
        super().__init__()
        self.ask("nan", AgentRequest.LOGIN)
        self.session = self.ring().leg
        self.happens(LegAnswered(at=self.now, leg=self.session))
        self.act(CallRequest.TRANSFER, ToAgent("nan"))
        beep = self.only(Play)
        self.gone(self.bob)
        self.happens(PlaybackEnded(at=self.now, leg=self.session, playback=beep.playback, failed=False))
        self.join(self.only(Bridge))
        self.wait(5.0)


def test_a_nailed_up_agent_keeps_the_line_of_the_login() -> None:
    story = NailedTalk()
    forget(story)
    nan = story.world.agents["nan"]
    assert cut(story) == []
    assert (nan.session, nan.session_up, nan.leg, nan.work) == (story.session, True, story.session, Work.TALKING)
    assert story.world.legs[story.session].role is LegRole.SESSION
    story.gone(story.customer)
    story.wait(10.0)
    assert (nan.phone, story.state("nan"), story.all_sent(HangUp)) == ("PJSIP/nan", "ready", [])
    assert story.world.agents["nan"].session == story.session


def test_a_phone_in_a_conversation_is_not_rung_for_another_line() -> None:
    story = one_queue(agent("nan", connect=ConnectMode.NAILED_UP))
    session = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=session))
    story.caller()
    beep = story.only(Play)
    story.happens(PlaybackEnded(at=story.now, leg=session, playback=beep.playback, failed=False))
    story.join(story.only(Bridge))
    story.wait(5.0)
    forget(story)
    assert story.state("nan") == "talking"
    assert story.all_sent(Ring) + cut(story) == []


def test_a_conference_goes_on_with_its_owner() -> None:
    story = Talk()
    leg = story.consult()
    story.act(CallRequest.CONFERENCE)
    story.join(story.only(Bridge))
    forget(story)
    assert cut(story) == []
    call = story.call()
    assert call.segment is not None and call.transfer is not None
    assert (call.segment.agent, call.transfer.agent, call.transfer.leg, call.transfer.together) == ("bob", "cid", leg, True)
    assert {who: story.state(who) for who in ("bob", "cid")} == {"bob": "talking", "cid": "talking"}
    story.gone(story.bob)
    segment = story.call().segment
    assert segment is not None and segment.agent == "cid"
    story.gone(story.customer)
    story.gone(leg)
    story.wait(30.0)
    assert (len(story.world.calls), len(story.world.legs)) == (0, 0)


def test_a_consult_goes_on_while_the_customer_hears_music() -> None:
    story = Talk()
    leg = story.consult()
    forget(story)
    assert cut(story) == []
    call = story.call()
    assert call.segment is not None and call.transfer is not None
    assert (call.segment.agent, call.transfer.agent, call.transfer.together) == ("bob", "cid", False)
    assert story.world.legs[story.customer].bridge is None
    story.act(CallRequest.RETURN)
    assert story.hung_up() == {leg}
    assert story.only(Bridge).legs == (story.customer, story.bob)


def test_a_consult_with_a_nailed_up_target_has_the_agent_of_the_bridge_for_its_owner() -> None:
    story = Talk()
    story.ask("nan", AgentRequest.LOGIN)
    session = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=session))
    story.act(CallRequest.CONSULT, ToAgent("nan"))
    beep = story.only(Play)
    story.happens(PlaybackEnded(at=story.now, leg=session, playback=beep.playback, failed=False))
    story.join(story.only(Bridge))

    def session_is_older(seen: PbxSnapshot) -> PbxSnapshot:
        legs = (replace(one, created_at=START - 100.0) if one.leg == session else one for one in seen.legs)
        return replace(seen, legs=tuple(legs))

    forget(story, session_is_older)
    assert cut(story) == []
    call = story.call()
    assert call.segment is not None and call.transfer is not None
    assert (call.segment.agent, call.transfer.agent) == ("bob", "nan")


def test_a_conversation_with_somebody_outside_goes_on() -> None:
    story = Talk()
    leg = story.consult(ToNumber("4711"))
    story.act(CallRequest.COMPLETE)
    story.gone(story.bob)
    story.join(Bridge(bridge=story.call().bridge or "", legs=(story.customer,), call=story.call().id))
    assert story.call().phase is Phase.OUTSIDE
    forget(story)
    assert cut(story) == []
    assert (story.call().phase, story.call().far) == (Phase.OUTSIDE, leg)
    story.gone(story.customer)
    assert story.hung_up() == {leg}


def test_supervisors_are_let_go_and_the_conversation_goes_on() -> None:
    story = Talk()
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.BARGE, by="eva", phone="PJSIP/eva"))
    eva = story.ring().leg
    story.connect(eva)
    forget(story)
    assert [order.leg for order in story.all_sent(HangUp)] == [eva]
    assert story.state("bob") == "talking"
    assert not story.all_sent(DropBridge)


@pytest.mark.parametrize("phone", ["PJSIP/cid", "PJSIP/eva"], ids=["of an agent", "of nobody"])
def test_a_supervisor_who_has_taken_over_a_transferred_customer_talks_on(phone: str) -> None:
    """A receptionist's transfer has put another channel in the customer's place, which says nothing of an entry."""
    story = Talk()
    _take_over(story, phone)

    def transferred(seen: PbxSnapshot) -> PbxSnapshot:
        name = "Local/_attended@transfer-1;2"
        legs = (
            replace(one, name=name, entry=None, number="", transferred=True) if one.leg == story.customer else one
            for one in seen.legs
        )
        return replace(seen, legs=tuple(legs))

    forget(story, transferred)
    assert cut(story) == []
    assert story.all_told(CallAdopted)[0].agent == ("cid" if phone == "PJSIP/cid" else "")


def test_a_supervisor_who_has_taken_over_and_consults_goes_on_while_the_customer_hears_music() -> None:
    story = Talk()
    eva = _take_over(story, "PJSIP/cid")
    story.act(CallRequest.CONSULT, ToAgent("1004"), by="cid")
    dan = story.ring().leg
    story.connect(dan)
    forget(story)
    assert cut(story) == []
    call = story.call()
    assert call.segment is not None and call.transfer is not None
    assert (call.segment.agent, call.segment.leg, call.transfer.agent, call.transfer.leg) == ("cid", eva, "1004", dan)
    assert story.world.legs[story.customer].bridge is None


def _take_over(story: Talk, phone: str) -> LegId:
    """A supervisor at this phone takes over Bob's talk. Gives the leg there."""
    story.act(CallRequest.TAKE_OVER, by="eva", phone=phone)
    eva = story.ring().leg
    story.happens(LegAnswered(at=story.now, leg=eva))
    story.join(story.only(Bridge))
    story.gone(story.bob)
    return eva


def test_a_phones_own_transfer_goes_on_and_leads_to_our_entry() -> None:
    story = Talk()
    near, far = leg_id(PBX, "near"), leg_id(PBX, "far")
    story.happens(LegReplaced(at=story.now, leg=story.bob, by=near, by_name="Local/sales@t-1;1"))
    story.gone(story.bob)

    def halves(seen: PbxSnapshot) -> PbxSnapshot:
        half = SeenLeg(leg=near, name="Local/sales@t-1;1", up=True, created_at=START)
        other = SeenLeg(leg=far, name="Local/sales@t-1;2", up=True, created_at=START, entry="sales", tier="standard")
        rest = (one for one in seen.legs if one.leg != near)
        bridges = tuple(replace(one, legs=(story.customer, near)) for one in seen.bridges)
        return replace(seen, legs=(*rest, half, other), bridges=bridges)

    forget(story, halves)
    assert story.hung_up() <= {near, far}
    assert {order.leg for order in story.all_sent(HangUp)} == {near, far}
    assert [fact.queue for fact in story.all_told(VisitBegan)] == ["sales"]
    assert story.call().leg == story.customer


def test_a_person_whom_a_campaign_had_called_talks_on() -> None:
    story = one_queue(agent("bob"))
    customer, leg = leg_id(PBX, "cb-attempt.spring-t-7"), leg_id(PBX, "cb-agent-t-9")
    legs = (
        SeenLeg(leg=customer, name="PJSIP/trunk-1", up=True, created_at=START, role="customer"),
        SeenLeg(leg=leg, name="PJSIP/bob-1", up=True, created_at=START, role="agent", agent="bob", customer=customer),
    )
    bridge = SeenBridge(bridge="cb-bridge-t-10", legs=(customer, leg), call="cb-call-t-8", queue="support", agent="bob")
    at = story.now + 1.0
    story.sent = []
    story.happens(PbxSnapshot(at=at, pbx=PBX, requested_at=at, last_heard_at=at, legs=legs, bridges=(bridge,)))
    assert cut(story) == []
    (call,) = story.world.calls.values()
    assert (call.id, call.campaign, call.entry, call.placed) == ("cb-call-t-8", "spring", "campaign:spring", False)
    assert story.state("bob") == "talking"
