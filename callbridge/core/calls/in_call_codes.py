"""Codes that an agent presses during a conversation: by default ``*2`` and a number to consult, ``*3`` to complete.

A code that needs a target is followed by its digits, and ends with ``#`` or after a time-out.
"""

from __future__ import annotations

from callbridge.core.calls import call_requests
from callbridge.core.model.call import Call
from callbridge.core.model.events import CallRequest, CallRequested, DigitPressed
from callbridge.core.model.plan import ConsultQueue, Plan, Target, ToAgent, ToNumber, ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.transfers import records

CODE_TIMEOUT = 4.0
"""Seconds after a digit in which the next one must come."""
WITH_TARGET = frozenset({CallRequest.TRANSFER, CallRequest.CONSULT})
_MAX_DIGITS = 30


def pressed(world: World, event: DigitPressed) -> None:
    """A digit came from a leg; it means something when it is the talking agent's."""
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    if call is None or call.segment is None or call.segment.leg != event.leg or not world.plan.keys:
        return
    keys = call.keys + event.digit
    code = _code(world.plan, keys)
    if code is None and not _may_become(world.plan, keys):
        keys = event.digit if _may_become(world.plan, event.digit) else ""
        code = _code(world.plan, keys)
    if code is not None and _request(world.plan, code)[0] not in WITH_TARGET:
        _act(world, call, code, "")
    elif code is not None and event.digit == "#" and len(keys) > len(code):
        _act(world, call, code, keys[len(code) : -1])
    else:
        _remember(world, call, keys[:_MAX_DIGITS])


def timed_out(world: World, call: Call) -> Call:
    """The time-out is over. Returns the call as it is then."""
    code = _code(world.plan, call.keys)
    if code is not None and len(call.keys) > len(code):
        _act(world, call, code, call.keys[len(code) :])
    else:
        _remember(world, call, "")
    return world.calls[call.id]


def target_of(plan: Plan, digits: str) -> Target:
    """The target that these digits name: a queue's extension, an agent, or an outside number."""
    for queue in plan.queues.values():
        if queue.extension == digits:
            return ToQueue(queue.name)
    return ToAgent(digits) if digits in plan.agents else ToNumber(digits)


def _code(plan: Plan, keys: str) -> str | None:
    """The longest code that the keys begin with."""
    return max((code for code in plan.keys if keys.startswith(code)), key=len, default=None)


def _may_become(plan: Plan, keys: str) -> bool:
    return any(code.startswith(keys) for code in plan.keys)


def _remember(world: World, call: Call, keys: str) -> None:
    records.put(world, evolve(call, keys=keys, keys_until=world.now + CODE_TIMEOUT if keys else None))


def _act(world: World, call: Call, code: str, digits: str) -> None:
    _remember(world, call, "")
    request, how = _request(world.plan, code)
    to = target_of(world.plan, digits) if digits else None
    by = call.segment.agent if call.segment is not None else ""
    event = CallRequested(at=world.now, call=call.id, request=request, to=to, by=by, consult_queue=how)
    call_requests.requested(world, event)


def _request(plan: Plan, code: str) -> tuple[CallRequest, ConsultQueue | None]:
    """What a code asks for; ``consult_wait`` and ``consult_offer`` say how a queue is consulted."""
    name, _, how = plan.keys[code].partition("_")
    if name == CallRequest.CONSULT and how:
        return CallRequest.CONSULT, ConsultQueue(how)
    return CallRequest(plan.keys[code]), None
