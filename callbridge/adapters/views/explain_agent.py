"""Explains why an agent gets no calls, or which ones.

Pure: the world is only read. The decisions are made in the core; each of its conditions has a sentence here. ``now`` is
the time of the request, in epoch seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from heapq import nsmallest

from callbridge.adapters.views import barred
from callbridge.adapters.views.board import queue_of
from callbridge.adapters.views.phrasing import PHONE_FAULTS, ExplainedLine, count, lacking, named, some, span
from callbridge.adapters.views.waiters import (
    MAX_AGENTS_NAMED,
    SHOW_MASKED,
    Lines,
    Show,
    Waiter,
    agent_named,
    by_queue,
    in_force,
    in_order,
    reason_shown,
    system_state,
)
from callbridge.core.model.agent import SILENT, Agent, Device, Intent, Work, eligible, published
from callbridge.core.model.call import Phase
from callbridge.core.model.phones import pbx_of_phone
from callbridge.core.model.plan import AgentOrder, ConnectMode, QueuePlan
from callbridge.core.model.sites import is_site
from callbridge.core.model.skills import Profile
from callbridge.core.model.world_view import WorldView

MAX_LOOKED_AT = 200
"""Callers per queue, from the head of the line, that are considered when one agent is explained."""


def explain_agent(
    world: WorldView, name: str, now: float, calls: Lines | None = None, show: Show = SHOW_MASKED
) -> list[ExplainedLine] | None:
    """Why this agent does or does not get calls; None for an unknown agent. ``calls``: sorted by queue, if already known."""
    agent = world.agents.get(name)
    if agent is None:
        return None
    reasons = [
        *_intent(world, agent, now, show),
        *_work(world, agent, now, show),
        *_phone(world, agent, show),
        *_pauses(agent, now),
    ]
    reasons += alerting(world, agent, now)
    lines = (
        [*reasons] if reasons else [ExplainedLine(code="free", text=f"free for a call, idle for {span(now - agent.idle_since)}")]
    )
    lines += [*_devices(world, agent, show), *system_state(world)]
    names = [queue.name for queue in world.plan.queues.values() if world.matcher.serves(agent.profile, queue)]
    if not names:
        lines.append(ExplainedLine(code="no_queue", text=f"no step of any queue matches the agent's skills: {_skills(agent)}"))
    calls = by_queue(world.calls.rows().values()) if calls is None else calls
    free = _free_agents(world, now) if eligible(agent, now) else {}
    for queue in world.plan.queues.values():
        if queue.name in names:
            lines += _about_queue(world, agent, queue, in_order(world, calls.get(queue.name, ()), MAX_LOOKED_AT), now, free, show)
        else:
            lines.append(_not_of(agent, queue))
    return lines


def _intent(world: WorldView, agent: Agent, now: float, show: Show) -> Iterator[ExplainedLine]:
    if agent.intent is Intent.LOGGED_OUT:
        yield ExplainedLine(code="logged_out", text="logged out: gets no calls until the next login")
    elif agent.intent is Intent.NOT_READY:
        since = f" for {span(now - agent.since)}" if published(agent)[0] == "not_ready" else ""
        back = f"; returns to ready automatically in {span(agent.return_at - now)}" if agent.return_at is not None else ""
        yield ExplainedLine(
            code="not_ready", text=f"not ready{since}, reason {reason_shown(world, agent.reason, show) or 'not given'}{back}"
        )


def _work(world: WorldView, agent: Agent, now: float, show: Show) -> Iterator[ExplainedLine]:
    call = _call_of(world, agent, show)
    match agent.work:
        case Work.OFFERED if agent.connecting:
            yield ExplainedLine(code="connecting", text=f"has picked up for {call}; the customer is being called")
        case Work.OFFERED:
            yield ExplainedLine(code="ringing", text=f"ringing for {call}")
        case Work.TALKING:
            yield ExplainedLine(code="talking", text=f"talking with {call} for {span(now - agent.since)}")
        case Work.WRAP_UP:
            left = f"{span(agent.wrap_until - now)} left" if agent.wrap_until > now else "until the phone hangs up"
            yield ExplainedLine(code="wrap_up", text=f"in wrap-up for queue {agent.wrap_queue or '?'}, {left}")
        case Work.IDLE:
            if agent.leg is not None:
                yield ExplainedLine(code="leg_left", text="the phone has not released the last call yet")
    if agent.intent is Intent.NOT_READY and agent.work in (Work.OFFERED, Work.TALKING):
        yield ExplainedLine(code="pause_later", text="not ready takes effect when this call ends")


def _call_of(world: WorldView, agent: Agent, show: Show) -> str:
    """The agent's call: who calls, and in which queue."""
    call = world.calls.get(agent.call)
    if call is None:
        return f"call {agent.call}"
    queue = queue_of(call, agent.id)
    return f"{show.caller(call)}{f' in queue {queue}' if queue else ''}"


def _phone(world: WorldView, agent: Agent, show: Show) -> Iterator[ExplainedLine]:
    if not agent.phone:
        holder = world.agent_at(agent.next_phone or agent.home)
        whose = (
            f": {show(agent.next_phone or agent.home)} is used by {named(holder.id, holder.name)}" if holder is not None else ""
        )
        yield ExplainedLine(code="no_phone", text=f"has no phone{whose}")
    elif agent.next_phone:
        yield ExplainedLine(code="phone_later", text=f"moves to {show(agent.next_phone)} as soon as that phone is free")
    if agent.connect is ConnectMode.NAILED_UP and not agent.session_up and agent.intent is Intent.READY:
        up = "is ringing for the login" if agent.session is not None else "was hung up: `callbridge agents ready` rings it again"
        yield ExplainedLine(code="session_down", text=f"the nailed-up call to {show(agent.phone)} {up}")
    elif agent.device is Device.OFFLINE:
        pbx = pbx_of_phone(world.plan, agent.phone)
        lost = len(world.plan.pbxs) > 1 and pbx in world.down
        why = f"the link to PBX {pbx} is lost" if lost else f"device state: {world.phones.get(agent.phone) or 'unknown'}"
        yield ExplainedLine(code="offline", text=f"the phone {show(agent.phone) or '-'} cannot be reached ({why})")
    elif agent.trouble_until or agent.dnd:
        yield _trouble(agent, show)
    elif agent.device is Device.BUSY_ELSEWHERE:
        yield ExplainedLine(code="busy_elsewhere", text=f"the phone {show(agent.phone)} is busy with a call outside callbridge")


def _devices(world: WorldView, agent: Agent, show: Show) -> Iterator[ExplainedLine]:
    """The agent's phones, if there are several devices; and those that have not reacted to calls while others rang."""
    if len(agent.phones) > 1:
        states = ", ".join(f"{show(phone)} ({world.phones.get(phone) or 'state unknown'})" for phone in agent.phones)
        yield ExplainedLine(code="phones", text=f"has {len(agent.phones)} phones: {states}")
    for phone in agent.phones:
        if contacts := world.contacts.get(phone):
            yield ExplainedLine(code="contacts", text=f"{len(contacts)} devices are registered at {show(phone)}")
    for device, record in world.devices.rows().items():
        if record.agent == agent.id:
            why = PHONE_FAULTS.get(record.trouble, "it is not registered, or does not reply: check its power and network")
            text = f"{show(device)} has not reacted to the last {count(record.ignored, 'call')}: {why}"
            dead = record.ignored >= world.plan.phones.dead_after
            yield ExplainedLine(code="device_dead" if dead else "device_quiet", text=text)


def _trouble(agent: Agent, show: Show) -> ExplainedLine:
    phone = show(agent.phone)
    if agent.trouble_until and agent.trouble == SILENT:
        return ExplainedLine(
            code="silent", text=f"the phone {phone} did not reply to the last INVITE: check its power and network"
        )
    if agent.trouble_until and agent.trouble in PHONE_FAULTS:
        return ExplainedLine(code="misconfigured", text=f"the phone {phone} cannot be called: {PHONE_FAULTS[agent.trouble]}")
    return ExplainedLine(code="dnd", text=f"the phone {phone} is on do not disturb")


def _pauses(agent: Agent, now: float) -> Iterator[ExplainedLine]:
    if agent.rest_until > now:
        missed = f" after {count(agent.misses, 'offer')} missed in a row" if agent.misses else ""
        yield ExplainedLine(code="resting", text=f"gets no offers for another {span(agent.rest_until - now)}{missed}")


def alerting(world: WorldView, agent: Agent, now: float) -> Iterator[ExplainedLine]:
    """Conditions of this agent that need a supervisor's attention, for as long as they last."""
    reason = world.plan.reasons.get(agent.reason) if agent.intent is Intent.NOT_READY else None
    if reason is not None and reason.limit is not None and now - agent.since > reason.limit:
        text = f"{agent.reason} for {span(now - agent.since)}, {span(now - agent.since - reason.limit)} over its limit"
        lasted = now - agent.since
        values: dict[str, str | float] = {"reason": agent.reason, "lasted": round(lasted), "over": round(lasted - reason.limit)}
        yield ExplainedLine(code="reason_limit", text=text, values=values)
    if agent.misses >= world.plan.alert_after_misses:
        text = f"{count(agent.misses, 'offer')} missed in a row"
        yield ExplainedLine(code="offers_missed", text=text, values={"count": agent.misses})
    if agent.trouble_until and agent.trouble == SILENT:
        yield ExplainedLine(code="phone_silent", text="the phone does not reply to calls")
    if agent.trouble_until and agent.trouble in PHONE_FAULTS:
        text = f"the phone cannot be called: {agent.trouble.replace('_', ' ')}"
        yield ExplainedLine(code="phone_misconfigured", text=text, values={"trouble": agent.trouble})
    if agent.pin_locked_until > now:
        text = (
            f"login at other phones than the own is locked for another {span(agent.pin_locked_until - now)}: too many wrong PINs"
        )
        yield ExplainedLine(code="pin_locked", text=text, values={"left": round(agent.pin_locked_until - now)})


def _skills(agent: Agent) -> str:
    return ", ".join(f"{skill} {level}" for skill, level in agent.profile if not is_site(skill)) or "none"


def _not_of(agent: Agent, queue: QueuePlan) -> ExplainedLine:
    """Which requirement fails for the queue's steps."""
    needs = {step.needs.text: step.needs for routing in queue.routings.values() for step in routing.steps}
    short = dict.fromkeys(lacking(need, agent.profile) for need in needs.values())
    return ExplainedLine(code="not_in_queue", text=f"queue {queue.name}: does not match, lacks {'; or '.join(short)}")


def _about_queue(
    world: WorldView, agent: Agent, queue: QueuePlan, line: list[Waiter], now: float, free: FreeAgents, show: Show
) -> Iterator[ExplainedLine]:
    """Whether a caller is waiting in the queue who could be offered to the agent, and which agents come first."""
    inside = [one for one in line if one.call.phase is Phase.WAITING]
    waiters = [one for one in inside if one.call.audio_until is None]
    rung, silent = len(line) - len(inside), len(inside) - len(waiters)
    ringing = f" ({count(rung, 'caller')} being connected)" if rung else ""
    ringing += f" ({count(silent, 'caller')} from whom no audio has come yet)" if silent else ""
    kinds = {(one.call.tier, one.needs): one for one in waiters}
    needs = {kind: need for kind, one in kinds.items() if (need := in_force(one)) is not None}
    able = {kind for kind, need in needs.items() if world.matcher.strength(need, agent.profile) is not None}
    matching = [one for one in waiters if (one.call.tier, one.needs) in able]
    without = [one.call for one in matching if agent.id in barred.barred_from(world, one.call)]
    fitting = [one for one in matching if one.call not in without]
    if not waiters:
        yield ExplainedLine(code="nobody_waits", text=f"queue {queue.name}: matches, nobody is waiting{ringing}")
        yield from _before(world, agent, queue, free)
    elif fitting:
        yield ExplainedLine(
            code="would_get",
            text=f"queue {queue.name}: matches {len(fitting)} of {count(len(waiters), 'caller')} waiting; "
            f"the first is {show.caller(fitting[0].call)}, waiting for {span(fitting[0].waited(now))}",
        )
    elif not without:
        yield ExplainedLine(code="waiters_need_more", text=f"queue {queue.name}: {_too_early(world, agent, waiters, now)}")
    yield from barred.explain_agent(world, agent.id, queue.name, without, show)


def _too_early(world: WorldView, agent: Agent, waiters: list[Waiter], now: float) -> str:
    need = in_force(waiters[0])
    short = lacking(need, agent.profile) if need is not None else "a step that is no longer configured"
    by_visit = sorted(((one.call.visit.began_at, n) for n, one in enumerate(waiters) if one.call.visit is not None), reverse=True)
    first = {(waiters[n].call.tier, waiters[n].needs, _window(waiters[n])): waiters[n] for _, n in by_visit}
    later = [moment for one in first.values() if (moment := _fits_at(world, agent, one)) is not None]
    widens = f"; the first widens to a matching step in {span(min(later) - now)}" if later else "; no later step matches either"
    return f"{count(len(waiters), 'caller')} waiting at steps that do not match yet: lacks {short}{widens}"


def _window(waiter: Waiter) -> int:
    return waiter.call.visit.window if waiter.call.visit is not None else 0


def _fits_at(world: WorldView, agent: Agent, waiter: Waiter) -> float | None:
    """When a later step of this caller begins that the agent fits."""
    visit, routing = waiter.call.visit, waiter.routing
    if visit is None or routing is None:
        return None
    for index in range(visit.window, len(routing.steps)):
        begins = routing.window_ends(index - 1) if index else 0.0
        if begins is not None and world.matcher.strength(routing.steps[index].needs, agent.profile) is not None:
            return visit.began_at + begins
    return None


FreeAgents = Mapping[Profile, Sequence[tuple[float, str]]]
"""By skills: since when each of them is idle, and who it is, the longest first. Sorted once for all queues."""


def _free_agents(world: WorldView, now: float) -> FreeAgents:
    found: dict[Profile, list[tuple[float, str]]] = {}
    for agent in world.agents.rows().values():
        if eligible(agent, now):
            found.setdefault(agent.profile, []).append((agent.idle_since, agent.id))
    for alike in found.values():
        alike.sort()
    return found


def _before(world: WorldView, agent: Agent, queue: QueuePlan, free: FreeAgents) -> Iterator[ExplainedLine]:
    """Which available agents would get the next caller before this one; none for an agent who is not available."""
    routing = world.matcher.routing(queue.name, world.plan.default_tier)
    steps = routing.steps if routing is not None else ()
    strength = world.matcher.strength
    need = next((step.needs for step in steps if strength(step.needs, agent.profile) is not None), None)
    if need is None or agent.profile not in free:
        return
    by_level = queue.pick is AgentOrder.HIGHEST_LEVEL
    mine = strength(need, agent.profile) or 0
    earlier, first = 0, list[tuple[int, float, str]]()
    for profile, alike in free.items():
        theirs = strength(need, profile)
        if theirs is None or (by_level and theirs < mine):
            continue
        ahead = len(alike) if by_level and theirs > mine else bisect_left(alike, (agent.idle_since, agent.id))
        earlier += ahead
        first += [(-theirs if by_level else 0, *one) for one in alike[: min(ahead, MAX_AGENTS_NAMED)]]
    if earlier:
        why = "idle longer" if not by_level else "higher level, or idle longer"
        first_of_all = some(
            [agent_named(world, who) for *_, who in nsmallest(MAX_AGENTS_NAMED, first)], MAX_AGENTS_NAMED, earlier
        )
        text = f"queue {queue.name}: behind {count(earlier, 'other matching agent')} ({why}): {first_of_all}"
        yield ExplainedLine(code="others_first", text=text)
    else:
        yield ExplainedLine(code="next", text=f"queue {queue.name}: is next for a caller who needs {need.text}")
