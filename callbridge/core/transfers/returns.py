"""Transferred calls that nobody takes: back to the agent who transferred them, else to the queue that they came from."""

from __future__ import annotations

from callbridge.core.entities import agent_states
from callbridge.core.model.agent import Agent, Intent, Work
from callbridge.core.model.call import Call, DiversionReason, Move, Transfer, TransferKind, after
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.orders import StartMusic
from callbridge.core.model.plan import ToAgent
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import segments, visits
from callbridge.core.transfers import records, targets

BACK_RETRY = 0.3
"""Seconds until the phone of an agent who has just hung up is tried again, when a call comes back."""
BACK_PATIENCE = 3.0


def come_back(world: World, call: Call) -> None:
    """The target did not take the call: back to the agent who transferred it, or to the queue if that agent is not available."""
    agent = world.agents.get(call.transferred_by)
    call = evolve(call, phase=after(call.phase, Move.TRANSFER), transfer=None)
    world.order(StartMusic(leg=call.leg, music=targets.music(world, call.transferred_from)))
    try_again(world, call, agent, world.now)


def try_again(world: World, call: Call, agent: Agent | None, began_at: float) -> None:
    pause = agent is not None and agent.work in (Work.IDLE, Work.WRAP_UP) and agent.intent is not Intent.LOGGED_OUT
    if agent is None or not pause or world.now > began_at + BACK_PATIENCE or pbx_of(call.leg) in world.down:
        to_queue(world, call)
        return
    if agent.work is Work.WRAP_UP and targets.can_take(evolve(agent, work=Work.IDLE)):
        agent = agent_states.settle(world, agent_states.change(world, agent, wrap_until=world.now))
    if agent.leg is None and targets.can_take(agent):
        back = targets.reach(world, call, ToAgent(agent.id), by=agent.id, queue=call.transferred_from, kind=TransferKind.BACK)
        records.put(world, evolve(call, transfer=back))
        return
    held = world.now + 2 * BACK_RETRY
    agent_states.change(world, agent, rest_until=max(agent.rest_until, held))  # this call comes before any other offer
    waiting = Transfer(
        to=f"agent:{agent.id}",
        leg=None,
        agent="",
        by=agent.id,
        queue=call.transferred_from,
        began_at=began_at,
        until=world.now + BACK_RETRY,
        kind=TransferKind.BACK,
    )
    records.put(world, evolve(call, transfer=waiting))


def to_queue(world: World, call: Call) -> None:
    call = evolve(call, transfer=None, failed_transfer=("", ""))
    if call.transferred_from in world.plan.queues:
        segments.queue_again(world, call, call.transferred_from)
        return
    if segments.by_entry(world, call, "queue_removed"):
        return
    call = evolve(segments.out_of_bridge(world, call), phase=after(call.phase, Move.QUEUE))
    visits.leave(world, call, world.plan.fallback_context, call.entry, DiversionReason.QUEUE_REMOVED)
