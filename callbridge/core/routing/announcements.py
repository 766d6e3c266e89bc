"""Announcements for waiting callers: greeting, position and estimated wait, periodic messages, an apology for a long wait.

Nothing here delays an offer: announcements also play while an agent's phone rings, and the agent's answer cuts them. A caller
who heard an estimate never hears a longer one later; when the estimate is not reliable, none is announced.
A playback stops the music for good, so music is ordered right after it: Asterisk executes the requests for a channel one after
the other, and there is no silence even if the end of the announcement is never reported.
"""

from __future__ import annotations

import math

from callbridge.core.entities import estimates
from callbridge.core.model.call import AnnouncementState, Call, Phase, Visit
from callbridge.core.model.events import PlaybackEnded
from callbridge.core.model.facts import Announced, PromptFailed
from callbridge.core.model.flow import patience, spoken
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.orders import Play, StartMusic, StopPlaying
from callbridge.core.model.plan import AnnouncementPlan, QueuePlan
from callbridge.core.model.rank import head_start_with
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

_WAITING = (Phase.WAITING, Phase.OFFERED)


def listener(call: Call) -> LegId:
    """Who hears them: the caller, or the agent who waits in a queue on the caller's behalf."""
    return call.segment.leg if call.consults_queue and call.segment is not None else call.leg


def _waits(call: Call) -> bool:
    consulting = call.consults_queue and call.transfer is not None and not call.transfer.reached
    return call.phase in _WAITING or (call.phase is Phase.TALKING and consulting)


def begin(world: World, call: Call, *, greeted: bool = False, sorry: bool = False) -> Call:
    """A visit begins, or continues after a flow. ``greeted``, ``sorry``: without greeting, without apology. Returns the call with
    its announcements."""
    visit = call.visit
    assert visit is not None
    queue = world.plan.queues[visit.queue]
    return evolve(call, announcing=_scheduled(world, queue, visit, AnnouncementState(at=None, greeted=greeted, sorry=sorry)))


def stop_prompt(world: World, call: Call) -> Call:
    """Stop the announcement: an agent answers, or a flow begins."""
    announcing = call.announcing
    if announcing is None or (announcing.at is None and not announcing.playback):
        return call
    if announcing.playback:
        world.order(StopPlaying(leg=listener(call), playback=announcing.playback))
    return evolve(call, announcing=evolve(announcing, playback="", at=None))


def apologise(world: World, call: Call) -> None:
    """The conversation was interrupted, not by the caller: play the apology at once, or none at all."""
    assert call.announcing is not None
    assert call.visit is not None
    queue = world.plan.queues[call.visit.queue]
    world.order(StartMusic(leg=call.leg, music=queue.music))
    media = spoken(queue.announcements.connection_lost, dict(call.values))
    if media:
        _play(world, call, queue, call.announcing, "connection_lost", media)


def resume(world: World, call: Call) -> Call:
    """The caller waits (again): schedule the next announcement."""
    announcing, visit = call.announcing, call.visit
    queue = world.plan.queues.get(visit.queue) if visit is not None else None
    if announcing is None or visit is None or queue is None or announcing.playback:
        return call
    scheduled = _scheduled(world, queue, visit, announcing)
    return call if scheduled is announcing else evolve(call, announcing=scheduled)


def end(world: World, call: Call) -> Call:
    """The visit is over."""
    return evolve(stop_prompt(world, call), announcing=None)


def deadline_passed(world: World, call: Call) -> None:
    """An announcement is due, or the end of a playback was not reported."""
    announcing, visit = call.announcing, call.visit
    queue = world.plan.queues.get(visit.queue) if visit is not None else None
    if announcing is None or announcing.at is None or announcing.at > world.now:
        return
    if visit is None or queue is None or not _waits(call) or pbx_of(call.leg) in world.down:
        world.calls.put(call.id, evolve(call, announcing=evolve(announcing, at=None)))
    elif announcing.playback:
        world.order(StopPlaying(leg=listener(call), playback=announcing.playback))
        _go_on(world, call, queue, announcing)
    else:
        _play_next(world, call, queue, visit, announcing)


def playback_ended(world: World, call: Call, event: PlaybackEnded) -> None:
    """An announcement is over, or could not be played."""
    announcing, visit = call.announcing, call.visit
    if announcing is None or not announcing.playback or announcing.playback != event.playback:
        return
    queue = world.plan.queues.get(visit.queue) if visit is not None else None
    if event.failed and queue is not None:
        where = f"queue:{queue.name}/{announcing.what}"
        world.emit(PromptFailed(seq=world.next_seq(), at=world.now, call=call.id, queue=queue.name, where=where))
    if queue is None or not _waits(call):
        world.calls.put(call.id, evolve(call, announcing=evolve(announcing, playback="", at=None)))
    else:
        _go_on(world, call, queue, announcing)


def _go_on(world: World, call: Call, queue: QueuePlan, announcing: AnnouncementState) -> None:
    assert call.visit is not None
    announcing = _scheduled(world, queue, call.visit, evolve(announcing, playback=""))
    world.calls.put(call.id, evolve(call, announcing=announcing))


def _scheduled(world: World, queue: QueuePlan, visit: Visit, announcing: AnnouncementState) -> AnnouncementState:
    due = [at for at, _ in _due(queue.announcements, visit, announcing)]
    at = max(world.now, min(due)) if due else None
    return announcing if at == announcing.at else evolve(announcing, at=at)


def _due(plan: AnnouncementPlan, visit: Visit, announcing: AnnouncementState) -> list[tuple[float, str]]:
    """When each kind is due next."""
    due = []
    if plan.greeting and not announcing.greeted:
        due.append((visit.began_at, "greeting"))
    if plan.busy and not announcing.sorry:
        due.append((visit.began_at + plan.busy_after, "busy"))
    if plan.position or plan.wait:
        told = announcing.told_at
        due.append((visit.began_at + plan.first if told is None else told + plan.every, "position"))
    if plan.periodic:
        turned = announcing.turned_at
        due.append(((visit.began_at if turned is None else turned) + plan.periodic_every, "periodic"))
    return due


def _play_next(world: World, call: Call, queue: QueuePlan, visit: Visit, announcing: AnnouncementState) -> None:
    plan = queue.announcements
    due = [what for at, what in sorted(_due(plan, visit, announcing)) if at <= world.now]
    if not due:
        world.calls.put(call.id, evolve(call, announcing=_scheduled(world, queue, visit, announcing)))
        return
    what, media = due[0], ""
    position = minutes = None
    match what:
        case "greeting":
            media, announcing = plan.greeting, evolve(announcing, greeted=True)
        case "busy":
            announcing = evolve(announcing, sorry=True)
            if not plan.busy_tiers or call.tier in plan.busy_tiers:
                media, call = plan.busy, _prefer(world, call, visit, plan.busy_head_start)
        case "periodic":
            media = plan.periodic[announcing.turn % len(plan.periodic)]
            announcing = evolve(announcing, turn=announcing.turn + 1, turned_at=world.now)
        case _:
            position = estimates.position(world, call)
            minutes = _minutes(world, queue, position, announcing)
            known = {"position": str(position)} | ({} if minutes is None else {"minutes": str(minutes)})
            parts = [plan.position, plan.wait if minutes is not None else ""]
            media = spoken(",".join(part for part in parts if part), known | dict(call.values))
            announcing = evolve(announcing, told_at=world.now, minutes=minutes if minutes is not None else announcing.minutes)
    media = spoken(media, dict(call.values))
    if not media:
        world.calls.put(call.id, evolve(call, announcing=_scheduled(world, queue, visit, announcing)))
        return
    _play(world, call, queue, announcing, what, media, position, minutes)


def _play(
    world: World,
    call: Call,
    queue: QueuePlan,
    announcing: AnnouncementState,
    what: str,
    media: str,
    position: int | None = None,
    minutes: int | None = None,
) -> None:
    playback, leg = world.mint("say"), listener(call)
    agent = world.plan.agents.get(call.segment.agent) if call.consults_queue and call.segment is not None else None
    language = agent.language if agent is not None else call.language
    world.order(Play(leg=leg, playback=playback, media=media, language=language))
    world.order(StartMusic(leg=leg, music=queue.music))
    announcing = evolve(announcing, playback=playback, what=what, at=world.now + patience(media))
    world.calls.put(call.id, evolve(call, announcing=announcing))
    world.emit(
        Announced(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            queue=queue.name,
            what=what,
            position=position,
            minutes=minutes,
        )
    )


def _minutes(world: World, queue: QueuePlan, position: int, announcing: AnnouncementState) -> int | None:
    """The wait to announce: never longer than before. An estimate that has doubled was not reliable: announce none."""
    if not queue.announcements.wait:
        return None
    expected = estimates.expected(world, queue.name, position)
    if expected is None:
        return None
    minutes = max(1, math.ceil(expected / 60))
    if announcing.minutes is None:
        return minutes
    return None if minutes > 2 * announcing.minutes else min(minutes, announcing.minutes)


def _prefer(world: World, call: Call, visit: Visit, more: float) -> Call:
    """The promised priority: the caller moves up by this head start, and keeps it when plans change."""
    routing = world.matcher.routing(visit.queue, call.tier)
    own = head_start_with(routing, visit.head_start, more)
    return evolve(call, visit=evolve(visit, rank=visit.rank - more, head_start=own))
