"""The shape of routing: tiers, entries, queues and their steps."""

from __future__ import annotations

import pathlib
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    model_validator,
)

from callbridge.core.model.plan import AgentOrder
from callbridge.settings.agent_page import CrmConfig
from callbridge.settings.figures import ReportTargetsConfig
from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import OFF, Unit
from callbridge.settings.values import (
    Digit,
    Duration,
    EntryName,
    Extension,
    FlowMedia,
    Lasting,
    Name,
    PhoneKey,
    SkillRequirement,
    Text,
    WithoutPlus,
    WrittenText,
    filled,
    or_off,
)
from callbridge.settings.waiting import (
    AnnouncementsConfig,
    AvoidedAgentsConfig,
    CallbackConfig,
    DestinationConfig,
    MostCallers,
    OverflowConfig,
    PreferredAgentConfig,
    RecordingConfig,
    WhenFullConfig,
)


class TiersConfig(ConfigSection):
    """Classes of customers, and the phone numbers that belong to each."""

    default: Name = "standard"
    """Tier of callers who appear in no list. Example: `standard`"""
    order: tuple[Name, ...] = ("diamond", "gold", "silver", "standard")
    """Names of the tiers, the most valued first. Example: `[diamond, gold, silver, standard]`"""
    numbers: dict[Name, tuple[WrittenText, ...]] = {}
    """Phone numbers by tier; they take precedence over the CSV file. Example: `{diamond: ["+44 20 7946 0001"]}`"""
    csv: pathlib.Path | None = None
    """CSV file with the columns `number` and `tier`, relative to this file and read again whenever it changes.
    Example: `tiers.csv`"""
    without_plus: WithoutPlus | None = None
    """How numbers in the file without a `+` or another prefix are meant, where that is not clear: `international` or
    `national`. Example: `international`"""


class EntryConfig(ConfigSection):
    """Where calls enter: ``Stasis(callbridge,inbound,<entry>)``."""

    queue: Name | None = None
    """Queue that calls join at this entry. Example: `support`"""
    flow: Name | None = None
    """Flow that calls begin with at this entry; give either this or `queue`. Example: `welcome`"""
    most_calls: MostCallers | None = None
    """Most callers of this entry at a time, from arrival to the end of the call; by default no limit. Example: `60`"""
    when_full: WhenFullConfig | None = None
    """What happens to any more callers; by default `{refuse: busy}`. Example: `{refuse: congestion}`"""
    site: Name | None = None
    """Site of the callers of this entry; by default that of the PBX where they arrive. Example: `london`"""
    renamed_from: EntryName | None = None
    """Former name of the entry; calls that still arrive under it enter here. Example: `helpdesk`"""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.queue is None) == (self.flow is None):
            raise ValueError("expected either {queue: NAME} or {flow: NAME}")
        if self.when_full is not None and self.most_calls is None:
            raise ValueError("when_full requires most_calls: without it an entry is never full")
        return self


class TargetConfig(ConfigSection):
    """A service level: a share of the calls, answered within a time."""

    answer_within: Lasting | None = None
    """Time within which a caller is to be answered; it also ranks callers and defines the service level. Example:
    `20s`"""
    share: Annotated[float, Field(gt=0, le=1), Unit("share")] | None = None
    """Share of the calls that is to be answered within that time. Example: `0.8`"""


class StepConfig(ConfigSection):
    """One step of a queue: the skills that are required while it lasts."""

    skills: SkillRequirement
    """Skills that an agent needs to be offered the caller during this step. Example: `support >= 3 and (english or
    expert >= 2)`"""
    lasts: Lasting | None = Field(default=None, alias="for")
    """How long the step lasts before the next one begins; a last step without it never ends. Example: `20s`"""


class PenaltyConfig(ConfigSection):
    """What happens to an agent after a failed offer: a rest, or not ready with a reason."""

    rest: Duration | None = None
    """How long the agent is offered no further call; it doubles while offers keep failing. Example: `10s`"""
    not_ready: Name | None = None
    """Reason with which the agent becomes not ready; give either this or `rest`. Example: `rona`"""
    return_after: Lasting | None = None
    """Time after which an agent made not ready is ready again by itself; without it the agent has to return. Example:
    `5m`"""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.rest is None) == (self.not_ready is None):
            raise ValueError("expected either {rest: 10s} or {not_ready: rona, return_after: 5m}")
        if self.return_after is not None and self.not_ready is None:
            raise ValueError("return_after requires not_ready; a rest ends by itself")
        return self


class TierRoutingConfig(ConfigSection):
    """Settings that a queue and each of its tiers may have."""

    target: TargetConfig = TargetConfig()
    """Service level to aim for."""
    steps: Annotated[tuple[StepConfig, ...], AfterValidator(filled)] | None = None
    """Skill requirements that widen while the caller waits, in order. Example: `[{skills: support >= 3, for: 20s},
    {skills: support}]`"""
    then: DestinationConfig | None = None
    """Where a caller goes when the last step is over. Example: `{queue: general}`"""


class QueueTierConfig(TierRoutingConfig):
    """A tier's steps replace the queue's; ``head_start`` puts its callers that much ahead."""

    head_start: Duration | None = None
    """Callers of this tier are ranked as if they had already waited this long. Example: `10m`"""


class QueueDispositionConfig(ConfigSection):
    """What an agent may record about a finished conversation."""

    digit: Digit | None = None
    """Key that selects the disposition behind the feature code. Example: `1`"""
    label: Text | None = None
    """What the agent's page shows in place of the name. Example: `Solved at once`"""


def _digits_differ(given: dict[str, QueueDispositionConfig]) -> dict[str, QueueDispositionConfig]:
    digits = [one.digit for one in given.values() if one.digit is not None]
    if len(digits) != len(set(digits)):
        raise ValueError("two dispositions have the same digit")
    return given


class QueueConfig(TierRoutingConfig):
    """One queue, or ``queue_defaults``: a setting that is missing here is taken from there. ``renamed_from``: the former
    name, under which callers, callbacks and figures may still be saved."""

    renamed_from: Name | None = None
    """Former name of the queue; callers, callbacks and today's figures under it are carried over. Example: `helpdesk`"""
    report_targets: ReportTargetsConfig = ReportTargetsConfig()
    """Targets that reports compare figures with, besides the service level of `target`. Example: `{aht: 5m, csat: 0.85}`"""
    most_waiting: MostCallers | None = None
    """Most callers waiting at a time, though those who have waited in another queue come in all the same; by default no limit.
    Example: `40`"""
    when_full: WhenFullConfig | None = None
    """What happens to any more callers; by default `{refuse: busy}`. Example: `{queue: general}`"""
    short_abandon: Duration | None = None
    """Callers who hang up sooner than this are left out of the service level. Example: `5s`"""
    short_talk: Duration | None = None
    """An agent's phone that hangs up sooner than this is not counted as having answered; `0` switches this off.
    Example: `1s`"""
    wait_for_audio: Duration | None = None
    """How long an answered caller whose line has carried no audio yet is held back from the agents, keeping the place; by default
    `0`, which switches this off. Example: `35s`"""
    wrap_up: Duration | None = None
    """Time that an agent has for notes after a call. Example: `15s`"""
    wrap_up_most: Duration | None = None
    """Longest wrap-up when the agent asks for more time; by default as long as `wrap_up`. Example: `2m`"""
    pick: AgentOrder | None = None
    """Which of the suitable idle agents is offered the call."""
    ring_for: Lasting | None = None
    """How long an agent's phone rings before the caller is offered to somebody else. Example: `15s`"""
    music: Text | None = None
    """Class of `musiconhold.conf` that waiting callers hear. Example: `default`"""
    announce: AnnouncementsConfig | None = None
    """Announcements that waiting callers hear besides music."""
    overflow: tuple[OverflowConfig, ...] | None = None
    """Rules by which callers leave the queue before its steps are over; the first whose condition holds applies.
    Example: `[{when: {agents: 0, waited: 60s}, queue: general}]`"""
    keys: dict[PhoneKey, Name] | None = None
    """Keys that a waiting caller may press, and the flow that each opens. Example: `{"1": call-me}`"""
    survey: Name | None = None
    """Survey that callers are asked to take after the agent has hung up. Example: `service`"""
    callback: Annotated[CallbackConfig | None, BeforeValidator(or_off), OFF] = None
    """Terms on which customers are called back who chose it in a flow; `no` switches off what `queue_defaults` says."""
    reclaim_within: Duration | None = None
    """A caller who hangs up and calls again within this time gets the old place back; `0` switches this off. Example:
    `5m`"""
    prefer: Annotated[PreferredAgentConfig | None, BeforeValidator(or_off), OFF] = None
    """Offer callers to an agent of their own first; `no` switches off what `queue_defaults` says. Example: `{for: 20s,
    last_agent: 30d}`"""
    avoid: Annotated[AvoidedAgentsConfig | None, BeforeValidator(or_off), OFF] = None
    """Do not offer callers to the agents whom a value names; `no` switches off what `queue_defaults` says. Example: `{value:
    avoid, for: 5m}`"""
    own_site: Duration | None = None
    """How long agents of the caller's own site are preferred: the others are offered the caller meanwhile only if nobody of that
    site who is logged in fits; by default `0`, which prefers nobody. Example: `10s`"""
    skip_rejecters: bool | None = None
    """Whether an agent who has rejected a call is not offered it again while another ready agent fits; by default `yes`.
    Example: `yes`"""
    record: Annotated[RecordingConfig | None, BeforeValidator(or_off), OFF] = None
    """Record the conversations of this queue; `no` switches off what `queue_defaults` says. Example: `{share: 0.1,
    tiers: [gold]}`"""
    whisper: FlowMedia | None = None
    """Sound that the agent hears before being connected, with `{queue}` and `{tier}`; meanwhile the caller hears
    music. Example: `callbridge/for-{queue}`"""
    read_out: FlowMedia | None = None
    """Sound that the caller hears before being connected, with `{agent}`. Example: `agent,digits:{agent}`"""
    crm: Annotated[CrmConfig | None, BeforeValidator(or_off), OFF] = None
    """Link to the customer in another system, on the agent's page; `no` switches off what `queue_defaults` says. Example:
    `{url: "https://crm.example/find?phone={number}"}`"""
    script: Annotated[Name | None, BeforeValidator(or_off), OFF] = None
    """Script that agents follow in calls of this queue; `no` switches off what `queue_defaults` says. Example: `order`"""
    do_not_call: bool | None = None
    """Whether callers of this queue are put on the do-not-call list of the campaigns, as for a queue that takes
    complaints."""
    dispositions: Annotated[dict[Name, QueueDispositionConfig], AfterValidator(_digits_differ)] | None = None
    """Codes that agents give a finished conversation, by name; a campaign's calls have those of the campaign. Example:
    `{solved: {label: Solved, digit: 1}, complaint: {}}`"""
    extension: Extension | None = None
    """Digits by which an agent transfers a call to this queue. Example: `"800"`"""
    no_answer: PenaltyConfig | None = None
    """What happens to an agent whose phone rang out. Example: `{not_ready: rona, return_after: 5m}`"""
    rejected: PenaltyConfig | None = None
    """What happens to an agent who declined the call. Example: `{rest: 10s}`"""
    offline: PenaltyConfig | None = None
    """What happens to an agent whose phone could not be reached. Example: `{rest: 30s}`"""
    tiers: dict[Name, QueueTierConfig] = {}
    """Routing for callers of single tiers. Example: `{diamond: {head_start: 10m}}`"""
