"""The ways out of a flow: into a queue, another flow or the dialplan, a goodbye, and the fallback when nothing else is left."""

from __future__ import annotations

from dataclasses import replace

from callbridge.core.flows import surveys
from callbridge.core.flows.position import flow_of, stop_prompt
from callbridge.core.model.call import Call, DiversionReason, VisitOutcome
from callbridge.core.model.facts import FlowEnded
from callbridge.core.model.flow import DialplanNode, Flow, FlowNode, QueueNode
from callbridge.core.model.orders import StartMusic
from callbridge.core.model.plan import MEMORY, ToFlow, ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import admission, segments, visits


def into_queue(world: World, call: Call, node: QueueNode) -> None:
    """Into a queue, or on in the queue where the caller waits already."""
    visit, named = call.visit, world.plan.queue_named(dict(call.values).get(node.by, ""))
    if named in world.plan.queues:
        node = replace(node, queue=named)
    if visit is not None and visit.queue == node.queue:
        call = end(world, call, "queue", f"queue:{node.queue}")
        visits.wait_on(world, call)
        return
    destination = world.plan.destination_of(call.entry) if node.queue not in world.plan.queues else None
    if isinstance(destination, ToFlow):
        call = visits.overflowed_by_key(world, call, f"flow:{destination.flow}")
        visits.into_flow(world, end(world, call, "flow", f"flow:{destination.flow}"), destination.flow, "queue_removed")
        return
    if isinstance(destination, ToQueue):
        node = replace(node, queue=destination.queue)
    way = ToQueue(node.queue) if call.queued_at is not None or call.placed else admission.into_queue(world, node.queue)
    if isinstance(way, ToFlow):
        visits.into_flow(world, end(world, call, "flow", f"flow:{way.flow}"), way.flow, "full")
        return
    if isinstance(way, admission.Full):
        admission.turn_away(world, end(world, call, "full"), way)
        return
    node = replace(node, queue=way.queue)
    call = visits.overflowed_by_key(world, call, f"queue:{node.queue}")
    call = end(world, call, "queue", f"queue:{node.queue}")
    plan = world.plan.queues.get(node.queue)
    if plan is not None:
        world.order(StartMusic(leg=call.leg, music=plan.music))
    visits.begin_visit(world, call, node.queue, head_start=node.head_start)


def into_flow(world: World, call: Call, flow: Flow, node: FlowNode) -> None:
    """From this flow into another one."""
    call = visits.overflowed_by_key(world, call, f"flow:{node.flow}")
    reason = "entry" if flow.hidden else "flow"
    visits.into_flow(world, end(world, call, "flow", f"flow:{node.flow}"), node.flow, reason)


def to_dialplan(world: World, call: Call, node: DialplanNode) -> None:
    """Leave callbridge."""
    to = f"dialplan:{node.context},{node.extension}"
    call = visits.overflowed_by_key(world, call, to)
    visits.leave(world, end(world, call, "dialplan", to), node.context, node.extension, DiversionReason.FLOW)


def goodbye(world: World, call: Call) -> None:
    """The last prompt has been played: hang up."""
    call = visits.overflowed_by_key(world, call, "goodbye")
    call = end(world, evolve(call, outcome=call.outcome or call.dial_result or "flow"), "goodbye")
    segments.end_call(world, call)


def fail(world: World, call: Call) -> None:
    """The flow has been removed, or leads nowhere: the caller goes to the fallback."""
    call = visits.overflowed_by_key(world, call, "fallback", VisitOutcome.FAILED)
    call = end(world, stop_prompt(world, call), "failed")
    visits.leave(world, call, world.plan.fallback_context, call.entry, DiversionReason.FLOW_FAILED)


def end(world: World, call: Call, result: str, to: str = "") -> Call:
    """Leave the flow. Returns the call without it, still in its phase."""
    flow_position = call.flow_position
    assert flow_position is not None
    flow = flow_of(world, flow_position)
    surveys.ended(world, call, flow_position, flow, hung_up=result == "hung_up")
    if flow_position.flow.startswith(MEMORY):
        return evolve(call, flow_position=None, deadline=None)
    world.emit(
        FlowEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            flow=flow_position.flow,
            node=flow_position.node,
            result=result,
            lasted=max(0.0, world.now - flow_position.began_at),
            to=to,
        )
    )
    return evolve(call, flow_position=None, deadline=None)
