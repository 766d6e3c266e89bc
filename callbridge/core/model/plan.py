"""The plan: the configuration in the core's terms. Frozen; a reload brings a new one.

The settings module builds it; nothing here reads a file. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callbridge.core.model.calendar import Calendar
from callbridge.core.model.dial_rules import DialLimits, Frequency
from callbridge.core.model.flow import Condition, Flow
from callbridge.core.model.numbers import AS_WRITTEN, NumberReader
from callbridge.core.model.skills import Profile, Requirement
from callbridge.core.pacing.budget import Rules


class AgentOrder(StrEnum):
    """Which of the fitting idle agents gets the call."""

    LONGEST_IDLE = "longest_idle"
    HIGHEST_LEVEL = "highest_level"


class ConnectMode(StrEnum):
    """How a call reaches an agent."""

    RING = "ring"
    AUTO_ANSWER = "auto_answer"
    NAILED_UP = "nailed_up"


@dataclass(frozen=True, slots=True)
class Penalty:
    """What an offer that came to nothing means for the agent: a rest, or a forced ``not_ready``."""

    rest: float = 0.0
    not_ready: str | None = None
    return_after: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One widening stage: whom the caller may be offered to, and for how long (None: for ever)."""

    needs: Requirement
    lasts: float | None


@dataclass(frozen=True, slots=True)
class ToQueue:
    queue: str


@dataclass(frozen=True, slots=True)
class ToDialplan:
    """Leave for a place in the PBX's dialplan, priority 1."""

    context: str
    extension: str


@dataclass(frozen=True, slots=True)
class ToFlow:
    flow: str


Then = ToQueue | ToDialplan | ToFlow
"""The destination of a caller who leaves a queue."""
Entry = ToQueue | ToFlow
"""Where a caller begins."""


class RefusalReason(StrEnum):
    """What the caller's network is told: 486 or 503 to SIP callers, if the call has not been answered."""

    BUSY = "busy"
    CONGESTION = "congestion"


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: RefusalReason = RefusalReason.BUSY


WhenFull = Then | Refusal


@dataclass(frozen=True, slots=True)
class Limit:
    """Most callers at a time; what happens to any more."""

    most: int
    when_full: WhenFull = Refusal()


@dataclass(frozen=True, slots=True)
class LoadLimit:
    """A PBX that responds to a heartbeat later than this, in seconds, takes fewer callers; the lowest tiers are refused first."""

    responds_within: float
    when_full: WhenFull = Refusal(RefusalReason.CONGESTION)


@dataclass(frozen=True, slots=True)
class OverflowRule:
    """A caller leaves the queue before its steps are over: when ``when`` holds, for ``reason``."""

    when: Condition
    to: Then
    reason: str


@dataclass(frozen=True, slots=True)
class AnnouncementPlan:
    """Announcements for waiting callers. Media as in flows; empty: none. Times in seconds."""

    greeting: str = ""
    position: str = ""
    """With ``{position}``: how many are served before the caller, and one."""
    wait: str = ""
    """With ``{minutes}``: the estimated wait, rounded up. Silent when the estimate is not to be trusted."""
    first: float = 15.0
    every: float = 45.0
    """When position and wait are first announced, and then how often."""
    periodic: tuple[str, ...] = ()
    """One after the other in turn, every ``periodic_every`` seconds."""
    periodic_every: float = 60.0
    busy: str = ""
    busy_after: float = 120.0
    busy_head_start: float = 0.0
    """An apology after so long, once, with the promise of priority: it adds this head start."""
    busy_tiers: frozenset[str] = frozenset()
    """For these tiers; empty: all."""
    connection_lost: str = "sound:im-sorry,sound:one-moment-please"
    """Played to a caller whose agent's phone was lost."""


@dataclass(frozen=True, slots=True)
class ToAgent:
    agent: str


@dataclass(frozen=True, slots=True)
class ToNumber:
    """An outside number, or any other extension of the PBX."""

    number: str


Target = ToQueue | ToAgent | ToNumber
"""Targets of a transfer."""


class ConsultQueue(StrEnum):
    """What a consult to a queue does when none of its agents is free."""

    OFFER = "offer"
    """It is refused, or ends: it is offered to agents who are free at once."""
    WAIT = "wait"
    """The agent waits in the queue, in the place that the caller would have."""


@dataclass(frozen=True, slots=True)
class TierRouting:
    """The routing of one tier in one queue: target, head start and widening steps."""

    answer_within: float
    head_start: float
    steps: tuple[Step, ...]
    then: Then | None

    def window_at(self, waited: float) -> int:
        """The step whose fixed window holds this time waited; ``len(steps)`` when all windows are over."""
        for index, step in enumerate(self.steps):
            if step.lasts is None or waited < step.lasts:
                return index
            waited -= step.lasts
        return len(self.steps)

    def window_ends(self, index: int) -> float | None:
        """Seconds of waiting at which window ``index`` is over; None when it lasts for ever."""
        total = 0.0
        for step in self.steps[: index + 1]:
            if step.lasts is None:
                return None
            total += step.lasts
        return total


SURVEY = "survey:"
"""Begins the names of the flows and lookups that surveys are made of: no flow of the configuration has such a name."""
MEMORY = "memory:"
"""Begins the names of the flows that ask, at arrival, whom the caller talked to last; it is that lookup's name, too."""
REMEMBERED = frozenset({"last_agent", "last_queue", "last_at", "repeat"})
"""The values that it returns; no other lookup may set them."""
SKIPPED = "skip"
"""The node at which a survey ends for callers who are not to be asked."""


@dataclass(frozen=True, slots=True)
class SurveyPlan:
    """Who is led into the flow ``survey:<name>`` after a talk: this share of these tiers (none named: of all)."""

    name: str
    share: float = 1.0
    tiers: frozenset[str] = frozenset()


class CallFirst(StrEnum):
    """Who is called first for a callback."""

    AGENT = "agent"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class CallbackTerms:
    """On what terms a queue calls its customers back. Times in seconds."""

    first: CallFirst = CallFirst.AGENT
    ring_for: float = 30.0
    attempts: int = 3
    retry_after: float = 300.0
    keep_for: float = 86400.0
    """Time after which a callback expires."""
    calendar: str = ""
    """When customers may be called; empty: always."""
    number: str = ""
    name: str = ""
    """What the customer's phone shows."""
    greeting: str = ""
    """Played to a customer who is called first."""
    most: int = 500
    """The maximum number of open callbacks."""


@dataclass(frozen=True, slots=True)
class PreferredAgent:
    """Whom a caller is offered to first, for so many seconds: the agent named by the value ``agent``, or whom the number
    talked to last, unless that is longer ago than ``last_agent`` seconds."""

    lasts: float
    last_agent: float = 0.0


@dataclass(frozen=True, slots=True)
class AvoidedAgents:
    """To whom a caller is not offered: the agents whom this value of the call names. ``lasts``: for so many seconds in the queue;
    None: never."""

    value: str
    lasts: float | None = None


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """What a queue records: this share of the talks of these tiers (none named: all), or only what somebody asks for."""

    file: str = "{day}/{queue}/{call}-{part}.wav"
    """``{part}``: 1 for the first agent of a call, and so on; ``{agent}`` and ``{tier}`` are known, too."""
    share: float = 1.0
    tiers: frozenset[str] = frozenset()
    on_demand: bool = False
    consent: str = ""
    """The recording notice, played to the caller before a recorded conversation."""


class DialMode(StrEnum):
    """How many numbers a campaign dials."""

    PROGRESSIVE = "progressive"
    """One for each available agent."""
    POWER = "power"
    """A fixed number for each available agent."""
    PREDICTIVE = "predictive"


@dataclass(frozen=True, slots=True)
class Disposition:
    """What an agent may say of a talk; all but code, digit and label is about campaigns. ``reached``: this was the person who was
    to be reached; ``success``: and it came to what the campaign is for; ``block``: on the do-not-call list; ``machine``: it was
    no person; ``again``: the lead is dialled once more."""

    code: str
    digit: str = ""
    label: str = ""
    """What the agent reads in place of the code."""
    reached: bool = True
    success: bool = False
    block: bool = False
    machine: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """One campaign. Times in seconds."""

    name: str
    queue: str
    """Whose agents talk, and whose wrap-up holds."""
    mode: DialMode
    limits: DialLimits
    rules: Rules
    number: str = ""
    caller_name: str = ""
    """What the customer's phone shows."""
    dial: str = ""
    """What to dial, ``{number}`` in it."""
    factor: float = 1.0
    ring_for: float = 22.0
    connect_within: float = 2.0
    agent_first: bool = False
    lines: int = 30
    """Calls that may be out, or waiting for an agent, at a time."""
    per_second: float = 5.0
    reserve: int = 0
    """Available agents who are kept for inbound callers."""
    weight: float = 1.0
    amd: bool = False
    leave_message: bool = False
    """A machine is spoken to by the dialplan after its beep, rather than hung up."""
    dispositions: Mapping[str, Disposition] = field(default_factory=dict)
    pbx: str = ""
    """The PBX that dials; empty: the first one."""


ALL_CAMPAIGNS = Frequency()
SAFE_HARBOUR_CONTEXT = "callbridge-safe-harbour"
"""Where in the dialplan people are sent whom a campaign has called and whom we cannot serve: the extension is its name."""
AMD_CONTEXT, MACHINE_CONTEXT = "callbridge-amd", "callbridge-machine"
"""Where in the dialplan it is heard whether a machine has answered, and where a machine is left a message."""
CAMPAIGN = "campaign:"
"""Prefix of the flows for customers for whom no agent is free."""


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """One queue; ``routings`` has an entry for every tier of the plan."""

    name: str
    routings: Mapping[str, TierRouting]
    renamed_from: str = ""
    """The name that the queue had before: who waits there, what is owed and what was counted under it belongs here."""
    pick: AgentOrder = AgentOrder.LONGEST_IDLE
    short_abandon: float = 5.0
    most_waiting: Limit | None = None
    """Of callers who have not waited in another queue before."""
    short_talk: float = 1.0
    """An agent who hangs up within so many seconds has not answered. 0: every join is an answer."""
    wait_for_audio: float = 0.0
    """Seconds after the answer for which a caller without audio is not offered to agents. 0: switched off."""
    wrap_up: float = 15.0
    wrap_up_most: float = 15.0
    """The longest wrap-up when an agent extends it."""
    ring_for: float = 15.0
    music: str = "default"
    announcements: AnnouncementPlan = AnnouncementPlan()
    overflow: tuple[OverflowRule, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    """What a waiting caller may press -> the flow that it opens."""
    survey: str = ""
    """The survey after the agent has hung up."""
    callback: CallbackTerms | None = None
    reclaim_within: float = 0.0
    """Seconds within which a caller who hung up and calls again gets the old place."""
    prefer: PreferredAgent | None = None
    avoid: AvoidedAgents | None = None
    own_site: float = 0.0
    """Seconds for which agents of the caller's own site are preferred. 0: all are alike."""
    skip_rejecters: bool = True
    """Who has rejected a call is not offered it again while another ready agent fits."""
    record: RecordingPlan | None = None
    whisper: str = ""
    """Played to the agent before the conversation."""
    read_out: str = ""
    """Played to the caller before the conversation, at the same time."""
    do_not_call: bool = False
    """Callers of this queue are not called again by campaigns: it is for complaints."""
    dispositions: Mapping[str, Disposition] = field(default_factory=dict)
    """What an agent may say of a talk of this queue that was no campaign's."""
    sl_target: float = 0.8
    """The service level that the queue is to reach: shown beside it, decides nothing."""
    extension: str = ""
    """The digits by which an agent hands a call on to this queue."""
    no_answer: Penalty = Penalty(not_ready="rona")
    rejected: Penalty = Penalty(rest=10.0)
    offline: Penalty = Penalty(rest=30.0)


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """One agent as configured. ``phone`` is the Asterisk endpoint, such as ``PJSIP/1001``; ``also``: the agent's other phones."""

    id: str
    name: str
    skills: Profile
    phone: str
    connect: ConnectMode = ConnectMode.RING
    login: bool = False
    """Log in and make ready when callbridge first meets this agent."""
    confirm: bool = False
    """A key must be pressed to take a call: a mobile phone's voicemail cannot."""
    pin: str = field(default="", repr=False)
    """For log-in at a phone; without one an agent logs in there only from the phone named above."""
    language: str = ""
    """Of the prompts that this agent hears, as Asterisk names it; empty: the phone's own."""
    supervisor: bool = False
    auto_answer: tuple[tuple[str, str], ...] = ()
    """The headers that ask this agent's phone to answer by itself; none: those of all phones."""
    also: tuple[str, ...] = ()
    hint: str = ""
    """``1001@ext-local``: the hint of the agent's extension, whose devices are this agent's."""

    @property
    def phones(self) -> tuple[str, ...]:
        """All phones of this agent, the first one first."""
        return (self.phone, *self.also)


Headers = tuple[tuple[str, str], ...]
"""Names and texts of SIP headers."""
AUTO_ANSWER: Headers = (("Call-Info", "<sip:callbridge>;answer-after=0"), ("Alert-Info", "info=alert-autoanswer"))
"""What asks most phones to answer by themselves."""


@dataclass(frozen=True, slots=True)
class PhoneRules:
    """What holds for the phones of all agents. Times in seconds."""

    silent_after: float = 2.0
    """A phone that has replied nothing to an INVITE for so long is silent. 0: phones are given the whole ring time."""
    dead_after: int = 3
    """A device of several is reported when it has not reacted to so many calls in a row while another one rang."""
    pause_on_dnd: bool = False
    """Do not disturb makes an agent ``not_ready`` until the agent asks to be ready, rather than ``busy_elsewhere``."""
    auto_answer: Headers = AUTO_ANSWER
    domains: tuple[str, ...] = ()
    """Hosts by which phones know the PBX when they transfer a call; none: any address; ``*``: any host."""
    allowed: tuple[str, ...] = ("*",)
    """Patterns of the phones besides agents' own at which agents log in and supervisors join."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A not-ready reason. ``limit``: seconds after which an alert is raised; ``digit``: its key on the phone."""

    name: str
    limit: float | None = None
    digit: str = ""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What agents hear who dial a feature code: ARI media, several separated by commas. The defaults are of Asterisk's
    own core sounds."""

    agent: str = "sound:agent-user"
    """Asks for the agent's number."""
    pin: str = "sound:agent-pass"
    wrong_login: str = "sound:agent-incorrect"
    """Wrong input; asks for the agent's number again."""
    wrong_pin: str = "sound:auth-incorrect"
    """Asks for the PIN again."""
    logged_in: str = "sound:agent-loginok"
    logged_out: str = "sound:agent-loggedoff"
    ready: str = "sound:do-not-disturb,sound:de-activated"
    not_ready: str = "sound:do-not-disturb,sound:activated"
    wrap_up: str = "sound:one-moment-please"
    """Of the states that may be asked for: there is time for notes."""
    wrap_up_ended: str = "sound:auth-thankyou"
    wrap_up_extended: str = "sound:added"
    talking: str = "sound:is-in-use"
    """Of the states that may be asked for: there is a call."""
    in_use: str = "sound:extension,sound:is-in-use"
    """Another agent is logged in at this phone."""
    locked: str = "sound:im-sorry,sound:please-try-call-later"
    """Too many wrong PINs."""
    refused: str = "sound:im-sorry"
    unknown: str = "sound:pm-invalid-option"
    """No such code, or no such reason."""
    goodbye: str = "sound:vm-goodbye"
    """Nothing was pressed, or the wrong thing too often."""
    disposition_saved: str = "sound:auth-thankyou"
    """The disposition was saved."""
    confirm: str = "sound:followme/options"
    """A call: 1 takes it, 2 refuses it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the core needs to know of the configuration."""

    queues: Mapping[str, QueuePlan] = field(default_factory=dict)
    entries: Mapping[str, Entry] = field(default_factory=dict)
    renamed_entries: Mapping[str, str] = field(default_factory=dict)
    """Names that entries had before -> their names now."""
    entry_limits: Mapping[str, Limit] = field(default_factory=dict)
    """Most callers at a time who came by an entry, from arrival to end."""
    most_calls: Limit | None = None
    """The same of all entries together, on each PBX."""
    load_limit: LoadLimit | None = None
    tiers: tuple[str, ...] = ("standard",)
    """The most valued first."""
    flows: Mapping[str, Flow] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    surveys: Mapping[str, SurveyPlan] = field(default_factory=dict)
    remembers: bool = False
    """Whether callers are asked about at arrival: every entry has a flow ``memory:<entry>`` then."""
    lookups: Mapping[str, float] = field(default_factory=dict)
    """Lookup -> seconds in which it must answer."""
    agents: Mapping[str, AgentPlan] = field(default_factory=dict)
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    reason_required: bool = False
    """Whether a request to be not ready must give one of the reasons."""
    phones: PhoneRules = PhoneRules()
    alert_after_misses: int = 3
    """Offers in a row that an agent may let go before an alert is told, and at every multiple of it."""
    pbxs: tuple[str, ...] = ("pbx",)
    """Names of the PBXs; the first makes the calls that nothing else assigns to one."""
    ties: Mapping[str, str] = field(default_factory=dict)
    """PBX -> what it dials to reach ``{phone}`` of another one, ``{pbx}``: ``PJSIP/{phone}@tie-{pbx}``."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """PBX -> the most calls of all campaigns together that it makes at a time."""
    sites: Mapping[str, str] = field(default_factory=dict)
    """PBX -> its site."""
    entry_sites: Mapping[str, str] = field(default_factory=dict)
    """Entry -> the site of its callers, where that is not the PBX's."""
    default_tier: str = "standard"
    prefix: str = "cb"
    """The prefix of every ID that we give to Asterisk."""
    fallback_context: str = "callbridge-fallback"
    numbers: NumberReader = AS_WRITTEN
    """How phone numbers are read."""
    call_back_to: tuple[str, ...] = ()
    """Patterns of the numbers that customers may be called back at."""
    do_not_call: frozenset[str] = frozenset()
    """Numbers that are never dialled by ourselves, as ``numbers`` reads them."""
    outside: str = ""
    """What to dial for a number, ``{number}`` in it: ``Local/{number}@callbridge-outside/n``. Empty: nobody outside."""
    transfer_to: tuple[str, ...] | None = None
    """Patterns of the outside numbers that calls may be transferred to; None: the PBX alone decides."""
    campaigns: Mapping[str, CampaignPlan] = field(default_factory=dict)
    frequency: Frequency = ALL_CAMPAIGNS
    keys: Mapping[str, str] = field(default_factory=dict)
    """Codes during a conversation -> ``transfer``, ``consult``, ``complete``, ``return`` or ``conference``."""
    consult_queue: ConsultQueue = ConsultQueue.OFFER
    """How a queue is consulted by agents who do not say so."""
    beep: str = "sound:beep"
    """Played to a nailed-up agent before a call."""
    display: str = "{name}"
    """The caller's name as an agent's phone shows it, with ``{tier}``, ``{queue}`` and ``{number}`` where wanted."""
    prompts: Prompts = Prompts()
    trunks: frozenset[str] = frozenset()
    """Endpoints that are no phones: callers from there cannot dial feature codes."""
    score_forms: tuple[str, ...] = ()
    """Names of the score forms, which scores are counted by."""

    def pbx_of_campaign(self, name: str) -> str:
        """The PBX that dials for this campaign."""
        campaign = self.campaigns.get(name)
        return campaign.pbx if campaign is not None and campaign.pbx in self.pbxs else self.pbxs[0]

    def site_of(self, pbx: str, entry: str) -> str:
        """The site of a caller."""
        return self.entry_sites.get(self.entry_named(entry)) or self.sites.get(pbx, "")

    def renamed_queues(self) -> dict[str, str]:
        """Names that queues had before -> their names now."""
        before = {queue.renamed_from: queue.name for queue in self.queues.values() if queue.renamed_from}
        return {old: new for old, new in before.items() if old not in self.queues}

    def queue_named(self, name: str) -> str:
        """The queue of this name, or the one that had it before."""
        return name if name in self.queues else self.renamed_queues().get(name, name)

    def entry_named(self, name: str) -> str:
        """The entry of this name, or the one that had it before."""
        return name if name in self.entries else self.renamed_entries.get(name, name)

    def destination_of(self, entry: str) -> Entry | None:
        """The destination of an entry; None when the entry does not exist or has no destination."""
        match self.entries.get(self.entry_named(entry)):
            case ToQueue(queue) as way if queue in self.queues:
                return way
            case ToFlow(flow) as way if flow in self.flows:
                return way
            case _:
                return None
