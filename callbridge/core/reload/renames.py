"""A queue or an entry was renamed in the configuration: everything under the old name is carried over.

Rule of this file: whatever row of the world names a queue is here. A name that nothing stands under is no news, so the
configuration may say for ever how a queue was called before. It holds for a reload and for a saved world alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from callbridge.core.entities import callbacks
from callbridge.core.model.call import Call, Transfer
from callbridge.core.model.callback import Callback, KeptPlace, place_key
from callbridge.core.model.facts import QueueRenamed
from callbridge.core.model.flow import BranchNode, CallbackNode, Flow, Node, QueueNode, VoicemailNode
from callbridge.core.model.rows import evolve
from callbridge.core.model.tally import Tally, tally_key, together
from callbridge.core.model.world import World
from callbridge.core.reload.identities import put_place

CallerValues = tuple[tuple[str, str], ...]

LAST_QUEUE = "last_queue"
"""The value that names the queue of the caller's last conversation."""


def carry(world: World) -> None:
    """Adapt the rows of the world to the names in its plan."""
    names = world.plan.renamed_queues()
    if not names and not world.plan.renamed_entries:
        return
    for old, new in names.items():
        _emit(world, old, new)
    for call in world.calls.values():
        _put(world, call, _renamed_call(world, call, names))
    for callback in world.callbacks.values():
        if callback.id in world.callbacks:  # it may have ended meanwhile, as the second one for its number
            _carry_callback(world, world.callbacks[callback.id], names)
    for place in world.places.values():
        _carry_place(world, place, names)
    for closure in world.closures.values():
        now = {"queue": names.get(closure.name, closure.name), "entry": world.plan.entry_named(closure.name)}
        if closure.kind in now and now[closure.kind] != closure.name:
            world.closures.put(closure.id, evolve(closure, name=now[closure.kind]))
    for agent in world.agents.values():
        if agent.wrap_queue in names:
            world.agents.put(agent.id, evolve(agent, wrap_queue=names[agent.wrap_queue]))
    for tally in world.tallies.values():
        _carry_tally(world, tally, names)
    for pace in world.paces.values():
        if pace.queue in names:
            world.paces.drop(pace.queue)
            world.paces.put(names[pace.queue], evolve(pace, queue=names[pace.queue]))


def renamed_flow(flow: Flow, names: Mapping[str, str]) -> Flow:
    """A flow of the old plan, for callers who are in it, with the new names of its queues."""
    return replace(flow, nodes={name: _renamed_node(node, names) for name, node in flow.nodes.items()})


def _renamed_node(node: Node, names: Mapping[str, str]) -> Node:
    if isinstance(node, BranchNode):
        cases = tuple((replace(when, queue=names.get(when.queue, when.queue)), to) for when, to in node.cases)
        return replace(node, cases=cases)
    if isinstance(node, QueueNode | CallbackNode | VoicemailNode) and node.queue in names:
        return replace(node, queue=names[node.queue])
    return node


def _emit(world: World, old: str, new: str) -> None:
    """Emit the rename, if anything is stored under the old name."""
    calls = world.calls.values()
    visits = [call for call in calls if call.visit is not None and call.visit.queue == old]
    talks = [call for call in calls if call.segment is not None and call.segment.queue == old]
    counted = any(tally.queue == old for tally in world.tallies.values())
    owed = world.callbacks_owed(old)
    if visits or talks or owed or counted:
        world.emit(
            QueueRenamed(
                seq=world.next_seq(),
                at=world.now,
                queue=new,
                previous_queue=old,
                callers=sum(not call.placed for call in visits),
                callbacks=owed,
                talks=len(talks),
            )
        )


def _put(world: World, before: Call, call: Call) -> None:
    if call != before:
        world.calls.put(call.id, call)


def _renamed_call(world: World, call: Call, names: Mapping[str, str]) -> Call:
    def now(queue: str) -> str:
        return names.get(queue, queue)

    visit, segment, transfer = call.visit, call.segment, call.transfer
    return evolve(
        call,
        entry=world.plan.entry_named(call.entry),
        visit=evolve(visit, queue=now(visit.queue)) if visit is not None else None,
        segment=evolve(segment, queue=now(segment.queue)) if segment is not None else None,
        transfer=_renamed_transfer(transfer, names) if transfer is not None else None,
        served=(call.served[0], now(call.served[1])),
        transferred_from=now(call.transferred_from),
        values=_renamed_values(call.values, names),
    )


def _renamed_transfer(transfer: Transfer, names: Mapping[str, str]) -> Transfer:
    consulted = names.get(transfer.consulted, transfer.consulted)
    to = f"queue:{consulted}" if consulted else transfer.to
    return evolve(transfer, queue=names.get(transfer.queue, transfer.queue), consulted=consulted, to=to)


def _renamed_values(values: CallerValues, names: Mapping[str, str]) -> CallerValues:
    return tuple((name, names.get(value, value) if name == LAST_QUEUE else value) for name, value in values)


def _carry_callback(world: World, callback: Callback, names: Mapping[str, str]) -> None:
    entry, values = world.plan.entry_named(callback.entry), _renamed_values(callback.values, names)
    if (entry, values) != (callback.entry, callback.values):
        callback = evolve(callback, entry=entry, values=values)
        world.callbacks.put(callback.id, callback)
    if callback.queue in names:
        callbacks.carry(world, callback, names[callback.queue])


def _carry_place(world: World, place: KeptPlace, names: Mapping[str, str]) -> None:
    queue, _, number = place.id.rpartition("|")
    if queue not in names:
        return
    put_place(world, place, place_key(names[queue], number))


def _carry_tally(world: World, tally: Tally, names: Mapping[str, str]) -> None:
    if tally.queue not in names:
        return
    new = names[tally.queue]
    world.tallies.drop(tally_key(tally.queue, tally.day))
    world.tallies.put(tally_key(new, tally.day), together(world.tally(new, tally.day), tally))
