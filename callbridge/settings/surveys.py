"""The shape of surveys, and the flow that each one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from callbridge.core.model import flow as core
from callbridge.core.model.plan import SKIPPED, SURVEY
from callbridge.settings.flows import Names, Tries
from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import OneOrMore, Unit
from callbridge.settings.values import Duration, FlowMedia, Lasting, Name, PhoneKey, Text, ValueName, filled, listed

RATINGS = tuple("12345")
YES, NO = "1", "2"


class QuestionConfig(ConfigSection):
    """``rating`` is answered by 1 to 5, ``yes_no`` by 1 or 2, ``choice`` by what it lists; a ``comment`` is spoken."""

    ask: FlowMedia
    """Sound that asks the question. Example: `callbridge/survey-friendly`"""
    name: ValueName
    """Name of the answer in facts and figures. Example: `friendly`"""
    kind: Literal["rating", "yes_no", "choice", "comment"] = "rating"
    """How it is answered: `rating` by 1 to 5, `yes_no` by 1 or 2, `choice` by the keys in `choices`, `comment` by
    voice."""
    choices: dict[PhoneKey, Text] = {}
    """Keys and their meanings, for `kind: choice`. Example: `{1: price, 2: quality}`"""
    alert: Annotated[tuple[PhoneKey, ...], BeforeValidator(listed), OneOrMore()] = ()
    """Answers that raise an alert. Example: `[1]`"""
    connect: dict[PhoneKey, Name] = {}
    """Answers after which the caller is put through to a queue. Example: `{1: general}`"""
    longest: Lasting = 60.0
    """Longest comment that is recorded. Example: `1m`"""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError("choices require kind: choice, which needs at least one")
        odd = [key for key in (*self.alert, *self.connect) if key not in self.keys]
        if odd:
            raise ValueError(f"{odd[0]} is not one of its answers")
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


class SurveyConfig(ConfigSection):
    """What callers are asked after the talk. ``share`` of the callers of these ``tiers``, nobody again within ``again_after``;
    with ``opt_in`` they are asked first whether they will (key 1)."""

    questions: Annotated[tuple[QuestionConfig, ...], AfterValidator(filled)]
    """The questions in order, at most ten. Example: `[{ask: callbridge/survey-friendly, name: friendly}]`"""
    opt_in: FlowMedia | None = None
    """Sound that asks whether the caller will take part (1 is yes, 2 is no); without it the first question comes at once."""
    thanks: FlowMedia | None = None
    """Sound after the last question."""
    wrong: FlowMedia | None = None
    """Sound after a wrong key."""
    silent: FlowMedia | None = None
    """Sound when nothing was pressed."""
    wait: Lasting = 6.0
    """How long the caller has for an answer. Example: `6s`"""
    tries: Tries = 2
    """How often a question is asked."""
    share: Annotated[float, Field(gt=0, le=1), Unit("share")] = 1.0
    """Share of the callers who are asked."""
    tiers: Names | None = None
    """Tiers whose callers are asked; by default all. Example: `[diamond]`"""
    again_after: Duration = 30 * 86400.0
    """Nobody is asked again sooner than this. Example: `30d`"""
    music: Text = "default"
    """Class of `musiconhold.conf` that is heard while nothing is said. Example: `default`"""

    @field_validator("questions")
    @classmethod
    def _few(cls, value: tuple[QuestionConfig, ...]) -> tuple[QuestionConfig, ...]:
        if len(value) > 10:
            raise ValueError("has more than ten questions")
        if len({question.name for question in value}) < len(value):
            raise ValueError("two questions have the same name")
        return value

    def nodes(self, name: str) -> dict[str, core.Node]:
        """The survey as the nodes of a flow; ``SKIPPED`` is where callers go who are not to be asked."""
        patience = {"wait": self.wait, "tries": self.tries, "wrong": self.wrong or "", "silent": self.silent or ""}
        first = self.questions[0].name
        nodes: dict[str, core.Node] = {SKIPPED: core.GoodbyeNode(), "thanks": core.GoodbyeNode(media=self.thanks or "")}
        begin = "opt in" if self.opt_in else first
        nodes["once"] = core.LookupNode(lookup=f"{SURVEY}{name}", next=begin, otherwise=SKIPPED, quiet=True)
        if self.opt_in:
            nodes["opt in"] = core.MenuNode(media=self.opt_in, keys={YES: first, NO: "bye"}, otherwise="bye", **patience)  # type: ignore[arg-type]
        nodes["bye"] = core.GoodbyeNode()
        following = [question.name for question in self.questions[1:]] + ["thanks"]
        for question, after in zip(self.questions, following, strict=True):
            nodes |= self._question(question, after, patience)
        return nodes

    def _question(self, question: QuestionConfig, after: str, patience: Mapping[str, Any]) -> dict[str, core.Node]:
        if question.kind == "comment":
            return {question.name: core.VoicemailNode(queue="", media=question.ask, next=after, longest=question.longest)}
        to = {key: f"to {question.connect[key]}" if key in question.connect else after for key in question.keys}
        made: dict[str, core.Node] = {f"to {queue}": core.QueueNode(queue=queue) for queue in question.connect.values()}
        made[question.name] = core.MenuNode(
            media=question.ask,
            keys=to,
            otherwise=after,
            question=question.name,
            alerting=frozenset(question.alert),
            **patience,
        )
        return made
