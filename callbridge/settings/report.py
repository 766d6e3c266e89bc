"""``check``: says what is wrong with a configuration, or what it means."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import TextIO
from urllib.parse import urlsplit

from callbridge.adapters.tiers import BadBook, read_book
from callbridge.core.plan import AgentPlan, Ladder, Plan, QueuePlan, Reason, Then, ToDialplan, ToFlow, ToQueue
from callbridge.core.skills import Requirement
from callbridge.settings.faults import ConfigFaults, printable
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from callbridge.settings.resolve import resolve
from callbridge.settings.values import duration_text

GOOD, BAD = 0, 2
_IDS_SHOWN = 8


def check(
    path: str | os.PathLike[str],
    env: Mapping[str, str] | None = None,
    out: TextIO | None = None,
    err: TextIO | None = None,
) -> int:
    """Print faults and warnings (on ``err``) or what the configuration means (on ``out``). The exit code: 0 or 2."""
    out, err = out or sys.stdout, err or sys.stderr
    try:
        settings = load(path, env)
    except ConfigFaults as wrong:
        for fault in wrong.faults:
            print(fault, file=err)
        print(f"{len(wrong.faults)} {'fault' if len(wrong.faults) == 1 else 'faults'}: not usable", file=err)
        return BAD
    for warning in settings.warnings:
        print(f"warning: {warning}", file=err)
    for line in summary(settings):
        print(printable(line), file=out)
    return GOOD


def summary(settings: Settings) -> Iterator[str]:
    """What the configuration means: queues by tiers with windows and who serves them, then who may call whom what."""
    plan = settings.plan()
    yield from _queues(settings, plan)
    yield f"agents    {len(plan.agents)}: " + ", ".join(
        f"{sum(agent.connect == mode for agent in plan.agents.values())} {mode}" for mode in _modes(plan)
    )
    if plan.reasons:
        yield "reasons   " + ", ".join(_reason(reason) for reason in plan.reasons.values())
    yield "entries   " + (", ".join(f"{name} -> {_to(way)}" for name, way in plan.entries.items()) or "none: no call can arrive")
    yield f"tiers     {' > '.join(settings.tiers.order)}; others are {settings.tiers.default}"
    yield from _tier_file(settings)
    yield f"pbx       {settings.pbx[0].name}, application {settings.instance.app}, ids begin with {settings.instance.prefix}"
    for hook in settings.webhooks:
        numbers = "numbers as they are" if hook.unmasked else "numbers masked"
        yield f"webhook   {hook.name}: {', '.join(hook.events)} to {urlsplit(hook.url).hostname}, {numbers}"
    yield "store     " + ("Redis" if settings.redis else "memory: a restart forgets who was waiting for how long")


def _reason(reason: Reason) -> str:
    key = [f"key {reason.digit}"] if reason.digit else []
    limit = [f"alert after {duration_text(reason.limit)}"] if reason.limit is not None else []
    return reason.name + (f" ({', '.join([*key, *limit])})" if key or limit else "")


def _modes(plan: Plan) -> list[str]:
    return sorted({agent.connect.value for agent in plan.agents.values()})


def _queues(settings: Settings, plan: Plan) -> Iterator[str]:
    for queue in plan.queues.values():
        yield _queue_line(queue)
        groups: dict[tuple[Ladder, float], list[str]] = {}
        for tier, ladder in queue.ladders.items():
            groups.setdefault((ladder, resolve(settings, queue.name, tier).share), []).append(tier)
        for (ladder, share), tiers in groups.items():
            ahead = f", {duration_text(ladder.head_start)} ahead" if ladder.head_start else ""
            yield f"  {', '.join(tiers)}: {share:.0%} within {duration_text(ladder.answer_within)}{ahead}"
            yield from _windows(ladder, plan)
        yield ""


def _queue_line(queue: QueuePlan) -> str:
    times = {"rings": queue.ring_for, "wrap-up": queue.wrap_up, "short abandon": queue.short_abandon}
    return f"queue {queue.name}: {queue.pick}, " + ", ".join(f"{name} {duration_text(value)}" for name, value in times.items())


def _windows(ladder: Ladder, plan: Plan) -> Iterator[str]:
    start = 0.0
    wide = max((len(str(step.needs)) for step in ladder.steps), default=0)
    for index, step in enumerate(ladder.steps):
        end = ladder.window_ends(index)
        window = f"{duration_text(start)} to {duration_text(end)}" if end is not None else f"from {duration_text(start)} on"
        yield f"    {window:<16} {step.needs!s:<{wide}}  {_who(step.needs, plan.agents)}"
        start = end or start
    if ladder.then is not None:
        then = ladder.then
        yield f"    {'then':<16} {_to(then)}"


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


def _tier_file(settings: Settings) -> Iterator[str]:
    tiers = settings.tiers
    if tiers.csv is None:
        return
    try:
        book = read_book(tiers.csv, tiers.order, tiers.country_code or "")
    except BadBook as bad:
        yield f"          warning: {tiers.csv} {bad}"
        return
    yield f"          {len(book.numbers)} numbers in {tiers.csv}"
    if book.bad:
        yield f"          warning: {tiers.csv}: {book.complaint()}"
