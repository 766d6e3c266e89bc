"""What a webhook says: as which JSON, with which link, under which signature. What it tells at all: ``wire.webhooks``.

Pure. Numbers and names are masked unless the hook is ``unmasked``, in the link too. The receiver computes
``sha256=HMAC(secret, timestamp + "." + body)`` over the bytes that it got and compares.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from callbridge.adapters.facts.codec import FACT_KINDS
from callbridge.adapters.facts.masking import masked
from callbridge.adapters.facts.privacy import hide, mask, storable
from callbridge.adapters.outbox.envelope import Envelope
from callbridge.wire.webhooks import EVENTS, PLACEHOLDERS, TOLD

_BY_NAME = {name: TOLD[kind] for name, kind in FACT_KINDS.items() if kind in TOLD}
FACTS = frozenset(_BY_NAME)
"""The facts that webhooks tell, by their public names."""


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
        return fact_type in _BY_NAME and _BY_NAME[fact_type].name in self.events


def body(told: Envelope, hook: WebhookSettings) -> bytes:
    """The JSON that the hook sends for a fact that it wants."""
    data: dict[str, Any] = json.loads(told.data)
    shown = data if hook.unmasked else masked(told.type, data, told.personal)
    fact = _BY_NAME[told.type]
    says = {name: shown[name] for name in fact.says}
    if fact.kind:
        says["kind"] = fact.kind
    event: dict[str, Any] = {
        "id": told.id,
        "type": fact.name,
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
    if hook.link and event["type"] in ("offer", "caller", "answer"):
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
