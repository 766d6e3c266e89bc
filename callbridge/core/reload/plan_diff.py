"""What a new plan changes, and who is affected: computed from the plan in force, the new plan and the world.

Pure, and changes nothing. A dry run returns this difference; a reload returns the same, computed in the step in which the
plan is adopted. IDs only: no number and no name of a customer is in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from callbridge.core.entities import callbacks
from callbridge.core.model.agent import Agent, Intent, Work
from callbridge.core.model.attempt import Running
from callbridge.core.model.call import Call
from callbridge.core.model.plan import (
    CAMPAIGN,
    MEMORY,
    SURVEY,
    AgentPlan,
    CampaignPlan,
    Entry,
    Plan,
    QueuePlan,
    TierRouting,
    ToFlow,
    ToQueue,
)
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.skills import Profile
from callbridge.core.model.world import World
from callbridge.core.reload import owed_callbacks
from callbridge.core.reload.affected import Affected
from callbridge.core.reload.sentences import both, callbacks_text, listed, one_after_another, waiting_text

ADDED, CHANGED, RENAMED, GONE = "added", "changed", "renamed", "gone"
NO_NOTE = Sentence("")
FOR_EVERYBODY = Sentence("callbacks that this agent alone was to make are for everybody")
_WRITTEN = {"sl_target": "target", "announcements": "announce"}
"""Settings of a queue that the configuration calls otherwise."""
_LADDER = {"answer_within": "target", "head_start": "head_start", "steps": "steps", "then": "then"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """One thing of the configuration that is another. ``settings``: which of its settings changed. Callers, callbacks, talks
    and attempts are those that it touches; ``note`` says what becomes of them."""

    kind: str
    """``queue``, ``entry``, ``flow``, ``survey``, ``calendar``, ``campaign``, ``agent`` or ``tier``."""
    name: str
    change: str
    """``added``, ``changed``, ``renamed`` or ``gone``."""
    renamed_from: str = ""
    settings: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    callbacks: tuple[str, ...] = ()
    talks: tuple[str, ...] = ()
    attempts: tuple[str, ...] = ()
    note: Sentence = NO_NOTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """``refusals``: why the plan is not adopted without force, one sentence each. ``stopped``: running or paused campaigns that
    were removed."""

    changes: tuple[ConfigChange, ...] = ()
    refusals: tuple[Sentence, ...] = ()
    warnings: tuple[Sentence, ...] = ()
    stopped: tuple[str, ...] = ()


def difference(world: World, new: Plan) -> Difference:
    """What adopting this plan now would change."""
    touched = Affected(world)
    changes = [
        *_queues(world, new, touched),
        *_entries(world.plan, new, touched),
        *_flows(world.plan, new, touched),
        *_plain("survey", world.plan.surveys, new.surveys, touched.in_survey),
        *_plain("calendar", world.plan.calendars, new.calendars, lambda _: ()),
        *_campaigns(world, new, touched),
        *_agents(world, new, touched),
        *_tiers(world.plan, new, touched),
    ]
    stopped = [one.id for one in world.campaigns.values() if one.state is not Running.STOPPED]
    return Difference(
        changes=tuple(changes),
        refusals=tuple(reason for one in changes if one.kind == "queue" and (reason := _refusal(world.plan, new, one))),
        warnings=(*_warnings(world, new, touched), *owed_callbacks.undialled(world, new)),
        stopped=tuple(name for name in stopped if name in world.plan.campaigns and name not in new.campaigns),
    )


def _refusal(old: Plan, new: Plan, change: ConfigChange) -> Sentence | None:
    """Why a queue is not removed without force; None when nobody is affected."""
    name, owed = change.name, callbacks_text(len(change.callbacks))
    inside = [text for text, ids in ((waiting_text(len(change.callers)), change.callers), (owed, change.callbacks)) if ids]
    if change.change == GONE and inside:
        return Sentence(
            "queue {queue} is no longer configured but has {held}: set renamed_from: {queue} on the queue that replaces it, or "
            "reload with force ({note})",
            queue=name,
            held=both(*inside),
            note=change.note,
        )
    before, after = old.queues.get(change.renamed_from or name), new.queues.get(name)
    if change.callbacks and before is not None and after is not None and _stops_calling_back(before, after):
        return Sentence(
            "queue {queue} no longer offers callbacks but has {callbacks}: keep its setting callback, or reload with force "
            "({note})",
            queue=name,
            callbacks=owed,
            note=change.note,
        )
    return None


def _stops_calling_back(old: QueuePlan, new: QueuePlan) -> bool:
    return old.callback is not None and new.callback is None


# -- queues -----------------------------------------------------------------------------------------------------------


_CARRIED_OVER = Sentence("everything is carried over")


def _queues(world: World, new: Plan, touched: Affected) -> Iterator[ConfigChange]:
    old, names = world.plan, new.renamed_queues()
    came_from = {now: before for before, now in names.items() if before in old.queues or touched.has_queue(before)}
    for name, queue in new.queues.items():
        before = came_from.get(name, "")
        known = old.queues.get(before or name)
        settings = _queue_settings(known, queue) if known is not None else ()
        owed = None
        if known is not None and _stops_calling_back(known, queue):
            owed = _callbacks_to(world, new, touched, before or name)
        if before:
            note = Sentence("everything else is carried over; {owed}", owed=owed) if owed else _CARRIED_OVER
            yield _queue(name, RENAMED, touched, before, renamed_from=before, settings=settings, note=note)
        elif known is None:
            yield _queue(name, ADDED, touched, name)
        elif settings:
            yield _queue(name, CHANGED, touched, name, settings=settings, note=owed or NO_NOTE)
    for name in old.queues:
        if name not in new.queues and name not in names:
            yield _queue(name, GONE, touched, name, note=_where_to(world, new, touched, name))


def _queue(name: str, change: str, touched: Affected, key: str, **more: Any) -> ConfigChange:
    return ConfigChange(
        kind="queue",
        name=name,
        change=change,
        callers=touched.callers(key),
        callbacks=touched.callbacks(key),
        talks=touched.talks(key),
        **more,
    )


def _queue_settings(old: QueuePlan, new: QueuePlan) -> tuple[str, ...]:
    plain = {field.name for field in fields(QueuePlan)} - {"name", "renamed_from", "routings"}
    changed = {_WRITTEN.get(name, name) for name in plain if getattr(old, name) != getattr(new, name)}
    for tier in old.routings.keys() & new.routings.keys():
        changed |= _routing_settings(old.routings[tier], new.routings[tier])
    return tuple(sorted(changed))


def _routing_settings(old: TierRouting, new: TierRouting) -> set[str]:
    return {said for name, said in _LADDER.items() if getattr(old, name) != getattr(new, name)}


def _where_to(world: World, new: Plan, touched: Affected, queue: str) -> Sentence:
    """What becomes of everybody in a removed queue."""
    said = []
    inside = [world.calls[key] for key in touched.callers(queue)]
    destinations = Counter(_to(_destination(new, call)) for call in inside if not call.consults_queue)
    if destinations:
        said.append(Sentence("callers go to {places}", places=_counted(destinations)))
    if any(call.consults_queue for call in inside):
        said.append(Sentence("consults end, and agents are back with their callers"))
    owed = _callbacks_to(world, new, touched, queue)
    if owed is not None:
        said.append(owed)
    if touched.talks(queue):
        said.append(Sentence("talks continue"))
    return one_after_another(said) if said else NO_NOTE


def _callbacks_to(world: World, new: Plan, touched: Affected, queue: str) -> Sentence | None:
    """What becomes of the callbacks of a queue that no longer offers them; None when there are none."""
    homes: Counter[Sentence] = Counter()
    for key in touched.callbacks(queue):
        home = callbacks.home_in(new, world.callbacks[key])
        homes[_to(ToQueue(home)) if home else Sentence("no queue: they are kept until one can take them")] += 1
    return Sentence("callbacks go to {places}", places=_counted(homes)) if homes else None


def _destination(new: Plan, call: Call) -> Entry | None:
    campaign = new.campaigns.get(call.campaign) if call.placed else None
    return ToQueue(campaign.queue) if campaign is not None else new.destination_of(call.entry)


def _counted(destinations: Counter[Sentence]) -> Sentence:
    if len(destinations) == 1:
        return next(iter(destinations))
    return listed([Sentence("{to} ({number})", to=to, number=number) for to, number in sorted(destinations.items())])


def _to(destination: Entry | None) -> Sentence:
    match destination:
        case ToQueue(queue):
            return Sentence("queue {queue}", queue=queue)
        case ToFlow(flow):
            return Sentence("flow {flow}", flow=flow)
        case None:
            return Sentence("the fallback")


# -- everything else --------------------------------------------------------------------------------------------------


def _plain(
    kind: str, old: Mapping[str, Any], new: Mapping[str, Any], callers: Callable[[str], tuple[str, ...]]
) -> Iterator[ConfigChange]:
    for name in [*new, *(name for name in old if name not in new)]:
        change = _change(old.get(name), new.get(name))
        if change:
            yield ConfigChange(kind=kind, name=name, change=change, callers=callers(name))


def _change(old: object | None, new: object | None) -> str:
    if old is None:
        return ADDED
    if new is None:
        return GONE
    return CHANGED if old != new else ""


def _entries(old: Plan, new: Plan, touched: Affected) -> Iterator[ConfigChange]:
    names = {before: now for before, now in new.renamed_entries.items() if before in old.entries and before not in new.entries}
    came_from = {now: before for before, now in names.items()}
    for name, destination in new.entries.items():
        before = came_from.get(name, "")
        known = old.entries.get(before or name)
        change = RENAMED if before else _change(known, destination)
        if change:
            callers = touched.of_entry(before or name)
            note = Sentence("leads to {to}", to=_to(destination)) if change != RENAMED else _CARRIED_OVER
            yield ConfigChange(kind="entry", name=name, change=change, renamed_from=before, callers=callers, note=note)
    for name in old.entries:
        if name not in new.entries and name not in names:
            note = Sentence("its calls go to the fallback")
            yield ConfigChange(kind="entry", name=name, change=GONE, callers=touched.of_entry(name), note=note)


def _flows(old: Plan, new: Plan, touched: Affected) -> Iterator[ConfigChange]:
    def own(plan: Plan) -> dict[str, str]:
        return {name: flow.version for name, flow in plan.flows.items() if not name.startswith((SURVEY, CAMPAIGN, MEMORY))}

    for change in _plain("flow", own(old), own(new), touched.in_flow):
        note = Sentence("callers in it finish on the old version") if change.callers else NO_NOTE
        yield ConfigChange(kind="flow", name=change.name, change=change.change, callers=change.callers, note=note)


_CAMPAIGN_STOPS = Sentence("is stopped; people already called are served or hear its message")


def _campaigns(world: World, new: Plan, touched: Affected) -> Iterator[ConfigChange]:
    old = world.plan
    for name in [*new.campaigns, *(name for name in old.campaigns if name not in new.campaigns)]:
        before, after = old.campaigns.get(name), new.campaigns.get(name)
        change = _change(before, after)
        settings = _settings(before, after) if before is not None and after is not None else ()
        if old.flows.get(CAMPAIGN + name) != new.flows.get(CAMPAIGN + name):
            change, settings = change or CHANGED, (*settings, "message")
        if not change:
            continue
        attempts, talks = touched.attempts(name), touched.campaign_talks(name)
        row = world.campaigns.get(name)
        runs = row is not None and row.state is not Running.STOPPED
        note = _CAMPAIGN_STOPS if change == GONE and (runs or attempts) else NO_NOTE
        settings = settings if change == CHANGED else ()
        yield ConfigChange(
            kind="campaign", name=name, change=change, settings=settings, talks=talks, attempts=attempts, note=note
        )


_NAMES = {kind: tuple(sorted(field.name for field in fields(kind))) for kind in (AgentPlan, CampaignPlan)}


def _settings(old: Any, new: Any) -> tuple[str, ...]:
    return tuple(name for name in _NAMES[type(old)] if getattr(old, name) != getattr(new, name))


def _agents(world: World, new: Plan, touched: Affected) -> Iterator[ConfigChange]:
    old = world.plan
    for name in [*new.agents, *(name for name in old.agents if name not in new.agents)]:
        before, after = old.agents.get(name), new.agents.get(name)
        change = _change(before, after)
        if not change:
            continue
        row = world.agents.get(name)
        reserved = touched.reserved_for(name) if change == GONE else ()
        leaving = _leaving(row) if change == GONE and row is not None else None
        notes = [*([leaving] if leaving is not None else []), *([FOR_EVERYBODY] if reserved else [])]
        settings, note = _settings(before, after) if change == CHANGED else (), one_after_another(notes) if notes else NO_NOTE
        talks = touched.of_agent(name)
        yield ConfigChange(kind="agent", name=name, change=change, settings=settings, talks=talks, callbacks=reserved, note=note)


def _leaving(agent: Agent) -> Sentence | None:
    match agent.work:
        case Work.TALKING:
            return Sentence("finishes the call, then is logged out")
        case Work.WRAP_UP:
            return Sentence("finishes the wrap-up, then is logged out")
        case Work.OFFERED:
            return Sentence("stops ringing: the caller is offered elsewhere")
        case _:
            return None if agent.intent is Intent.LOGGED_OUT else Sentence("is logged out")


def _tiers(old: Plan, new: Plan, touched: Affected) -> Iterator[ConfigChange]:
    for change in _plain("tier", _tiers_of(old), _tiers_of(new), touched.of_tier):
        moves = change.change == GONE and change.callers
        note = Sentence("are served as {tier}", tier=new.default_tier) if moves else NO_NOTE
        yield ConfigChange(kind="tier", name=change.name, change=change.change, callers=change.callers, note=note)


def _tiers_of(plan: Plan) -> dict[str, bool]:
    return {tier: True for queue in plan.queues.values() for tier in queue.routings}


# -- which queues are served ------------------------------------------------------------------------------------------


def _warnings(world: World, new: Plan, touched: Affected) -> Iterator[Sentence]:
    """Queues that no logged-in agent could serve, if callers are waiting there or an agent can serve them now."""
    before = {agent.profile for agent in world.agents.values() if agent.intent is not Intent.LOGGED_OUT}
    after = set(_logged_in(world, new))
    names = {now: old for old, now in new.renamed_queues().items()}
    moved = Counter(home for name in world.plan.queues if name not in new.queues for home in _homes(world, new, touched, name))
    for name, queue in new.queues.items():
        if _serves(after, queue):
            continue
        key = names.get(name, name)
        waiting = len({*touched.callers(key), *touched.callers(name)}) + moved[name]
        waiting += len({*touched.callbacks(key), *touched.callbacks(name)})
        known = world.plan.queues.get(key)
        if waiting or (known is not None and _serves(before, known)):
            said = Sentence("no logged-in agent can serve queue {queue}", queue=name)
            yield Sentence("{warning} ({waiting} waiting)", warning=said, waiting=waiting) if waiting else said


def _logged_in(world: World, new: Plan) -> Iterator[Profile]:
    """The skill profiles of agents who will be logged in."""
    for agent in new.agents.values():
        row = world.agents.get(agent.id)
        if (row is None and agent.login) or (row is not None and row.intent is not Intent.LOGGED_OUT):
            yield agent.skills


def _serves(profiles: Iterable[Profile], queue: QueuePlan) -> bool:
    steps = {step.needs for routing in queue.routings.values() for step in routing.steps}
    return any(step.strength(profile) is not None for step in steps for profile in profiles)


def _homes(world: World, new: Plan, touched: Affected, gone: str) -> Iterator[str]:
    """The queues to which callers and callbacks of a removed queue move."""
    if gone in new.renamed_queues():
        return
    destinations = [_destination(new, world.calls[key]) for key in touched.callers(gone)]
    yield from (destination.queue for destination in destinations if isinstance(destination, ToQueue))
    yield from (home for key in touched.callbacks(gone) if (home := callbacks.home_in(new, world.callbacks[key])))
