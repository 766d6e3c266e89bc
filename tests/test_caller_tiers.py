"""Between a PBX's link and the inbox: callers get their tiers, and what they withhold goes no further."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.events import CallerArrived, CallerIdentified, LegAnswered, PbxSnapshot, SeenLeg
from callbridge.core.model.ids import leg_id
from callbridge.core.model.numbers import WITHHELD, Withheld
from callbridge.service.caller_tiers import received
from callbridge.settings.instance import WithheldNumbersConfig

LEG = leg_id("pbx", "c1")
AS_USUAL = WithheldNumbersConfig()


def tier_of(number: str) -> str:
    return f"tier-{number}"


def arrival(number: str = "4930", name: str = "Ada", withheld: Withheld | None = None) -> CallerArrived:
    return CallerArrived(
        at=1.0, leg=LEG, entry="sales", channel_name="PJSIP/trunk-1", number=number, name=name, tier="", withheld=withheld
    )


def snapshot(*legs: SeenLeg) -> PbxSnapshot:
    return PbxSnapshot(at=1.0, pbx="pbx", requested_at=1.0, last_heard_at=1.0, legs=legs, bridges=())


def test_who_arrives_has_the_tier_of_the_number() -> None:
    told = received(arrival(), tier_of, AS_USUAL)
    assert isinstance(told, CallerArrived)
    assert (told.tier, told.number, told.entry) == ("tier-4930", "4930", "sales")


def test_whom_a_snapshot_found_waiting_has_one_too_and_our_own_legs_have_none() -> None:
    waiting = SeenLeg(leg=LEG, name="PJSIP/trunk-1", up=True, created_at=1.0, number="4930", caller_name="", entry="sales")
    agent = SeenLeg(
        leg=leg_id("pbx", "cb-1"), name="PJSIP/1001-1", up=True, created_at=1.0, number="1001", caller_name="", entry=None
    )
    told = received(snapshot(waiting, agent), tier_of, AS_USUAL)
    assert isinstance(told, PbxSnapshot)
    assert [(leg.leg, leg.tier) for leg in told.legs] == [(LEG, "tier-4930"), (agent.leg, "")]


def test_a_caller_whom_a_phone_has_transferred_has_the_tier_of_the_number() -> None:
    known = CallerIdentified(at=1.0, leg=LEG, number="4930", name="Erika")
    assert received(known, tier_of, AS_USUAL) == replace(known, tier="tier-4930")
    withheld = replace(known, number=WITHHELD, name=WITHHELD, withheld=Withheld("4930"))
    assert received(withheld, tier_of, AS_USUAL) == replace(withheld, tier="tier-4930", withheld=None)


@pytest.mark.parametrize(
    ("settings", "tier", "number", "name"),
    [
        (AS_USUAL, "tier-4930", WITHHELD, WITHHELD),
        (WithheldNumbersConfig(route=False), "tier-withheld", WITHHELD, WITHHELD),
        (WithheldNumbersConfig(show=True), "tier-4930", "4930", ""),
    ],
)
def test_a_withheld_number_chooses_the_tier_and_is_left_behind(
    settings: WithheldNumbersConfig, tier: str, number: str, name: str
) -> None:
    told = received(arrival(WITHHELD, WITHHELD, Withheld("4930")), tier_of, settings)
    assert told == CallerArrived(
        at=1.0, leg=LEG, entry="sales", channel_name="PJSIP/trunk-1", number=number, name=name, tier=tier
    )
    seen = SeenLeg(
        leg=LEG,
        name="PJSIP/trunk-1",
        up=True,
        created_at=1.0,
        number=WITHHELD,
        caller_name=WITHHELD,
        entry="sales",
        withheld=Withheld("4930"),
    )
    told = received(snapshot(seen), tier_of, settings)
    assert isinstance(told, PbxSnapshot)
    (leg,) = told.legs
    assert (leg.tier, leg.number, leg.caller_name, leg.withheld) == (tier, number, name, None)


def test_other_events_pass_as_they_are() -> None:
    event = LegAnswered(at=1.0, leg=LEG)
    assert received(event, tier_of, AS_USUAL) is event
