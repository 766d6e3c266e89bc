"""Which agents are not offered a caller whatever their skills, and why, in words.

Pure: the world is only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from callbridge.adapters.views.phrasing import ExplainedLine, Number, Phrase, Several, Value, line, say
from callbridge.adapters.views.waiters import Show, agent_named
from callbridge.core.model import waiting_groups
from callbridge.core.model.call import Call
from callbridge.core.model.world_view import WorldView

MAX_BARRED_NAMED = 3


def barred_from(world: WorldView, call: Call) -> AbstractSet[str]:
    """The agents who are not offered this waiting caller now."""
    visit = call.visit
    return world.matcher.barred_from(waiting_groups.of_call(call, visit)) if visit is not None else frozenset()


def explain_caller(world: WorldView, call: Call) -> Iterator[ExplainedLine]:
    """Of a waiting caller: who is left out."""
    names = sorted(barred_from(world, call))
    if names:
        told: list[Value] = [
            say("barred_agent", "{agent}: {why}", agent=agent_named(world, name), why=_why(world, call, name))
            for name in names[:MAX_BARRED_NAMED]
        ]
        if len(names) > MAX_BARRED_NAMED:
            told.append(say("barred_more", "and {more} more", more=Number(len(names) - MAX_BARRED_NAMED)))
        yield line("barred", "   not offered to {agents}", agents=Several(tuple(told), "; "))


def explain_agent(world: WorldView, agent: str, queue: str, calls: Sequence[Call], show: Show) -> Iterator[ExplainedLine]:
    """Of an agent: callers of the queue whom this agent would be offered otherwise."""
    if calls:
        yield line(
            "barred.of_agent",
            "queue {queue}: is not offered {callers:caller}; {first}: {why}",
            queue=queue,
            callers=Number(len(calls)),
            first=show.caller(calls[0]),
            why=_why(world, calls[0], agent),
        )


def _why(world: WorldView, call: Call, agent: str) -> Phrase:
    visit = call.visit
    plan = world.plan.queues.get(visit.queue) if visit is not None else None
    if visit is not None and agent in visit.avoids and plan is not None and plan.avoid is not None:
        return say("barred_avoided", "named by the caller's value {value}", value=plan.avoid.value)
    return say("barred_rejected", "rejected this call, and another ready agent fits")
