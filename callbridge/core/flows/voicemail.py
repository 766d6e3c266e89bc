"""Messages that callers leave: recorded, and kept when they are long enough to be one."""

from __future__ import annotations

from callbridge.core.entities import callbacks
from callbridge.core.flows.position import flow_of, put
from callbridge.core.model.call import Call, FlowPosition, NodeActivity
from callbridge.core.model.facts import VoicemailLeft
from callbridge.core.model.flow import VoicemailNode
from callbridge.core.model.orders import Record
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

RECORD_SLACK = 5.0
"""Seconds beyond a message's longest time after which its end counts as unheard."""
SHORTEST_MESSAGE = 1.0
"""Seconds; a shorter recording is a hang-up, not a message."""


def record(world: World, call: Call, node: VoicemailNode) -> None:
    """Begin to record."""
    flow_position = call.flow_position
    assert flow_position is not None
    recording = world.mint("voicemail")
    world.order(Record(leg=call.leg, recording=recording, longest=node.longest, silence=node.silence))
    due = world.now + node.longest + RECORD_SLACK
    put(
        world,
        evolve(
            call,
            flow_position=evolve(flow_position, activity=NodeActivity.RECORDING, playback=recording, since=world.now, due=due),
        ),
    )


def keep_message(world: World, call: Call, flow_position: FlowPosition, lasted: float) -> bool:
    """Emit the message if there is one; returns whether there is."""
    flow = flow_of(world, flow_position)
    node = flow.nodes.get(flow_position.node) if flow is not None else None
    if not isinstance(node, VoicemailNode) or lasted < SHORTEST_MESSAGE:
        return False
    world.emit(
        VoicemailLeft(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            queue=node.queue,
            recording=flow_position.playback,
            lasted=lasted,
            number=call.number,
        )
    )
    recording = flow_position.playback
    if node.callback and not callbacks.is_refused(world, call, node.queue, call.number, recording):
        callbacks.make(world, call, node.queue, call.number, None, recording)
    return True
