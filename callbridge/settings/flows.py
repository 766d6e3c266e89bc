"""The shape of flows: what callers hear and are asked, node by node."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from callbridge.core.model import flow as core
from callbridge.core.model.plan import SURVEY
from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import EMPTY, OneOrMore, Unit
from callbridge.settings.values import (
    DialplanPlace,
    Duration,
    FlowMedia,
    LanguageCode,
    Lasting,
    Name,
    Pattern,
    PhoneKey,
    Text,
    ValueName,
    as_typed,
    filled,
    listed,
)

Threshold = Annotated[int, Field(ge=0, le=1_000_000)]
Tries = Annotated[int, Field(ge=1, le=20)]


Names = Annotated[tuple[Name, ...], BeforeValidator(listed), AfterValidator(filled), OneOrMore()]
Texts = Annotated[tuple[Text, ...], BeforeValidator(listed), AfterValidator(filled), OneOrMore()]
OptionalMedia = Annotated[FlowMedia, BeforeValidator(lambda value: "" if value is None else value), EMPTY]
"""Media, or nothing."""


class ConditionConfig(ConfigSection):
    """A condition: all that is given must hold."""

    tiers: Names | None = None
    """The caller's tier is one of these. Example: `[diamond, gold]`"""
    languages: Texts | None = None
    """The call's language is one of these. Example: `[en, de]`"""
    open: Name | None = None
    """This calendar is open. Example: `office`"""
    closed: Name | None = None
    """This calendar is closed. Example: `office`"""
    queue: Name | None = None
    """Queue that `waiting`, `wait` and `agents` refer to; in an overflow rule by default the queue itself. Example:
    `support`"""
    waiting: Annotated[Threshold, Unit("callers")] | None = None
    """At least this many callers are waiting ahead. Example: `10`"""
    wait: Duration | None = None
    """The estimated wait is at least this long. Example: `5m`"""
    agents: Annotated[Threshold, Unit("agents")] | None = None
    """At most this many agents are logged in; `0` means that nobody is. Example: `0`"""
    waited: Duration | None = None
    """The caller has waited at least this long. Example: `60s`"""
    value: ValueName | None = None
    """Value that `is` and `pattern` refer to. Example: `customer`"""
    is_any: Texts | None = Field(default=None, alias="is")
    """The value is one of these. Example: `["1", "2"]`"""
    pattern: Pattern | None = None
    """The value matches this pattern of digits."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if not given:
            raise ValueError("is an empty condition: it would always hold")
        if given == {"queue"}:
            raise ValueError("says nothing about the queue: add waiting, wait or agents")
        if (self.is_any is not None or self.pattern is not None) and self.value is None:
            raise ValueError("'is' and 'pattern' require value: NAME")
        if self.value is not None and self.is_any is None and self.pattern is None:
            raise ValueError("says nothing about the value: add is: [...] or pattern: ...")
        return self

    def condition(self) -> core.Condition:
        """The core's condition."""
        return core.Condition(
            tiers=frozenset(self.tiers or ()),
            languages=frozenset(self.languages or ()),
            open=self.open or "",
            closed=self.closed or "",
            queue=self.queue or "",
            waiting=self.waiting,
            wait=self.wait,
            agents=self.agents,
            waited=self.waited,
            value=self.value or "",
            is_any=frozenset(self.is_any or ()),
            pattern=self.pattern or "",
        )


class CaseConfig(ConfigSection):
    """One case of a branch: the first whose condition holds decides."""

    when: ConditionConfig
    """Condition under which this case applies. Example: `{tiers: [diamond]}`"""
    to: Name
    """Node that comes next. Example: `vip`"""


class SetConfig(ConfigSection):
    """What ``set`` changes."""

    tier: Name | None = None
    """Tier that the caller gets. Example: `gold`"""
    language: LanguageCode | None = None
    """Language that the call gets."""
    head_start: Duration | None = None
    """The caller is ranked as if having waited this much longer, on top of the tier's head start. Example: `5m`"""
    values: dict[ValueName, Text] = {}
    """Values that the call gets, by name. Example: `{topic: invoice}`"""


NODE_KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "play": (("next",), ("interrupt",)),
    "menu": (("keys", "otherwise"), ("into", "wait", "tries", "wrong", "silent")),
    "collect": (
        ("into", "next", "otherwise"),
        ("length", "ends", "pattern", "read_back", "yes", "wait", "gap", "tries", "wrong", "silent"),
    ),
    "hours": (("open", "closed"), ()),
    "lookup": (("next", "otherwise"), ()),
    "set": (("next",), ()),
    "branch": (("otherwise",), ()),
    "voicemail": (("next",), ("greeting", "longest", "silence", "call_back")),
    "callback": (("next", "otherwise"), ("number",)),
    "queue": ((), ("head_start", "by")),
    "survey": ((), ()),
    "flow": ((), ()),
    "dialplan": ((), ()),
    "goodbye": ((), ()),
}
"""Kind of node -> what it needs besides, and what it may have."""


class NodeConfig(ConfigSection):
    """One node of a flow: exactly one of the keys that name its kind, and what belongs to that."""

    play: FlowMedia | None = None
    """Plays this sound."""
    menu: OptionalMedia | None = None
    """Plays this sound and waits for a key. Example: `basic-pbx-ivr-main`"""
    collect: OptionalMedia | None = None
    """Plays this sound and collects digits. Example: `callbridge/which-number`"""
    hours: Name | None = None
    """Goes on by whether this calendar is open. Example: `office`"""
    lookup: Name | None = None
    """Asks this lookup about the caller. Example: `crm`"""
    set: SetConfig | None = None
    """Changes what is known about the call. Example: `{tier: gold}`"""
    branch: Annotated[tuple[CaseConfig, ...], AfterValidator(filled)] | None = None
    """Goes on at the first case whose condition holds. Example: `[{when: {tiers: [diamond]}, to: vip}]`"""
    voicemail: Name | None = None
    """Records a message for this queue. Example: `general`"""
    callback: Name | None = None
    """Registers a callback in this queue. Example: `support`"""
    queue: Name | None = None
    """Joins this queue; the flow ends. Example: `support`"""
    survey: Name | None = None
    """Begins this survey; the flow ends. Example: `service`"""
    flow: Name | None = None
    """Begins this flow; the present one ends. Example: `welcome`"""
    dialplan: DialplanPlace | None = None
    """Sends the call to this place in the dialplan; the flow ends."""
    goodbye: OptionalMedia | None = None
    """Plays this sound, or nothing when empty, and hangs up. Example: `vm-goodbye`"""

    next: Name | None = None
    """Node that comes next. Example: `main`"""
    interrupt: bool = False
    """Whether a key cuts the sound short; otherwise it is kept for the next question."""
    keys: dict[PhoneKey, Name] | None = None
    """Keys of a menu, and the node that each leads to. Example: `{1: sales, 2: support}`"""
    otherwise: Name | None = None
    """Node that comes next when nothing else applies, or after the last try. Example: `general`"""
    wait: Lasting | None = None
    """How long the caller has for the first key; by default 5 s in a menu and 8 s where digits are collected. Example:
    `5s`"""
    gap: Lasting = 4.0
    """How long the caller has between two digits. Example: `4s`"""
    tries: Tries = 3
    """How often the question is asked before `otherwise` applies."""
    wrong: FlowMedia | None = None
    """Sound after a wrong key."""
    silent: FlowMedia | None = None
    """Sound when nothing was pressed."""
    into: ValueName | None = None
    """Value in which the digits, or the key of a menu, are stored. Example: `customer`"""
    length: Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)] = "1-20"
    """Number of digits that are accepted, or a range. Example: `4-8`"""
    ends: PhoneKey = "#"
    """Key that ends the input."""
    pattern: Pattern | None = None
    """Pattern that the digits must match."""
    read_back: FlowMedia | None = None
    """Sound that repeats the input and asks for confirmation. Example: `digits:{number},callbridge/one-if-right`"""
    yes: PhoneKey = "1"
    """Key that confirms what was read back."""
    open: Name | None = None
    """Node that comes next when the calendar is open. Example: `main`"""
    closed: Name | None = None
    """Node that comes next when the calendar is closed. Example: `closed`"""
    head_start: Duration | None = None
    """The caller joins the queue as if having waited this long, on top of the tier's head start; it replaces that of `set`.
    Example: `5m`"""
    greeting: FlowMedia | None = None
    """Sound before the recording begins. Example: `vm-intro`"""
    longest: Lasting = 180.0
    """Longest message that is recorded. Example: `2m`"""
    silence: Lasting = 6.0
    """Silence that ends the recording. Example: `6s`"""
    call_back: bool = False
    """Whether the message also becomes a callback."""
    by: ValueName | None = None
    """Value that names the queue to join instead, if it names one. Example: `department`"""
    number: Annotated[
        str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value), AfterValidator(as_typed)
    ] = "{caller}"
    """Number to call back, which may be a value. Example: `"{number}"`"""

    @field_validator("length")
    @classmethod
    def _range(cls, value: str) -> str:
        least, most = _length(value)
        if not 1 <= least <= most <= core.MAX_DIGITS:
            raise ValueError(f"expected a number of digits such as 6 or 4-8 (at most {core.MAX_DIGITS}), not {value!r:.20}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, value: object) -> object:
        if isinstance(value, Mapping) and "hangup" in value:
            raise ValueError("the node that hangs up is called goodbye: {goodbye: SOUND}, or {goodbye: } in silence")
        if not isinstance(value, Mapping):
            raise ValueError("expected a node such as {play: welcome, next: menu}")
        kinds = [kind for kind in NODE_KINDS if kind in value]
        for word in (str(name) for name in value if not kinds and name not in cls.model_fields):
            if near := difflib.get_close_matches(word, NODE_KINDS, n=1):
                raise ValueError(f"no such node: {word!r:.40}, did you mean {near[0]!r}?")
        if len(kinds) != 1:
            raise ValueError(
                f"expected exactly one of {', '.join(NODE_KINDS)}" + (f", not {' and '.join(kinds)}" if kinds else "")
            )
        needs, may = NODE_KINDS[kinds[0]]
        missing = [name for name in needs if value.get(name) is None]
        if missing:
            raise ValueError(f"a node with '{kinds[0]}' needs {' and '.join(repr(name) for name in missing)} as well")
        odd = [name for name in value if name in cls.model_fields and name not in (kinds[0], *needs, *may)]
        if odd:
            raise ValueError(f"'{odd[0]}' is not a key of a node with '{kinds[0]}'")
        return {**value, kinds[0]: value[kinds[0]] if value[kinds[0]] is not None else ""}

    @property
    def kind(self) -> str:
        """The key that decides what the node does, such as ``menu``. Only of a validated node."""
        return next(kind for kind in NODE_KINDS if kind in self.model_fields_set)

    def node(self) -> core.Node:
        """The core's node. Only of one whose names are all there."""
        made: core.Node = _MAKERS[self.kind](self)
        return made


def _length(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*([0-9]{1,3})\s*(?:-\s*([0-9]{1,3})\s*)?", str(text), re.ASCII)
    return (int(found[1]), int(found[2] or found[1])) if found else (0, 0)


def _collect(node: NodeConfig) -> core.Node:
    least, most = _length(node.length)
    return core.CollectNode(
        media=node.collect or "",
        into=node.into or "",
        next=node.next or "",
        otherwise=node.otherwise or "",
        least=least,
        most=most,
        ends=node.ends,
        pattern=node.pattern or "",
        read_back=node.read_back or "",
        yes=node.yes,
        wait=node.wait or 8.0,
        gap=node.gap,
        tries=node.tries,
        wrong=node.wrong or "",
        silent=node.silent or "",
    )


def _menu(node: NodeConfig) -> core.Node:
    return core.MenuNode(
        media=node.menu or "",
        keys=dict(node.keys or {}),
        otherwise=node.otherwise or "",
        into=node.into or "",
        wait=node.wait or 5.0,
        tries=node.tries,
        wrong=node.wrong or "",
        silent=node.silent or "",
    )


def _set(node: NodeConfig) -> core.Node:
    change = node.set or SetConfig()
    return core.SetNode(
        next=node.next or "",
        tier=change.tier or "",
        language=change.language or "",
        head_start=change.head_start,
        values=dict(change.values),
    )


def _branch(node: NodeConfig) -> core.Node:
    cases = tuple((case.when.condition(), case.to) for case in node.branch or ())
    return core.BranchNode(cases=cases, otherwise=node.otherwise or "")


def _dialplan(node: NodeConfig) -> core.Node:
    context, _, extension = (node.dialplan or "").partition(",")
    return core.DialplanNode(context=context.strip(), extension=extension.strip())


_MAKERS: dict[str, Any] = {
    "play": lambda node: core.PlayNode(media=node.play, next=node.next, interrupt=node.interrupt),
    "menu": _menu,
    "collect": _collect,
    "hours": lambda node: core.HoursNode(calendar=node.hours, open=node.open, closed=node.closed),
    "lookup": lambda node: core.LookupNode(lookup=node.lookup, next=node.next, otherwise=node.otherwise),
    "set": _set,
    "branch": _branch,
    "voicemail": lambda node: core.VoicemailNode(
        queue=node.voicemail,
        media=node.greeting or "",
        next=node.next,
        longest=node.longest,
        silence=node.silence,
        callback=node.call_back,
    ),
    "callback": lambda node: core.CallbackNode(queue=node.callback, number=node.number, next=node.next, otherwise=node.otherwise),
    "queue": lambda node: core.QueueNode(queue=node.queue, head_start=node.head_start, by=node.by or ""),
    "survey": lambda node: core.FlowNode(flow=SURVEY + node.survey),
    "flow": lambda node: core.FlowNode(flow=node.flow),
    "dialplan": _dialplan,
    "goodbye": lambda node: core.GoodbyeNode(media=node.goodbye or ""),
}


def _some(value: dict[str, NodeConfig]) -> dict[str, NodeConfig]:
    if not value:
        raise ValueError("has no nodes")
    return value


class FlowConfig(ConfigSection):
    """What an entry says and asks. ``start`` is the first node unless given."""

    start: Name | None = None
    """Node that the flow begins with; by default the first. Example: `hours`"""
    language: LanguageCode | None = None
    """Language that the call gets."""
    music: Text = "default"
    """Class of `musiconhold.conf` that is heard while nothing is said. Example: `default`"""
    nodes: Annotated[dict[Name, NodeConfig], AfterValidator(_some)]
    """The nodes of the flow by name. Example: `{bye: {goodbye: vm-goodbye}}`"""
