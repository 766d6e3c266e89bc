"""The shape of what happens to who waits: announcements, ways out, callbacks, the agent who is tried first."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from callbridge.core.model.flow import fields_of
from callbridge.core.model.plan import CallFirst
from callbridge.settings.flows import ConditionConfig, Names
from callbridge.settings.section import ConfigSection
from callbridge.settings.values import DialplanPlace, Duration, FlowMedia, Lasting, Name, OwnNumber, Pattern, Text, Written


class DestinationConfig(ConfigSection):
    """Where a caller goes: exactly one of these."""

    queue: Name | None = None
    flow: Name | None = None
    dialplan: DialplanPlace | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.queue, self.flow, self.dialplan)) != 1:
            raise ValueError('expected one of {queue: NAME}, {flow: NAME}, {dialplan: "context,extension"}')
        return self


class OverflowConfig(DestinationConfig):
    """A way out of the queue before its steps are over; ``reason`` stands in figures and facts."""

    when: ConditionConfig
    reason: Name = "overflow"


class LongWaitConfig(ConfigSection):
    """An apology after so long, once; ``head_start`` keeps the promise of priority."""

    say: FlowMedia
    after: Lasting = 120.0
    head_start: Duration = 0.0
    tiers: Names | None = None


class AnnouncementsConfig(ConfigSection):
    """What waiting callers hear besides music."""

    greeting: FlowMedia | None = None
    position: FlowMedia | None = None
    wait: FlowMedia | None = None
    first: Duration = 15.0
    every: Lasting = 45.0
    periodic: tuple[FlowMedia, ...] = ()
    periodic_every: Lasting = 60.0
    busy: LongWaitConfig | None = None
    connection_lost: FlowMedia | None = None


class CallbackConfig(ConfigSection):
    """On what terms the queue calls its customers back who chose that in a flow (``callback: NAME``)."""

    first: CallFirst = CallFirst.AGENT
    ring_for: Lasting = 30.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    retry_after: Lasting = 300.0
    keep_for: Lasting = 86400.0
    calendar: Name | None = None
    number: OwnNumber | None = None
    name: Text | None = None
    greeting: FlowMedia | None = None
    most: Annotated[int, Field(ge=1, le=100_000)] = 500

    @field_validator("ring_for")
    @classmethod
    def _long_enough(cls, value: float) -> float:
        if not 5 <= value <= 120:
            raise ValueError("a customer's phone rings for 5 s to 2 minutes")
        return value

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.attempts > 1 and self.retry_after >= self.keep_for:
            raise ValueError("keep_for is not longer than retry_after: there would never be a second attempt")
        return self


class CallbacksConfig(ConfigSection):
    """What holds for all callbacks: ``numbers`` are the patterns of those that may be dialled, ``do_not_call`` those that never
    are."""

    numbers: tuple[Pattern, ...] = ()
    do_not_call: tuple[Written, ...] = ()


class RecordingConfig(ConfigSection):
    """What the queue records, and into which file below the PBX's folder ``monitor``."""

    file: Text = "{day}/{queue}/{call}-{part}.wav"
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    tiers: Names | None = None
    on_demand: bool = False
    consent: FlowMedia | None = None

    @field_validator("file")
    @classmethod
    def _below(cls, value: str) -> str:
        odd = [name for name in fields_of(value) if name not in ("day", "queue", "agent", "tier", "call", "part")]
        if odd:
            raise ValueError(f"nothing is known as {{{odd[0]}}}: day, queue, agent, tier, call, part")
        parts = value.split("/")
        plain = all(re.fullmatch(r"[\w.@+{}-]+", part) and part not in (".", "..") for part in parts)
        if not plain or not re.search(r"\.(wav|WAV|gsm|ulaw|alaw|sln|sln16|g722)$", value):
            raise ValueError("expected a file below the PBX's folder 'monitor', such as {day}/{queue}/{call}-{part}.wav")
        if len(value) > 200:
            raise ValueError("is too long: at most 200 characters")
        if "{call}{part}" in value or "{part}{call}" in value:
            raise ValueError("something must stand between {call} and {part}: else one talk would be written over another")
        if "{call}" not in value or "{part}" not in value:
            raise ValueError("needs {call} and {part}: else one talk would be written over another")
        return value


class RepeatCallsConfig(ConfigSection):
    """A caller who calls again within this time after a talk was not helped then: told, counted, and known to flows (the value
    ``repeat`` is ``yes``)."""

    within: Lasting = 86400.0


class PreferredAgentConfig(ConfigSection):
    """Whom a caller is offered to first, ``for`` a time, and alone: the agent whom a lookup or ``set`` named (``agent``), or
    whom the number talked to within ``last_agent``."""

    lasts: Lasting = Field(alias="for")
    last_agent: Duration = 0.0
