"""What variables and simple expressions of the dialplan come to when a call has set nothing before.

FreePBX writes most settings of a queue as `${IF($[${LEN(${VQ_MAXWAIT})}>0]?${VQ_MAXWAIT}:30)}`: here, 30.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

UNKNOWN = "\ufffd"
"""Stands for what only a live call knows."""
_MAX_ROUNDS = 200
_UNSET = re.compile(r"VQ_\w*|Q(?:GOSUB|AGI|RULE|POSITION|AANNOUNCE|RINGOPTS|RETRY)")
"""FreePBX's virtual queues and modules set these; a plain call has none of them, unless the dialplan sets one first."""
_IF = re.compile(r"IF\(\$\[(?P<condition>.*?)\]\?(?P<then>.*?):(?P<otherwise>.*)\)", re.DOTALL)
_COMPARISON = re.compile(r'\s*"?(?P<left>[^"]*?)"?\s*(?P<operator>!=|>=|<=|=|>|<)\s*"?(?P<right>[^"]*?)"?\s*')


def resolved(text: str, known: Mapping[str, str]) -> str:
    """The text with its variables replaced, the innermost first; `UNKNOWN` where it depends on the call."""
    for _ in range(_MAX_ROUNDS):
        start = text.rfind("${")
        end = text.find("}", start)
        if start < 0 or end < 0:
            break
        text = text[:start] + _value(text[start + 2 : end], known) + text[end + 1 :]
    return text.strip()


def _value(inside: str, known: Mapping[str, str]) -> str:
    name = inside.lstrip("_")
    if name in known:
        return known[name]
    if _UNSET.fullmatch(name):
        return ""
    if inside.startswith("LEN(") and inside.endswith(")"):
        return UNKNOWN if UNKNOWN in inside else str(len(inside[4:-1]))
    choice = _IF.fullmatch(inside)
    if choice is not None:
        holds = is_true(choice["condition"])
        return UNKNOWN if holds is None else choice["then"] if holds else choice["otherwise"]
    return UNKNOWN


def is_true(condition: str) -> bool | None:
    """Whether a comparison holds; None for what only a live call knows. Its variables are replaced already."""
    found = _COMPARISON.fullmatch(condition.strip().removeprefix("$[").removesuffix("]"))
    if found is None or UNKNOWN in condition:
        return None
    left, right, operator = found["left"].strip(), found["right"].strip(), found["operator"]
    if operator in ("=", "!="):
        return (left == right) == (operator == "=")
    if not (left.isdecimal() and right.isdecimal()):
        return None
    low, high = int(left), int(right)
    return {">": low > high, "<": low < high, ">=": low >= high, "<=": low <= high}[operator]
