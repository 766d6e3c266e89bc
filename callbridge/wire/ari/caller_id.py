"""Number and name of a caller as ARI reports them, and what the caller withholds.

ARI does not say that a number is withheld. The dialplan does, in two arguments of Stasis(): CALLERID(num-pres) and the number,
which it has taken off the channel. So this is known with the arrival, costs no request, and stands in every list of channels.
A caller whom a transfer has put in the place of another came by another way: the channel's variables say it (``QUESTIONS``), and
the number is taken off in the same way (``taken_off``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from callbridge.core.model.numbers import WITHHELD, Withheld
from callbridge.wire.ari.shapes import optional_part
from callbridge.wire.text import NAME_LIMIT, NUMBER_LIMIT, clean

_NUMBER, _NAME, _PRESENTATION, _NAME_PRESENTATION = "CALLERID(num)", "CALLERID(name)", "CALLERID(num-pres)", "CALLERID(name-pres)"
_KNOWN = "CALLBRIDGE_WITHHELD"
"""The number that callbridge.conf has taken off this channel."""
_PRIVACY = "PJSIP_HEADER(read,Privacy)"
_PRIVATE = re.compile("id|user|full|header")
"""Values of Privacy, as in callbridge.conf: of a trunk without trust_id_inbound Asterisk takes the number from From and does not
read Privacy."""

QUESTIONS = (_NUMBER, _NAME, _PRESENTATION, _NAME_PRESENTATION, _KNOWN)
QUESTIONS_OF_SIP = (*QUESTIONS, _PRIVACY)


class CallerId(NamedTuple):
    number: str
    name: str
    withheld: Withheld | None = None


NOBODY = CallerId("", "")


def caller_id(channel: dict[str, Any], said: Sequence[Any] = ()) -> CallerId:
    """``said``: the dialplan's arguments about it. A name is withheld together with its number."""
    caller = optional_part(channel, "caller")
    number, name = clean(caller.get("number"), NUMBER_LIMIT), clean(caller.get("name"), NAME_LIMIT)
    presentation, known, *_ = (*(clean(one, NUMBER_LIMIT) for one in said), "", "")
    return _withholding(CallerId(number, name), presentation, known)


def questions_of(channel_name: str) -> tuple[str, ...]:
    """The variables that say who the caller at this channel is, and what is withheld."""
    return QUESTIONS_OF_SIP if channel_name.startswith("PJSIP/") else QUESTIONS


def caller_of(variables: Mapping[str, str]) -> CallerId:
    """By the answers to ``questions_of``."""
    said = {name: clean(variables.get(name, ""), NUMBER_LIMIT) for name in (_NUMBER, _PRESENTATION, _NAME_PRESENTATION, _KNOWN)}
    name = WITHHELD if said[_NAME_PRESENTATION].startswith("prohib") else clean(variables.get(_NAME, ""), NAME_LIMIT)
    private = _PRIVATE.search(variables.get(_PRIVACY, "").lower())
    return _withholding(CallerId(said[_NUMBER], name), "prohib" if private else said[_PRESENTATION], said[_KNOWN])


def _withholding(caller: CallerId, presentation: str, known: str) -> CallerId:
    if not presentation.startswith("prohib"):
        return caller
    return CallerId(WITHHELD, WITHHELD, Withheld(known or (caller.number if caller.number != WITHHELD else "")))


def taken_off(withheld: Withheld) -> tuple[tuple[str, str], ...]:
    """The variables, with their values, that take a withheld number off a channel as callbridge.conf does."""
    return (
        (_KNOWN, "".join(char for char in withheld.number if char in "+0123456789")),
        (_PRESENTATION, "prohib"),
        (_NAME_PRESENTATION, "prohib"),
        (_NUMBER, WITHHELD),
        (_NAME, WITHHELD),
    )
