"""The PBX's endpoints that the configuration names: do they exist, and can every device of theirs be rung?"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from callbridge.cli.doctor.ari import AriSession
from callbridge.cli.doctor.findings import Finding, fault, ok, warning
from callbridge.core.model.plan import ConnectMode
from callbridge.settings.models import Settings

_OBJECTS = "/asterisk/config/dynamic/res_pjsip"
MAX_NAMED = 6


@dataclass(slots=True)
class Endpoints:
    """What pjsip.conf says of endpoints: ``PJSIP/1001`` -> its settings; ``hidden`` are those whose settings are not shown."""

    settings: dict[str, Mapping[str, str]] = field(default_factory=dict)
    contacts: dict[str, int] = field(default_factory=dict)
    """Endpoint -> ``max_contacts`` of its AORs."""
    hidden: list[str] = field(default_factory=list)


async def read(ari: AriSession, names: Sequence[str]) -> Endpoints:
    """The settings of these endpoints, and how many devices may register at each. Missing ones are in neither."""
    found = Endpoints()
    for endpoint in dict.fromkeys(names):
        technology, _, name = endpoint.partition("/")
        status, settings = await _object(ari, "endpoint", name) if technology.upper() == "PJSIP" else (0, None)
        if settings is not None:
            found.settings[endpoint] = settings
            aors = [each.strip() for each in settings.get("aors", "").split(",") if each.strip()]
            most = [(await _object(ari, "aor", aor))[1] for aor in aors]
            found.contacts[endpoint] = sum(int(each.get("max_contacts", "0") or 0) for each in most if each is not None)
        elif status != 404:
            found.hidden.append(endpoint)
    return found


async def read_object(ari: AriSession, kind: str, name: str) -> dict[str, str] | None:
    """The settings of an object of pjsip.conf; None when there is none, or it is not shown."""
    return (await _object(ari, kind, name))[1]


async def _object(ari: AriSession, kind: str, name: str) -> tuple[int, dict[str, str] | None]:
    status, listed = await ari.get(f"{_OBJECTS}/{kind}/{quote(name, safe='')}")
    if status != 200 or not isinstance(listed, list):
        return status, None
    return status, {str(each.get("attribute")): str(each.get("value")) for each in listed if isinstance(each, dict)}


# -- which endpoints the configuration needs --------------------------------------------------------------------------


def lines_out(settings: Settings) -> Iterator[tuple[str, str]]:
    """Endpoint and the setting that names it: trunks, and where numbers are dialled."""
    for trunk in settings.trunks:
        yield trunk, "trunks"
    if settings.outside is not None and (found := dialled(settings.outside.dial)):
        yield found, "outside.dial"
    for name, campaign in settings.campaigns.items():
        if campaign.dial is not None and (found := dialled(campaign.dial)):
            yield found, f"campaigns.{name}.dial"


def dialled(dial: str) -> str:
    """The endpoint of a dial string such as ``PJSIP/{number}@trunk`` or ``PJSIP/trunk/sip:{number}@host``; empty for a Local
    channel, and where it depends on the number."""
    technology, _, rest = dial.partition("/")
    if technology.upper() == "LOCAL":
        return ""
    name = rest.partition("/")[0]
    name = name.rpartition("@")[2] if "@" in name else name
    return "" if "{" in name or not name else f"{technology}/{name}"


def missing(wanted: Sequence[tuple[str, str]], known: Mapping[str, str]) -> Iterator[Finding]:
    """``wanted``: endpoint, and the setting that names it; ``known``: all endpoints of the PBX -> state."""
    names = {name.upper() for name in known}
    gone = [(endpoint, where) for endpoint, where in dict.fromkeys(wanted) if endpoint.upper() not in names]
    for endpoint, where in gone:
        todo = f"correct {where}, or create the endpoint in pjsip.conf (`pjsip show endpoints` lists those that exist)"
        yield fault("trunks", f"{endpoint} of {where} is not an endpoint of the PBX", todo)
    if wanted and not gone:
        yield ok("trunks", "every endpoint of trunks and dial strings exists")


def several_contacts(contacts: Mapping[str, int], single: Container[str] = ()) -> Iterator[Finding]:
    """``contacts``: the agents' phones -> how many devices may register; ``single``: where one device is called."""
    several = [phone for phone, most in contacts.items() if most > 1]
    if several:
        said = f"{_first(several)}: max_contacts is above 1: all devices at the account ring (a new one after 30 s at most)"
        yield ok("phones", said)
    chosen = [phone for phone in several if phone in single]
    if chosen:
        said = f"{_first(chosen)}: max_contacts is above 1: for auto_answer and nailed_up the PBX chooses which device is called"
        todo = "pjsip.conf: max_contacts = 1 and remove_existing = yes; list one account per device in the agent's phones"
        yield warning("phones", said, todo)


def called_at_one_device(settings: Settings) -> set[str]:
    """The phones of which the PBX chooses a device: those that answer by themselves or are nailed up."""
    agents = settings.agents.values()
    return {phone for agent in agents if agent.connect is not ConnectMode.RING for phone in agent.all_phones}


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMED]) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")


# -- sounds -----------------------------------------------------------------------------------------------------------

_NARROW = frozenset({"ulaw", "alaw"})


def formats_of(listed: Sequence[Any]) -> dict[str, frozenset[str]]:
    """ARI's list of sounds -> what there is of each. ARI takes every folder beside the languages' for a language, too: it calls
    ``custom/welcome`` ``welcome`` in the language ``custom``, while Asterisk plays it by either name."""
    found: dict[str, set[str]] = {}
    for each in listed:
        for one in (each.get("formats") or ()) if isinstance(each, dict) else ():
            for name in (f"{each.get('id')}", f"{one.get('language')}/{each.get('id')}"):
                found.setdefault(name, set()).add(str(one.get("format")))
    return {name: frozenset(formats) for name, formats in found.items()}


def transcoded(
    used: Sequence[tuple[str, str]], formats: Mapping[str, frozenset[str]], lines: Mapping[str, Mapping[str, str]]
) -> Iterator[Finding]:
    """Sounds that no line in ``lines`` (endpoint -> settings) can be sent as they are. ``used``: where, and name of each sound;
    ``formats``: what there is of it. 8 kHz linear audio (.wav) costs next to nothing to encode as alaw or ulaw."""
    codecs = {codec for settings in lines.values() for codec in re.findall(r"[A-Za-z0-9]+", settings.get("allow", ""))}
    if not codecs or "all" in codecs:
        return
    plain = codecs | ({"slin"} if codecs & _NARROW else set())
    costly = sorted({name for _, name in used if formats.get(name) and not formats[name] & plain})
    if costly:
        named = ", ".join(costly[:MAX_NAMED]) + (f" and {len(costly) - MAX_NAMED} more" if len(costly) > MAX_NAMED else "")
        there = ", ".join(sorted({kind for name in costly for kind in formats[name]}))
        spoken = ", ".join(sorted(codecs))
        said = f"transcoded for every caller (to {spoken}), because there is only {there} of: {named}"
        best = next((codec for codec in ("alaw", "ulaw", "g722") if codec in codecs), min(codecs))
        convert = f"file convert FILE.{min(formats[costly[0]])} FILE.{best}"
        todo = f"`{convert}` in Asterisk's console, or install the sounds as {best}"
        yield warning("sounds", said, todo)
