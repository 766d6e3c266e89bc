"""AMI as text: values made safe to send, device-state messages as events.

A message is any mapping of header names; panoramisk's are case-insensitive and answer ``""`` for a missing name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from zlib import crc32

from callbridge.core.model.events import DeviceChanged, DevicesListed
from callbridge.core.model.ids import channel_of
from callbridge.core.model.orders import OfRecording, PauseRecording, StartRecording, StopRecording

LINE_LIMIT = 1024
"""Asterisk refuses longer input lines (``main/manager.c``)."""

STATES = frozenset({"NOT_INUSE", "INUSE", "BUSY", "INVALID", "UNAVAILABLE", "RINGING", "RINGINUSE", "ONHOLD", "UNKNOWN"})

_PHONES = frozenset({"PJSIP", "SIP", "IAX2", "SCCP", "DAHDI", "UNISTIM"})
"""Technologies with a device at their end; ``Custom:``, ``Queue:``, ``Local/`` and the like are no phones."""

_DND = re.compile(r"Custom:DND[0-9A-Za-z_.-]{1,64}")
"""The device state that FreePBX keeps for an extension on do not disturb."""

_CONTACT = re.compile(r"sips?:[!-~]{1,250}")
MAX_DEVICES = 32
"""Of one hint."""
MAX_CONTACTS = 8
"""Devices that ring at one account: each is a call of its own for the PBX."""

_LINE_BREAKERS = str.maketrans("", "", "\r\n\0")


def clean_value(value: str) -> str:
    """``value`` fit for one AMI header: CR, LF and NUL would begin a header or an action of their own."""
    return value.translate(_LINE_BREAKERS).encode(errors="replace").decode()


def clean_action(action: str, fields: Mapping[str, str]) -> dict[str, str]:
    """The headers of one action. ``Async`` is always set: panoramisk fails on some replies without it.

    Raises ValueError for a line longer than Asterisk reads.
    """
    asynchronous = "true" if action.lower() == "originate" else "false"
    headers = {"Action": action, "Async": asynchronous, **fields}
    cleaned = {clean_value(name).replace(":", ""): clean_value(value) for name, value in headers.items()}
    for name, value in cleaned.items():
        if len(f"{name}: {value}".encode()) > LINE_LIMIT:
            raise ValueError(f"AMI header {name} is too long")
    return cleaned


def phone_of(device: str) -> str | None:
    """The phone, as agents' ``phone`` names it (``PJSIP/1001``), of an Asterisk device; None when it is none.

    A phone that names one contact (``PJSIP/1001/sip:...``) has the device of its endpoint.
    """
    technology, slash, rest = device.partition("/")
    resource = rest.partition("/")[0]
    if not slash or not resource or technology.upper() not in _PHONES:
        return None
    return f"{technology.upper()}/{resource}"


def device_changed(message: Mapping[str, str], at: float) -> DeviceChanged | None:
    """The event of one DeviceStateChange, of a phone or of its do not disturb; None for other devices and unknown states."""
    device, state = message.get("Device", ""), message.get("State", "")
    phone = device if _DND.fullmatch(device) else phone_of(device)
    if phone is None or state not in STATES:
        return None
    return DeviceChanged(at=at, phone=phone, state=state)


def devices_listed(messages: Iterable[Mapping[str, str]], at: float) -> DevicesListed:
    """The event of a whole DeviceStateList; its first and last message are no devices and fall out."""
    changes = (device_changed(message, at) for message in messages)
    return DevicesListed(at=at, states={change.phone: change.state for change in changes if change is not None})


def devices_of_hint(hint: str) -> tuple[str, ...]:
    """The phones, and the do not disturb, of a hint as the PBX shows it: ``PJSIP/1001&Custom:DND1001,CustomPresence:1001``."""
    named = (part.strip() for part in hint.partition(",")[0].split("&")[:MAX_DEVICES])
    found = (part if _DND.fullmatch(part) else phone_of(part) for part in named)
    return tuple(dict.fromkeys(device for device in found if device is not None))


def contacts_request(phone: str) -> dict[str, str]:
    """The fields of the Getvar that lists where the devices of a PJSIP endpoint are that can be reached."""
    return {"Variable": f"PJSIP_DIAL_CONTACTS({phone.partition('/')[2]})"}


def contacts_of(phone: str, value: str) -> tuple[str, ...]:
    """The answer: ``PJSIP/1001/sip:1001@192.0.2.1:5060&PJSIP/1001/sip:...``."""
    listed = (part.removeprefix(phone.partition("/")[2] + "/") for part in value.removeprefix("PJSIP/").split("&PJSIP/"))
    return tuple(sorted({uri for uri in listed if _CONTACT.fullmatch(uri)}))[:MAX_CONTACTS]


def recording_request(order: OfRecording) -> dict[str, str]:
    """The fields of the Getvar for the ID of this recording's MixMonitor: empty where it was never started."""
    return {"Channel": channel_of(order.leg), "Variable": _mix_monitor(order)}


def _mix_monitor(order: OfRecording) -> str:
    """The variable of the channel in which Asterisk keeps the ID: a channel has several recordings one after the other."""
    return f"CALLBRIDGE_MIX_{crc32(order.file.encode()):08X}"


def recording_action(order: StartRecording | PauseRecording | StopRecording, known: str = "") -> tuple[str, dict[str, str]]:
    """The action, and its fields; ``known``: the ID of the MixMonitor. Asterisk finds a channel by its unique id as well as by
    its name."""
    channel = {"Channel": channel_of(order.leg)}
    which = {"MixMonitorID": known} if known else {}
    match order:
        case StartRecording(file=file):
            return "MixMonitor", channel | {"File": file, "Options": f"i({_mix_monitor(order)})"}
        case PauseRecording(paused=paused):
            return "MixMonitorMute", channel | which | {"Direction": "both", "State": "1" if paused else "0"}
        case StopRecording():
            return "StopMixMonitor", channel | which
