"""``check``: reports what is wrong with a configuration, or what it means.

The settings know no adapter and no database: the tiers' file and the kind of database are looked at here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import TextIO
from urllib.parse import urlsplit

from callbridge.adapters.database import BadDatabase, Database
from callbridge.adapters.files.tiers import BadTierFile, TierTable, read_tiers
from callbridge.core.model.calendar import Calendar, Span
from callbridge.core.model.flow import Condition
from callbridge.core.model.plan import (
    CAMPAIGN,
    AgentPlan,
    CampaignPlan,
    DialMode,
    Plan,
    QueuePlan,
    Reason,
    Then,
    TierRouting,
    ToDialplan,
    ToFlow,
    ToQueue,
)
from callbridge.core.model.skills import Requirement
from callbridge.settings.calendars import WEEKDAYS
from callbridge.settings.durations import duration_text
from callbridge.settings.faults import ConfigFaults, Fault, printable
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from callbridge.settings.resolve import resolve

GOOD, BAD = 0, 2
_IDS_SHOWN = 8


def check(
    path: str | os.PathLike[str],
    env: Mapping[str, str] | None = None,
    out: TextIO | None = None,
    err: TextIO | None = None,
    *,
    strict: bool = False,
) -> int:
    """Print faults and warnings (on ``err``) or what the configuration means (on ``out``). The exit code: 0 or 2.

    ``strict``: warnings are as bad as faults, for a check before a deployment.
    """
    out, err = out or sys.stdout, err or sys.stderr
    try:
        settings = load(path, env, observed=None)
        _try_database(settings, path)
        table = _tier_table(settings, path)
    except ConfigFaults as wrong:
        for fault in wrong.faults:
            print(fault, file=err)
        print(
            f"{len(wrong.faults)} {'fault' if len(wrong.faults) == 1 else 'faults'}: the configuration cannot be used", file=err
        )
        return BAD
    rows = [f"{settings.tiers.csv}: {line}" for line in table.report()] if table is not None else []
    warnings = [*map(str, settings.warnings), *_open_to_all(settings, path), *rows]
    for warning in warnings:
        print(f"warning: {printable(warning)}", file=err)
    for line in summary(settings, table):
        print(printable(line), file=out)
    return BAD if strict and warnings else GOOD


def _open_to_all(settings: Settings, path: str | os.PathLike[str]) -> Iterator[str]:
    """Not a warning at every start: harmless on a dedicated machine."""
    http = settings.http
    if http.token is None and not http.tokens:
        problem = "is missing: everybody who can log in on this machine is an admin of callbridge"
        hint = "give http.token_file a file with the output of `openssl rand -hex 16`"
        yield f"{path}: http.token: {problem} (hint: {hint})"


def _try_database(settings: Settings, path: str | os.PathLike[str]) -> None:
    """Is there such a kind of database here? Nothing is opened. Raises ConfigFaults."""
    if settings.database is None:
        return
    try:
        Database(settings.database.url.get_secret_value()).close()
    except BadDatabase as wrong:
        raise ConfigFaults([Fault(os.fspath(path), 0, 0, "database.url", str(wrong))]) from None


def _tier_table(settings: Settings, path: str | os.PathLike[str]) -> TierTable | None:
    """The file of tiers, if there is one. Raises ConfigFaults where no row of it can be used: every caller would have the default
    tier."""
    tiers = settings.tiers
    if tiers.csv is None:
        return None
    try:
        return read_tiers(tiers.csv, tiers.order, settings.numbers_in(tiers))
    except BadTierFile as bad:
        raise ConfigFaults([Fault(os.fspath(path), 0, 0, "tiers.csv", f"{tiers.csv} {bad}")]) from None


def summary(settings: Settings, table: TierTable | None) -> Iterator[str]:
    """What the configuration means: queues by tier with their steps and agents, then everything else. ``table``: the file of
    tiers."""
    plan = settings.plan()
    if settings.observes:
        named = settings.observe.queues if settings.observe is not None else ()
        yield f"for `callbridge observe`: {', '.join(named) or 'all queues'} of {', '.join(plan.pbxs)}; no call is served"
        return
    yield from _queues(settings, plan)
    yield f"agents    {len(plan.agents)}: " + ", ".join(
        f"{sum(agent.connect == mode for agent in plan.agents.values())} {mode}" for mode in _modes(plan)
    )
    if plan.reasons:
        required = "; one is required" if plan.reason_required else ""
        yield "reasons   " + ", ".join(_reason(reason) for reason in plan.reasons.values()) + required
    yield "entries   " + (", ".join(f"{name} -> {_to(way)}" for name, way in plan.entries.items()) or "none: no call can arrive")
    for flow in plan.flows.values():
        if not flow.hidden and not flow.name.startswith(CAMPAIGN):
            yield f"flow      {flow.name}: {len(flow.nodes)} nodes, starts at {flow.start}"
    if plan.call_back_to:
        yield f"callbacks to {', '.join(plan.call_back_to)}; {len(plan.do_not_call)} numbers are never called"
    for campaign in plan.campaigns.values():
        yield from _campaign(settings, campaign)
    for calendar in plan.calendars.values():
        yield f"calendar  {calendar.name}: {_week(calendar)}, {calendar.zone.key}, {len(calendar.holidays)} holidays"
    yield f"tiers     {' > '.join(settings.tiers.order)}; everybody else is {settings.tiers.default}"
    if table is not None:
        yield f"          {len(table.numbers)} {'number' if len(table.numbers) == 1 else 'numbers'} in {settings.tiers.csv}"
    names = ", ".join(pbx.name for pbx in settings.pbx)
    yield f"pbx       {names}, application {settings.instance.app}, ids begin with {settings.instance.prefix}"
    for hook in settings.webhooks:
        numbers = "numbers as they are" if hook.unmasked else "numbers masked"
        yield f"webhook   {hook.name}: {', '.join(hook.events)} to {urlsplit(hook.url).hostname}, {numbers}"
    yield "store     " + ("Redis" if settings.redis else "memory only: a restart loses the waiting callers' times")
    if settings.standby is not None:
        after = duration_text(settings.standby.take_over_after)
        yield f"standby   this is {settings.standby.address}; one of several instances leads, another takes over after {after}"


def _campaign(settings: Settings, plan: CampaignPlan) -> Iterator[str]:
    how = f"{plan.factor:g} lines per free agent" if plan.mode is DialMode.POWER else plan.mode.value
    over = f"{plan.rules.cap:.1%} of those who answered left without an agent in {plan.rules.window / 86400:g} days"
    match plan.mode:
        case DialMode.PREDICTIVE:
            guard = "never over it" if plan.rules.hard else f"aim {plan.rules.aim:.2%}"
            held = f"at most {over} ({guard})"
        case DialMode.POWER:
            held = f"one line per free agent while more than {over}"
        case _:
            held = "one line per free agent"
    yield f"campaign  {plan.name}: {how}, for queue {plan.queue}; {held}"
    limits, when = plan.limits, settings.campaigns[plan.name].calendar
    yield (
        f"    each number at most {limits.per_day} times a day and {limits.most} in all, "
        f"{f'in the hours of calendar {when} in its own time zone' if when else 'at any time'}; "
        f"an agent within {duration_text(plan.connect_within)}, up to {plan.lines} lines, {plan.per_second:g} calls a second"
    )


def _week(calendar: Calendar) -> str:
    """``mon-fri 08:00-18:00, sat 09:00-12:30 13:30-16:00``"""
    runs: list[tuple[str, str, tuple[Span, ...]]] = []
    for day, spans in zip(WEEKDAYS, calendar.week, strict=True):
        if runs and runs[-1][2] == spans:
            runs[-1] = runs[-1][0], day, spans
        else:
            runs.append((day, day, spans))
    open_days = [(first if first == last else f"{first}-{last}", spans) for first, last, spans in runs if spans]
    hours = [f"{days} " + " ".join(f"{_time(begin)}-{_time(end)}" for begin, end in spans) for days, spans in open_days]
    return ", ".join(hours) or "always closed"


def _time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _reason(reason: Reason) -> str:
    key = [f"key {reason.digit}"] if reason.digit else []
    limit = [f"alert after {duration_text(reason.limit)}"] if reason.limit is not None else []
    return reason.name + (f" ({', '.join([*key, *limit])})" if key or limit else "")


def _modes(plan: Plan) -> list[str]:
    return sorted({agent.connect.value for agent in plan.agents.values()})


def _queues(settings: Settings, plan: Plan) -> Iterator[str]:
    for queue in plan.queues.values():
        yield _queue_line(queue)
        groups: dict[tuple[TierRouting, float], list[str]] = {}
        for tier, routing in queue.routings.items():
            groups.setdefault((routing, resolve(settings, queue.name, tier).share), []).append(tier)
        for (routing, share), tiers in groups.items():
            ahead = f", ranked {duration_text(routing.head_start)} ahead" if routing.head_start else ""
            yield f"  {', '.join(tiers)}: {share:.0%} within {duration_text(routing.answer_within)}{ahead}"
            yield from _windows(routing, plan)
        for rule in queue.overflow:
            yield f"  overflow: {condition_text(rule.when) or 'always'} -> {_to(rule.to)} ({rule.reason})"
        for key, flow in queue.keys.items():
            yield f"  key {key} while waiting -> flow {flow}"
        yield from _besides(queue)
        yield ""


def _besides(queue: QueuePlan) -> Iterator[str]:
    """What else the queue does for its callers, one line each."""
    back, prefer, record = queue.callback, queue.prefer, queue.record
    if back is not None:
        hours = f", while {back.calendar} is open" if back.calendar else ""
        retry, keep = duration_text(back.retry_after), duration_text(back.keep_for)
        yield f"  callback: the {back.first} is called first, {back.attempts} attempts {retry} apart, kept for {keep}{hours}"
    if queue.wait_for_audio:
        yield f"  callers without audio are held back for at most {duration_text(queue.wait_for_audio)}"
    if queue.reclaim_within:
        yield f"  callers who hang up and call again within {duration_text(queue.reclaim_within)} get their old place back"
    if prefer is not None:
        last = f", or the one who talked to them within {duration_text(prefer.last_agent)}" if prefer.last_agent else ""
        yield f"  for the first {duration_text(prefer.lasts)} only the caller's own agent{last}"
    if queue.avoid is not None:
        until = f" until {duration_text(queue.avoid.lasts)} have passed" if queue.avoid.lasts is not None else ""
        yield f"  not to the agents whom the value {queue.avoid.value} names{until}"
    if record is not None:
        share = "on demand" if record.on_demand else f"{record.share:.0%}"
        tiers = f" of {', '.join(sorted(record.tiers))}" if record.tiers else ""
        yield f"  recorded: {share}{tiers}, in {record.file}"
    if queue.survey:
        yield f"  survey: {queue.survey}"
    if queue.renamed_from:
        yield f"  renamed from {queue.renamed_from}: callers, callbacks and figures under that name belong here"


def _queue_line(queue: QueuePlan) -> str:
    times = {
        "rings": queue.ring_for,
        "wrap-up": queue.wrap_up,
        "short abandon": queue.short_abandon,
        "short talk": queue.short_talk,
    }
    return f"queue {queue.name}: {queue.pick}, " + ", ".join(f"{name} {duration_text(value)}" for name, value in times.items())


def _windows(routing: TierRouting, plan: Plan) -> Iterator[str]:
    start = 0.0
    wide = max((len(str(step.needs)) for step in routing.steps), default=0)
    for index, step in enumerate(routing.steps):
        end = routing.window_ends(index)
        window = f"{duration_text(start)} to {duration_text(end)}" if end is not None else f"from {duration_text(start)} on"
        yield f"    {window:<16} {step.needs!s:<{wide}}  {_who(step.needs, plan.agents)}"
        start = end or start
    if routing.then is not None:
        then = routing.then
        yield f"    {'then':<16} {_to(then)}"


def condition_text(when: Condition) -> str:
    """A condition as people read it."""
    value = f"{when.value} {' or '.join(sorted(when.is_any))}{when.pattern}" if when.value else ""
    queue = f"{when.queue}: " if when.queue else ""
    parts = [
        f"tier {' or '.join(sorted(when.tiers))}" if when.tiers else "",
        f"language {' or '.join(sorted(when.languages))}" if when.languages else "",
        f"{when.open} open" if when.open else "",
        f"{when.closed} closed" if when.closed else "",
        f"{queue}{when.waiting} or more ahead" if when.waiting is not None else "",
        f"{queue}wait of {duration_text(when.wait)} or more" if when.wait is not None else "",
        _staff(queue, when.agents) if when.agents is not None else "",
        f"waited {duration_text(when.waited)}" if when.waited is not None else "",
        value,
    ]
    return ", ".join(part for part in parts if part)


def _staff(queue: str, most: int) -> str:
    return f"{queue}nobody logged in" if not most else f"{queue}{most} or fewer agents logged in"


def _to(then: Then) -> str:
    match then:
        case ToQueue(queue):
            return f"queue {queue}"
        case ToFlow(flow):
            return f"flow {flow}"
        case ToDialplan(context, extension):
            return f"dialplan {context},{extension},1"


def _who(needs: Requirement, agents: Mapping[str, AgentPlan]) -> str:
    ids = [id for id, agent in agents.items() if needs.strength(agent.skills) is not None]
    more = ", ..." if len(ids) > _IDS_SHOWN else ""
    return f"{len(ids)} {'agent' if len(ids) == 1 else 'agents'}" + (f": {', '.join(ids[:_IDS_SHOWN])}{more}" if ids else "")
