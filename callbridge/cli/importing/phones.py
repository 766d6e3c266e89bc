"""The phone behind a queue member: members are phones themselves, or Local channels that a hint or the dialplan explains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from callbridge.cli.importing.dialplan import Dialplan, arguments
from callbridge.cli.importing.variables import resolved
from callbridge.settings.phone_rules import MAX_PHONES

LONGEST_EXTENSION = 6
"""Digits of the longest number that is taken for an extension where nothing says so."""
_PHONE = re.compile(r"(?:PJSIP|SIP|IAX2|DAHDI|SCCP|SKINNY)/[A-Za-z0-9_.+-]+", re.IGNORECASE)
_LOCAL = re.compile(r"Local/(?P<number>[^@/]+)@(?P<context>[^/]+)(?:/.*)?", re.IGNORECASE)
_HINT = re.compile(r"hint:(?P<extension>[^@]+)(?:@(?P<context>.+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an app_queue. ``fixed``: listed in a file, and so always in the queue."""

    interface: str
    penalty: int = 0
    name: str = ""
    state_interface: str = ""
    more: tuple[str, ...] = ()
    fixed: bool = True


@dataclass(frozen=True, slots=True)
class Phones:
    """``endpoints`` is empty where there is no phone, ``looks`` says why; otherwise, what is to be looked at. ``hint``: where
    the PBX keeps the state of all of them, if no endpoint is named like the extension."""

    endpoints: tuple[str, ...] = ()
    looks: list[str] = field(default_factory=list)
    hint: str = ""


def phones_of(member: Member, dialplan: Dialplan) -> Phones:
    for each in (member.interface, member.state_interface):
        if _PHONE.fullmatch(each):
            return _found(member, [each])
    devices, hint = _hinted(member, dialplan)
    if devices:
        return _found(member, devices, hint)
    local = _LOCAL.fullmatch(member.interface)
    if local is None:
        return Phones(looks=[_no_phone(member.interface)])
    number, context = local["number"], local["context"]
    dialled = [device for device in _dialled(dialplan, context, number) if _PHONE.fullmatch(device)]
    outside = number.isdigit() and len(number) > LONGEST_EXTENSION and dialplan.has_hints
    if dialled and not outside:
        return _found(member, dialled)
    guess = re.fullmatch(rf"[0-9]{{2,{LONGEST_EXTENSION}}}", number)
    if guess and not dialplan.has_hints:
        said = f"{member.interface} was converted to PJSIP/{number}, which is a guess: check that this is the right phone"
        return Phones((f"PJSIP/{number}",), [f"{said}, or give --extensions FILE with the hints"])
    if number.isdigit():
        why = "an outside number or a group, as no hint says which phone it is" if guess else "an outside number"
        return Phones(looks=[f"member {member.interface} is {why}, and not an agent's phone: callers can reach it by overflow:"])
    return Phones(looks=[_no_phone(member.interface)])


def _no_phone(interface: str) -> str:
    if interface.lower().startswith("agent/"):
        id = interface.partition("/")[2]
        how = f"write agents: {{{id}: {{phone: PJSIP/..., skills: ...}}}}; agents log in with *11"
        return f"member {interface} is an agent of agents.conf, without a phone of its own: {how}"
    if "@" in interface and not interface.lower().startswith("local/"):
        return f"member {interface} dials out through a trunk, and is not an agent's phone"
    return f"member {interface or '(empty)'} is not a phone that can be called, skipped"


def _found(member: Member, devices: list[str], hint: str = "") -> Phones:
    """All devices ring, as they did; the extension's own is the first."""
    endpoints, looks = list[str](), list[str]()
    for device in devices:
        technology, _, resource = device.partition("/")
        endpoint = f"{technology.upper()}/{resource}"
        if endpoint not in endpoints:
            endpoints.append(endpoint)
    if len(endpoints) > MAX_PHONES:
        few = f"an agent has at most {MAX_PHONES} phones"
        looks.append(f"{member.interface} has {len(endpoints)} devices: {few}, {', '.join(endpoints[MAX_PHONES:])} will not ring")
    looks += [
        f"{endpoint} is a chan_sip phone, which Asterisk 21 and newer do not have: move it to PJSIP"
        for endpoint in endpoints[:MAX_PHONES]
        if endpoint.startswith("SIP/")
    ]
    named = any(endpoint.partition("/")[2] == hint.partition("@")[0] for endpoint in endpoints)
    return Phones(tuple(endpoints[:MAX_PHONES]), looks, "" if named else hint)


def _hinted(member: Member, dialplan: Dialplan) -> tuple[list[str], str]:
    """The devices that a hint watches, and the hint: `SIP/101&Custom:DND101,CustomPresence:101` is SIP/101."""
    named, local = _HINT.fullmatch(member.state_interface), _LOCAL.fullmatch(member.interface)
    wanted = (named["extension"], named["context"] or "") if named else (local["number"], "ext-local") if local else ("", "")
    watched, context = dialplan.hint(*wanted) if wanted[0] else ("", "")
    return [device for device in watched.partition(",")[0].split("&") if _PHONE.fullmatch(device)], f"{wanted[0]}@{context}"


def _dialled(dialplan: Dialplan, context: str, number: str) -> Iterator[str]:
    """What an extension of the dialplan dials."""
    known = {**dialplan.variables, "EXTEN": number}
    for step in dialplan.steps(context, number):
        if step.application == "dial":
            yield from resolved(arguments(step.data)[0], known).split("&")
            return
