"""Flows: IVR scripts before (or instead of) a queue, as data from the configuration.

A flow is a handful of named nodes; each says what happens there and which node comes next. ``interpreter`` takes
callers through them. Digits that callers type are known by names, and may be spoken again: ``digits:{customer}``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import assert_never

KEYS = "0123456789*#"
MAX_DIGITS = 40
"""The digits that a caller may type for one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayNode:
    """Play a prompt. ``interrupt``: a key stops it; otherwise the key is kept for the next node that expects one."""

    media: str
    next: str
    interrupt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuNode:
    """One key decides. After ``tries`` wrong keys or silences: ``otherwise``."""

    media: str
    keys: Mapping[str, str]
    otherwise: str
    wait: float = 5.0
    """Seconds after the prompt in which a key must be pressed."""
    tries: int = 3
    wrong: str = ""
    silent: str = ""
    """Prompts after a wrong key, and after no key, before the main prompt is repeated."""
    into: str = ""
    """The value in which the key pressed is kept."""
    question: str = ""
    """Of a survey: the key pressed is the answer."""
    alerting: frozenset[str] = frozenset()
    """Answers that raise an alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectNode:
    """Collect several keys as a value. ``read_back``: reads the value back, and ``yes`` confirms."""

    media: str
    into: str
    next: str
    otherwise: str
    least: int = 1
    most: int = 20
    ends: str = "#"
    """The key that ends a value shorter than ``most``; the time-out between two keys does, too."""
    pattern: str = ""
    read_back: str = ""
    yes: str = "1"
    wait: float = 8.0
    gap: float = 4.0
    tries: int = 3
    wrong: str = ""
    silent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursNode:
    calendar: str
    open: str
    closed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupNode:
    """Ask another system about the caller; late, failing or invalid answers lead to ``otherwise`` with nothing changed."""

    lookup: str
    next: str
    otherwise: str
    quiet: bool = False
    """One of our own, which is no news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNode:
    """Change properties of the call. What is empty or None stays unchanged."""

    next: str
    tier: str = ""
    language: str = ""
    head_start: float | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Holds when all that is given in it holds. Durations in seconds."""

    tiers: frozenset[str] = frozenset()
    open: str = ""
    closed: str = ""
    """A calendar that is open, or closed."""
    queue: str = ""
    """The queue that the next ones are about; in a queue's own rules: that queue."""
    waiting: int | None = None
    """At least so many in it are served before this caller."""
    wait: float | None = None
    """The estimated wait is at least this; a wait that cannot be estimated is none."""
    agents: int | None = None
    """At most so many matching agents are logged in."""
    waited: float | None = None
    """The caller has waited for so long in this queue."""
    value: str = ""
    is_any: frozenset[str] = frozenset()
    pattern: str = ""
    """The value of this name is one of these, or has this pattern."""
    languages: frozenset[str] = frozenset()

    @property
    def depends_on_others(self) -> bool:
        """Whether something besides the caller and the time waited decides: who is logged in, hours, the pace."""
        return bool(self.open or self.closed) or self.agents is not None or self.wait is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchNode:
    """The first case that holds decides."""

    cases: tuple[tuple[Condition, str], ...]
    otherwise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailNode:
    """A message for the people of a queue, after the beep: ended by ``#``, by ``silence`` seconds without a sound, after
    ``longest`` seconds, or by hanging up."""

    queue: str
    media: str
    next: str
    longest: float = 180.0
    silence: float = 6.0
    callback: bool = False
    """A caller who leaves a message also gets a callback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackNode:
    """The caller is owed a callback by the queue at ``number`` (digits, or a value such as ``{caller}``), and no longer waits:
    a visit that a key had left ends here. Where that cannot be promised: ``otherwise``."""

    queue: str
    next: str
    otherwise: str
    number: str = "{caller}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoNotCallNode:
    """The caller's number goes on the do-not-call list of all campaigns, or of one."""

    next: str
    campaign: str = ""
    reason: str = "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNode:
    """The end: the caller joins a queue - or goes on waiting in it, when a key pressed there led into this flow. ``by``: the
    queue that this value names, if there is such a queue."""

    queue: str
    by: str = ""
    head_start: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowNode:
    flow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DialplanNode:
    context: str
    extension: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodbyeNode:
    """The end: play a prompt, and hang up."""

    media: str = ""


Node = (
    PlayNode
    | MenuNode
    | CollectNode
    | HoursNode
    | LookupNode
    | SetNode
    | BranchNode
    | CallbackNode
    | DoNotCallNode
    | VoicemailNode
    | QueueNode
    | FlowNode
    | DialplanNode
    | GoodbyeNode
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """``version`` changes with everything in it: callers inside finish on the one that they began."""

    name: str
    version: str
    start: str
    nodes: Mapping[str, Node]
    questions: int = 0
    """Of a survey: how many there are to answer."""
    music: str = "default"
    """Music while no prompt plays: silence makes people hang up."""
    language: str = ""
    hidden: bool = False
    """An internal flow that takes no time: not published, and not counted for the caller."""


def leads_to(node: Node) -> list[str]:
    """The nodes that may come next; none at an end."""
    match node:
        case PlayNode() | SetNode() | DoNotCallNode() | VoicemailNode():
            return [node.next]
        case MenuNode():
            return [*node.keys.values(), node.otherwise]
        case CollectNode() | LookupNode() | CallbackNode():
            return [node.next, node.otherwise]
        case HoursNode():
            return [node.open, node.closed]
        case BranchNode():
            return [*(to for _, to in node.cases), node.otherwise]
        case QueueNode() | FlowNode() | DialplanNode() | GoodbyeNode():
            return []
        case _:
            assert_never(node)


def is_silent(node: Node) -> bool:
    """Does a caller pass through it without hearing, pressing or saying anything?"""
    match node:
        case SetNode() | HoursNode() | BranchNode() | LookupNode() | CallbackNode() | DoNotCallNode():
            return True
        case PlayNode() | MenuNode() | CollectNode() | VoicemailNode():
            return False
        case QueueNode() | FlowNode() | DialplanNode() | GoodbyeNode():
            return False
        case _:
            assert_never(node)


# -- patterns of digits, as dialplans write them ----------------------------------------------------------------------

_PATTERN = re.compile(r"[+]?(?:[0-9XZN*#]|\[(?:[0-9]-[0-9]|[0-9*#])+\])+[.]?")
_CLASSES = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", "*": r"\*", "#": "\\#", "+": r"\+"}


def is_pattern(text: str) -> bool:
    """Whether this is a pattern: ``X`` any digit, ``Z`` 1-9, ``N`` 2-9, ``[1-5]``, and at the end ``.`` for one or more."""
    ranges = re.findall(r"([0-9])-([0-9])", text)
    return _PATTERN.fullmatch(text) is not None and all(begin <= end for begin, end in ranges)


def fits(pattern: str, digits: str) -> bool:
    """Whether the digits have the pattern. Linear in their number, whatever the pattern."""
    return _compiled(pattern).fullmatch(digits) is not None


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> re.Pattern[str]:
    text, inside = "", False
    for char in pattern:
        if inside or char in "[]":
            inside = char != "]"
            text += char
        elif char == ".":
            text += "[0-9*#]+"
        else:
            text += _CLASSES.get(char, char)
    return re.compile(text)


# -- prompts -------------------------------------------------------------------------------------------------------------

_FIELD = re.compile(r"{([^{}]*)}")
_NUMBER = re.compile("[0-9]{1,9}")
_DIGITS = re.compile("[0-9*#]{1,40}")
_OWN_NAME = re.compile(r"\w[\w.@+-]{0,63}")
_TYPED = re.compile("[0-9A-Za-z*#]{1,40}")


def spoken(media: str, values: Mapping[str, str], *, own: Collection[str] = ()) -> str:
    """The media with the values put in. A part whose value is missing, or cannot be spoken, is left out. ``own``: values that
    are names of the configuration's, which may stand in the name of a sound in any language."""
    return ",".join(_stoppable(part) for each in media.split(",") if (part := _filled(each, values, own)))


def filled(template: str, values: Mapping[str, str]) -> str:
    """The values put into a text; a missing one is empty."""
    return _FIELD.sub(lambda field: values.get(field[1], ""), template)


def fields_of(media: str) -> list[str]:
    """The names of values that the media wants."""
    return _FIELD.findall(media)


_SIGNS = {"*": "star", "#": "pound"}


def _stoppable(part: str) -> str:
    """``digits:12`` as the two sounds that Asterisk makes of it: its own saying of digits cannot be stopped before its end,
    and holds up everything else on the channel - such as the agent who answers."""
    scheme, _, digits = part.partition(":")
    if scheme != "digits" or not digits or not set(digits) <= set(KEYS):
        return part
    return ",".join(f"sound:digits/{_SIGNS.get(digit, digit)}" for digit in digits)


def _filled(part: str, values: Mapping[str, str], own: Collection[str]) -> str:
    wanted = _FIELD.findall(part)
    if not wanted:
        return part
    scheme = part.partition(":")[0]
    good = {"number": _NUMBER, "digits": _DIGITS}.get(scheme, _TYPED)
    named = _OWN_NAME if scheme == "sound" else good
    if not all((named if name in own else good).fullmatch(values.get(name, "")) for name in wanted):
        return ""
    return _FIELD.sub(lambda field: values[field[1]], part)


# -- how long a prompt may take -----------------------------------------------------------------------------------------

LONGEST_SOUND = 120.0
_A_CHARACTER = 2.0


def patience(media: str) -> float:
    """Seconds after which the end of a playback counts as missed: for some media Asterisk never reports it."""
    total = 3.0
    for part in media.split(","):
        scheme, _, rest = part.partition(":")
        spelt = scheme in ("number", "digits", "characters")
        total += _A_CHARACTER * len(rest) if spelt else _A_CHARACTER if rest.startswith("digits/") else LONGEST_SOUND
    return min(total, 2 * LONGEST_SOUND)
