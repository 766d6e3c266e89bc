"""Between a PBX's link and the inbox: callers get their tiers, and nothing else is changed."""

from __future__ import annotations

from callbridge.core.model.events import CallerArrived, LegAnswered, PbxSnapshot, SeenLeg
from callbridge.core.model.ids import leg_id
from callbridge.service.caller_tiers import with_tiers

LEG = leg_id("pbx", "c1")


def tier_of(number: str) -> str:
    return f"tier-{number}"


def test_who_arrives_has_the_tier_of_the_number() -> None:
    arrived = CallerArrived(at=1.0, leg=LEG, entry="sales", channel_name="PJSIP/trunk-1", number="4930", name="Ada", tier="")
    told = with_tiers(arrived, tier_of)
    assert isinstance(told, CallerArrived)
    assert (told.tier, told.number, told.entry) == ("tier-4930", "4930", "sales")


def test_whom_a_snapshot_found_waiting_has_one_too_and_our_own_legs_have_none() -> None:
    waiting = SeenLeg(leg=LEG, name="PJSIP/trunk-1", up=True, created_at=1.0, number="4930", caller_name="", entry="sales")
    agent = SeenLeg(
        leg=leg_id("pbx", "cb-1"), name="PJSIP/1001-1", up=True, created_at=1.0, number="1001", caller_name="", entry=None
    )
    seen = PbxSnapshot(at=1.0, pbx="pbx", requested_at=1.0, last_heard_at=1.0, legs=(waiting, agent), bridges=())
    told = with_tiers(seen, tier_of)
    assert isinstance(told, PbxSnapshot)
    assert [(leg.leg, leg.tier) for leg in told.legs] == [(LEG, "tier-4930"), (agent.leg, "")]


def test_other_events_pass_as_they_are() -> None:
    event = LegAnswered(at=1.0, leg=LEG)
    assert with_tiers(event, tier_of) is event
