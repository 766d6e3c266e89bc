"""The shape of quality: samples of recordings to review, and the forms to score them with."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from callbridge.settings.flows import Names
from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import Unit
from callbridge.settings.values import Name, Text, filled


def _rate(value: object) -> object:
    """``10%`` is 0.1."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip().removesuffix("%")) / 100
        except ValueError:
            raise ValueError(f"expected a share such as 10% or 0.1, not {value!r:.40}") from None
    return value


_RATE_SCHEMA = {"title": "share", "type": ["string", "number"], "examples": ["10%"], "x-unit": "share"}
Rate = Annotated[float, BeforeValidator(_rate), Field(gt=0, le=1), WithJsonSchema(_RATE_SCHEMA)]


class CriterionConfig(ConfigSection):
    """What a reviewer judges: worth points or, with `fatal`, passed or failed."""

    name: Name
    """Name of the criterion in commands and figures. Example: `greeting`"""
    text: Text | None = None
    """What the reviewer reads. Example: `Greets the caller and says their own name`"""
    points: Annotated[float, Field(gt=0, le=1000), Unit("points")] | None = None
    """Highest number of points, by default 1. Example: `5`"""
    fatal: bool = False
    """Whether it is passed or failed instead of scored; failing it makes the whole score 0."""
    optional: bool = False
    """Whether it may be marked as not applicable (`na`)."""

    @model_validator(mode="after")
    def _points_or_fatal(self) -> Self:
        if self.fatal and self.points is not None:
            raise ValueError("a fatal criterion is passed or failed and has no points")
        return self


class FormSectionConfig(ConfigSection):
    """A section of a form."""

    name: Name
    """Name of the section. Example: `opening`"""
    weight: Annotated[float, Field(gt=0, le=1000), Unit("relative weight")] = 1.0
    """Weight of its share of points, relative to the weights of the other sections."""
    criteria: Annotated[tuple[CriterionConfig, ...], AfterValidator(filled)]
    """Criteria of the section. Example: `[{name: greeting, points: 5}]`"""


class FatalCallbackConfig(ConfigSection):
    """Call the customer back."""

    campaign: Name
    """Campaign in which the customer becomes a lead. Example: `apologies`"""


class OnFatalConfig(ConfigSection):
    """What else happens when a fatal criterion fails."""

    callback: FatalCallbackConfig | None = None
    """Adds the customer's number to a campaign as a lead, once for each call; not a withheld number, nor one on the do-not-call
    list. Example: `{campaign: apologies}`"""


class ScoreFormConfig(ConfigSection):
    """A form for scoring recordings. The score is the mean of the sections' shares of points, by weight."""

    sections: Annotated[tuple[FormSectionConfig, ...], AfterValidator(filled)]
    """Sections of the form, in order."""
    on_fatal: OnFatalConfig = OnFatalConfig()
    """What happens when a fatal criterion fails; a second review is configured in the sample (`second_review`)."""

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        for kind, names in (
            ("sections", [section.name for section in self.sections]),
            ("criteria", [one.name for section in self.sections for one in section.criteria]),
        ):
            twice = [name for place, name in enumerate(names) if name in names[:place]]
            if twice:
                raise ValueError(f"two {kind} have the name {twice[0]!r}")
        return self


class SampleConfig(ConfigSection):
    """A share of each agent's recordings to review, at least one."""

    rate: Rate
    """Share of each agent's recordings in each period. Example: `10%`"""
    each: Literal["day", "week", "month"] = "day"
    """Period that a sample covers; it is drawn after the end of the period."""
    form: Name
    """Form to score the recordings with. Example: `service`"""
    second_review: bool = False
    """Whether a recording in which a fatal criterion failed also goes to a second reviewer."""
    queues: Names | None = None
    """Only conversations of these queues. Example: `[support]`"""
    campaigns: Names | None = None
    """Only conversations of these campaigns. Example: `[spring]`"""
    agents: Names | None = None
    """Only conversations of these agents. Example: `["1001"]`"""


class QualityConfig(ConfigSection):
    """Which recordings are reviewed, and how they are scored; requires the section `database`."""

    seed: Text | None = None
    """Secret text that determines, with the period and the sample, which recordings are drawn. Example: `6f2c81d0`"""
    samples: dict[Name, SampleConfig] = {}
    """The samples by name, for example one for the team leaders and one for an independent reviewer."""
    forms: dict[Name, ScoreFormConfig] = {}
    """The score forms by name."""
