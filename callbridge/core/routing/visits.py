"""Visits: a call's stays in queues - begun, widened step by step, ended exactly once, and counted - and the ways out."""

from __future__ import annotations

from callbridge.core.entities import attempts, avoided, callbacks, conditions, estimates
from callbridge.core.model import waiting_groups
from callbridge.core.model.agent import Intent
from callbridge.core.model.call import Call, DiversionReason, FlowPosition, Move, Phase, Visit, VisitOutcome, after
from callbridge.core.model.facts import CallDiverted, FlowBegan, StepBegan
from callbridge.core.model.orders import LeaveToDialplan, StartMusic, StopMusic
from callbridge.core.model.plan import (
    SAFE_HARBOUR_CONTEXT,
    OverflowRule,
    QueuePlan,
    Then,
    TierRouting,
    ToDialplan,
    ToFlow,
    ToQueue,
)
from callbridge.core.model.rank import head_start_for, head_start_with, rank_of
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import announcements, audio, own_site
from callbridge.core.routing.visit_counts import count_begun, count_ended

LEAVE_CHECK = 5.0
"""Seconds after ordering a leg into the dialplan before we ask what became of it."""
LONGEST_HOLD = 60.0
"""Seconds for which a customer who was called first waits for an agent."""
MAX_WAYS = 100
"""Queues and flows that one call may enter: a caller in an endless loop goes to the fallback."""
KEEP_FOR = 60.0
"""Seconds for which a caller whose agent's phone was lost stays in the queue regardless of its overflow rules: the head of the
line was promised."""
_ROUNDING = 1e-6


def begin_visit(
    world: World, call: Call, queue: str, *, head_start: float | None = None, back_to: str = "", back_until: float = 0.0
) -> Call:
    """The call joins a queue; its place is decided now and never changes by itself. ``head_start``: for this visit, instead
    of what a flow gave the call; either is on top of the tier's. ``back_to``: see ``Visit``."""
    routing = world.matcher.routing(queue, call.tier)
    if routing is None or call.ways >= MAX_WAYS:
        why = DiversionReason.UNKNOWN_QUEUE if routing is None else DiversionReason.TOO_MANY_WAYS
        call = evolve(call, visit=None, phase=after(call.phase, Move.QUEUE))
        return leave(world, call, world.plan.fallback_context, call.entry, why)
    if call.queued_at is None:  # a caller who came straight here has waited since the arrival, wherever in the PBX that was
        call = evolve(call, queued_at=world.now if call.ways else call.arrived_at)
    if call.segments and call.rejoined_at is None:  # the rank keeps the arrival; a talk is no wait
        call = evolve(call, rejoined_at=world.now)
    more = call.head_start if head_start is None else head_start
    own = None if more is None else head_start_with(routing, None, more)
    rank = rank_of(routing, call.waiting_since, own)
    call, kept = callbacks.came_again(world, call, queue, rank)
    if kept < rank:  # as an advantage, it outlives a new plan
        rank, own = kept, head_start_for(routing, call.waiting_since, kept)
    expected = estimates.expected(world, queue, estimates.waiting(world, queue) + 1)
    visit = Visit(queue=queue, began_at=world.now, window=0, rank=rank, day=world.day, head_start=own, estimate=expected)
    visit = own_site.prefer(world, call, avoided.of_visit(world, call, visit))
    visit = evolve(visit, back_to=back_to, back_until=back_until) if back_to else _preferring(world, call, visit)
    call = evolve(call, phase=after(call.phase, Move.QUEUE), visit=visit, ways=call.ways + 1)
    call = audio.begin(world, call, visit)
    call = announcements.begin(world, call, greeted=bool(back_to))
    if call.placed:
        return wait(world, call)  # we called: in no queue's figures
    _block_if_complaint(world, call, queue)
    return wait(world, _count_begun(world, call, visit))


def begin_consult(world: World, call: Call, queue: str, by: str) -> Call:
    """An agent who has the caller consults the queue: a visit at the rank of the caller, whose wait counts from now. Returns the
    call; it is in line once its transfer says so."""
    routing = world.matcher.routing(queue, call.tier)
    assert routing is not None, "the request has checked that the queue exists"
    own = None if call.head_start is None else head_start_with(routing, None, call.head_start)
    rank = rank_of(routing, call.waiting_since, own)
    visit = Visit(queue=queue, began_at=world.now, window=0, rank=rank, day=world.day, head_start=own, wait_from=world.now)
    visit = avoided.of_visit(world, call, visit)
    return _count_begun(world, evolve(call, ways=call.ways + 1), visit, by)


def take_place(world: World, call: Call) -> Call:
    """The visit of a consult becomes the caller's: same place, and the wait so far counts. Returns the call."""
    visit = call.visit
    assert visit is not None
    call, rank = callbacks.came_again(world, call, visit.queue, visit.rank)
    if visit.queue in world.plan.queues:
        _block_if_complaint(world, call, visit.queue)
        call = announcements.begin(world, evolve(call, visit=evolve(visit, rank=min(rank, visit.rank))))
    world.order(StartMusic(leg=call.leg, music=queue_music(world, call)))
    return call


def _block_if_complaint(world: World, call: Call, queue: str) -> None:
    if world.plan.queues[queue].do_not_call:
        attempts.block(world, call.number, "", "complaint", f"queue:{queue}")


def _count_begun(world: World, call: Call, visit: Visit, consulted_by: str = "") -> Call:
    """Emit and count the begin of the visit. Returns the call with it, numbered."""
    position = estimates.position_in(world, call.id, visit)
    return evolve(call, visit=count_begun(world, call, visit, position=position, consulted_by=consulted_by))


def wait(world: World, call: Call) -> Call:
    """Wait in the queue, at the step whose window contains the time waited in this queue; leave when all windows are over."""
    visit = call.visit
    assert visit is not None, "only a call in a queue can wait"
    routing = world.matcher.routing(visit.queue, call.tier)
    if routing is None:
        return _queue_removed(world, call)
    queue = world.plan.queues[visit.queue]
    rule = _rule(world, call, queue)
    if rule is not None:
        return overflow(world, call, rule.to, rule.reason)
    key = call.announcing.key if call.announcing is not None else ""
    if key in queue.keys and not call.placed:
        return _by_key(world, call, queue.keys[key])
    visit, sited = avoided.of_visit(world, call, visit), bool(visit.site)
    visit = own_site.until_over(world, visit)
    preferred = bool(visit.prefers)
    # A campaign's customer who has answered may go to any agent: being abandoned would be worse.
    worth = not attempts.is_live(world, call) if call.campaign else preferred and _worth_waiting_for(world, call, visit)
    if preferred and not worth:
        visit = evolve(visit, prefers="", steps_from=min(world.now, visit.steps_from or world.now))
    since = visit.began_at if visit.steps_from is None else visit.steps_from
    window = routing.window_at(max(0.0, world.now - since) + _ROUNDING)
    if window == len(routing.steps):
        if routing.then is not None and not call.placed:
            return overflow(world, call, routing.then, "waited")
        window = len(routing.steps) - 1
    call = audio.look(world, call)
    looks = _looks(world, call, visit, queue, since, routing.window_ends(window))
    gives_up = _gives_up_at(world, call)
    if gives_up is not None and world.now >= gives_up:
        world.overtaken.append((call.id, "abandoned"))
        looks.append(world.now + 1.0)
    elif gives_up is not None:
        looks.append(gives_up)
    moved = visit if window == visit.window else evolve(visit, window=window)
    call = evolve(call, visit=moved, deadline=min(looks, default=None))
    call = announcements.resume(world, call)
    world.calls.put(call.id, call)
    began_or_over = visit.began_at == world.now or preferred is not bool(visit.prefers) or sited is not bool(visit.site)
    if window != visit.window or began_or_over:
        emit_step(world, call)
    return call


def _looks(world: World, call: Call, visit: Visit, queue: QueuePlan, since: float, ends: float | None) -> list[float]:
    """When something may change for a caller who waits: by an overflow rule, by the end of the step (``ends``, after ``since``)
    or of the wait for an agent or for audio, or because agents are no longer avoided."""
    looks = [look for rule in queue.overflow if (look := conditions.next_look(world, call, rule.when)) is not None]
    if queue.overflow and _is_kept(world, visit):
        looks = [visit.began_at + KEEP_FOR]
    if visit.prefers and since > world.now:
        looks.append(since)
    elif not visit.prefers and ends is not None and since + ends > world.now:
        looks.append(since + ends)
    if visit.avoids and (lifted := avoided.lifted_at(world, visit.queue, visit.began_at)) is not None:
        looks.append(lifted)
    if visit.site:
        looks.append(own_site.over_at(world, visit))
    if call.audio_until is not None:
        looks.append(call.audio_until)
    return looks


def emit_step(world: World, call: Call) -> None:
    """The step at which the call waits now."""
    visit = call.visit
    assert visit is not None
    needs = world.matcher.needs_of(waiting_groups.of_call(call, visit))
    world.emit(
        StepBegan(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            queue=visit.queue,
            tier=call.tier,
            step=visit.window,
            needs=needs,
        )
    )


def step_of(world: World, visit: Visit, routing: TierRouting) -> tuple[int, float | None]:
    """The step of a visit that no rule leads out of the queue, and when the next one begins: the last one lasts for ever."""
    window = min(routing.window_at(max(0.0, world.now - visit.began_at) + _ROUNDING), len(routing.steps) - 1)
    ends = routing.window_ends(window) if window < len(routing.steps) - 1 else None
    return window, None if ends is None else visit.began_at + ends


def _queue_removed(world: World, call: Call) -> Call:
    """The queue is no longer configured: send the caller to the present destination of the entry; the arrival time is kept."""
    home = home_of_placed(world, call)
    if home and call.visit is not None:
        return wait(world, evolve(call, visit=evolve(call.visit, queue=home)))
    if call.leg not in world.legs:  # nobody has been dialled yet
        world.overtaken.append((call.id, ""))
        world.calls.put(call.id, call)
        return call
    destination = None if call.placed else world.plan.destination_of(call.entry)
    if destination is not None:
        return overflow(world, call, destination, "queue_removed")
    call = end_visit(world, call, VisitOutcome.FAILED, reason="queue_removed")
    return leave(world, call, world.plan.fallback_context, call.entry, DiversionReason.QUEUE_REMOVED)


def home_of_placed(world: World, call: Call) -> str:
    """The queue for which we call this customer, by the configuration of now; empty when there is none."""
    if not call.placed:
        return ""
    campaign, callback = world.plan.campaigns.get(call.campaign), world.callbacks.get(call.callback)
    if campaign is not None:
        return campaign.queue if campaign.queue in world.plan.queues else ""
    if callback is None:
        return ""
    return callback.queue if callback.queue in world.plan.queues else callbacks.home_of(world, callback)


def change_caller(world: World, call: Call, tier: str) -> Call:
    """Another caller has this place in the queue, who was of ``tier`` before: the rank follows the new tier, and the agent to be
    tried first the new number. The time waited counts. Returns the call; one that waits stays in the queue, or leaves it by an
    overflow rule."""
    visit = call.visit
    routing = world.matcher.routing(visit.queue, call.tier) if visit is not None else None
    if visit is None or routing is None or call.placed:
        world.calls.put(call.id, call)
        return call
    before, own = world.matcher.routing(visit.queue, tier), visit.head_start
    if own is not None and before is not None:
        own += routing.head_start - before.head_start
    rank = rank_of(routing, call.waiting_since, own)
    call, kept = callbacks.came_again(world, call, visit.queue, rank)
    if kept < rank:
        rank, own = kept, head_start_for(routing, call.waiting_since, kept)
    visit = evolve(visit, rank=rank, head_start=own)
    if not visit.back_to:
        from_now = None if visit.steps_from is None else min(world.now, visit.steps_from)
        visit = _preferring(world, call, evolve(visit, prefers="", steps_from=from_now))
    call = evolve(call, visit=visit)
    if call.phase is Phase.WAITING:
        return wait(world, call)
    world.calls.put(call.id, call)
    return call


def _preferring(world: World, call: Call, visit: Visit) -> Visit:
    """The visit with the agent to be tried first, if any: the caller's preferred agent, or the last one they talked to."""
    prefer = world.plan.queues[visit.queue].prefer
    if prefer is None or call.placed:
        return visit
    known = dict(call.values)
    agent = known.get("agent", "")
    if not agent and prefer.last_agent > 0 and _age(world, known.get("last_at", "")) <= prefer.last_agent:
        agent = known.get("last_agent", "")
    trying = evolve(visit, prefers=agent, steps_from=world.now + prefer.lasts)
    return trying if agent and _worth_waiting_for(world, call, trying) else visit


def _age(world: World, moment: str) -> float:
    """Seconds since a saved time; infinite when it is not a number."""
    try:
        return max(0.0, world.now - float(moment))
    except ValueError:
        return float("inf")


def _worth_waiting_for(world: World, call: Call, visit: Visit) -> bool:
    """Is it still the preferred agent's time, is the agent at work, and may the caller be offered there? A call that
    was requested of this agent ignores what the call's values say."""
    agent = world.agents.get(visit.prefers)
    if not call.placed and (visit.prefers in visit.avoids or avoided.skipped(world, evolve(call, visit=visit), visit.prefers)):
        return False
    return agent is not None and agent.intent is Intent.READY and world.now < (visit.steps_from or 0.0)


def _gives_up_at(world: World, call: Call) -> float | None:
    """Until when a customer whom we called is held while no agent is free."""
    attempt = attempts.of(world, call) if call.placed else None
    if attempt is not None:
        return attempt.until
    leg = world.legs.get(call.leg) if call.placed else None
    return leg.up_at + LONGEST_HOLD if leg is not None and leg.up_at is not None else None


def _rule(world: World, call: Call, queue: QueuePlan) -> OverflowRule | None:
    if call.placed or (call.visit is not None and _is_kept(world, call.visit)):
        return None
    return next((rule for rule in queue.overflow if conditions.holds(world, call, rule.when)), None)


def _is_kept(world: World, visit: Visit) -> bool:
    return bool(visit.back_to) and world.now < visit.began_at + KEEP_FOR - _ROUNDING


def look_again(world: World, call: Call) -> None:
    """Something in the house has changed: does a rule lead this waiting caller out now?"""
    queue = world.plan.queues.get(call.visit.queue) if call.visit is not None else None
    if queue is None or call.visit is None or call.phase is not Phase.WAITING:
        return
    rule = _rule(world, call, queue)
    if rule is not None:
        overflow(world, call, rule.to, rule.reason)
    elif call.visit.prefers and not _worth_waiting_for(world, call, call.visit):
        wait(world, call)


def overflow(world: World, call: Call, then: Then, reason: str) -> Call:
    """Out of the queue: on to the next one with the arrival time kept, into a flow, or out to the dialplan."""
    match then:
        case ToQueue(queue):
            before = _heard_music(world, call)
            call = end_visit(world, call, VisitOutcome.OVERFLOWED, to=f"queue:{queue}", reason=reason)
            plan = world.plan.queues.get(queue)
            if plan is not None and plan.music != before:
                world.order(StartMusic(leg=call.leg, music=plan.music))
            return begin_visit(world, call, queue)
        case ToFlow(flow):
            call = end_visit(world, call, VisitOutcome.OVERFLOWED, to=f"flow:{flow}", reason=reason)
            return into_flow(world, call, flow, reason)
        case ToDialplan(context, extension):
            call = end_visit(world, call, VisitOutcome.OVERFLOWED, to=f"dialplan:{context},{extension}", reason=reason)
            return leave(world, call, context, extension, DiversionReason.OVERFLOW)


def queue_music(world: World, call: Call) -> str:
    """The music of the queue in which the call waits; the default where there is none (any more)."""
    queue = world.plan.queues.get(call.visit.queue) if call.visit is not None else None
    return queue.music if queue is not None else "default"


def _heard_music(world: World, call: Call) -> str:
    """The music that the waiting caller hears now; empty while a prompt plays."""
    queue = world.plan.queues.get(call.visit.queue) if call.visit is not None else None
    speaking = call.flow_position is not None or (call.announcing is not None and call.announcing.playback)
    return queue.music if queue is not None and not speaking else ""


def into_flow(world: World, call: Call, name: str, reason: str) -> Call:
    """Put the caller into a flow; ``interpreter`` takes the first step when the deadline, which is now, passes."""
    flow = world.plan.flows.get(name)
    call = evolve(call, phase=after(call.phase, Move.QUEUE))
    if flow is None or call.ways >= MAX_WAYS:
        if call.visit is not None:
            call = end_visit(world, call, VisitOutcome.FAILED, reason="flow_removed")
        why = DiversionReason.UNKNOWN_FLOW if flow is None else DiversionReason.TOO_MANY_WAYS
        return leave(world, call, world.plan.fallback_context, call.entry, why)
    call = announcements.stop_prompt(world, call)
    flow_position = FlowPosition(flow=name, version=flow.version, began_at=world.now)
    phase, language = after(call.phase, Move.FLOW), call.language or flow.language
    ways = call.ways + (not flow.hidden)
    call = evolve(call, phase=phase, flow_position=flow_position, language=language, ways=ways, deadline=world.now)
    world.calls.put(call.id, call)
    if not flow.hidden:
        world.emit(FlowBegan(seq=world.next_seq(), at=world.now, call=call.id, flow=name, reason=reason))
    return call


def key_pressed(world: World, call: Call, key: str) -> None:
    """A key pressed by a waiting caller may open a flow; during an offer the key is kept until the offer has failed."""
    queue = world.plan.queues.get(call.visit.queue) if call.visit is not None else None
    if queue is None or key not in queue.keys or call.announcing is None or call.placed or call.ways >= MAX_WAYS - 1:
        return
    if call.phase is Phase.WAITING:
        _by_key(world, call, queue.keys[key])
    elif call.phase in (Phase.OFFERED, Phase.JOINING):
        world.calls.put(call.id, evolve(call, announcing=evolve(call.announcing, key=key)))


def _by_key(world: World, call: Call, flow: str) -> Call:
    """The place in the queue is kept meanwhile."""
    if call.announcing is not None:
        call = evolve(call, announcing=evolve(call.announcing, key=""))
    return into_flow(world, call, flow, "key")


def wait_on(world: World, call: Call) -> Call:
    """A flow opened by a key led back to the same queue: the visit continues."""
    assert call.visit is not None
    queue = world.plan.queues.get(call.visit.queue)
    if queue is not None:
        world.order(StartMusic(leg=call.leg, music=queue.music))
    return wait(world, evolve(call, phase=after(call.phase, Move.QUEUE)))


def overflowed_by_key(world: World, call: Call, to: str, outcome: VisitOutcome = VisitOutcome.OVERFLOWED) -> Call:
    """A flow opened by a key led elsewhere: the visit, if there is one, ends. Returns the call without it."""
    if call.visit is None:
        return call
    return end_visit(world, call, outcome, to=to, reason="key")


def end_visit(
    world: World,
    call: Call,
    outcome: VisitOutcome,
    *,
    at: float | None = None,
    to: str = "",
    reason: str = "",
    estimated: bool = False,
) -> Call:
    """Count the end of the visit and return the call without it. ``at``: when it really ended."""
    visit = call.visit
    assert visit is not None, "a visit ends exactly once"
    at = world.now if at is None else at
    call = announcements.end(world, call)
    routing = world.matcher.routing(visit.queue, call.tier)
    if outcome is VisitOutcome.ANSWERED:
        estimates.answered(world, visit.queue, call.id)
    else:
        estimates.left(world, visit.queue, call.id)
    if not call.consults_queue:
        call = callbacks.left_again(world, call, visit.queue, outcome)
    if call.placed:
        return evolve(call, visit=None, outcome=outcome if outcome is VisitOutcome.ANSWERED else call.outcome)
    count_ended(
        world,
        call,
        visit,
        outcome,
        at=at,
        waited=max(0.0, at - call.wait_from),
        answer_within=routing.answer_within if routing is not None else None,
        position=estimates.position_in(world, call.id, visit),
        to=to,
        reason=reason,
        estimated=estimated,
    )
    return evolve(call, visit=None, outcome=outcome)


def abandoned(world: World, call: Call, at: float) -> VisitOutcome:
    """Which kind of abandon a hang-up at this moment is."""
    assert call.visit is not None
    queue = world.plan.queues.get(call.visit.queue)
    short = queue is not None and at - call.wait_from < queue.short_abandon
    return VisitOutcome.SHORT_ABANDONED if short else VisitOutcome.ABANDONED


ON_PURPOSE = frozenset({DiversionReason.OVERFLOW, DiversionReason.FLOW, DiversionReason.FULL})
"""Reasons for which the configuration itself sends a caller to the dialplan."""


def leave(world: World, call: Call, context: str, extension: str, reason: DiversionReason) -> Call:
    """Send the customer to the dialplan. The visit must have ended before."""
    if call.campaign and call.placed:  # whom we called must not enter the fallback queue, but hear the safe-harbour message
        context, extension = SAFE_HARBOUR_CONTEXT, call.campaign
    return leave_for(world, call, context, extension, reason)


def leave_for(world: World, call: Call, context: str, extension: str, reason: DiversionReason) -> Call:
    """Exactly there."""
    assert call.visit is None, "a call leaves without a visit"
    call = evolve(call, phase=after(call.phase, Move.LEAVE), exit=(context, extension), deadline=world.now + LEAVE_CHECK)
    world.calls.put(call.id, call)
    world.order(StopMusic(leg=call.leg))
    world.order(LeaveToDialplan(leg=call.leg, context=context, extension=extension, stays=reason in ON_PURPOSE))
    world.emit(CallDiverted(seq=world.next_seq(), at=world.now, call=call.id, leg=call.leg, entry=call.entry, reason=reason))
    return call
