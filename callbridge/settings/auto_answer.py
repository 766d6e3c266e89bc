"""How phones are asked to answer a call by themselves: SIP headers, which differ from vendor to vendor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from callbridge.settings.section import ConfigSection

_BY_CALL_INFO = {"Call-Info": "<sip:callbridge>;answer-after=0"}
_BY_ALERT_INFO = {"Alert-Info": "<sip:callbridge>;info=alert-autoanswer;delay=0"}
Preset = Literal["generic", "audiocodes", "gigaset", "grandstream", "microsip", "mitel", "polycom", "snom", "yealink", "zoiper"]
PRESETS: Mapping[Preset, Mapping[str, str]] = {
    "generic": {"Call-Info": "<sip:callbridge>;answer-after=0", "Alert-Info": "info=alert-autoanswer"},
    "audiocodes": _BY_ALERT_INFO,
    "gigaset": _BY_CALL_INFO,
    "grandstream": _BY_CALL_INFO,
    "microsip": _BY_CALL_INFO,
    "mitel": _BY_ALERT_INFO,
    "polycom": {"Alert-Info": "Auto Answer"},
    "snom": _BY_ALERT_INFO,
    "yealink": _BY_ALERT_INFO,
    "zoiper": _BY_CALL_INFO,
}
"""What each sends. Where that is from, and which setting of the phone it needs: deploy/guide/agents-and-phones.md."""

_RESERVED = frozenset(
    [
        "via",
        "from",
        "to",
        "call-id",
        "cseq",
        "contact",
        "max-forwards",
        "content-type",
        "content-length",
        "route",
        "record-route",
        "require",
        "supported",
        "allow",
    ]
)
"""Headers that SIP itself needs, or that Asterisk writes."""


def _header(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", name) or name.lower() in _RESERVED:
        raise ValueError(f"expected the name of a header such as Alert-Info, not {name!r:.70}")
    return name


def _header_text(text: str) -> str:
    if not re.fullmatch(r"[ -~]{1,200}", text):
        raise ValueError(f"expected the text of a header, at most 200 printable characters of ASCII, not {text!r:.60}")
    return text


class AutoAnswerConfig(ConfigSection):
    """How a phone is asked to answer by itself (`connect: auto_answer`)."""

    preset: Preset | None = None
    """Vendor of the phone, which decides the headers. Example: `yealink`"""
    headers: dict[Annotated[str, AfterValidator(_header)], Annotated[str, AfterValidator(_header_text)]] = {}
    """SIP headers of the INVITE, instead of the preset's or besides them. Example: `{Alert-Info: Auto Answer}`"""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.preset is None and not self.headers:
            raise ValueError("expected {preset: VENDOR}, {headers: {NAME: TEXT}} or both")
        return self

    def sent(self) -> tuple[tuple[str, str], ...]:
        """The headers of the INVITE; one from the configuration replaces the preset's of the same name."""
        given = {name.lower() for name in self.headers}
        preset = PRESETS[self.preset] if self.preset is not None else {}
        kept = {name: text for name, text in preset.items() if name.lower() not in given}
        return tuple((kept | self.headers).items())
