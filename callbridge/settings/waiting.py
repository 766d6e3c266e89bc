"""The shape of what happens to waiting callers: announcements, overflow, callbacks, the preferred agent."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from callbridge.core.model.flow import fields_of
from callbridge.core.model.plan import CallFirst, RefusalReason
from callbridge.settings.flows import ConditionConfig, Names
from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import Unit
from callbridge.settings.values import (
    DialplanPlace,
    Duration,
    FlowMedia,
    Lasting,
    Name,
    OwnNumber,
    Pattern,
    Text,
    ValueName,
    WithoutPlus,
    WrittenText,
)


class DestinationConfig(ConfigSection):
    """Where a caller goes: exactly one of these."""

    queue: Name | None = None
    """Queue that the caller joins. Example: `general`"""
    flow: Name | None = None
    """Flow that the caller continues with. Example: `welcome`"""
    dialplan: DialplanPlace | None = None
    """Place in the dialplan where the caller is sent."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.queue, self.flow, self.dialplan)) != 1:
            raise ValueError('expected one of {queue: NAME}, {flow: NAME}, {dialplan: "context,extension"}')
        return self


class WhenFullConfig(DestinationConfig):
    """What happens to a caller for whom there is no room: exactly one of these."""

    refuse: RefusalReason | None = None
    """The caller is hung up, unanswered unless a flow has answered: SIP callers get 486 (`busy`) or 503 (`congestion`, on which a
    carrier may try another route). Example: `busy`"""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.refuse, self.queue, self.flow, self.dialplan)) != 1:
            raise ValueError(
                'expected one of {refuse: busy or congestion}, {queue: NAME}, {flow: NAME}, {dialplan: "context,extension"}'
            )
        return self


MostCallers = Annotated[int, Field(ge=1, le=1_000_000), Unit("callers")]


class CallLimitsConfig(ConfigSection):
    """How many callers each PBX takes at a time, over all entries."""

    most_calls: MostCallers | None = None
    """Most callers on the PBX at a time, waiting and in conversations; by default no limit. Example: `400`"""
    responds_within: Lasting | None = None
    """A PBX that responds to callbridge later than this is overloaded: as many new callers are refused as it takes to keep up,
    those of the lowest tiers first; by default nobody is. Example: `0.3s`"""
    when_full: WhenFullConfig = WhenFullConfig(refuse=RefusalReason.CONGESTION)
    """What happens to any more callers. Example: `{refuse: congestion}`"""

    @model_validator(mode="after")
    def _any(self) -> Self:
        if self.most_calls is None and self.responds_within is None:
            raise ValueError("expected most_calls, responds_within or both")
        if self.responds_within is not None and not 0.1 <= self.responds_within <= 2.0:
            raise ValueError("responds_within must be 0.1 s to 2 s")
        return self


class OverflowConfig(DestinationConfig):
    """A way out of the queue before its steps are over; ``reason`` appears in figures and facts."""

    when: ConditionConfig
    """Condition under which the caller leaves the queue. Example: `{waited: 60s}`"""
    reason: Name = "overflow"
    """Reason given in figures and facts. Example: `long-wait`"""


class LongWaitConfig(ConfigSection):
    """An apology after a long wait, played once, with a head start that keeps its promise."""

    say: FlowMedia
    """Sound that apologises. Example: `queue-periodic-announce`"""
    after: Lasting = 120.0
    """Wait after which it is played, once. Example: `3m`"""
    head_start: Duration = 0.0
    """The caller is then ranked as if having waited this much longer, on top of any other head start. Example: `5m`"""
    tiers: Names | None = None
    """Tiers to which it applies; by default all. Example: `[diamond, gold]`"""


class AnnouncementsConfig(ConfigSection):
    """What waiting callers hear besides music."""

    greeting: FlowMedia | None = None
    """Sound when the caller joins the queue. Example: `callbridge/welcome`"""
    position: FlowMedia | None = None
    """Sound that says the caller's place, with `{position}`. Example:
    `queue-thereare,number:{position},queue-callswaiting`"""
    wait: FlowMedia | None = None
    """Sound that says the estimated wait, with `{minutes}`; it is left out while there is no estimate. Example:
    `queue-holdtime,number:{minutes},queue-minutes`"""
    first: Duration = 15.0
    """Time before the first announcement of position and wait. Example: `20s`"""
    every: Lasting = 45.0
    """Time between two announcements of position and wait. Example: `60s`"""
    periodic: tuple[FlowMedia, ...] = ()
    """Sounds that are played in turn. Example: `[queue-thankyou]`"""
    periodic_every: Lasting = 60.0
    """Time between two of them. Example: `90s`"""
    busy: LongWaitConfig | None = None
    """Apology after a long wait. Example: `{say: queue-periodic-announce, after: 3m}`"""
    connection_lost: FlowMedia | None = None
    """Sound when the agent's phone lost the connection; by default one of Asterisk's own. Example:
    `im-sorry,one-moment-please`"""


class CallbackConfig(ConfigSection):
    """The terms on which the queue calls customers back who chose it in a flow (``callback: NAME``)."""

    first: CallFirst = CallFirst.AGENT
    """Who is called first; with `customer` an agent is kept free meanwhile."""
    ring_for: Lasting = 30.0
    """How long the customer's phone rings, from 5 s to 2 minutes. Example: `30s`"""
    attempts: Annotated[int, Field(ge=1, le=20), Unit("attempts")] = 3
    """Most attempts to reach the customer."""
    retry_after: Lasting = 300.0
    """Time between two attempts. Example: `5m`"""
    keep_for: Lasting = 86400.0
    """Time after which a callback that could not be completed expires. Example: `1d`"""
    calendar: Name | None = None
    """Calendar of the hours in which customers are called back; without it, at any time. Example: `office`"""
    number: OwnNumber | None = None
    """Caller number that the customer sees."""
    name: Text | None = None
    """Caller name that the customer sees. Example: `Example Ltd`"""
    greeting: FlowMedia | None = None
    """Sound that a customer hears who is called first. Example: `callbridge/you-asked-us`"""
    most: Annotated[int, Field(ge=1, le=100_000), Unit("callbacks")] = 500
    """Most callbacks open in the queue at a time; further ones are refused."""

    @field_validator("ring_for")
    @classmethod
    def _long_enough(cls, value: float) -> float:
        if not 5 <= value <= 120:
            raise ValueError("must be 5 s to 2 minutes")
        return value

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.attempts > 1 and self.retry_after >= self.keep_for:
            raise ValueError("keep_for must be longer than retry_after, or there would never be a second attempt")
        return self


class CallbacksConfig(ConfigSection):
    """What holds for all callbacks."""

    numbers: tuple[Pattern, ...] = ()
    """Patterns of the numbers that may be dialled; any other number is refused. Example: `["+44[1237].", "0[1237]."]`"""
    do_not_call: tuple[WrittenText, ...] = ()
    """Numbers that are never dialled. Example: `["+442079460099"]`"""
    without_plus: WithoutPlus | None = None
    """How numbers in `do_not_call_file` without a `+` or another prefix are meant, where that is not clear:
    `international` or `national`. Example: `international`"""


class RecordingConfig(ConfigSection):
    """What the queue records, and into which file below the PBX's folder ``monitor``."""

    file: Text = "{day}/{queue}/{call}-{part}.wav"
    """Path below Asterisk's folder `monitor`, with `{call}`, `{part}` and, if wanted, `{day}`, `{queue}`, `{agent}`
    and `{tier}`. Example: `"{day}/{queue}/{call}-{part}.wav"`"""
    share: Annotated[float, Field(gt=0, le=1), Unit("share")] = 1.0
    """Share of the conversations that is recorded."""
    tiers: Names | None = None
    """Tiers whose conversations are recorded; by default all. Example: `[gold]`"""
    on_demand: bool = False
    """Whether a conversation is recorded only when somebody asks for it."""
    consent: FlowMedia | None = None
    """Sound that tells the caller, before the conversation, that it is recorded. Example: `callbridge/recorded`"""

    @field_validator("file")
    @classmethod
    def _below(cls, value: str) -> str:
        odd = [name for name in fields_of(value) if name not in ("day", "queue", "agent", "tier", "call", "part")]
        if odd:
            raise ValueError(f"there is no {{{odd[0]}}}: use day, queue, agent, tier, call and part")
        parts = value.split("/")
        plain = all(re.fullmatch(r"[\w.@+{}-]+", part) and part not in (".", "..") for part in parts)
        if not plain or not re.search(r"\.(wav|WAV|gsm|ulaw|alaw|sln|sln16|g722)$", value):
            raise ValueError("expected a file below the PBX's folder 'monitor', such as {day}/{queue}/{call}-{part}.wav")
        if len(value) > 200:
            raise ValueError("is too long: at most 200 characters")
        if "{call}{part}" in value or "{part}{call}" in value:
            raise ValueError("put something between {call} and {part}, or one recording could overwrite another")
        if "{call}" not in value or "{part}" not in value:
            raise ValueError("must contain {call} and {part}, or one recording could overwrite another")
        return value


class RepeatCallsConfig(ConfigSection):
    """Callers who call again soon after a conversation are counted, and flows know them by the value ``repeat``."""

    within: Lasting = 86400.0
    """A customer who calls again this soon after a conversation counts as a repeat caller: the value `repeat` is
    `yes`. Example: `1d`"""


class PreferredAgentConfig(ConfigSection):
    """The agent to whom a caller is offered first, and for a time exclusively: the one named by the value ``agent``, or the one
    who talked to the number last."""

    lasts: Lasting = Field(alias="for")
    """How long the caller is offered to this agent only. Example: `20s`"""
    last_agent: Duration = 0.0
    """An agent who talked to the caller this recently counts as the caller's own; `0`: only the one named by the value
    `agent`. Example: `30d`"""


class AvoidedAgentsConfig(ConfigSection):
    """The agents to whom a caller is not offered: those whom a value names, such as a column of a lookup or what a flow sets."""

    value: ValueName
    """Value that names the agents by their ids, several separated by commas or spaces. Example: `avoid`"""
    lasts: Lasting | None = Field(default=None, alias="for")
    """Time in the queue after which the caller may be offered to these agents, too; without it never. Example: `5m`"""
