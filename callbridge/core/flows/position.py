"""Where a caller is in a flow: the flow as the caller entered it, the prompt that plays, what is known of the caller."""

from __future__ import annotations

from collections.abc import Mapping

from callbridge.core.model.call import Call, FlowPosition, NodeActivity
from callbridge.core.model.flow import Flow
from callbridge.core.model.orders import StopPlaying
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World


def flow_of(world: World, flow_position: FlowPosition) -> Flow | None:
    """The flow as it was when the caller entered it, or the present one if that is unknown (after a restart)."""
    return world.flow(flow_position.flow, flow_position.version)


def put(world: World, call: Call) -> None:
    """Store the call; its deadline is that of its flow position."""
    world.calls.put(call.id, evolve(call, deadline=call.flow_position.due if call.flow_position is not None else None))


def knowing(call: Call, news: Mapping[str, str]) -> Call:
    """The call with these values; an empty one is forgotten."""
    known = {name: value for name, value in (dict(call.values) | dict(news)).items() if value}
    return evolve(call, values=tuple(known.items()))


def stop_prompt(world: World, call: Call) -> Call:
    """Stop the prompt, if one is playing. Returns the call without it."""
    flow_position = call.flow_position
    if flow_position is None or not flow_position.playback or flow_position.activity is not NodeActivity.SAYING:
        return call
    world.order(StopPlaying(leg=call.leg, playback=flow_position.playback))
    return evolve(call, flow_position=evolve(flow_position, playback=""))
