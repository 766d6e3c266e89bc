"""The shape of scripts: what agents say and ask during a call, step by step."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import OneOrMore, Unit
from callbridge.settings.values import Name, Text, ValueName, filled, listed

PossibleAnswers = Annotated[tuple[Text, ...], BeforeValidator(listed), AfterValidator(filled), OneOrMore()]


class ScriptFieldConfig(ConfigSection):
    """One thing that the agent asks and writes down."""

    label: Text | None = None
    """What the agent reads beside the field; by default its name. Example: `Contract until`"""
    kind: Literal["text", "choice", "number", "date", "yes_no"] = "text"
    """What may be answered: `text`, one of `choices`, a `number`, a `date`, or `yes_no`. Example: `date`"""
    choices: Annotated[tuple[Text, ...], AfterValidator(filled)] | None = None
    """The answers of `kind: choice`. Example: `[monthly, yearly]`"""
    required: bool = False
    """Whether the agent must answer before the next step."""
    least: Annotated[float, Field(ge=-1e12, le=1e12), Unit("number")] | None = None
    """Smallest number of `kind: number`. Example: `0`"""
    most: Annotated[float, Field(ge=-1e12, le=1e12), Unit("number")] | None = None
    """Largest number of `kind: number`. Example: `100`"""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.kind == "choice") != (self.choices is not None):
            raise ValueError("choices are needed with kind: choice, and only there")
        if self.choices is not None and len(set(self.choices)) < len(self.choices):
            raise ValueError("two of the choices are the same")
        if (self.least is not None or self.most is not None) and self.kind != "number":
            raise ValueError(f"least and most require kind: number, not {self.kind}")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("least must not be above most")
        return self


class ScriptBranchConfig(ConfigSection):
    """Where the script goes when these answers were given."""

    when: Annotated[dict[ValueName, PossibleAnswers], Field(min_length=1)]
    """Fields of the script, and the answer, or answers, of each: all must apply. Example: `{interested: "yes"}`"""
    to: Name
    """Step that comes next. Example: `offer`"""


class ScriptStepConfig(ConfigSection):
    """One step: what the agent says, and asks."""

    text: Text
    """What the agent says; `{name}`, `{agent}`, values of the call and fields of the script are inserted. Example: `Good morning,
    this is {agent}.`"""
    fields: dict[ValueName, ScriptFieldConfig] = {}
    """What the agent asks, by name of the field. Example: `{interested: {kind: yes_no, required: yes}}`"""
    branch: tuple[ScriptBranchConfig, ...] = ()
    """Where the script goes by the answers; the first that applies decides. Example: `[{when: {interested: "no"}, to:
    thanks}]`"""
    next: Name | None = None
    """Step that comes next when no branch applies; without it the script ends there. Example: `offer`"""


class ScriptConfig(ConfigSection):
    """What agents say and ask during a call of a queue or a campaign."""

    start: Name | None = None
    """First step; by default the one that is listed first. Example: `greeting`"""
    steps: Annotated[dict[Name, ScriptStepConfig], Field(min_length=1)]
    """The steps by name. Example: `{greeting: {text: "Good morning."}}`"""
