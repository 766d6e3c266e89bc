"""The shape of the configuration, section by section. What names refer to is checked in ``rules``."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from zlib import crc32

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)

from callbridge.adapters.webhooks.body import EVENTS, placeholders
from callbridge.core.model.plan import AgentOrder, ConnectMode, Plan
from callbridge.settings.calendars import CalendarConfig
from callbridge.settings.campaigns import CampaignConfig, LedgerConfig
from callbridge.settings.faults import Fault
from callbridge.settings.flows import FlowConfig
from callbridge.settings.lookups import LookupConfig
from callbridge.settings.section import ConfigSection
from callbridge.settings.speech import SpeechConfig
from callbridge.settings.surveys import SurveyConfig
from callbridge.settings.values import (
    LONGEST_ARI_NAME,
    AriName,
    DialString,
    Digit,
    Display,
    Duration,
    EntryName,
    Extension,
    FlowMedia,
    HttpUrl,
    Key,
    Keys,
    Language,
    Lasting,
    Level,
    Media,
    Name,
    PbxName,
    Phone,
    Port,
    RedisUrl,
    Requirement,
    Text,
    WholeUrl,
    Written,
    Zone,
    filled,
    or_off,
)
from callbridge.settings.waiting import (
    AnnouncementsConfig,
    CallbackConfig,
    CallbacksConfig,
    DestinationConfig,
    OverflowConfig,
    PreferredAgentConfig,
    RecordingConfig,
    RepeatCallsConfig,
)

DEFAULT_APP, DEFAULT_PREFIX = "callbridge", "cb"


def default_prefix(app: str) -> str:
    """Of ids in Asterisk: ``cb`` for the application ``callbridge``, another one for each other application."""
    if app == DEFAULT_APP:
        return DEFAULT_PREFIX
    whole = f"{DEFAULT_PREFIX}_{app}"
    return whole if len(whole) <= LONGEST_ARI_NAME else f"{whole[: LONGEST_ARI_NAME - 9]}_{crc32(app.encode()):08x}"


class InstanceConfig(ConfigSection):
    """``app`` is the Stasis application; ``prefix`` begins every id that we give to Asterisk: by default another one for each
    application, for two may run on one PBX."""

    app: AriName = DEFAULT_APP
    prefix: AriName = DEFAULT_PREFIX
    timezone: Zone = "Europe/London"

    @model_validator(mode="before")
    @classmethod
    def _own_prefix(cls, value: object) -> object:
        if isinstance(value, Mapping) and "prefix" not in value and isinstance(value.get("app"), str):
            return {**value, "prefix": default_prefix(value["app"])}
        return value


class AriConfig(ConfigSection):
    url: HttpUrl
    user: Text
    password: SecretStr


class AmiConfig(ConfigSection):
    host: Text = "127.0.0.1"
    port: Port = 5038
    user: Text
    secret: SecretStr


class PbxConfig(ConfigSection):
    """One Asterisk. ``echo_limit``: seconds without our own heartbeat coming back after which nothing is ordered;
    ``request_timeout``: seconds after which an order without an answer counts as failed, though it may have worked."""

    name: PbxName
    ari: AriConfig
    ami: AmiConfig
    bridge_type: Text = "mixing,dtmf_events"
    echo_limit: Lasting = 3.0
    request_timeout: Lasting = 5.0

    @field_validator("bridge_type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        types = [part.strip() for part in value.split(",")]
        known = ("mixing", "dtmf_events", "proxy_media")
        if "mixing" not in types or not set(types) <= set(known):
            raise ValueError(f"expected 'mixing', and with a comma any of {', '.join(known[1:])}, not {value!r:.60}")
        return ",".join(types)


class RedisConfig(ConfigSection):
    """``wait_at_start``: how long a start waits for a Redis that is away or refuses, before it goes on without it."""

    url: RedisUrl
    prefix: Annotated[str, Field(pattern=r"^[\w.:-]{1,64}$")] = "callbridge:"
    wait_at_start: Duration = 60.0


class TokenConfig(ConfigSection):
    """Who may use the API, and as what; ``name`` stands in the audit. An ``agent``'s is for this agent only."""

    name: Name
    role: Literal["viewer", "agent", "supervisor", "admin"]
    agent: Name | None = None
    token: SecretStr


class HttpLimitsConfig(ConfigSection):
    """How many connections and readers of events there may be at a time, in all, and from one address or of one token."""

    connections: Annotated[int, Field(ge=16, le=10_000)] = 512
    connections_each: Annotated[int, Field(ge=8, le=10_000)] = 256
    event_readers: Annotated[int, Field(ge=1, le=5_000)] = 100
    event_readers_each: Annotated[int, Field(ge=1, le=5_000)] = 50


class HttpConfig(ConfigSection):
    """``token`` is an admin's; ``tokens`` may do less."""

    host: Text = "127.0.0.1"
    port: Port = 8090
    token: SecretStr | None = None
    tokens: tuple[TokenConfig, ...] = ()
    limits: HttpLimitsConfig = HttpLimitsConfig()


class LogConfig(ConfigSection):
    level: Literal["debug", "info", "warning", "error"] = "info"
    mask_numbers: bool = True

    @field_validator("level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class MetricsConfig(ConfigSection):
    """``label_agents``: seconds by agent, too; for at most 500 agents. ``recordings``: the folder in which the PBX records, to
    tell how much of its disk is free."""

    label_agents: bool = False
    recordings: pathlib.Path | None = None


class WebhookConfig(ConfigSection):
    """Somebody who is told at once: ``link`` is what a screen pop opens; numbers are masked unless ``unmasked``."""

    name: Name
    url: WholeUrl
    secret: SecretStr
    events: Annotated[tuple[Literal["offer", "answer", "end", "alert", "survey"], ...], AfterValidator(filled)] = EVENTS
    link: str = ""
    unmasked: bool = False

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 16:
            raise ValueError("is too short to sign with: at least 16 characters")
        return value

    @field_validator("link")
    @classmethod
    def _a_template(cls, value: str) -> str:
        if value:
            placeholders(value)
        return value


class TiersConfig(ConfigSection):
    """Classes of customers, the most valued first; ``csv`` and ``numbers`` say who belongs to which."""

    default: Name = "standard"
    order: tuple[Name, ...] = ("diamond", "gold", "silver", "standard")
    numbers: dict[Name, tuple[Written, ...]] = {}
    csv: pathlib.Path | None = None
    country_code: Annotated[str, Field(pattern=r"^\+?[1-9][0-9]{0,2}$")] | None = None


class EntryConfig(ConfigSection):
    """Where calls enter: ``Stasis(callbridge,inbound,<entry>)``. ``renamed_from``: calls by this name enter here, too."""

    queue: Name | None = None
    flow: Name | None = None
    renamed_from: EntryName | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.queue is None) == (self.flow is None):
            raise ValueError("expected either {queue: NAME} or {flow: NAME}")
        return self


class TargetConfig(ConfigSection):
    """``share`` of the calls is to be answered within ``answer_within`` seconds."""

    answer_within: Lasting | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None


class StepConfig(ConfigSection):
    skills: Requirement
    lasts: Lasting | None = Field(default=None, alias="for")


class PenaltyConfig(ConfigSection):
    """What a failed offer costs the agent: a rest, or ``not_ready`` with this reason until ``return_after``."""

    rest: Duration | None = None
    not_ready: Name | None = None
    return_after: Lasting | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.rest is None) == (self.not_ready is None):
            raise ValueError("expected either {rest: 10s} or {not_ready: rona, return_after: 5m}")
        if self.return_after is not None and self.not_ready is None:
            raise ValueError("return_after goes with not_ready; a rest ends by itself")
        return self


class TierRoutingConfig(ConfigSection):
    """What a queue and one of its tiers may both say."""

    target: TargetConfig = TargetConfig()
    steps: Annotated[tuple[StepConfig, ...], AfterValidator(filled)] | None = None
    then: DestinationConfig | None = None


class QueueTierConfig(TierRoutingConfig):
    """A tier's steps replace the queue's; ``head_start`` puts its callers that much ahead."""

    head_start: Duration | None = None


class QueueConfig(TierRoutingConfig):
    """One queue, or ``queue_defaults``: what is not given here is taken from there, setting by setting. ``renamed_from``: its
    name before, under which callers, callbacks and figures may still stand."""

    renamed_from: Name | None = None
    short_abandon: Duration | None = None
    short_talk: Duration | None = None
    wrap_up: Duration | None = None
    wrap_up_most: Duration | None = None
    pick: AgentOrder | None = None
    ring_for: Lasting | None = None
    music: Text | None = None
    announce: AnnouncementsConfig | None = None
    overflow: tuple[OverflowConfig, ...] | None = None
    keys: dict[Key, Name] | None = None
    survey: Name | None = None
    callback: Annotated[CallbackConfig | None, BeforeValidator(or_off)] = None
    reclaim_within: Duration | None = None
    prefer: Annotated[PreferredAgentConfig | None, BeforeValidator(or_off)] = None
    record: Annotated[RecordingConfig | None, BeforeValidator(or_off)] = None
    whisper: FlowMedia | None = None
    read_out: FlowMedia | None = None
    do_not_call: bool | None = None
    extension: Extension | None = None
    no_answer: PenaltyConfig | None = None
    rejected: PenaltyConfig | None = None
    offline: PenaltyConfig | None = None
    tiers: dict[Name, QueueTierConfig] = {}


class AgentConfig(ConfigSection):
    name: Text | None = None
    skills: dict[Name, Level] = {}
    phone: Phone
    connect: ConnectMode = ConnectMode.RING
    login: bool = False
    pin: SecretStr | None = None
    language: Language | None = None
    supervisor: bool = False
    confirm: bool = False

    @field_validator("pin")
    @classmethod
    def _digits(cls, value: SecretStr | None) -> SecretStr | None:
        """An empty one, as of a variable that is not set, is none."""
        pin = value.get_secret_value() if value is not None else ""
        if pin and not re.fullmatch("[0-9]{3,12}", pin):
            raise ValueError("expected 3 to 12 digits")  # not quoted: it is a secret all the same
        return value if pin else None


class ReasonConfig(ConfigSection):
    """A reason for being not ready: after ``limit`` an alert is told; ``digit`` is its key behind the feature code."""

    limit: Lasting | None = None
    digit: Digit | None = None


class PromptsConfig(ConfigSection):
    """What agents hear who dial a feature code; what is not given here is one of Asterisk's core sounds."""

    agent: Media | None = None
    pin: Media | None = None
    wrong_login: Media | None = None
    wrong_pin: Media | None = None
    logged_in: Media | None = None
    logged_out: Media | None = None
    ready: Media | None = None
    not_ready: Media | None = None
    wrap_up: Media | None = None
    wrap_up_ended: Media | None = None
    wrap_up_extended: Media | None = None
    talking: Media | None = None
    in_use: Media | None = None
    locked: Media | None = None
    refused: Media | None = None
    unknown: Media | None = None
    goodbye: Media | None = None
    disposed: Media | None = None
    confirm: Media | None = None


class OutsideConfig(ConfigSection):
    """How agents and supervisors reach somebody who is no agent: ``dial``, with ``{number}`` in it."""

    dial: DialString


TransferKeys = Literal[
    "transfer",
    "consult",
    "complete",
    "return",
    "conference",
    "survey",
    "record",
    "pause_recording",
    "resume_recording",
]


class FallbackConfig(ConfigSection):
    """Where calls go when callbridge cannot take them: ``context``, with the entry as extension.

    ``queue``: the app_queue that answers there; ``mirror``: its members follow our agents; ``pull_back``: its callers
    return to us by ``return_context``, those whom we sent there for trouble only after ``leave_alone`` seconds.
    """

    context: Text = "callbridge-fallback"
    queue: Text = "callbridge-fallback"
    mirror: bool = True
    pull_back: bool = True
    return_context: Text = "callbridge-return"
    leave_alone: Duration = 600.0


def _described(value: object) -> object:
    """``skills`` may be a list of names, or a mapping of names to descriptions."""
    if isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            raise ValueError("expected names, such as [support, english]")
        return dict.fromkeys(value, "")
    if isinstance(value, Mapping):
        return {name: "" if text is None else text for name, text in value.items()}
    return value


class Settings(ConfigSection):
    """The whole configuration, checked. Made by ``load``; times are seconds."""

    instance: InstanceConfig = InstanceConfig()
    pbx: Annotated[tuple[PbxConfig, ...], AfterValidator(filled)]
    redis: RedisConfig | None = None
    http: HttpConfig = HttpConfig()
    log: LogConfig = LogConfig()
    metrics: MetricsConfig = MetricsConfig()
    webhooks: tuple[WebhookConfig, ...] = ()
    tiers: TiersConfig = TiersConfig()
    skills: Annotated[dict[Name, str], BeforeValidator(_described)] = {}
    entries: dict[EntryName, EntryConfig] = {}
    queue_defaults: QueueConfig = QueueConfig()
    queues: dict[Name, QueueConfig] = {}
    flows: dict[Name, FlowConfig] = {}
    calendars: dict[Name, CalendarConfig] = {}
    lookups: dict[Name, LookupConfig] = {}
    surveys: dict[Name, SurveyConfig] = {}
    speech: SpeechConfig | None = None
    callbacks: CallbacksConfig = CallbacksConfig()
    ledger: LedgerConfig | None = None
    campaigns: dict[EntryName, CampaignConfig] = {}
    repeat_calls: Annotated[RepeatCallsConfig | None, BeforeValidator(lambda value: {} if value is None else value)] = None
    agents: dict[Name, AgentConfig] = {}
    reasons: dict[Name, ReasonConfig] = {}
    alert_after_misses: Annotated[int, Field(ge=1, le=1000)] = 3
    fallback: FallbackConfig = FallbackConfig()
    outside: OutsideConfig | None = None
    keys: dict[Keys, TransferKeys] = {}
    beep: Text = "sound:beep"
    display: Display = "{tier} {queue} {name}"
    prompts: PromptsConfig = PromptsConfig()
    trunks: tuple[Phone, ...] = ()

    _warnings: tuple[Fault, ...] = PrivateAttr(default=())
    _do_not_call: frozenset[str] = PrivateAttr(default=frozenset())
    _lists: dict[str, dict[str, dict[str, str]]] = PrivateAttr(default_factory=dict)

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What works but is hardly meant so."""
        return self._warnings

    @property
    def do_not_call(self) -> frozenset[str]:
        """The normalised numbers that are never dialled by ourselves."""
        return self._do_not_call

    @property
    def lists(self) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
        """Lookup that is a CSV file -> normalised number -> values."""
        return self._lists

    def plan(self) -> Plan:
        """The core's view, every tier's ladder worked out."""
        from callbridge.settings.resolve import plan

        return plan(self)
