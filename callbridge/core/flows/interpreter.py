"""The flow interpreter: takes callers through flows - plays prompts, collects input, queries other systems, decides and routes.

    visits.into_flow -> (its deadline, which is now) -> node -> node -> ... -> queue, dialplan, goodbye, another flow

While no prompt is played there is music, whatever the node waits for: a caller in silence hangs up. No input leads to a dead
end: every wait has a time-out, every loop of nodes contains a key press (otherwise the configuration is refused), and an
error of ours or of the PBX continues as a time-out would.

Here is what happens to a caller in a flow; what a node does about it is in ``nodes``, the ways out are in ``exits``.
"""

from __future__ import annotations

from callbridge.core.flows import exits, lookups, nodes, voicemail
from callbridge.core.flows.position import flow_of, put, stop_prompt
from callbridge.core.model.call import Call, NodeActivity, Phase
from callbridge.core.model.events import DigitPressed, LookedUp, PlaybackEnded, RecordingEnded
from callbridge.core.model.facts import PromptFailed
from callbridge.core.model.flow import KEYS, LookupNode
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.orders import StartMusic
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import visits

DOWN_CHECK = 1.0


def deadline_passed(world: World, call: Call) -> None:
    """The flow begins, or what it waited for did not come."""
    flow_position = call.flow_position
    if flow_position is None or (flow_position.due is not None and flow_position.due > world.now):
        world.calls.put(call.id, evolve(call, deadline=flow_position.due if flow_position is not None else None))
        return
    if (
        flow_position.node and pbx_of(call.leg) in world.down
    ):  # while the link is down the caller is not silent, only unheard; the next snapshot continues
        put(world, evolve(call, flow_position=evolve(flow_position, due=world.now + DOWN_CHECK)))
        return
    flow = flow_of(world, flow_position)
    if flow is None:
        exits.fail(world, call)
    elif not flow_position.node or flow_position.node not in flow.nodes:
        nodes.go(world, call, flow, flow.start)
    elif flow_position.activity is NodeActivity.SAYING:
        call = stop_prompt(world, evolve(call, flow_position=evolve(flow_position, hops=0)))
        nodes.playback_ended(world, call, flow, flow.nodes[flow_position.node])
    elif flow_position.activity is NodeActivity.LOOKING:
        nodes.looked_up(world, call, flow, None)
    elif flow_position.activity is NodeActivity.RECORDING:
        nodes.recorded(world, call, flow, None)
    else:
        nodes.silence(world, evolve(call, flow_position=evolve(flow_position, hops=0)), flow, flow.nodes[flow_position.node])


def playback_ended(world: World, call: Call, event: PlaybackEnded) -> None:
    """A prompt is over, or could not be played."""
    flow_position = call.flow_position
    flow = flow_of(world, flow_position) if flow_position is not None else None
    if (
        call.phase is not Phase.FLOW
        or flow_position is None
        or flow is None
        or not flow_position.playback
        or flow_position.playback != event.playback
    ):
        return
    if event.failed:
        where = f"flow:{flow_position.flow}/{flow_position.node}"
        world.emit(PromptFailed(seq=world.next_seq(), at=world.now, call=call.id, where=where))
    node = flow.nodes.get(flow_position.node)
    if node is not None:
        hops = flow_position.hops if event.failed else 0
        nodes.playback_ended(world, evolve(call, flow_position=evolve(flow_position, playback="", hops=hops)), flow, node)


def pressed(world: World, event: DigitPressed) -> None:
    """A caller pressed a key: in a flow it is an answer; while waiting it may open one."""
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    if call is None or call.leg != event.leg or event.digit not in KEYS:
        return
    if call.phase is Phase.FLOW and call.flow_position is not None:
        flow = flow_of(world, call.flow_position)
        node = flow.nodes.get(call.flow_position.node) if flow is not None else None
        if flow is not None and node is not None:
            nodes.pressed(
                world, evolve(call, flow_position=evolve(call.flow_position, hops=0, silences=0)), flow, node, event.digit
            )
    elif call.flow_position is None and call.visit is not None:
        visits.key_pressed(world, call, event.digit)


def looked_up(world: World, event: LookedUp) -> None:
    """Another system answered, or did not."""
    call = world.calls.get(event.call)
    flow_position = call.flow_position if call is not None and call.phase is Phase.FLOW else None
    if (
        call is None
        or flow_position is None
        or flow_position.activity is not NodeActivity.LOOKING
        or flow_position.playback != event.question
    ):
        return  # too late, or an answer to another time at this node
    flow = flow_of(world, flow_position)
    if flow is not None:
        nodes.looked_up(world, call, flow, event.found)


def caller_changed(world: World, call: Call) -> None:
    """Another caller is in the flow: a lookup that is under way asks about this one."""
    flow_position = call.flow_position
    flow = flow_of(world, flow_position) if flow_position is not None else None
    node = flow.nodes.get(flow_position.node) if flow is not None and flow_position is not None else None
    looking = flow_position is not None and flow_position.activity is NodeActivity.LOOKING
    if flow is not None and looking and isinstance(node, LookupNode):
        lookups.ask(world, call, flow, node)


def recorded(world: World, event: RecordingEnded) -> None:
    """A message is complete, or could not be recorded."""
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    flow_position = call.flow_position if call is not None and call.phase is Phase.FLOW else None
    if (
        call is None
        or flow_position is None
        or flow_position.activity is not NodeActivity.RECORDING
        or flow_position.playback != event.recording
    ):
        return
    flow = flow_of(world, flow_position)
    if flow is not None:
        nodes.recorded(world, call, flow, event)


def reconcile(world: World, call: Call) -> None:
    """After a gap in the events: the node starts again."""
    flow_position = call.flow_position
    flow = flow_of(world, flow_position) if flow_position is not None else None
    if flow_position is None or flow is None:
        exits.fail(world, call)
        return
    call = stop_prompt(world, call)
    if isinstance(flow.nodes.get(flow_position.node), LookupNode):  # silent for a moment already
        world.order(StartMusic(leg=call.leg, music=flow.music))
    nodes.arrive(
        world,
        evolve(call, flow_position=evolve(flow_position, playback="", typed="", checking=False)),
        flow,
        flow_position.node if flow_position.node in flow.nodes else flow.start,
    )


def hung_up(world: World, call: Call) -> Call:
    """The caller has hung up, or was taken elsewhere. Returns the call without its flow position."""
    flow_position = call.flow_position
    if flow_position is None:
        return call
    if flow_position.activity is NodeActivity.RECORDING and voicemail.keep_message(
        world, call, flow_position, world.now - flow_position.since
    ):
        call = evolve(call, outcome="voicemail")
    if call.visit is None and not call.outcome:
        call = evolve(call, outcome=call.dial_result or "left_flow")
    return exits.end(world, call, "hung_up")


def leave(world: World, call: Call, result: str) -> Call:
    """The caller is sent elsewhere. Returns the call without its flow; its prompt is stopped."""
    if call.flow_position is None:
        return call
    return exits.end(world, stop_prompt(world, call), result)
