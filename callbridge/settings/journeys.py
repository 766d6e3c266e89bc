"""The shape of what callers hear and are asked: flows, calendars, lookups, announcements, overflow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator

from callbridge.core import flow as core
from callbridge.core.hours import DAY, Span
from callbridge.core.plan import SKIPPED, SURVEY
from callbridge.settings.section import Section
from callbridge.settings.values import (
    DialplanPlace,
    Duration,
    FlowMedia,
    Key,
    Language,
    Lasting,
    Name,
    Pattern,
    Text,
    ValueName,
    WholeUrl,
    Zone,
    filled,
)

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Tries = Annotated[int, Field(ge=1, le=20)]


def _listed(value: object) -> object:
    """One name may stand for a list of one."""
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


Names = Annotated[tuple[Name, ...], BeforeValidator(_listed), AfterValidator(filled)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed), AfterValidator(filled)]
Said = Annotated[FlowMedia, BeforeValidator(lambda value: "" if value is None else value)]
"""Media, or nothing."""


class When(Section):
    """A condition: all that is given must hold."""

    tiers: Names | None = None
    languages: Texts | None = None
    open: Name | None = None
    closed: Name | None = None
    queue: Name | None = None
    waiting: Count | None = None
    wait: Duration | None = None
    agents: Count | None = None
    waited: Duration | None = None
    value: ValueName | None = None
    is_any: Texts | None = Field(default=None, alias="is")
    pattern: Pattern | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if not given:
            raise ValueError("is an empty condition: it would always hold")
        if given == {"queue"}:
            raise ValueError("what of the queue? waiting, wait or agents")
        if (self.is_any is not None or self.pattern is not None) and self.value is None:
            raise ValueError("'is' and 'pattern' are about a value: value: NAME")
        if self.value is not None and self.is_any is None and self.pattern is None:
            raise ValueError("what is the value to be? is: [..] or pattern: ...")
        return self

    def condition(self) -> core.Condition:
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


class Case(Section):
    when: When
    to: Name


class Change(Section):
    """What ``set`` changes."""

    tier: Name | None = None
    language: Language | None = None
    head_start: Duration | None = None
    values: dict[ValueName, Text] = {}


KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "play": (("next",), ("interrupt",)),
    "menu": (("keys", "otherwise"), ("wait", "tries", "wrong", "silent")),
    "collect": (
        ("into", "next", "otherwise"),
        ("length", "ends", "pattern", "read_back", "yes", "wait", "gap", "tries", "wrong", "silent"),
    ),
    "hours": (("open", "closed"), ()),
    "lookup": (("next", "otherwise"), ()),
    "set": (("next",), ()),
    "branch": (("otherwise",), ()),
    "voicemail": (("next",), ("greeting", "longest", "silence")),
    "queue": ((), ("head_start",)),
    "flow": ((), ()),
    "dialplan": ((), ()),
    "goodbye": ((), ()),
}
"""Kind of node -> what it needs besides, and what it may have."""


class Node(Section):
    """One node of a flow: exactly one of the first twelve, and what belongs to it."""

    play: FlowMedia | None = None
    menu: Said | None = None
    collect: Said | None = None
    hours: Name | None = None
    lookup: Name | None = None
    set: Change | None = None
    branch: Annotated[tuple[Case, ...], AfterValidator(filled)] | None = None
    voicemail: Name | None = None
    queue: Name | None = None
    flow: Name | None = None
    dialplan: DialplanPlace | None = None
    goodbye: Said | None = None

    next: Name | None = None
    interrupt: bool = False
    keys: dict[Key, Name] | None = None
    otherwise: Name | None = None
    wait: Lasting | None = None
    gap: Lasting = 4.0
    tries: Tries = 3
    wrong: FlowMedia | None = None
    silent: FlowMedia | None = None
    into: ValueName | None = None
    length: Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)] = "1-20"
    ends: Key = "#"
    pattern: Pattern | None = None
    read_back: FlowMedia | None = None
    yes: Key = "1"
    open: Name | None = None
    closed: Name | None = None
    head_start: Duration | None = None
    greeting: FlowMedia | None = None
    longest: Lasting = 180.0
    silence: Lasting = 6.0

    @field_validator("length")
    @classmethod
    def _range(cls, value: str) -> str:
        least, most = _length(value)
        if not 1 <= least <= most <= core.MOST_DIGITS:
            raise ValueError(f"expected a number of digits such as 6 or 4-8 (at most {core.MOST_DIGITS}), not {value!r:.20}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            raise ValueError("expected a node such as {play: welcome, next: menu}")
        kinds = [kind for kind in KINDS if kind in value]
        if len(kinds) != 1:
            raise ValueError(f"expected exactly one of {', '.join(KINDS)}" + (f", not {' and '.join(kinds)}" if kinds else ""))
        needs, may = KINDS[kinds[0]]
        missing = [name for name in needs if value.get(name) is None]
        if missing:
            raise ValueError(f"a node with '{kinds[0]}' needs {' and '.join(repr(name) for name in missing)}, too")
        odd = [name for name in value if name in cls.model_fields and name not in (kinds[0], *needs, *may)]
        if odd:
            raise ValueError(f"'{odd[0]}' does not go with '{kinds[0]}'")
        return {**value, kinds[0]: value[kinds[0]] if value[kinds[0]] is not None else ""}

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if kind in self.model_fields_set)

    def node(self) -> core.Node:
        """The core's node. Only of one whose names are all there."""
        made: core.Node = _MAKERS[self.kind](self)
        return made


def _length(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*([0-9]{1,3})\s*(?:-\s*([0-9]{1,3})\s*)?", str(text), re.ASCII)
    return (int(found[1]), int(found[2] or found[1])) if found else (0, 0)


def _collect(node: Node) -> core.Node:
    least, most = _length(node.length)
    return core.Collect(
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


def _menu(node: Node) -> core.Node:
    return core.Menu(
        media=node.menu or "",
        keys=dict(node.keys or {}),
        otherwise=node.otherwise or "",
        wait=node.wait or 5.0,
        tries=node.tries,
        wrong=node.wrong or "",
        silent=node.silent or "",
    )


def _set(node: Node) -> core.Node:
    change = node.set or Change()
    return core.Set(
        next=node.next or "",
        tier=change.tier or "",
        language=change.language or "",
        head_start=change.head_start,
        values=dict(change.values),
    )


def _branch(node: Node) -> core.Node:
    cases = tuple((case.when.condition(), case.to) for case in node.branch or ())
    return core.Branch(cases=cases, otherwise=node.otherwise or "")


def _dialplan(node: Node) -> core.Node:
    context, _, extension = (node.dialplan or "").partition(",")
    return core.IntoDialplan(context=context.strip(), extension=extension.strip())


_MAKERS: dict[str, Any] = {
    "play": lambda node: core.Play(media=node.play, next=node.next, interrupt=node.interrupt),
    "menu": _menu,
    "collect": _collect,
    "hours": lambda node: core.Hours(calendar=node.hours, open=node.open, closed=node.closed),
    "lookup": lambda node: core.Lookup(lookup=node.lookup, next=node.next, otherwise=node.otherwise),
    "set": _set,
    "branch": _branch,
    "voicemail": lambda node: core.Voicemail(
        queue=node.voicemail, media=node.greeting or "", next=node.next, longest=node.longest, silence=node.silence
    ),
    "queue": lambda node: core.IntoQueue(queue=node.queue, head_start=node.head_start),
    "flow": lambda node: core.IntoFlow(flow=node.flow),
    "dialplan": _dialplan,
    "goodbye": lambda node: core.Goodbye(media=node.goodbye or ""),
}


def _some(value: dict[str, Node]) -> dict[str, Node]:
    if not value:
        raise ValueError("has no node")
    return value


class Flow(Section):
    """What an entry says and asks. ``start`` is the first node unless given."""

    start: Name | None = None
    language: Language | None = None
    music: Text = "default"
    nodes: Annotated[dict[Name, Node], AfterValidator(_some)]


# -- calendars --------------------------------------------------------------------------------------------------------

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*", re.ASCII)


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"expected hours such as 08:00-18:00, or closed, not {text!r:.40}")
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if int(found[2]) > 59 or int(found[4]) > 59 or end > DAY:
        raise ValueError(f"{text!r:.40} is no time of day")
    if begin >= end:
        raise ValueError(f"{text.strip()!r:.40} ends before it begins: past midnight, give each day its own part (22:00-24:00)")
    return begin, end


def _spans(value: object) -> tuple[Span, ...]:
    if value == "closed" or value is None:
        return ()
    if isinstance(value, tuple):
        return value  # read with its week already
    items = value if isinstance(value, list) else [value]
    spans = [_span(item) for item in items if isinstance(item, str)]
    if len(spans) < len(items):
        raise ValueError("expected hours such as 08:00-18:00, a list of them, or closed")
    return tuple(sorted(spans))


Spans = Annotated[tuple[Span, ...], BeforeValidator(_spans)]


def _day(value: object) -> object:
    text = value.isoformat() if isinstance(value, date) else str(value)
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"expected a day such as 2026-12-25, not {text!r:.40}") from None


def _days(value: object) -> object:
    """``mon-fri`` and ``sat, sun`` spelt out, day by day."""
    if not isinstance(value, Mapping):
        return value
    week: dict[object, object] = {}
    for key, hours in value.items():
        days = _named_days(str(key))
        try:
            spans = _spans(hours)
        except ValueError as wrong:
            raise ValueError(f"{key}: {wrong}") from None
        for day in days:
            if day in week:
                raise ValueError(f"{day} is given twice")
            week[day] = spans
    return week


def _named_days(text: str) -> list[str]:
    found: list[str] = []
    for part in text.lower().split(","):
        first, _, last = (piece.strip() for piece in part.partition("-"))
        last = last or first
        if first not in DAYS or last not in DAYS or DAYS.index(first) > DAYS.index(last):
            raise ValueError(f"expected days such as mon-fri or sat, not {text!r:.40}")
        found += DAYS[DAYS.index(first) : DAYS.index(last) + 1]
    return found


class Calendar(Section):
    """When somebody is there. Days that are not given are closed."""

    timezone: Zone | None = None
    week: Annotated[dict[Text, Spans], BeforeValidator(_days)] = {}
    holidays: dict[Annotated[str, BeforeValidator(_day)], Spans] = {}


# -- lookups ----------------------------------------------------------------------------------------------------------


class Lookup(Section):
    """Another system that knows callers: ``url`` answers a JSON object, ``redis`` is a hash. ``{caller}`` and other values
    are put in."""

    url: WholeUrl | None = None
    redis: Text | None = None
    deadline: Lasting = 0.3
    token: SecretStr | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.url is None) == (self.redis is None):
            raise ValueError("expected either url: https://... or redis: key")
        if self.url is not None and "{" in urlsplit(self.url).netloc:
            raise ValueError("url: a value may stand behind the host only: else callers could choose whom we ask")
        if self.redis is not None and not re.match(r"[^{]{2,}", self.redis):
            raise ValueError("redis: begin with text of your own, such as customers:{caller}: else callers could choose any key")
        if self.token is not None and not (
            self.token.get_secret_value().isascii() and self.token.get_secret_value().isprintable()
        ):
            raise ValueError("token: no HTTP header can carry it")
        if self.token is not None and self.url is not None and "@" in urlsplit(self.url).netloc:
            raise ValueError("url: a name in it does not go with a token")
        if self.deadline > 10:
            raise ValueError("deadline: a caller does not wait for more than 10 s")
        return self


# -- surveys ----------------------------------------------------------------------------------------------------------

RATINGS = tuple("12345")
YES, NO = "1", "2"


class Question(Section):
    """``rating`` is answered by 1 to 5, ``yes_no`` by 1 or 2, ``choice`` by what it lists; a ``comment`` is spoken."""

    ask: FlowMedia
    name: ValueName
    kind: Literal["rating", "yes_no", "choice", "comment"] = "rating"
    choices: dict[Key, Text] = {}
    alert: Annotated[tuple[Key, ...], BeforeValidator(_listed)] = ()
    connect: dict[Key, Name] = {}
    longest: Lasting = 60.0

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError("choices go with kind: choice, and it needs some")
        odd = [key for key in (*self.alert, *self.connect) if key not in self.keys]
        if odd:
            raise ValueError(f"{odd[0]} is no answer to it")
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """What may be pressed."""
        match self.kind:
            case "rating":
                return RATINGS
            case "yes_no":
                return (YES, NO)
            case "choice":
                return tuple(self.choices)
            case "comment":
                return ()


class Survey(Section):
    """What callers are asked after the talk. ``share`` of the callers of these ``tiers``, nobody again within ``again_after``;
    with ``opt_in`` they are asked first whether they will (key 1)."""

    questions: Annotated[tuple[Question, ...], AfterValidator(filled)]
    opt_in: FlowMedia | None = None
    thanks: FlowMedia | None = None
    wrong: FlowMedia | None = None
    silent: FlowMedia | None = None
    wait: Lasting = 6.0
    tries: Tries = 2
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    tiers: Names | None = None
    again_after: Duration = 30 * 86400.0
    music: Text = "default"

    @field_validator("questions")
    @classmethod
    def _few(cls, value: tuple[Question, ...]) -> tuple[Question, ...]:
        if len(value) > 10:
            raise ValueError("more than ten questions: nobody stays that long")
        if len({question.name for question in value}) < len(value):
            raise ValueError("two questions have the same name")
        return value

    def nodes(self, name: str) -> dict[str, core.Node]:
        """The survey as the nodes of a flow; ``SKIPPED`` is where whoever is not to be asked goes."""
        patience = {"wait": self.wait, "tries": self.tries, "wrong": self.wrong or "", "silent": self.silent or ""}
        first = self.questions[0].name
        nodes: dict[str, core.Node] = {SKIPPED: core.Goodbye(), "thanks": core.Goodbye(media=self.thanks or "")}
        begin = "opt in" if self.opt_in else first
        nodes["once"] = core.Lookup(lookup=f"{SURVEY}{name}", next=begin, otherwise=SKIPPED, quiet=True)
        if self.opt_in:
            nodes["opt in"] = core.Menu(media=self.opt_in, keys={YES: first}, otherwise="bye", **patience)  # type: ignore[arg-type]
        nodes["bye"] = core.Goodbye()
        following = [question.name for question in self.questions[1:]] + ["thanks"]
        for question, after in zip(self.questions, following, strict=True):
            nodes |= self._question(question, after, patience)
        return nodes

    def _question(self, question: Question, after: str, patience: Mapping[str, Any]) -> dict[str, core.Node]:
        if question.kind == "comment":
            return {question.name: core.Voicemail(queue="", media=question.ask, next=after, longest=question.longest)}
        to = {key: f"to {question.connect[key]}" if key in question.connect else after for key in question.keys}
        made: dict[str, core.Node] = {f"to {queue}": core.IntoQueue(queue=queue) for queue in question.connect.values()}
        made[question.name] = core.Menu(
            media=question.ask,
            keys=to,
            otherwise=after,
            question=question.name,
            alarming=frozenset(question.alert),
            **patience,
        )
        return made


# -- queues -----------------------------------------------------------------------------------------------------------


class Way(Section):
    """Where a caller goes: exactly one of these."""

    queue: Name | None = None
    flow: Name | None = None
    dialplan: DialplanPlace | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.queue, self.flow, self.dialplan)) != 1:
            raise ValueError('expected one of {queue: NAME}, {flow: NAME}, {dialplan: "context,extension"}')
        return self


class Overflow(Way):
    """A way out of the queue before its steps are over; ``reason`` stands in figures and facts."""

    when: When
    reason: Name = "overflow"


class Busy(Section):
    """An apology after so long, once; ``head_start`` keeps the promise of priority."""

    say: FlowMedia
    after: Lasting = 120.0
    head_start: Duration = 0.0
    tiers: Names | None = None


class Announce(Section):
    """What waiting callers hear besides music."""

    greeting: FlowMedia | None = None
    position: FlowMedia | None = None
    wait: FlowMedia | None = None
    first: Duration = 15.0
    every: Lasting = 45.0
    periodic: tuple[FlowMedia, ...] = ()
    periodic_every: Lasting = 60.0
    busy: Busy | None = None
