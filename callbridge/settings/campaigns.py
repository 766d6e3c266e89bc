"""The shape of campaigns and of their ledger."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from callbridge.core.model.attempt import OUTCOMES
from callbridge.core.model.plan import CallFirst, DialMode
from callbridge.settings.section import ConfigSection
from callbridge.settings.values import DialString, Digit, Duration, FlowMedia, Key, Language, Lasting, Name, OwnNumber, Text

DAY = 86400.0
RETRIES: dict[str, float] = {
    "busy": 900.0,
    "no_answer": 3 * 3600.0,
    "congestion": 300.0,
    "machine": 4 * 3600.0,
    "rejected": DAY,
    "abandoned": 3 * DAY,
    "unknown": 3 * DAY,
}
"""After how long a lead is dialled again, by outcome; what is not here is never dialled again."""


class LedgerConfig(ConfigSection):
    """Where leads and attempts are written, and what all campaigns together allow for one number."""

    database: SecretStr
    per_day: Annotated[int, Field(ge=1, le=100)] = 3
    gap: Duration = 3600.0

    @field_validator("database")
    @classmethod
    def _a_url(cls, value: SecretStr) -> SecretStr:
        if "://" not in value.get_secret_value():  # not quoted: it may hold a password
            raise ValueError("expected a database's URL, such as sqlite:////var/lib/callbridge/campaigns.db")
        if re.fullmatch(r"sqlite(\+\w+)?://(/?:memory:.*)?/?", value.get_secret_value()):
            raise ValueError("a database in memory forgets leads and opt-outs: sqlite:////var/lib/callbridge/campaigns.db")
        return value


class RetryConfig(ConfigSection):
    """After how long, by outcome."""

    busy: Duration | None = None
    no_answer: Duration | None = None
    congestion: Duration | None = None
    machine: Duration | None = None
    fax: Duration | None = None
    rejected: Duration | None = None
    invalid: Duration | None = None
    abandoned: Duration | None = None
    unknown: Duration | None = None


class AttemptsConfig(ConfigSection):
    """How often one lead is dialled; ``after_abandoned``: how long nobody calls who left a person without an agent."""

    most: Annotated[int, Field(ge=1, le=100)] = 6
    per_day: Annotated[int, Field(ge=1, le=100)] = 2
    after_abandoned: Duration = 3 * DAY
    retry: RetryConfig = RetryConfig()


class DispositionConfig(ConfigSection):
    """What an agent may say of a talk; ``machine``: that it was none."""

    digit: Digit | None = None
    reached: bool = True
    success: bool = False
    do_not_call: bool = False
    machine: bool = False
    again_after: Lasting | None = None


class CampaignConfig(ConfigSection):
    """One campaign. ``cap`` of the people who answer may be left without an agent over the ``window``; ``aim`` is steered to.
    ``false_positives``: the share of amd's machines that are believed to be people, for the audit."""

    queue: Name
    mode: DialMode = DialMode.PROGRESSIVE
    first: CallFirst = CallFirst.CUSTOMER
    factor: Annotated[float, Field(ge=1, le=20)] | None = None
    number: OwnNumber | None = None
    name: Text | None = None
    dial: DialString | None = None
    ring_for: Lasting = 22.0
    connect_within: Lasting = 2.0
    cap: Annotated[float, Field(gt=0, le=0.2)] = 0.03
    aim: Annotated[float, Field(gt=0, le=0.2)] | None = None
    window: Lasting = 30 * DAY
    guard: Literal["soft", "hard"] | None = None
    lines: Annotated[int, Field(ge=1, le=5000)] = 30
    per_second: Annotated[float, Field(gt=0, le=200)] = 5.0
    reserve: Annotated[int, Field(ge=0, le=1000)] = 0
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    calendar: Name | None = None
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    attempts: AttemptsConfig = AttemptsConfig()
    message: FlowMedia | None = None
    language: Language | None = None
    opt_out: Key | None = "9"
    opted_out: FlowMedia = "sound:auth-thankyou"
    amd: bool = False
    false_positives: Annotated[float, Field(ge=0, le=1)] | None = None
    leave_message: bool = False
    dispositions: dict[Name, DispositionConfig] = {}

    @field_validator("ring_for")
    @classmethod
    def _rings_long_enough(cls, value: float) -> float:
        if not 15 <= value <= 120:
            raise ValueError("people are given 15 s to 2 minutes to answer")
        return value

    @field_validator("connect_within")
    @classmethod
    def _soon(cls, value: float) -> float:
        if value > 10:
            raise ValueError("a person who answers must hear an agent within 2 s (10 s at most)")
        return value

    @model_validator(mode="after")
    def _of_one_mind(self) -> Self:
        if self.mode is not DialMode.POWER and self.factor is not None:
            raise ValueError(f"factor goes with mode: power, not with {self.mode}")
        if self.mode is not DialMode.PROGRESSIVE and self.first is CallFirst.AGENT:
            raise ValueError(f"first: agent goes with mode: progressive, not with {self.mode}")
        if self.aim is not None and self.aim > self.cap:
            raise ValueError("aim is above the cap")
        if not 3600 <= self.window <= 30 * DAY:
            raise ValueError("window: 1h to 30d")
        if self.false_positives is not None and not self.amd:
            raise ValueError("false_positives goes with amd: yes: nobody else takes people for machines")
        both = [name for name, one in self.dispositions.items() if one.machine and (one.success or one.do_not_call)]
        if both:
            raise ValueError(f"disposition {both[0]}: a machine is no success, and asks for nothing")
        digits = [one.digit for one in self.dispositions.values() if one.digit is not None]
        if len(digits) != len(set(digits)):
            raise ValueError("two dispositions have the same digit")
        return self

    def retries(self) -> dict[str, float]:
        """Outcome -> seconds until the next attempt."""
        given = {name: value for name, value in self.attempts.retry.model_dump().items() if value is not None}
        return {name: value for name, value in (RETRIES | given).items() if name in OUTCOMES}
