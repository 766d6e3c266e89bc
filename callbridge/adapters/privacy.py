"""What strangers wrote, made fit to store; what belongs to people, made fit to show."""

from __future__ import annotations

import re
from collections.abc import Iterable

from callbridge.core.facts import (
    AnyFact,
    AskGranted,
    CallArrived,
    CallTransferred,
    HandingBegan,
    HandingEnded,
    OfferMade,
    PromiseEnded,
    PromiseMade,
    SurveyAlerted,
    SurveyMissed,
    VoicemailLeft,
)

_SURROGATE = re.compile("[\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_OUTSIDE = "number:"
"""How a target outside is written where targets of all kinds are."""


def storable(text: str) -> str:
    """``text`` with each lone surrogate, which UTF-8 cannot carry, replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def label(text: str, longest: int = 100) -> str:
    """``text`` as the value of a label or a field for terminals: printable, and not endless."""
    return _UNPRINTABLE.sub("\ufffd", text)[:longest]


def mask(number: str) -> str:
    """A phone number as others may see it: ``+44*****123``. How long it is stays hidden, too."""
    if len(number) < 8:
        return "*****" if number else ""
    head = number[:3] if number.startswith("+") else ""
    return storable(f"{head}*****{number[-3:]}")


def personal(fact: AnyFact) -> Iterable[tuple[str, str]]:
    """The fields of a fact that hold a customer's number or name. A transfer may go to somebody's mobile phone."""
    match fact:
        case CallArrived():
            return (("number", fact.number), ("name", fact.name))
        case OfferMade() if fact.collected:
            return (("collected", fact.collected),)
        case VoicemailLeft() | SurveyAlerted() | SurveyMissed() | PromiseMade() | PromiseEnded():
            return (("number", fact.number),)
        case CallTransferred():
            return (("target", fact.target),)
        case HandingBegan() | HandingEnded() | AskGranted() if fact.to.startswith(_OUTSIDE):
            return (("to", fact.to),)
        case _:
            return ()


def masked(field: str, value: str) -> str:
    """A personal field as others may see it: numbers keep their ends, names are left out."""
    if field in ("name", "collected"):
        return "*****" if value else ""
    if value.startswith(_OUTSIDE):
        return _OUTSIDE + mask(value.removeprefix(_OUTSIDE))
    return mask(value)
