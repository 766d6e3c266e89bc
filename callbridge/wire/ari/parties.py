"""Who is at the end of a Local channel, asked by channel variables.

Asterisk keeps the name of a channel's peer in its bridge in the variable BRIDGEPEER; where a variable is read, a channel's name
is as good as its id. So the cost does not depend on how many channels the PBX has, as that of its lists does.
"""

from __future__ import annotations

from callbridge.wire.ari.listing import variable_value
from callbridge.wire.text import NAME_LIMIT, clean

PEER = "BRIDGEPEER"
"""With more than two in the bridge: the names of all others, separated by commas."""
_OTHER = {"1": "2", "2": "1"}


def other_half(name: str) -> str:
    """``Local/x@y-1;2`` of ``Local/x@y-1;1``, and the other way round; empty for a channel that is no half."""
    pair, _, half = name.rpartition(";")
    return f"{pair};{_OTHER[half]}" if name.startswith("Local/") and half in _OTHER else ""


def phone_of(name: str) -> str:
    """The endpoint in a channel's name."""
    return name.rpartition("-")[0]


def variable_of(status: int, answer: bytes) -> str:
    """Decode the answer to ``variable_request``; empty when the channel has no such variable, or is gone."""
    return clean(variable_value(answer), NAME_LIMIT) if status == 200 else ""
