"""What a phone of ours shows as its caller, from the first ring to the end of the call: what we say, and nothing else.

Asterisk itself tells a phone whom it is connected with whenever the other party changes, and before anybody else can know that
the number is withheld. On our legs it runs a subroutine of callbridge.conf first, which puts back what we have said.
"""

from __future__ import annotations

from callbridge.wire.text import NAME_LIMIT, NUMBER_LIMIT, clean

CONNECTED_LINE_CONTEXT = "callbridge-connected-line"
CONNECTED_LINE = "CONNECTEDLINE(all)"
KEEPS = ("CONNECTED_LINE_SEND_SUB", f"{CONNECTED_LINE_CONTEXT},s,1")
_KEEPS_ANONYMOUS = ("CONNECTED_LINE_SEND_SUB", f"{CONNECTED_LINE_CONTEXT},anonymous,1")
SHOWN = "CALLBRIDGE_SHOWN"
"""The channel's variable that the subroutine reads."""
_LIKE_THE_SUBROUTINE = {"CONNECTEDLINE(name-charset,i)": "utf8", "CONNECTEDLINE(tag,i)": ""}
"""Asterisk sends nothing to the phone when all details are as they were."""
_HARMLESS = str.maketrans({'"': "'", "\\": "/", ",": " ", ";": " ", "<": "(", ">": ")", "$": " ", "{": "(", "}": ")"})


def party(number: str, name: str) -> str:
    """As CONNECTEDLINE(all) takes it; empty when there is nothing to show."""
    number, name = _harmless(number, NUMBER_LIMIT), _harmless(name, NAME_LIMIT)
    return f'"{name or number}" <{number}>' if number or name else ""


def kept(shown: str, *, anonymous: bool = False) -> dict[str, str]:
    """The variables of a new leg that show a party, and keep it shown. ``anonymous``: to a carrier."""
    variables = dict([_KEEPS_ANONYMOUS if anonymous else KEEPS]) | {SHOWN: shown} | _LIKE_THE_SUBROUTINE | {CONNECTED_LINE: shown}
    return variables | {"CONNECTEDLINE(num-pres)": "prohib", "CONNECTEDLINE(name-pres)": "prohib"} if anonymous else variables


def shows(number: str, name: str) -> tuple[tuple[str, str], ...]:
    """The variables of a leg that show another party. Kept before it is shown: Asterisk may have something to say meanwhile."""
    shown = party(number, name)
    return (SHOWN, shown), KEEPS, (CONNECTED_LINE, shown)


def _harmless(value: str, limit: int) -> str:
    return clean(value.translate(_HARMLESS), limit)
