"""What a webhook says: which facts it tells, as which JSON, with which link, under which signature.

Pure. Numbers and names are masked unless the hook is ``unmasked``, in the link too. The receiver computes
``sha256=HMAC(secret, timestamp + "." + body)`` over the bytes that it got and compares.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any, Literal
from urllib.parse import quote

from callbridge.adapters.facts.masking import masked
from callbridge.adapters.facts.outbox import Envelope
from callbridge.adapters.facts.privacy import hide, mask, storable

EVENTS: tuple[Literal["offer", "answer", "end", "alert", "survey"], ...] = ("offer", "answer", "end", "alert", "survey")
PLACEHOLDERS = ("number", "name", "tier", "queue", "agent", "call", "uniqueid")
"""What a link may ask for."""

_EVENT_OF = {
    "offer_made": "offer",
    "talk_began": "answer",
    "call_ended": "end",
    "agent_alerted": "alert",
    "switch_changed": "alert",
    "survey_alerted": "alert",
    "recording_failed": "alert",
    "application_replaced": "alert",
    "survey_missed": "survey",
}
FACTS = frozenset(_EVENT_OF)
"""The facts that webhooks tell, by their public names."""
_SAYS: dict[str, tuple[str, ...]] = {
    "offer_made": ("queue", "agent", "waited"),
    "talk_began": ("queue", "agent", "waited"),
    "call_ended": ("outcome", "segments", "lasted"),
    "agent_alerted": ("kind", "agent", "queue", "reason", "limit", "count"),
    "switch_changed": ("switch", "on", "by"),
    "survey_alerted": ("survey", "question", "answer", "agent", "queue"),
    "recording_failed": ("file", "why", "agent", "queue"),
    "application_replaced": (),
    "survey_missed": ("survey", "agent", "queue"),
}
_SCHEME = re.compile(r"(?!(?:javascript|data|vbscript):)[A-Za-z][A-Za-z0-9+.-]*:[^\s{]")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """One receiver. ``link`` is opened by who gets the offer: ``https://crm.example/?number={number}``."""

    name: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    events: tuple[str, ...] = EVENTS
    link: str = ""
    unmasked: bool = False

    def wants(self, fact_type: str) -> bool:
        """Is this kind of fact told to this receiver?"""
        return _EVENT_OF.get(fact_type) in self.events


def body(told: Envelope, hook: WebhookSettings) -> bytes:
    """The JSON that the hook sends for a fact that it wants."""
    data: dict[str, Any] = json.loads(told.data)
    shown = data if hook.unmasked else masked(told.type, data, told.personal)
    says = {name: shown[name] for name in _SAYS[told.type]}
    if told.type == "switch_changed":
        says["kind"] = "switch"
    elif told.type == "survey_alerted":
        says["kind"] = "survey"
    elif told.type == "recording_failed":
        says["kind"] = "recording"
    elif told.type == "application_replaced":
        says["kind"] = "application"
    event: dict[str, Any] = {
        "id": told.id,
        "type": _EVENT_OF[told.type],
        "at": told.at,
        "call": told.call,
        "pbx": told.pbx,
        "uniqueid": told.uniqueid,
        "linkedid": told.linkedid,
        **_caller(told, unmasked=hook.unmasked),
        **says,
    }
    if event["type"] == "offer":
        collected: dict[str, str] = json.loads(data.get("collected") or "{}")
        event["collected"] = {name: value if hook.unmasked else hide(value) for name, value in collected.items()}
    if hook.link and event["type"] in ("offer", "answer"):
        event["link"] = rendered(hook.link, event)
    return storable(json.dumps(event, ensure_ascii=False, separators=(",", ":"))).encode()


def _caller(told: Envelope, *, unmasked: bool) -> dict[str, str]:
    if not told.caller:
        return {}
    caller: dict[str, str] = json.loads(told.caller)
    return caller if unmasked else caller | {"number": mask(caller["number"]), "name": hide(caller["name"])}


def sign(secret: str, timestamp: str, content: bytes) -> str:
    """The value of ``X-Callbridge-Signature``."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + content, hashlib.sha256).hexdigest()


def rendered(link: str, event: Mapping[str, Any]) -> str:
    """The link with every placeholder's value percent-encoded: no value can leave its place."""
    return link.format(**{name: quote(storable(str(event.get(name, ""))), safe="") for name in PLACEHOLDERS})


def placeholders(link: str) -> list[str]:
    """What the template asks for. Raises ValueError when it is none: the message says why."""
    try:
        parts = list(Formatter().parse(link))
    except ValueError as error:
        raise ValueError(f"{error}; a brace itself is written twice") from None
    asked: list[str] = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if name not in PLACEHOLDERS or spec or conversion:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise ValueError(f"{{{name}}} is no placeholder; there are {known}")
        asked.append(name)
    if not _SCHEME.match(link):
        raise ValueError("expected a link such as https://crm.example/?number={number}")
    return asked
