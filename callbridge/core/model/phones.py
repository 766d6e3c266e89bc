"""Names of phones, and how a PBX reaches them.

A phone is an endpoint of one PBX, joined as ``pbx/endpoint``: ``pbx2/PJSIP/1001``. Where there is only one PBX, its endpoint
alone is the phone's name. A phone of another PBX than the call's is reached over the tie line between them.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from callbridge.core.model.events import (
    ContactsChanged,
    DeviceChanged,
    DevicesListed,
    HintRead,
    LegReplaced,
    PartyFound,
    PhoneInspected,
)
from callbridge.core.model.ids import LegId, endpoint_of, pbx_of
from callbridge.core.model.orders import InspectPhone, Ring

if TYPE_CHECKING:
    from callbridge.core.model.events import AnyEvent
    from callbridge.core.model.orders import OfPbx
    from callbridge.core.model.plan import Plan


def phone_on(plan: Plan, pbx: str, endpoint: str) -> str:
    """The name of the phone that is this endpoint of this PBX."""
    return f"{pbx}/{endpoint}" if endpoint and len(plan.pbxs) > 1 else endpoint


def phone_of(plan: Plan, leg: LegId, channel_name: str) -> str:
    """The phone of a leg, by Asterisk's name of its channel."""
    return phone_on(plan, pbx_of(leg), endpoint_of(channel_name))


def parts_of(plan: Plan, phone: str) -> tuple[str, str]:
    """The PBX and the endpoint; the PBX is empty for what is no phone of a known PBX, such as a number behind a trunk."""
    if len(plan.pbxs) == 1:
        return plan.pbxs[0], phone
    pbx, _, endpoint = phone.partition("/")
    return (pbx, endpoint) if pbx in plan.pbxs else ("", phone)


def pbx_of_phone(plan: Plan, phone: str) -> str:
    return parts_of(plan, phone)[0]


def is_of_pbx(plan: Plan, pbx: str, phone: str) -> bool:
    """Does the phone belong to this PBX?"""
    return len(plan.pbxs) == 1 or parts_of(plan, phone)[0] == pbx


def endpoint_of_phone(plan: Plan, phone: str) -> str:
    return parts_of(plan, phone)[1]


def dialled(plan: Plan, pbx: str, phone: str) -> str:
    """What this PBX dials to reach the phone: the endpoint, if it is its own, or the way over the tie line."""
    home, endpoint = parts_of(plan, phone)
    if home in ("", pbx):
        return endpoint
    number = endpoint.partition("/")[2].partition("/")[0]
    return plan.ties[pbx].replace("{pbx}", home).replace("{phone}", number)


def as_dialled(plan: Plan, order: OfPbx) -> OfPbx:
    """The order as the PBX that carries it out names the phone."""
    match order:
        case Ring(leg=leg, phone=phone):
            there = dialled(plan, pbx_of(leg), phone)
            over_a_tie = parts_of(plan, phone)[0] not in ("", pbx_of(leg))
            # Should the line die while the phone rings, nobody can tell the far PBX that the call was cancelled.
            until = (("Expires", str(ceil(order.give_up))),) if over_a_tie else ()
            return replace(order, phone=there, headers=(*order.headers, *until))
        case InspectPhone(phone=phone):
            return replace(order, phone=endpoint_of_phone(plan, phone))
        case _:
            return order


def as_named(plan: Plan, pbx: str, event: AnyEvent) -> AnyEvent:
    """The event of a PBX, with the names of its phones as they are known here."""
    match event:
        case DeviceChanged() | ContactsChanged() | PhoneInspected() | PartyFound() | LegReplaced():
            return replace(event, phone=phone_on(plan, pbx, event.phone))
        case DevicesListed(states=states):
            return replace(event, states={phone_on(plan, pbx, phone): state for phone, state in states.items()})
        case HintRead(devices=devices):
            return replace(event, devices=tuple(phone_on(plan, pbx, device) for device in devices))
        case _:
            return event
