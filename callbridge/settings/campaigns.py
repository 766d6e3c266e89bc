"""The shape of campaigns and of their ledger."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from callbridge.core.model.attempt import OUTCOMES
from callbridge.core.model.plan import CallFirst, DialMode
from callbridge.settings.agent_page import CrmConfig
from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import Unit
from callbridge.settings.values import (
    DialString,
    Digit,
    Duration,
    FlowMedia,
    LanguageCode,
    Lasting,
    Name,
    OwnNumber,
    PbxName,
    PhoneKey,
    Text,
)

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
    """What all campaigns together allow for one number."""

    per_day: Annotated[int, Field(ge=1, le=100), Unit("calls")] = 3
    """Most calls to one number in a day, by all campaigns together."""
    gap: Duration = 3600.0
    """Least time between two calls to one number, by all campaigns together."""


class RetryConfig(ConfigSection):
    """After how long, by outcome."""

    busy: Duration | None = None
    """Delay after the line was busy."""
    no_answer: Duration | None = None
    """Delay after nobody answered."""
    congestion: Duration | None = None
    """Delay after the network had no line."""
    machine: Duration | None = None
    """Delay after an answering machine answered."""
    fax: Duration | None = None
    """Delay after a fax answered; without it the lead is not dialled again."""
    rejected: Duration | None = None
    """Delay after the call was declined."""
    invalid: Duration | None = None
    """Delay after the number proved invalid; without it the lead is not dialled again."""
    abandoned: Duration | None = None
    """Delay after the person answered and no agent was free."""
    unknown: Duration | None = None
    """Delay after an attempt whose outcome is not known."""


class AttemptsConfig(ConfigSection):
    """How often one lead is dialled."""

    most: Annotated[int, Field(ge=1, le=100), Unit("calls")] = 6
    """Most calls to one lead in all."""
    per_day: Annotated[int, Field(ge=1, le=100), Unit("calls")] = 2
    """Most calls to one lead in a day."""
    after_abandoned: Duration = 3 * DAY
    """How long a person who answered and found no agent is not dialled by any campaign."""
    retry: RetryConfig = RetryConfig()
    """Delay before the next attempt, by outcome. Example: `{busy: 15m, no_answer: 3h}`"""


class DispositionConfig(ConfigSection):
    """What an agent may record about a finished call."""

    digit: Digit | None = None
    """Key that selects the disposition behind the feature code."""
    label: Text | None = None
    """What the agent's page shows in place of the name. Example: `Has bought`"""
    reached: bool = True
    """Whether the person on the line was the one to be reached."""
    success: bool = False
    """Whether the purpose of the campaign was achieved."""
    do_not_call: bool = False
    """Whether the number is put on the do-not-call list."""
    machine: bool = False
    """Whether an answering machine, and no person, was on the line."""
    again_after: Lasting | None = None
    """The lead is dialled again after this time. Example: `2h`"""


class CampaignConfig(ConfigSection):
    """One campaign: whom it dials, when, and how fast."""

    queue: Name
    """Queue whose agents take the calls and whose wrap-up applies. Example: `sales`"""
    mode: DialMode = DialMode.PROGRESSIVE
    """How many numbers are dialled: `progressive` one for each free agent, `power` a fixed number for each,
    `predictive` as many as the abandonment limit allows."""
    first: CallFirst = CallFirst.CUSTOMER
    """Who is called first; `agent` requires `mode: progressive`."""
    factor: Annotated[float, Field(ge=1, le=20), Unit("lines per agent")] | None = None
    """Lines dialled for each free agent with `mode: power`. Example: `1.5`"""
    number: OwnNumber | None = None
    """Caller number that people see; it should be one that they can call back."""
    name: Text | None = None
    """Caller name that people see. Example: `Example Ltd`"""
    dial: DialString | None = None
    """What Asterisk dials, with `{number}` in it once; by default that of `outside`. Example: `PJSIP/{number}@trunk`"""
    pbx: PbxName | None = None
    """PBX that dials; by default the first one. Example: `pbx2`"""
    ring_for: Lasting = 22.0
    """How long a number rings, from 15 s to 2 minutes."""
    connect_within: Lasting = 2.0
    """Time within which a person who answers must hear an agent, at most 10 s; otherwise the call counts as abandoned.
    Example: `2s`"""
    cap: Annotated[float, Field(gt=0, le=0.2), Unit("share")] = 0.03
    """Largest share of the people who answer that may be left without an agent over the `window`."""
    aim: Annotated[float, Field(gt=0, le=0.2), Unit("share")] | None = None
    """Share of abandoned calls that predictive dialling steers to; by default 14/15 of `cap`. Example: `0.025`"""
    window: Lasting = 30 * DAY
    """Time over which the share of abandoned calls is measured, from 1 h to 30 days. Example: `30d`"""
    guard: Literal["soft", "hard"] | None = None
    """`hard` dials nobody ahead who could break the cap, `soft` steers to `aim`; by default `hard` for a `window` of
    up to a day."""
    lines: Annotated[int, Field(ge=1, le=5000), Unit("calls")] = 30
    """Most calls at a time, dialling, ringing or talking."""
    per_second: Annotated[float, Field(gt=0, le=200), Unit("calls per second")] = 5.0
    """Most calls started in a second."""
    reserve: Annotated[int, Field(ge=0, le=1000), Unit("agents")] = 0
    """Number of free agents who are kept for inbound callers."""
    weight: Annotated[float, Field(gt=0, le=1000), Unit("relative weight")] = 1.0
    """Share of common agents that this campaign gets, in proportion to the weights of the others."""
    calendar: Name | None = None
    """Calendar of the hours in which people are called, in their own time zone; without it, at any time. Example:
    `people`"""
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    """Country of numbers written without a country code, as two letters of ISO 3166. Example: `GB`"""
    attempts: AttemptsConfig = AttemptsConfig()
    """How often and when a lead is dialled."""
    message: FlowMedia | None = None
    """Sound that people hear who answer and find no agent free. Example: `spring-message`"""
    language: LanguageCode | None = None
    """Language of the message."""
    opt_out: PhoneKey | None = "9"
    """Key by which people who hear the message put themselves on the do-not-call list; empty: none."""
    opted_out: FlowMedia = "sound:auth-thankyou"
    """Sound that confirms the opt-out. Example: `sound:auth-thankyou`"""
    amd: bool = False
    """Whether Asterisk's answering machine detection listens to those who answer."""
    false_positives: Annotated[float, Field(ge=0, le=1), Unit("share")] | None = None
    """Your estimate of the share of detected machines that are people, which the audit adds to the abandoned calls.
    Example: `0.03`"""
    leave_message: bool = False
    """Whether an answering machine is left a message, in the context `callbridge-machine`, instead of being hung up."""
    crm: CrmConfig | None = None
    """Link to the customer in another system, on the agent's page; by default that of the queue. Example:
    `{url: "https://crm.example/leads/{lead}", open: by_hand}`"""
    script: Name | None = None
    """Script that agents follow in calls of this campaign; by default that of the queue. Example: `renewal`"""
    dispositions: dict[Name, DispositionConfig] = {}
    """Codes that agents give a finished call, by name. Example: `{sold: {digit: 1, success: true}}`"""

    @field_validator("ring_for")
    @classmethod
    def _rings_long_enough(cls, value: float) -> float:
        if not 15 <= value <= 120:
            raise ValueError("must be 15 s to 2 minutes, so that people have time to answer")
        return value

    @field_validator("connect_within")
    @classmethod
    def _soon(cls, value: float) -> float:
        if value > 10:
            raise ValueError("a person who answers must hear an agent within 2 s (10 s at most)")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.mode is not DialMode.POWER and self.factor is not None:
            raise ValueError(f"factor requires mode: power, not {self.mode}")
        if self.mode is not DialMode.PROGRESSIVE and self.first is CallFirst.AGENT:
            raise ValueError(f"first: agent requires mode: progressive, not {self.mode}")
        if self.aim is not None and self.aim > self.cap:
            raise ValueError("aim must not be above cap")
        if not 3600 <= self.window <= 30 * DAY:
            raise ValueError("window must be 1h to 30d")
        if self.false_positives is not None and not self.amd:
            raise ValueError("false_positives requires amd: yes")
        both = [name for name, one in self.dispositions.items() if one.machine and (one.success or one.do_not_call)]
        if both:
            raise ValueError(f"disposition {both[0]}: machine: true excludes success and do_not_call")
        digits = [one.digit for one in self.dispositions.values() if one.digit is not None]
        if len(digits) != len(set(digits)):
            raise ValueError("two dispositions have the same digit")
        return self

    def retries(self) -> dict[str, float]:
        """Outcome -> seconds until the next attempt."""
        given = {name: value for name, value in self.attempts.retry.model_dump().items() if value is not None}
        return {name: value for name, value in (RETRIES | given).items() if name in OUTCOMES}
