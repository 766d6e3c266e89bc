"""Rules about agents' phones: each belongs to one agent, and to nobody if it is a trunk; and about PINs for log-in at them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from callbridge.settings import models
from callbridge.settings.document import Document, Path, where
from callbridge.settings.faults import Fault, did_you_mean
from callbridge.settings.staff import AgentConfig
from callbridge.settings.values import endpoint_of

MAX_PHONES = 8
"""Each phone that rings is a call of its own for the PBX."""


def phones(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Faults of ``phone`` and ``phones``."""
    owners: dict[str, tuple[str, Path]] = {}
    pbxs = [pbx.name for pbx in getattr(settings, "pbx", ())]  # absent if it could not be read
    for id, agent in settings.agents.items():
        if not agent.all_phones:
            yield from _without(id, document)
        elif agent.phone is not None and agent.phones:
            yield document.at(("agents", id, "phones"), "cannot be given beside phone", "list them all in phones", key=True)
        elif len(agent.phones) > MAX_PHONES:
            problem = f"{len(agent.phones)} phones would ring for each call, at most {MAX_PHONES} may"
            yield document.at(("agents", id, "phones"), problem, key=True)
        yield from _pin(id, agent, settings.phones.pin_digits, document)
        yield from _browser_phone(id, agent, settings, document)
        for at, phone in phones_of(id, agent):
            if endpoint_of(phone) in settings.trunks:
                yield document.at(at, f"{phone} is listed under trunks, so it cannot be an agent's phone")
            if pbxs:
                yield from _pbx_of(phone, at, pbxs, document)
            name = phone if len(pbxs) > 1 else endpoint_of(phone)
            owner, first = owners.setdefault(name.casefold(), (id, at))
            if first != at:
                place = document.place(first)
                problem = f"{phone} is already the phone of agent {owner!r}" if owner != id else f"{phone} is listed twice"
                yield document.at(at, problem, f"see {place.file}:{place.line}")
    yield from _users_phones(settings, owners, document)


def _users_phones(settings: models.Settings, owners: Collection[str], document: Document) -> Iterator[Fault]:
    """``owners``: the agents' phones."""
    pbxs = [pbx.name for pbx in getattr(settings, "pbx", ())]
    for name, user in settings.users.items():
        if user.browser_phone is None:
            continue
        at, phone = ("users", name, "browser_phone", "phone"), user.browser_phone.phone
        key = (phone if len(pbxs) > 1 else endpoint_of(phone)).casefold()
        if not endpoint_of(phone).upper().startswith("PJSIP/"):
            yield document.at(at, f"{phone} cannot be in a browser", "use an endpoint of PJSIP")
        elif endpoint_of(phone) in settings.trunks:
            yield document.at(at, f"{phone} is listed under trunks, so it cannot be a user's phone")
        elif key in owners:
            yield document.at(at, f"{phone} is the phone of an agent", "give the user an endpoint of its own")
        if pbxs:
            yield from _pbx_of(phone, at, pbxs, document)


def _browser_phone(id: str, agent: AgentConfig, settings: models.Settings, document: Document) -> Iterator[Fault]:
    own = agent.browser_phone
    if own is None or not agent.all_phones:
        return
    at: Path = ("agents", id, "browser_phone")
    phone = own.phone or agent.first_phone
    if phone not in agent.all_phones:
        yield document.at((*at, "phone"), f"{phone} is not one of the agent's phones", f"add it to agents.{id}.phones")
    elif not endpoint_of(phone).upper().startswith("PJSIP/"):
        yield document.at(at, f"{phone} cannot be in a browser", "use an endpoint of PJSIP", key=True)
    if agent.pin is None and settings.http.oidc is None:
        yield document.at(at, "is of no use: the agent cannot log in to the page", "add a pin, or http.oidc", key=True)


def _pbx_of(phone: str, at: Path, pbxs: list[str], document: Document) -> Iterator[Fault]:
    """A phone of one of several PBXs says of which."""
    pbx = phone.partition("/")[0]
    if phone != endpoint_of(phone) and pbx not in pbxs:
        yield document.at(at, f"no such PBX: {pbx!r}", did_you_mean(pbx, pbxs))
    elif phone == endpoint_of(phone) and len(pbxs) > 1:
        hint = f"write {' or '.join(f'{name}/{phone}' for name in pbxs[:2])}"
        yield document.at(at, f"{phone} names no PBX, and there are several", hint)


def _without(id: str, document: Document) -> Iterator[Fault]:
    """An agent for whom no phone could be read: a `phones` that is no list is a fault already."""
    one, several = ("agents", id, "phone"), ("agents", id, "phones")
    if several not in document.keys:
        yield document.at(one, "has no value" if one in document.keys else "is missing")
    elif where(several) not in {fault.where for fault in document.faults}:
        yield document.at(several, "is empty", "list at least one phone, such as [PJSIP/1001]", key=True)


def _pin(id: str, agent: AgentConfig, least: int, document: Document) -> Iterator[Fault]:
    digits = len(agent.pin.get_secret_value()) if agent.pin is not None else 0
    if 0 < digits < least:
        problem = f"has {digits} digits, at least {least} are required"
        yield document.at(("agents", id, "pin"), problem, "choose a longer PIN, or change phones.pin_digits")


def phones_of(id: str, agent: AgentConfig) -> Iterator[tuple[Path, str]]:
    """Where each phone of an agent is given, and the phone."""
    if agent.phone is not None:
        yield ("agents", id, "phone"), agent.phone
    yield from ((("agents", id, "phones", index), phone) for index, phone in enumerate(agent.phones))
