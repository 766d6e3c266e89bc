"""Explains a queue: who waits there, and why a caller is not offered to anybody. Pure, like ``explain_agent``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from callbridge.adapters.views import barred
from callbridge.adapters.views.closures import explain_closed
from callbridge.adapters.views.phrasing import ExplainedLine, count, lacking, named, some, span
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
from callbridge.core.model.plan import AgentOrder, QueuePlan
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
        lines.append(ExplainedLine(code="nobody_waits", text="nobody is waiting"))
    told: set[str] = set()
    for waiter in in_order(world, inside, MAX_SHOWN):
        lines += explain_waiter(world, waiter, now, told, show)
    owed = [callback for callback in world.callbacks.rows().values() if callback.queue == name]
    if owed:
        standing = sum(callback.stands for callback in owed)
        text = f"{count(len(owed), 'open callback')}: {standing} in line, {len(owed) - standing} deferred or in progress"
        lines.append(ExplainedLine(code="callbacks", text=text))
    if len(inside) > MAX_SHOWN:
        lines.append(ExplainedLine(code="more", text=f"{len(inside) - MAX_SHOWN} more waiting behind them"))
    return lines


def _staff(world: WorldView, queue: QueuePlan) -> Iterator[ExplainedLine]:
    serves = {profile: world.matcher.serves(profile, queue) for profile in {agent.profile for agent in world.agents.values()}}
    members = [agent for agent in world.agents.values() if serves[agent.profile]]
    states = Counter(published(agent)[0].value for agent in members)
    told = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in sorted(states.items()))
    how = "longest idle first" if queue.pick is AgentOrder.LONGEST_IDLE else "highest level first"
    text = f"{count(len(members), 'agent')} can serve this queue, {how}" + (f": {told}" if told else "")
    yield ExplainedLine(code="staff" if members else "no_staff", text=text)


def explain_waiter(
    world: WorldView, waiter: Waiter, now: float, told: set[str] | None = None, show: Show = SHOW_MASKED
) -> Iterator[ExplainedLine]:
    """One caller: place, step, and whom the caller may be offered to now. ``told``: requirements explained above."""
    call, visit = waiter.call, waiter.call.visit
    assert visit is not None
    transfer = call.transfer if call.consults_queue else None
    consult = f", consult by {agent_named(world, transfer.by)}" if transfer is not None else ""
    head = f"{waiter.position}. {show.caller(call)}, {call.tier}{consult}"
    head += f", waiting for {span(waiter.waited(now))}{_advantage(waiter)}"
    yield ExplainedLine(code="waiter", text=f"{head}; {_step(waiter, now)}")
    offer = call.offer or (transfer.offer if transfer is not None else None)
    if offer is not None:
        yield ExplainedLine(
            code="offered", text=f"   being offered to {agent_named(world, offer.agent)} for {span(now - offer.at)}"
        )
    elif pbx_of(call.leg) in world.down:
        yield ExplainedLine(code="pbx_down", text=f"   not offered: there is no link to {pbx_of(call.leg)}")
    elif call.audio_until is not None:
        left = span(max(0.0, call.audio_until - now))
        text = f"   not offered: no audio from the caller yet; offered when it comes, or in {left}"
        yield ExplainedLine(code="no_audio", text=text)
    elif told is not None and waiter.needs in told and not barred.barred_from(world, call):
        yield ExplainedLine(code="as_above", text="   not offered: needs the same agents as a caller above")
    else:
        if told is not None and not barred.barred_from(world, call):
            told.add(waiter.needs)
        yield from _whom(world, waiter, now, show)


def _advantage(waiter: Waiter) -> str:
    if waiter.routing is None or waiter.call.visit is None:
        return ""
    given = waiter.call.visit.head_start
    ahead = given if given is not None else waiter.routing.head_start
    by = ", set manually" if given is not None else ""
    return f" (head start {span(ahead)}{by})" if ahead else ""


def _step(waiter: Waiter, now: float) -> str:
    visit, routing = waiter.call.visit, waiter.routing
    if visit is None or routing is None:
        return "its queue is no longer configured"
    window = min(visit.window, len(routing.steps) - 1)
    own = routing.steps[window].needs
    text = f"step {window + 1} of {len(routing.steps)}, needs {waiter.needs or own.text}"
    if waiter.needs and waiter.needs != own.text:
        text += f" (step {own.text} is skipped: no logged-in agent could serve it)"
    ends = routing.window_ends(window)
    if ends is not None:
        last = window == len(routing.steps) - 1
        leaves = routing.then is not None and not waiter.call.consults_queue
        text += f"; {'leaves the queue' if last and leaves else 'widens' if not last else 'no further change'}"
        text += f" in {span(visit.began_at + ends - now)}" if not last or leaves else ""
    return text


def _whom(world: WorldView, waiter: Waiter, now: float, show: Show) -> Iterator[ExplainedLine]:
    need = in_force(waiter)
    visit = waiter.call.visit
    if visit is not None and visit.prefers:
        left = span(max(0.0, (visit.steps_from or now) - now))
        own = world.agents.get(visit.prefers)
        busy = _busy_with(world, own, now, show) if own is not None else "unknown"
        yield ExplainedLine(
            code="prefers",
            text=f"   waits for {agent_named(world, visit.prefers)}, {busy}, for another {left}, then for any matching agent",
        )
        return
    if need is None:
        yield ExplainedLine(code="no_step", text="   not offered: its step is no longer configured")
        return
    agents, strength = world.agents.values(), world.matcher.strength
    yield from barred.explain_caller(world, waiter.call)
    without = barred.barred_from(world, waiter.call)
    fitting = [agent for agent in agents if agent.id not in without and strength(need, agent.profile) is not None]
    free = [agent for agent in fitting if eligible(agent, now)]
    if free:
        yield ExplainedLine(
            code="due", text=f"   available now: {some(named(agent.id, agent.name) for agent in free)}; an offer is imminent"
        )
    elif not fitting:
        nobody = "no other agent" if without else "no agent"
        yield ExplainedLine(code="nobody_fits", text=f"   not offered: {nobody} has the required skills")
    else:
        here = [agent for agent in fitting if agent.intent is not Intent.LOGGED_OUT]
        away = len(fitting) - len(here)
        states = [f"{named(agent.id, agent.name)} {_busy_with(world, agent, now, show)}" for agent in here[:MAX_AGENTS_NAMED]]
        told = [*([some(states, MAX_AGENTS_NAMED, len(here))] if states else []), *([f"{away} logged out"] if away else [])]
        yield ExplainedLine(code="none_free", text=f"   not offered: no matching agent is available: {'; '.join(told)}")
    others = [agent for agent in agents if eligible(agent, now) and strength(need, agent.profile) is None]
    if others and not free:
        yield ExplainedLine(
            code="free_but_unfit", text=f"   available but not matching: {some(_unfit(others[:3], need), 3, len(others))}"
        )


def _unfit(agents: Iterable[Agent], need: Requirement) -> Iterator[str]:
    return (f"{named(agent.id, agent.name)} lacks {lacking(need, agent.profile)}" for agent in agents)


def _busy_with(world: WorldView, agent: Agent, now: float, show: Show) -> str:
    state, reason = published(agent)
    if state == "ready":
        if agent.rest_until > now:
            return f"gets no offers for another {span(agent.rest_until - now)}"
        return "being released by the phone"
    if state == "wrap_up" and agent.wrap_until > now:
        return f"in wrap-up, {span(agent.wrap_until - now)} left"
    why = f", {reason_shown(world, reason, show)}," if reason else ""
    return f"{state.value.replace('_', ' ')}{why} for {span(now - agent.since)}"
