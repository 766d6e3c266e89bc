"""The shape of the configuration, section by section. What names refer to is checked in ``rules``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
)

from callbridge.core.model.plan import ConsultQueue, Plan
from callbridge.settings.agent_page import ValueConfig
from callbridge.settings.alerts import AlertsConfig
from callbridge.settings.calendars import CalendarConfig
from callbridge.settings.campaigns import CampaignConfig, LedgerConfig
from callbridge.settings.faults import Fault
from callbridge.settings.figures import CostConfig, ShiftsConfig
from callbridge.settings.flows import FlowConfig
from callbridge.settings.instance import (
    DatabaseConfig,
    HistoryConfig,
    HttpConfig,
    InstanceConfig,
    LogConfig,
    MetricsConfig,
    ObserveConfig,
    PbxConfig,
    RecordingsConfig,
    RedisConfig,
    StandbyConfig,
    WebhookConfig,
    WithheldNumbersConfig,
)
from callbridge.settings.lookups import LookupConfig
from callbridge.settings.mail import MailConfig
from callbridge.settings.people import TeamConfig, UserConfig, WallConfig
from callbridge.settings.quality import QualityConfig
from callbridge.settings.queues import EntryConfig, QueueConfig, TiersConfig
from callbridge.settings.scheduled_reports import ScheduledReportConfig
from callbridge.settings.scripts import ScriptConfig
from callbridge.settings.section import ConfigSection
from callbridge.settings.speech import SpeechConfig
from callbridge.settings.spelling import Spelt, Unit
from callbridge.settings.staff import (
    AgentConfig,
    FallbackConfig,
    OutsideConfig,
    PhonesConfig,
    PromptsConfig,
    ReasonConfig,
    TransferKeys,
)
from callbridge.settings.surveys import SurveyConfig
from callbridge.settings.values import (
    Display,
    EntryName,
    Keys,
    Name,
    PhoneName,
    Region,
    Text,
    ValueName,
    filled,
)
from callbridge.settings.waiting import (
    CallbacksConfig,
    CallLimitsConfig,
    RepeatCallsConfig,
)

if TYPE_CHECKING:
    from callbridge.wire.phone_numbers import PhoneNumbers


def _described(value: object) -> object:
    """``skills`` may be a list of names, or a mapping of names to descriptions."""
    if isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            raise ValueError("expected names, such as [support, english]")
        return dict.fromkeys(value, "")
    if isinstance(value, Mapping):
        return {name: "" if text is None else text for name, text in value.items()}
    return value


_NAME_LIST_SCHEMA = {"type": "array", "items": {"type": "string"}}
_DESCRIBED = {"type": "object", "additionalProperties": {"type": ["string", "number", "null"]}}


class Settings(ConfigSection):
    """The whole configuration, checked. Made by ``load``; times are seconds."""

    instance: InstanceConfig = InstanceConfig()
    """Which of several instances this is: its Stasis application, its ids and its time zone."""
    pbx: Annotated[tuple[PbxConfig, ...], AfterValidator(filled)]
    """The Asterisks that callbridge serves: usually one, or several with a tie line between them."""
    redis: RedisConfig | None = None
    """Redis, for the saved state and the published facts; without this section the state is lost at a restart."""
    standby: StandbyConfig | None = None
    """Hot standby: this is one of several instances of which one leads; without this section it runs alone."""
    database: Annotated[DatabaseConfig | None, BeforeValidator(lambda value: {} if value is None else value)] = None
    """Database of the history and of the campaigns' leads, attempts and opt-outs; without this section there is neither."""
    history: HistoryConfig = HistoryConfig()
    """What the history keeps, and for how long."""
    http: HttpConfig = HttpConfig()
    """The HTTP interface."""
    log: LogConfig = LogConfig()
    """The log."""
    metrics: MetricsConfig = MetricsConfig()
    """The Prometheus metrics."""
    recordings: RecordingsConfig = RecordingsConfig()
    """Retention of recordings; without this section callbridge deletes none."""
    webhooks: tuple[WebhookConfig, ...] = ()
    """Other systems that receive events as they happen."""
    mail: MailConfig | None = None
    """The mail server through which callbridge sends mail; without this section it sends none."""
    alerts: AlertsConfig | None = None
    """Alerts that callbridge sends itself, for sites without Prometheus; without this section it sends none."""
    reports: tuple[ScheduledReportConfig, ...] = ()
    """Scheduled reports on the history."""
    cost: CostConfig | None = None
    """Labour cost, for reports; without this section they show no cost."""
    shifts: ShiftsConfig | None = None
    """The agents' schedule, which the report `adherence` compares with the time logged in."""
    region: Region | None = None
    """Country whose national numbers are written without a country code, two letters of ISO 3166; without it only
    international numbers are recognised in all their spellings. Example: `GB`"""
    withheld_numbers: WithheldNumbersConfig = WithheldNumbersConfig()
    """What is done with a number that the caller withholds; agents, logs and other systems see the word `withheld`."""
    tiers: TiersConfig = TiersConfig()
    """Classes of customers, and which phone number belongs to which."""
    skills: Annotated[dict[Name, str], BeforeValidator(_described), Spelt((_NAME_LIST_SCHEMA, _DESCRIBED))] = {}
    """Names of the skills, as a list, or with a description of each. Example: `{support: Knows the product}`"""
    entries: dict[EntryName, EntryConfig] = {}
    """Where calls enter: the dialplan says `Stasis(callbridge,inbound,ENTRY)`."""
    limits: CallLimitsConfig | None = None
    """How many callers each PBX takes at a time; without this section there is no limit."""
    queue_defaults: QueueConfig = QueueConfig()
    """What holds for every queue that does not say otherwise, setting by setting."""
    queues: dict[Name, QueueConfig] = {}
    """The queues by name."""
    flows: dict[Name, FlowConfig] = {}
    """What callers hear and are asked before, or instead of, joining a queue."""
    calendars: dict[Name, CalendarConfig] = {}
    """Opening hours by name."""
    lookups: dict[Name, LookupConfig] = {}
    """Other systems that know about callers, by name."""
    values: dict[ValueName, ValueConfig] = {}
    """How agents see what callers type and what lookups and leads bring, by name of the value; what is not here is shown by its
    name. Example: `{customer: {label: Customer number}}`"""
    scripts: dict[Name, ScriptConfig] = {}
    """What agents say and ask during calls, step by step, by name of the script."""
    surveys: dict[Name, SurveyConfig] = {}
    """What callers are asked after the call, by name of the survey."""
    speech: SpeechConfig | None = None
    """Prompts as text, from which `callbridge prompts` makes sound files."""
    callbacks: CallbacksConfig = CallbacksConfig()
    """What holds for all callbacks."""
    ledger: LedgerConfig = LedgerConfig()
    """What all campaigns together allow for one number."""
    campaigns: dict[EntryName, CampaignConfig] = {}
    """Outbound campaigns by name."""
    quality: QualityConfig = QualityConfig()
    """Which recordings are reviewed, and with which forms."""
    repeat_calls: Annotated[RepeatCallsConfig | None, BeforeValidator(lambda value: {} if value is None else value)] = None
    """Mark and count customers who call again soon after a conversation; without this section nobody is marked."""
    agents: dict[Name, AgentConfig] = {}
    """The agents by id, which is what an agent logs in with."""
    users: dict[Name, UserConfig] = {}
    """Supervisors and others who log in to the screens and the API with a password, by the name with which they log in."""
    teams: dict[Name, TeamConfig] = {}
    """Parts of the floor by name: a user of teams sees and acts on their queues and agents only."""
    walls: dict[Name, WallConfig] = {}
    """Wallboards by name."""
    reasons: dict[Name, ReasonConfig] = {}
    """Reasons for which an agent may be not ready, by name; of those that callbridge sets itself, `rona`, `fault` and `dnd`,
    people can choose only one that has a `digit`."""
    reason_required: bool = False
    """Whether a request to be not ready must give one of `reasons`; pauses that callbridge sets itself have their own reasons."""
    phones: PhonesConfig = PhonesConfig()
    """What holds for the phones of all agents."""
    alert_after_misses: Annotated[int, Field(ge=1, le=1000), Unit("offers")] = 3
    """An alert is raised when an agent misses this many offers in a row, and at every multiple."""
    fallback: FallbackConfig = FallbackConfig()
    """Where calls go when callbridge cannot handle them."""
    observe: ObserveConfig | None = None
    """The PBX's own queues that are observed besides callbridge's, such as the fallback queue; without this section none are."""
    outside: OutsideConfig | None = None
    """How agents and supervisors reach outside numbers; without this section they cannot."""
    keys: dict[Keys, TransferKeys] = {}
    """Feature codes that an agent presses during a call, and what each does. Example: `{"*1": transfer}`"""
    consult_queue: ConsultQueue = ConsultQueue.OFFER
    """What a consult to a queue does when none of its agents is free: `offer` refuses it, `wait` has the agent wait in the queue,
    and the key actions `consult_offer` and `consult_wait` choose for one consult. Example: `offer`"""
    beep: Text = "sound:beep"
    """Sound that an agent with `connect: nailed_up` hears before a call. Example: `sound:beep`"""
    display: Display = "{tier} {queue} {name}"
    """Caller name that the agent's phone shows, with `{tier}`, `{queue}`, `{number}` and, at most once, `{name}`.
    Example: `"{tier} {queue} {name}"`"""
    prompts: PromptsConfig = PromptsConfig()
    """What agents hear who dial a feature code."""
    trunks: tuple[PhoneName, ...] = ()
    """Endpoints that are trunks and not phones: nobody logs in there or dials feature codes. Example: `[PJSIP/trunk]`"""

    _resolver: Callable[[Settings], Plan] = PrivateAttr()
    _warnings: tuple[Fault, ...] = PrivateAttr(default=())
    _observes: bool = PrivateAttr(default=False)
    _do_not_call: frozenset[str] = PrivateAttr(default=frozenset())
    _lists: dict[str, dict[str, dict[str, str]]] = PrivateAttr(default_factory=dict)

    @property
    def observes(self) -> bool:
        """Whether it is for `callbridge observe`, without queues of callbridge's own."""
        return self._observes

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What works, but is probably not intended."""
        return self._warnings

    @property
    def numbers(self) -> PhoneNumbers:
        """How phone numbers are read here."""
        from callbridge.wire.phone_numbers import PhoneNumbers, is_region  # `rescue` reads no numbers and starts without them

        return PhoneNumbers(self.region if self.region is not None and is_region(self.region) else "")

    def numbers_in(self, section: TiersConfig | LookupConfig | CallbacksConfig) -> PhoneNumbers:
        """How those in the file of a section are read."""
        from callbridge.wire.phone_numbers import Written

        return replace(self.numbers, digits=Written(section.without_plus or ""))

    def numbers_of(self, campaign: str) -> PhoneNumbers:
        """How those of a campaign's leads are read."""
        return replace(self.numbers, region=self.campaigns[campaign].region or self.numbers.region)

    @property
    def do_not_call(self) -> frozenset[str]:
        """The numbers that are never dialled by ourselves, as ``numbers`` reads them."""
        return self._do_not_call

    @property
    def lists(self) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
        """Lookup that is a CSV file -> number, as ``numbers`` reads it -> values."""
        return self._lists

    def plan(self) -> Plan:
        """The core's view, every tier's routing worked out."""
        return self._resolver(self)
