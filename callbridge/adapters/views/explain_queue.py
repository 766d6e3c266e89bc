"""Explains a queue: who waits there, and why a caller is not offered to anybody. Pure, like ``explain_agent``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from callbridge.adapters.views import barred
from callbridge.adapters.views.closures import explain_closed
from callbridge.adapters.views.phrasing import (
    ExplainedLine,
    Number,
    Several,
    TimeSpan,
    Value,
    lacking,
    line,
    named,
    say,
    some,
    word,
)
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
from callbridge.core.model.agent import Agent, Intent, eligible, published
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.plan import AgentOrder, QueuePlan, TierRouting
from callbridge.core.model.skills import Requirement
from callbridge.core.model.world_view import WorldView

MAX_SHOWN = 10
"""Callers per queue that are explained individually."""


def explain_queue(
    world: WorldView, name: str, now: float, calls: Lines | None = None, show: Show = SHOW_MASKED
) -> list[ExplainedLine] | None:
    """Who is waiting, which agents match now, and why the first caller is not offered; None for an unknown queue."""
    queue = world.plan.queues.get(name)
    if queue is None:
        return None
    lines = [*system_state(world), *explain_closed(world, name, show=show), *_staff(world, queue)]
    calls = by_queue(world.calls.rows().values()) if calls is None else calls
    inside = calls.get(name, ())
    if not inside:
        lines.append(line("nobody_waits", "nobody is waiting"))
    told: set[str] = set()
    for waiter in in_order(world, inside, MAX_SHOWN):
        lines += explain_waiter(world, waiter, now, told, show)
    owed = [callback for callback in world.callbacks.rows().values() if callback.queue == name]
    if owed:
        standing = sum(callback.stands for callback in owed)
        text = "{open:open callback}: {standing} in line, {later} deferred or in progress"
        numbers = [Number(value) for value in (len(owed), standing, len(owed) - standing)]
        lines.append(line("callbacks", text, **dict(zip(("open", "standing", "later"), numbers, strict=True))))
    if len(inside) > MAX_SHOWN:
        lines.append(line("more", "{more} more waiting behind them", more=Number(len(inside) - MAX_SHOWN)))
    return lines


def _staff(world: WorldView, queue: QueuePlan) -> Iterator[ExplainedLine]:
    serves = {profile: world.matcher.serves(profile, queue) for profile in {agent.profile for agent in world.agents.values()}}
    members = [agent for agent in world.agents.values() if serves[agent.profile]]
    states = Counter(published(agent)[0].value for agent in members)
    told = [
        say("in_that_state", "{agents} {state}", agents=Number(number), state=word("state", state))
        for state, number in sorted(states.items())
    ]
    longest_idle = queue.pick is AgentOrder.LONGEST_IDLE
    how = say("longest_idle", "longest idle first") if longest_idle else say("highest_level", "highest level first")
    if told:
        text = "{agents:agent} can serve this queue, {how}: {states}"
        yield line("staff", text, agents=Number(len(members)), how=how, states=Several(tuple(told)))
    else:
        yield line("no_staff", "0 agents can serve this queue, {how}", how=how)


def explain_waiter(
    world: WorldView, waiter: Waiter, now: float, told: set[str] | None = None, show: Show = SHOW_MASKED
) -> Iterator[ExplainedLine]:
    """One caller: place, step, and whom the caller may be offered to now. ``told``: requirements explained above."""
    call, visit = waiter.call, waiter.call.visit
    assert visit is not None
    transfer = call.transfer if call.consults_queue else None
    yield line(
        "waiter",
        "{position}. {caller}, {tier}{consult}, waiting for {waited}{advantage}; {step}",
        position=Number(waiter.position),
        caller=show.caller(call),
        tier=call.tier,
        consult=say("consult_by", ", consult by {agent}", agent=agent_named(world, transfer.by)) if transfer is not None else "",
        waited=TimeSpan(waiter.waited(now)),
        advantage=_advantage(waiter),
        step=_step(waiter, now),
    )
    offer = call.offer or (transfer.offer if transfer is not None else None)
    if offer is not None:
        agent, lasted = agent_named(world, offer.agent), TimeSpan(now - offer.at)
        yield line("offered", "   being offered to {agent} for {lasted}", agent=agent, lasted=lasted)
    elif pbx_of(call.leg) in world.down:
        yield line("pbx_down.caller", "   not offered: there is no link to {pbx}", pbx=pbx_of(call.leg))
    elif call.audio_until is not None:
        text = "   not offered: no audio from the caller yet; offered when it comes, or in {left}"
        yield line("no_audio", text, left=TimeSpan(max(0.0, call.audio_until - now)))
    elif told is not None and waiter.needs in told and not barred.barred_from(world, call):
        yield line("as_above", "   not offered: needs the same agents as a caller above")
    else:
        if told is not None and not barred.barred_from(world, call):
            told.add(waiter.needs)
        yield from _whom(world, waiter, now, show)


def _advantage(waiter: Waiter) -> Value:
    if waiter.routing is None or waiter.call.visit is None:
        return ""
    given = waiter.call.visit.head_start
    ahead = given if given is not None else waiter.routing.head_start
    if not ahead:
        return ""
    if given is not None:
        return say("head_start_set", " (head start {ahead}, set manually)", ahead=TimeSpan(ahead))
    return say("head_start", " (head start {ahead})", ahead=TimeSpan(ahead))


def _step(waiter: Waiter, now: float) -> Value:
    visit, routing = waiter.call.visit, waiter.routing
    if visit is None or routing is None:
        return say("queue_gone", "its queue is no longer configured")
    window = min(visit.window, len(routing.steps) - 1)
    own = routing.steps[window].needs
    skipped: Value = ""
    if waiter.needs and waiter.needs != own.text:
        skipped = say("step_skipped", " (step {needs} is skipped: no logged-in agent could serve it)", needs=own.text)
    return say(
        "step",
        "step {step} of {steps}, needs {needs}{skipped}{then}",
        step=Number(window + 1),
        steps=Number(len(routing.steps)),
        needs=waiter.needs or own.text,
        skipped=skipped,
        then=_after_step(waiter, routing, window, visit.began_at - now),
    )


def _after_step(waiter: Waiter, routing: TierRouting, window: int, began: float) -> Value:
    """What the end of the step brings. ``began``: when the visit began, in seconds from now."""
    ends = routing.window_ends(window)
    if ends is None:
        return ""
    left = TimeSpan(began + ends)
    if window < len(routing.steps) - 1:
        return say("step_widens", "; widens in {left}", left=left)
    if routing.then is not None and not waiter.call.consults_queue:
        return say("step_leaves", "; leaves the queue in {left}", left=left)
    return say("step_stays", "; no further change")


def _whom(world: WorldView, waiter: Waiter, now: float, show: Show) -> Iterator[ExplainedLine]:
    need = in_force(waiter)
    visit = waiter.call.visit
    if visit is not None and visit.prefers:
        own = world.agents.get(visit.prefers)
        yield line(
            "prefers",
            "   waits for {agent}, {state}, for another {left}, then for any matching agent",
            agent=agent_named(world, visit.prefers),
            state=_busy_with(world, own, now, show) if own is not None else say("agent_unknown", "unknown"),
            left=TimeSpan(max(0.0, (visit.steps_from or now) - now)),
        )
        return
    if need is None:
        yield line("no_step", "   not offered: its step is no longer configured")
        return
    agents, strength = world.agents.values(), world.matcher.strength
    yield from barred.explain_caller(world, waiter.call)
    without = barred.barred_from(world, waiter.call)
    fitting = [agent for agent in agents if agent.id not in without and strength(need, agent.profile) is not None]
    free = [agent for agent in fitting if eligible(agent, now)]
    if free:
        names = some(named(agent.id, agent.name) for agent in free)
        yield line("due", "   available now: {agents}; an offer is imminent", agents=names)
    elif not fitting and without:
        yield line("nobody_fits.other", "   not offered: no other agent has the required skills")
    elif not fitting:
        yield line("nobody_fits", "   not offered: no agent has the required skills")
    else:
        here = [agent for agent in fitting if agent.intent is not Intent.LOGGED_OUT]
        told = [some(_states(world, here[:MAX_AGENTS_NAMED], now, show), MAX_AGENTS_NAMED, len(here))] if here else []
        if away := len(fitting) - len(here):
            told.append(say("so_many_logged_out", "{agents} logged out", agents=Number(away)))
        yield line("none_free", "   not offered: no matching agent is available: {agents}", agents=Several(tuple(told), "; "))
    others = [agent for agent in agents if eligible(agent, now) and strength(need, agent.profile) is None]
    if others and not free:
        names = some(_unfit(others[:3], need), 3, len(others))
        yield line("free_but_unfit", "   available but not matching: {agents}", agents=names)


def _states(world: WorldView, agents: Iterable[Agent], now: float, show: Show) -> Iterator[Value]:
    for agent in agents:
        state = _busy_with(world, agent, now, show)
        yield say("agent_is", "{agent} {state}", agent=named(agent.id, agent.name), state=state)


def _unfit(agents: Iterable[Agent], need: Requirement) -> Iterator[Value]:
    for agent in agents:
        missing = lacking(need, agent.profile)
        yield say("agent_lacks", "{agent} lacks {missing}", agent=named(agent.id, agent.name), missing=missing)


def _busy_with(world: WorldView, agent: Agent, now: float, show: Show) -> Value:
    state, reason = published(agent)
    if state == "ready":
        if agent.rest_until > now:
            return say("no_offers_for", "gets no offers for another {left}", left=TimeSpan(agent.rest_until - now))
        return say("being_released", "being released by the phone")
    if state == "wrap_up" and agent.wrap_until > now:
        return say("wrapping_up", "in wrap-up, {left} left", left=TimeSpan(agent.wrap_until - now))
    lasted, shown = TimeSpan(now - agent.since), word("state", state.value)
    if not reason:
        return say("state_for", "{state} for {lasted}", state=shown, lasted=lasted)
    why = reason_shown(world, reason, show)
    return say("state_with_reason", "{state}, {reason}, for {lasted}", state=shown, reason=why, lasted=lasted)
