"""Number and name of a caller as ARI reports them, and what the caller withholds.

ARI does not say that a number is withheld. The dialplan does, in two arguments of Stasis(): CALLERID(num-pres) and the number,
which it has taken off the channel. So this is known with the arrival, costs no request, and stands in every list of channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from callbridge.core.model.numbers import WITHHELD, Withheld
from callbridge.wire.ari.shapes import optional_part
from callbridge.wire.text import NAME_LIMIT, NUMBER_LIMIT, clean


class CallerId(NamedTuple):
    number: str
    name: str
    withheld: Withheld | None = None


def caller_id(channel: dict[str, Any], said: Sequence[Any] = ()) -> CallerId:
    """``said``: the dialplan's arguments about it. A name is withheld together with its number."""
    caller = optional_part(channel, "caller")
    number, name = clean(caller.get("number"), NUMBER_LIMIT), clean(caller.get("name"), NAME_LIMIT)
    presentation, known, *_ = (*(clean(one, NUMBER_LIMIT) for one in said), "", "")
    if not presentation.startswith("prohib"):
        return CallerId(number, name)
    return CallerId(WITHHELD, WITHHELD, Withheld(known or (number if number != WITHHELD else "")))
