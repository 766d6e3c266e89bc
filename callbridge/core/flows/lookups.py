"""Questions to other systems while a caller is in a flow, and what their answers change."""

from __future__ import annotations

from collections.abc import Mapping

from callbridge.core.flows import repeated_lookups
from callbridge.core.flows.position import knowing, put
from callbridge.core.model.call import Call, NodeActivity
from callbridge.core.model.facts import LookupEnded
from callbridge.core.model.flow import Flow, LookupNode
from callbridge.core.model.orders import LookUp, StartMusic
from callbridge.core.model.plan import MEMORY
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

LOOKUP_SLACK = 1.0
"""Seconds beyond a lookup's own deadline after which we stop waiting for its answer."""


def ask(world: World, call: Call, flow: Flow, node: LookupNode) -> None:
    """Ask, and wait for the answer."""
    flow_position = call.flow_position
    assert flow_position is not None
    limit = world.plan.lookups.get(node.lookup, 0.0)
    question = world.mint("lookup")
    world.order(LookUp(lookup=node.lookup, call=call.id, question=question, values=repeated_lookups.question_of(call)))
    if limit > 1.0:
        world.order(StartMusic(leg=call.leg, music=flow.music))
    flow_position = evolve(
        flow_position, activity=NodeActivity.LOOKING, playback=question, due=world.now + limit + LOOKUP_SLACK, tries=0
    )
    put(world, evolve(call, flow_position=flow_position))


def answered(world: World, call: Call, node: LookupNode, found: Mapping[str, str] | None) -> tuple[Call, str]:
    """The answer, or None when there is none. Returns the call and the next node."""
    flow_position = call.flow_position
    assert flow_position is not None
    began = (flow_position.due or world.now) - world.plan.lookups.get(node.lookup, 0.0) - LOOKUP_SLACK
    if not node.quiet:
        result, lasted = "failed" if found is None else "found", max(0.0, world.now - began)
        world.emit(
            LookupEnded(seq=world.next_seq(), at=world.now, call=call.id, lookup=node.lookup, result=result, lasted=lasted)
        )
    call = repeated_lookups.noted(evolve(call, flow_position=evolve(flow_position, playback="")), node.lookup, ())
    if node.lookup == MEMORY and found is not None and found.get("repeat"):
        repeated_lookups.emit_repeated(world, call, found)
    if found is None:
        return call, node.otherwise
    tier, language = found.get("tier", ""), found.get("language", "")
    known = {name: value for name, value in found.items() if name not in repeated_lookups.NO_VALUES}
    call = repeated_lookups.noted(call, node.lookup, known)
    return evolve(knowing(call, known), tier=tier or call.tier, language=language or call.language), node.next
