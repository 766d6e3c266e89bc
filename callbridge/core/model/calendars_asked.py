"""Which calendars decide what happens to the callers of a queue or an entry: closing it means something only if there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from callbridge.core.model.flow import BranchNode, Condition, FlowNode, HoursNode, QueueNode
from callbridge.core.model.plan import Plan, Then, ToFlow, ToQueue


def of_queue(plan: Plan, name: str) -> frozenset[str]:
    """Those of its overflow rules, of the flows that its keys open, and of the times at which it calls back."""
    queue = plan.queues.get(name)
    if queue is None:
        return frozenset()
    found = {calendar for rule in queue.overflow for calendar in _of_condition(rule.when)}
    if queue.callback is not None and queue.callback.calendar:
        found.add(queue.callback.calendar)
    return frozenset(found) | _of_ways(plan, map(ToFlow, queue.keys.values()), through_queues=False)


def of_entry(plan: Plan, name: str) -> frozenset[str]:
    """Those of every flow and every queue to which its callers may come."""
    way = plan.destination_of(name)
    return _of_ways(plan, [way], through_queues=True) if way is not None else frozenset()


def _of_ways(plan: Plan, ways: Iterable[Then], *, through_queues: bool) -> frozenset[str]:
    found: set[str] = set()
    ahead, known = list(ways), set[Then]()
    while ahead:
        way = ahead.pop()
        if way in known:
            continue
        known.add(way)
        if isinstance(way, ToFlow):
            found |= set(_of_flow(plan, way.flow))
            ahead += [one for one in _out_of_flow(plan, way.flow) if through_queues or isinstance(one, ToFlow)]
        elif isinstance(way, ToQueue):
            found |= of_queue(plan, way.queue)
            ahead += _out_of_queue(plan, way.queue)
    return frozenset(found)


def _of_flow(plan: Plan, name: str) -> Iterator[str]:
    flow = plan.flows.get(name)
    for node in flow.nodes.values() if flow is not None else ():
        if isinstance(node, HoursNode):
            yield node.calendar
        elif isinstance(node, BranchNode):
            for when, _ in node.cases:
                yield from _of_condition(when)


def _of_condition(when: Condition) -> Iterator[str]:
    yield from filter(None, (when.open, when.closed))


def _out_of_flow(plan: Plan, name: str) -> Iterator[Then]:
    flow = plan.flows.get(name)
    for node in flow.nodes.values() if flow is not None else ():
        if isinstance(node, FlowNode):
            yield ToFlow(node.flow)
        elif isinstance(node, QueueNode):
            yield ToQueue(node.queue)


def _out_of_queue(plan: Plan, name: str) -> Iterator[Then]:
    queue = plan.queues.get(name)
    if queue is not None:
        yield from (rule.to for rule in queue.overflow)
        yield from (routing.then for routing in queue.routings.values() if routing.then is not None)
