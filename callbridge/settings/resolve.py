"""Which setting applies: the tier's own, else the tier's in ``queue_defaults``, else the queue's, else the default's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from zoneinfo import ZoneInfo

from callbridge.core.model import plan as core
from callbridge.core.model.calendar import Calendar
from callbridge.core.model.dial_rules import DAY, DialLimits, Frequency
from callbridge.core.model.flow import DoNotCallNode, Flow, FlowNode, GoodbyeNode, LookupNode, MenuNode, Node, PlayNode, QueueNode
from callbridge.core.model.sites import at_site
from callbridge.core.model.skills import profile
from callbridge.core.pacing.budget import Rules
from callbridge.settings import calendars, campaigns, flows, models, surveys, waiting
from callbridge.settings.document import Path
from callbridge.settings.queues import EntryConfig, PenaltyConfig, QueueConfig, QueueTierConfig, StepConfig, TierRoutingConfig
from callbridge.settings.staff import AgentConfig
from callbridge.settings.values import endpoint_of, split_place
from callbridge.settings.waiting import AnnouncementsConfig, CallLimitsConfig, DestinationConfig, OverflowConfig, WhenFullConfig

ANSWER_WITHIN = 20.0
SHARE = 0.8
REMEMBERED_WITHIN = 0.2
"""Seconds within which the caller's last agent must be known; after that the call continues without."""
ONCE_WITHIN = 1.0
"""Seconds within which it must be known whether the caller was surveyed before; after that there is no survey."""

_OF_QUEUE = (
    "renamed_from",
    "keys",
    "survey",
    "pick",
    "short_abandon",
    "short_talk",
    "wait_for_audio",
    "own_site",
    "wrap_up",
    "wrap_up_most",
    "ring_for",
    "music",
    "extension",
    "reclaim_within",
    "skip_rejecters",
    "whisper",
    "read_out",
    "do_not_call",
)
_PENALTIES = ("no_answer", "rejected", "offline")


@dataclass(frozen=True, slots=True)
class Resolved:
    """What one tier gets in one queue, and where its steps and ``then`` were written."""

    answer_within: float
    share: float
    head_start: float
    steps: tuple[StepConfig, ...]
    steps_at: Path
    then: DestinationConfig | None
    then_at: Path

    @property
    def ends(self) -> bool:
        """Whether the windows are ever over."""
        return bool(self.steps) and self.steps[-1].lasts is not None

    def routing(self) -> core.TierRouting:
        """The core's routing for this queue and tier. The destination after the steps counts only where the steps end."""
        steps = tuple(core.Step(step.skills, step.lasts) for step in self.steps)
        then = way(self.then) if self.then and self.ends else None
        return core.TierRouting(self.answer_within, self.head_start, steps, then)


def resolve(settings: models.Settings, queue: str, tier: str) -> Resolved:
    """All that holds for callers of ``tier`` in ``queue``."""
    levels = list(_levels(settings, queue, tier))
    targets = [level.target for _, level in levels]
    answer_within = next((target.answer_within for target in targets if target.answer_within is not None), ANSWER_WITHIN)
    share = next((target.share for target in targets if target.share is not None), SHARE)
    starts = (level.head_start for _, level in levels if isinstance(level, QueueTierConfig))
    head_start = next((start for start in starts if start is not None), 0.0)
    own = ("queues", queue)
    steps_at, steps = next(((at, level.steps) for at, level in levels if level.steps), (own, ()))
    then_at, then = next(((at, level.then) for at, level in levels if level.then), (own, None))
    return Resolved(answer_within, share, head_start, steps, (*steps_at, "steps"), then, (*then_at, "then"))


def _levels(settings: models.Settings, queue: str, tier: str) -> Iterator[tuple[Path, TierRoutingConfig]]:
    queues: list[tuple[Path, QueueConfig]] = [(("queues", queue), settings.queues[queue])]
    queues.append((("queue_defaults",), settings.queue_defaults))
    for at, level in queues:
        if tier in level.tiers:
            yield (*at, "tiers", tier), level.tiers[tier]
    yield from queues


def queue_plan(settings: models.Settings, name: str) -> core.QueuePlan:
    """The core's plan of one queue; what nobody gave keeps the core's own default."""
    routings = {tier: resolve(settings, name, tier).routing() for tier in settings.tiers.order}
    given: dict[str, object] = {"sl_target": SHARE}
    for level in (settings.queue_defaults, settings.queues[name]):
        if level.target.share is not None:
            given["sl_target"] = level.target.share
        given.update({field: value for field in _OF_QUEUE if (value := getattr(level, field)) is not None})
        given.update({field: _penalty(value) for field in _PENALTIES if (value := getattr(level, field)) is not None})
        if level.most_waiting is not None or level.when_full is not None:
            given["most_waiting"] = _most_waiting(settings, level)
        if level.overflow is not None:
            given["overflow"] = tuple(_overflow(rule) for rule in level.overflow)
        if "callback" in level.model_fields_set:
            given["callback"] = _callback(level.callback) if level.callback is not None else None
        if level.dispositions is not None:
            given["dispositions"] = {
                code: core.Disposition(code, one.digit or "", one.label or "") for code, one in level.dispositions.items()
            }
        if "record" in level.model_fields_set:
            given["record"] = _record(level.record) if level.record is not None else None
        if "prefer" in level.model_fields_set:
            given["prefer"] = (
                core.PreferredAgent(level.prefer.lasts, level.prefer.last_agent) if level.prefer is not None else None
            )
        if "avoid" in level.model_fields_set:
            given["avoid"] = core.AvoidedAgents(level.avoid.value, level.avoid.lasts) if level.avoid is not None else None
    announced = {}
    for level in (settings.queue_defaults, settings.queues[name]):
        if level.announce is not None:
            announced.update({field: getattr(level.announce, field) for field in level.announce.model_fields_set})
    if announced:
        given["announcements"] = _announcements(AnnouncementsConfig.model_construct(**announced))
    if "wrap_up" in given:
        given.setdefault("wrap_up_most", given["wrap_up"])
    known = {field.name for field in fields(core.QueuePlan)}
    assert given.keys() <= known, "a queue setting that the core does not know"
    return core.QueuePlan(name=name, routings=routings, **given)  # type: ignore[arg-type]


def plan(settings: models.Settings) -> core.Plan:
    """The whole configuration in the core's terms."""
    return core.Plan(
        queues={name: queue_plan(settings, name) for name in settings.queues},
        entries={name: _entry(entry) for name, entry in settings.entries.items()},
        renamed_entries={entry.renamed_from: name for name, entry in settings.entries.items() if entry.renamed_from is not None},
        entry_limits={
            name: _limit(entry.most_calls, entry.when_full)
            for name, entry in settings.entries.items()
            if entry.most_calls is not None
        },
        most_calls=_most_calls(settings.limits),
        load_limit=_load_limit(settings.limits),
        tiers=settings.tiers.order,
        flows={name: _flow(name, flow) for name, flow in settings.flows.items()}
        | {core.SURVEY + name: _survey_flow(name, survey) for name, survey in settings.surveys.items()}
        | {core.CAMPAIGN + name: _harbour_flow(name, one) for name, one in settings.campaigns.items() if one.message}
        | {core.MEMORY + name: _memory_flow(name, entry) for name, entry in settings.entries.items() if memory_of(settings)},
        campaigns={name: campaign_plan(settings, name) for name in settings.campaigns},
        frequency=frequency(settings),
        remembers=memory_of(settings) > 0,
        surveys={name: core.SurveyPlan(name, one.share, frozenset(one.tiers or ())) for name, one in settings.surveys.items()},
        calendars={name: _calendar(name, one, settings) for name, one in settings.calendars.items()},
        lookups={name: lookup.deadline for name, lookup in settings.lookups.items()}
        | {core.SURVEY + name: ONCE_WITHIN for name in settings.surveys}
        | ({core.MEMORY: REMEMBERED_WITHIN} if memory_of(settings) > 0 else {}),
        agents={id: _agent(settings, id, agent) for id, agent in settings.agents.items()},
        reasons=reasons(settings),
        reason_required=settings.reason_required,
        phones=_phones(settings),
        alert_after_misses=settings.alert_after_misses,
        pbxs=tuple(pbx.name for pbx in settings.pbx),
        lines={pbx.name: pbx.lines for pbx in settings.pbx if pbx.lines is not None},
        sites={pbx.name: pbx.site for pbx in settings.pbx if pbx.site is not None},
        entry_sites={name: entry.site for name, entry in settings.entries.items() if entry.site is not None},
        ties={pbx.name: pbx.tie for pbx in settings.pbx if pbx.tie is not None},
        default_tier=settings.tiers.default,
        prefix=settings.instance.prefix,
        fallback_context=settings.fallback.context,
        numbers=settings.numbers,
        call_back_to=settings.callbacks.numbers,
        do_not_call=settings.do_not_call,
        score_forms=tuple(settings.quality.forms) if settings.quality.samples else (),
        outside=settings.outside.dial if settings.outside is not None else "",
        transfer_to=settings.outside.numbers if settings.outside is not None else None,
        keys=dict(settings.keys),
        consult_queue=settings.consult_queue,
        beep=settings.beep,
        display=settings.display,
        prompts=core.Prompts(**settings.prompts.model_dump(exclude_none=True)),
        trunks=frozenset(settings.trunks),
    )


def campaign_plan(settings: models.Settings, name: str) -> core.CampaignPlan:
    """One campaign in the core's terms."""
    given = settings.campaigns[name]
    calendar = _calendar(given.calendar, settings.calendars[given.calendar], settings) if given.calendar else None
    wanted = given.attempts
    outside = settings.outside.dial if settings.outside is not None else ""
    return core.CampaignPlan(
        name=name,
        queue=given.queue,
        mode=given.mode,
        limits=DialLimits(calendar, wanted.per_day, wanted.most, given.retries(), wanted.after_abandoned),
        rules=Rules(
            cap=given.cap,
            aim=given.aim if given.aim is not None else given.cap * 14 / 15,
            window=given.window,
            hard=given.guard == "hard" or (given.guard is None and given.window <= DAY),
        ),
        number=given.number or "",
        caller_name=given.name or "",
        dial=given.dial or outside,
        factor=given.factor or 1.0,
        ring_for=given.ring_for,
        connect_within=given.connect_within,
        agent_first=given.first is core.CallFirst.AGENT,
        lines=given.lines,
        per_second=given.per_second,
        reserve=given.reserve,
        weight=given.weight,
        amd=given.amd,
        leave_message=given.leave_message,
        dispositions={code: _disposition(code, one) for code, one in given.dispositions.items()},
        pbx=given.pbx or "",
    )


def _disposition(code: str, given: campaigns.DispositionConfig) -> core.Disposition:
    return core.Disposition(
        code=code,
        digit=given.digit or "",
        label=given.label or "",
        reached=given.reached,
        success=given.success,
        block=given.do_not_call,
        machine=given.machine,
        again=given.again_after is not None,
    )


def frequency(settings: models.Settings) -> Frequency:
    """What all campaigns together allow for one number."""
    return Frequency(settings.ledger.per_day, settings.ledger.gap)


def _harbour_flow(name: str, given: campaigns.CampaignConfig) -> Flow:
    """What people hear when no agent is available: who called, and a key to opt out."""
    message = given.message or ""
    nodes: dict[str, Node] = {"bye": GoodbyeNode(), "say": PlayNode(media=message, next="bye")}
    if given.opt_out is not None:
        nodes["say"] = MenuNode(media=message, keys={given.opt_out: "out"}, otherwise="bye", wait=2.0, tries=1)
        nodes["out"] = DoNotCallNode(next="thanks", reason="opted_out")
        nodes["thanks"] = GoodbyeNode(media=given.opted_out)
    version = hashlib.sha256(given.model_dump_json().encode()).hexdigest()[:12]
    name = core.CAMPAIGN + name
    return Flow(name=name, version=version, start="say", nodes=nodes, language=given.language or "")


def _phones(settings: models.Settings) -> core.PhoneRules:
    phones = settings.phones
    pause = phones.do_not_disturb == "not_ready"
    headers = phones.auto_answer.sent() if phones.auto_answer is not None else core.AUTO_ANSWER
    timing = phones.silent_after, phones.dead_after
    own = (user.browser_phone.phone for user in settings.users.values() if user.browser_phone is not None)
    allowed = (*phones.allowed, *map(endpoint_of, own))
    return core.PhoneRules(*timing, pause_on_dnd=pause, auto_answer=headers, domains=phones.domains, allowed=allowed)


def reasons(settings: models.Settings) -> dict[str, core.Reason]:
    """The reasons for being not ready by name, in the order of the configuration."""
    return {name: core.Reason(name, reason.limit, reason.digit or "") for name, reason in settings.reasons.items()}


def _agent(settings: models.Settings, id: str, agent: AgentConfig) -> core.AgentPlan:
    phones = agent.all_phones if len(settings.pbx) > 1 else [endpoint_of(phone) for phone in agent.all_phones]
    return core.AgentPlan(
        id,
        agent.name or id,
        at_site(profile(agent.skills), site_of(settings, agent)),
        next(iter(phones), ""),
        agent.connect,
        agent.login,
        pin=agent.pin.get_secret_value() if agent.pin is not None else "",
        language=agent.language or "",
        supervisor=agent.supervisor,
        confirm=agent.confirm,
        auto_answer=agent.auto_answer.sent() if agent.auto_answer is not None else (),
        also=tuple(phones[1:]),
        hint=agent.hint or "",
    )


def site_of(settings: models.Settings, agent: AgentConfig) -> str:
    """The site of an agent: by default that of the first phone's PBX."""
    home = agent.first_phone.partition("/")[0]
    pbx = next((pbx for pbx in settings.pbx if pbx.name == home), settings.pbx[0])
    return agent.site or pbx.site or ""


def _entry(entry: EntryConfig) -> core.Entry:
    return core.ToQueue(entry.queue) if entry.queue is not None else core.ToFlow(entry.flow or "")


def way(to: DestinationConfig) -> core.Then:
    """Where a caller goes."""
    if to.queue is not None:
        return core.ToQueue(to.queue)
    if to.flow is not None:
        return core.ToFlow(to.flow)
    return core.ToDialplan(*split_place(to.dialplan or ""))


def _limit(most: int, full: WhenFullConfig | None) -> core.Limit:
    if full is None:
        return core.Limit(most)
    return core.Limit(most, core.Refusal(full.refuse) if full.refuse is not None else way(full))


def _most_calls(limits: CallLimitsConfig | None) -> core.Limit | None:
    return _limit(limits.most_calls, limits.when_full) if limits is not None and limits.most_calls is not None else None


def _load_limit(limits: CallLimitsConfig | None) -> core.LoadLimit | None:
    if limits is None or limits.responds_within is None:
        return None
    return core.LoadLimit(limits.responds_within, _limit(0, limits.when_full).when_full)


def _most_waiting(settings: models.Settings, queue: QueueConfig) -> core.Limit | None:
    """Each of the two settings may come from the defaults."""
    defaults = settings.queue_defaults
    most = queue.most_waiting if queue.most_waiting is not None else defaults.most_waiting
    return _limit(most, queue.when_full or defaults.when_full) if most is not None else None


def _callback(given: waiting.CallbackConfig) -> core.CallbackTerms:
    return core.CallbackTerms(**{name: value for name, value in given.model_dump().items() if value is not None})


def _record(given: waiting.RecordingConfig) -> core.RecordingPlan:
    tiers = frozenset(given.tiers or ())
    return core.RecordingPlan(given.file, given.share, tiers, given.on_demand, given.consent or "")


def _overflow(rule: OverflowConfig) -> core.OverflowRule:
    return core.OverflowRule(rule.when.condition(), way(rule), rule.reason)


def _announcements(given: AnnouncementsConfig) -> core.AnnouncementPlan:
    busy = given.busy
    return core.AnnouncementPlan(
        greeting=given.greeting or "",
        position=given.position or "",
        wait=given.wait or "",
        first=given.first,
        every=given.every,
        periodic=given.periodic,
        periodic_every=given.periodic_every,
        busy=busy.say if busy is not None else "",
        busy_after=busy.after if busy is not None else 0.0,
        busy_head_start=busy.head_start if busy is not None else 0.0,
        busy_tiers=frozenset(busy.tiers or ()) if busy is not None else frozenset(),
        connection_lost=given.connection_lost or core.AnnouncementPlan().connection_lost,
    )


def _flow(name: str, flow: flows.FlowConfig) -> Flow:
    version = hashlib.sha256(flow.model_dump_json().encode()).hexdigest()[:12]
    return Flow(
        name=name,
        version=version,
        start=flow.start or next(iter(flow.nodes)),
        nodes={key: node.node() for key, node in flow.nodes.items()},
        music=flow.music,
        language=flow.language or "",
    )


def _survey_flow(name: str, survey: surveys.SurveyConfig) -> Flow:
    pressed = sum(question.kind != "comment" for question in survey.questions)
    version = hashlib.sha256(survey.model_dump_json().encode()).hexdigest()[:12]
    nodes = survey.nodes(name)
    return Flow(name=core.SURVEY + name, version=version, start="once", nodes=nodes, music=survey.music, questions=pressed)


def memory_of(settings: models.Settings) -> float:
    """How many seconds to remember the agent that a number talked to; 0: not at all."""
    preferred = [one.last_agent for name in settings.queues if (one := queue_plan(settings, name).prefer) is not None]
    again = settings.repeat_calls.within if settings.repeat_calls is not None else 0.0
    return max([again, *preferred])


def _memory_flow(name: str, entry: EntryConfig) -> Flow:
    """What an entry leads to first where callers are remembered: over in a moment."""
    on = QueueNode(queue=entry.queue) if entry.queue is not None else FlowNode(flow=entry.flow or "")
    ask = LookupNode(lookup=core.MEMORY, next="on", otherwise="on", quiet=True)
    version = entry.queue or f"flow:{entry.flow}"
    return Flow(name=core.MEMORY + name, version=version, start="ask", nodes={"ask": ask, "on": on}, hidden=True)


def _calendar(name: str, given: calendars.CalendarConfig, settings: models.Settings) -> Calendar:
    zone = ZoneInfo(given.timezone or settings.instance.timezone)
    week = tuple(given.week.get(day, ()) for day in calendars.WEEKDAYS)
    return Calendar(name=name, zone=zone, week=week, holidays=dict(given.holidays))


def _penalty(penalty: PenaltyConfig) -> core.Penalty:
    return core.Penalty(penalty.rest or 0.0, penalty.not_ready, penalty.return_after)
