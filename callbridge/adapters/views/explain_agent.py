"""Explains why an agent gets no calls, or which ones.

Pure: the world is only read. The decisions are made in the core; each of its conditions has a sentence here. ``now`` is
the time of the request, in epoch seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from heapq import nsmallest

from callbridge.adapters.views import barred
from callbridge.adapters.views.phrasing import (
    PHONE_FAULTS,
    ExplainedLine,
    Number,
    Several,
    TimeSpan,
    Value,
    lacking,
    line,
    named,
    phone_fault,
    say,
    some,
    word,
)
from callbridge.adapters.views.rows import queue_of
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
    lines = reasons or [line("free", "free for a call, idle for {idle}", idle=TimeSpan(now - agent.idle_since))]
    lines += [*_devices(world, agent, show), *system_state(world)]
    names = [queue.name for queue in world.plan.queues.values() if world.matcher.serves(agent.profile, queue)]
    if not names:
        lines.append(line("no_queue", "no step of any queue matches the agent's skills: {skills}", skills=_skills(agent)))
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
        yield line("logged_out", "logged out: gets no calls until the next login")
    elif agent.intent is Intent.NOT_READY:
        in_force_now = published(agent)[0] == "not_ready"
        yield line(
            "not_ready",
            "not ready{lasted}, reason {reason}{back}",
            lasted=say("not_ready_for", " for {lasted}", lasted=TimeSpan(now - agent.since)) if in_force_now else "",
            reason=reason_shown(world, agent.reason, show) or say("reason_not_given", "not given"),
            back=say("returns_in", "; returns to ready automatically in {left}", left=TimeSpan(agent.return_at - now))
            if agent.return_at is not None
            else "",
        )


def _work(world: WorldView, agent: Agent, now: float, show: Show) -> Iterator[ExplainedLine]:
    call = _call_of(world, agent, show)
    match agent.work:
        case Work.OFFERED if agent.connecting:
            yield line("connecting", "has picked up for {call}; the customer is being called", call=call)
        case Work.OFFERED:
            yield line("ringing", "ringing for {call}", call=call)
        case Work.TALKING:
            yield line("talking", "talking with {call} for {lasted}", call=call, lasted=TimeSpan(now - agent.since))
        case Work.WRAP_UP:
            queue = agent.wrap_queue or "?"
            if agent.wrap_until > now:
                yield line(
                    "wrap_up", "in wrap-up for queue {queue}, {left} left", queue=queue, left=TimeSpan(agent.wrap_until - now)
                )
            else:
                yield line("wrap_up.phone", "in wrap-up for queue {queue}, until the phone hangs up", queue=queue)
        case Work.IDLE:
            if agent.leg is not None:
                yield line("leg_left", "the phone has not released the last call yet")
    if agent.intent is Intent.NOT_READY and agent.work in (Work.OFFERED, Work.TALKING):
        yield line("pause_later", "not ready takes effect when this call ends")


def _call_of(world: WorldView, agent: Agent, show: Show) -> Value:
    """The agent's call: who calls, and in which queue."""
    call = world.calls.get(agent.call)
    if call is None:
        return say("a_call", "call {call}", call=agent.call)
    queue = queue_of(call, agent.id)
    caller = show.caller(call)
    return say("caller_in_queue", "{caller} in queue {queue}", caller=caller, queue=queue) if queue else caller


def _phone(world: WorldView, agent: Agent, show: Show) -> Iterator[ExplainedLine]:
    if not agent.phone:
        holder = world.agent_at(agent.next_phone or agent.home)
        phone = show(agent.next_phone or agent.home)
        if holder is None:
            yield line("no_phone", "has no phone")
        else:
            yield line(
                "no_phone.used", "has no phone: {phone} is used by {agent}", phone=phone, agent=named(holder.id, holder.name)
            )
    elif agent.next_phone:
        yield line("phone_later", "moves to {phone} as soon as that phone is free", phone=show(agent.next_phone))
    if agent.connect is ConnectMode.NAILED_UP and not agent.session_up and agent.intent is Intent.READY:
        if agent.session is not None:
            yield line("session_down.rings", "the nailed-up call to {phone} is ringing for the login", phone=show(agent.phone))
        else:
            text = "the nailed-up call to {phone} was hung up: `callbridge agents ready` rings it again"
            yield line("session_down", text, phone=show(agent.phone))
    elif agent.device is Device.OFFLINE:
        phone, pbx = show(agent.phone) or "-", pbx_of_phone(world.plan, agent.phone)
        if len(world.plan.pbxs) > 1 and pbx in world.down:
            text = "the phone {phone} cannot be reached (the link to PBX {pbx} is lost)"
            yield line("offline.pbx", text, phone=phone, pbx=pbx)
        else:
            text, state = "the phone {phone} cannot be reached (device state: {state})", world.phones.get(agent.phone)
            yield line("offline", text, phone=phone, state=state or say("device_unknown", "unknown"))
    elif agent.trouble_until or agent.dnd:
        yield _trouble(agent, show)
    elif agent.device is Device.BUSY_ELSEWHERE:
        yield line("busy_elsewhere", "the phone {phone} is busy with a call outside callbridge", phone=show(agent.phone))


def _devices(world: WorldView, agent: Agent, show: Show) -> Iterator[ExplainedLine]:
    """The agent's phones, if there are several devices; and those that have not reacted to calls while others rang."""
    if len(agent.phones) > 1:
        states: list[Value] = []
        for phone in agent.phones:
            state = world.phones.get(phone) or say("phone_state_unknown", "state unknown")
            states.append(say("phone_with_state", "{phone} ({state})", phone=show(phone), state=state))
        number = Number(len(agent.phones))
        yield line("phones", "has {phones} phones: {states}", phones=number, states=Several(tuple(states)))
    for phone in agent.phones:
        if contacts := world.contacts.get(phone):
            devices = Number(len(contacts))
            yield line("contacts", "{devices} devices are registered at {phone}", devices=devices, phone=show(phone))
    for device, record in world.devices.rows().items():
        if record.agent == agent.id:
            silent = say("phone_not_there", "it is not registered, or does not reply: check its power and network")
            said: dict[str, Value] = {
                "phone": show(device),
                "calls": Number(record.ignored),
                "why": phone_fault(record.trouble) if record.trouble in PHONE_FAULTS else silent,
            }
            if record.ignored >= world.plan.phones.dead_after:
                yield line("device_dead", "{phone} has not reacted to the last {calls:call}: {why}", **said)
            else:
                yield line("device_quiet", "{phone} has not reacted to the last {calls:call}: {why}", **said)


def _trouble(agent: Agent, show: Show) -> ExplainedLine:
    phone = show(agent.phone)
    if agent.trouble_until and agent.trouble == SILENT:
        return line("silent", "the phone {phone} did not reply to the last INVITE: check its power and network", phone=phone)
    if agent.trouble_until and agent.trouble in PHONE_FAULTS:
        why = phone_fault(agent.trouble)
        return line("misconfigured", "the phone {phone} cannot be called: {why}", phone=phone, why=why)
    return line("dnd", "the phone {phone} is on do not disturb", phone=phone)


def _pauses(agent: Agent, now: float) -> Iterator[ExplainedLine]:
    if agent.rest_until > now:
        left = TimeSpan(agent.rest_until - now)
        if agent.misses:
            text, misses = "gets no offers for another {left} after {misses:offer} missed in a row", Number(agent.misses)
            yield line("resting.missed", text, left=left, misses=misses)
        else:
            yield line("resting", "gets no offers for another {left}", left=left)


def alerting(world: WorldView, agent: Agent, now: float) -> Iterator[ExplainedLine]:
    """Conditions of this agent that need a supervisor's attention, for as long as they last."""
    reason = world.plan.reasons.get(agent.reason) if agent.intent is Intent.NOT_READY else None
    if reason is not None and reason.limit is not None and now - agent.since > reason.limit:
        lasted = now - agent.since
        text, over = "{reason} for {lasted}, {over} over its limit", TimeSpan(lasted - reason.limit)
        yield line("reason_limit", text, reason=agent.reason, lasted=TimeSpan(lasted), over=over)
    if agent.misses >= world.plan.alert_after_misses:
        yield line("offers_missed", "{count:offer} missed in a row", count=Number(agent.misses))
    if agent.trouble_until and agent.trouble == SILENT:
        yield line("phone_silent", "the phone does not reply to calls")
    if agent.trouble_until and agent.trouble in PHONE_FAULTS:
        trouble = word("alert.trouble", agent.trouble)
        yield line("phone_misconfigured", "the phone cannot be called: {trouble}", trouble=trouble)
    if agent.pin_locked_until > now:
        text = "login at phones other than the agent's own is locked for another {left}: too many wrong PINs"
        yield line("pin_locked", text, left=TimeSpan(agent.pin_locked_until - now))


def _skills(agent: Agent) -> Value:
    return ", ".join(f"{skill} {level}" for skill, level in agent.profile if not is_site(skill)) or say("no_skills", "none")


def _not_of(agent: Agent, queue: QueuePlan) -> ExplainedLine:
    """Which requirement fails for the queue's steps."""
    needs = {step.needs.text: step.needs for routing in queue.routings.values() for step in routing.steps}
    short = {str(missing): missing for need in needs.values() for missing in [lacking(need, agent.profile)]}
    missing = Several(tuple(short.values()), "; or ")
    return line("not_in_queue", "queue {queue}: does not match, lacks {missing}", queue=queue.name, missing=missing)


def _about_queue(
    world: WorldView, agent: Agent, queue: QueuePlan, callers: list[Waiter], now: float, free: FreeAgents, show: Show
) -> Iterator[ExplainedLine]:
    """Whether a caller is waiting in the queue who could be offered to the agent, and which agents come first."""
    inside = [one for one in callers if one.call.phase is Phase.WAITING]
    waiters = [one for one in inside if one.call.audio_until is None]
    rung, silent = Number(len(callers) - len(inside)), Number(len(inside) - len(waiters))
    kinds = {(one.call.tier, one.needs): one for one in waiters}
    needs = {kind: need for kind, one in kinds.items() if (need := in_force(one)) is not None}
    able = {kind for kind, need in needs.items() if world.matcher.strength(need, agent.profile) is not None}
    matching = [one for one in waiters if (one.call.tier, one.needs) in able]
    without = [one.call for one in matching if agent.id in barred.barred_from(world, one.call)]
    fitting = [one for one in matching if one.call not in without]
    if not waiters:
        others: list[Value] = [say("being_connected", " ({callers:caller} being connected)", callers=rung)] if rung.value else []
        if silent.value:
            others.append(say("without_audio", " ({callers:caller} from whom no audio has come yet)", callers=silent))
        text = "queue {queue}: matches, nobody is waiting{others}"
        yield line("nobody_waits.in_queue", text, queue=queue.name, others=Several(tuple(others), ""))
        yield from _before(world, agent, queue, free)
    elif fitting:
        yield line(
            "would_get",
            "queue {queue}: matches {matching} of {callers:caller} waiting; the first is {first}, waiting for {waited}",
            queue=queue.name,
            matching=Number(len(fitting)),
            callers=Number(len(waiters)),
            first=show.caller(fitting[0].call),
            waited=TimeSpan(fitting[0].waited(now)),
        )
    elif not without:
        yield _too_early(world, agent, queue.name, waiters, now)
    yield from barred.explain_agent(world, agent.id, queue.name, without, show)


def _too_early(world: WorldView, agent: Agent, queue: str, waiters: list[Waiter], now: float) -> ExplainedLine:
    need = in_force(waiters[0])
    gone = say("lacks_gone_step", "a step that is no longer configured")
    by_visit = sorted(((one.call.visit.began_at, n) for n, one in enumerate(waiters) if one.call.visit is not None), reverse=True)
    first = {(waiters[n].call.tier, waiters[n].needs, _window(waiters[n])): waiters[n] for _, n in by_visit}
    later = [moment for one in first.values() if (moment := _fits_at(world, agent, one)) is not None]
    return line(
        "waiters_need_more",
        "queue {queue}: {callers:caller} waiting at steps that do not match yet: lacks {missing}{later}",
        queue=queue,
        callers=Number(len(waiters)),
        missing=lacking(need, agent.profile) if need is not None else gone,
        later=say("step_matches_in", "; the first widens to a matching step in {left}", left=TimeSpan(min(later) - now))
        if later
        else say("no_step_matches", "; no later step matches either"),
    )


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
        higher = say("higher_or_longer", "higher level, or idle longer")
        first_of_all = some(
            [agent_named(world, who) for *_, who in nsmallest(MAX_AGENTS_NAMED, first)], MAX_AGENTS_NAMED, earlier
        )
        yield line(
            "others_first",
            "queue {queue}: behind {agents:other matching agent} ({why}): {first}",
            queue=queue.name,
            agents=Number(earlier),
            why=higher if by_level else say("idle_longer", "idle longer"),
            first=first_of_all,
        )
    else:
        yield line("next", "queue {queue}: is next for a caller who needs {needs}", queue=queue.name, needs=need.text)
