"""Who waits in a queue, in the order in which callers are served: for the explanations of agents and queues. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from callbridge.adapters.facts.privacy import mask, scrub
from callbridge.adapters.views.phrasing import ExplainedLine, Value, line, named, say
from callbridge.core.entities.switches import is_on
from callbridge.core.model import waiting_groups
from callbridge.core.model.call import Call
from callbridge.core.model.matcher import GroupKey
from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.plan import TierRouting
from callbridge.core.model.skills import Requirement
from callbridge.core.model.switch import BYPASS
from callbridge.core.model.world_view import WorldView


@dataclass(frozen=True, slots=True)
class Show:
    """How free text (phones, not-ready reasons) and callers are shown: with their numbers masked, as on the board, or not."""

    masked: bool = True
    sees: Callable[[Call], bool] = lambda _call: True
    """Whether the reader may know of this call: a user with teams may not know who waits in other queues."""
    name_of: Callable[[str], str] = lambda _by: ""
    """The name of who requested something, an agent or a user, by which people know them; empty where there is none."""

    def __call__(self, text: str) -> str:
        return scrub(text) if self.masked else text

    def requester(self, by: str) -> str:
        return named(by, self.name_of(by))

    def caller(self, call: Call) -> Value:
        """The number, as everywhere else, and the id that commands take."""
        if not self.sees(call):
            return say("caller_of_others", "a caller in a queue of another team")
        number = mask(call.number) if self.masked else call.number
        return f"{number} ({call.id})" if number else say("caller_withheld", WITHHELD + " ({call})", call=call.id)


SHOW_MASKED = Show()


MAX_AGENTS_NAMED = 5
"""Agents who are named individually where there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """A caller in a queue; ``position`` counts from 1 in the order in which callers are served."""

    call: Call
    position: int
    routing: TierRouting | None
    needs: str
    """The requirement in force."""

    def waited(self, now: float) -> float:
        return max(0.0, now - self.call.wait_from)


Lines = Mapping[str, Sequence[Call]]
"""Calls that have a place in a queue, by queue."""


def by_queue(calls: Iterable[Call], most: int | None = None) -> dict[str, list[Call]]:
    """Calls by the queue that they are in, of each the ``most`` that are served first. Rows are frozen: any thread may do it."""
    found: dict[str, list[Call]] = {}
    for call in calls:
        if call.standing is not None:
            found.setdefault(call.standing.queue, []).append(call)
    return found if most is None else first_of(found, most)


def first_of(lines: Lines, most: int) -> dict[str, list[Call]]:
    """Of each queue the ``most`` calls that are served first."""
    return {queue: nsmallest(most, inside, key=_rank) for queue, inside in lines.items()}


def in_order(world: WorldView, calls: Iterable[Call], most: int | None = None) -> list[Waiter]:
    """Calls of one queue as they are served: lowest rank first; also those that an agent is just being reached for."""
    ordered = sorted(calls, key=_rank) if most is None else nsmallest(most, calls, key=_rank)
    alike: dict[GroupKey, tuple[TierRouting | None, str]] = {}
    return [_waiter(world, call, position, alike) for position, call in enumerate(ordered, 1)]


def _rank(call: Call) -> tuple[float, str]:
    assert call.visit is not None
    return call.visit.rank, call.id


def _waiter(
    world: WorldView, call: Call, position: int, alike: dict[GroupKey, tuple[TierRouting | None, str]] | None = None
) -> Waiter:
    """``alike``: routing and requirement of callers seen before, who all need the same."""
    visit = call.visit
    assert visit is not None
    alike = {} if alike is None else alike
    key = waiting_groups.of_call(call, visit)
    if key not in alike:
        observed = call.id in world.observed_calls
        alike[key] = (None, "") if observed else (world.matcher.routing(visit.queue, call.tier), world.matcher.needs_of(key))
    routing, needs = alike[key]
    return Waiter(call=call, position=position, routing=routing, needs=needs)


def in_force(waiter: Waiter) -> Requirement | None:
    """The requirement that the caller's offer must meet now."""
    steps = waiter.routing.steps if waiter.routing is not None else ()
    return next((step.needs for step in steps if step.needs.text == waiter.needs), None)


def agent_named(world: WorldView, name: str) -> str:
    """An agent by id, with the name, also one who is no longer configured."""
    agent = world.agents.get(name)
    return named(name, agent.name if agent is not None else "")


def reason_shown(world: WorldView, reason: str, show: Show) -> Value:
    """Why an agent is not ready. The reason of an agent who let a phone ring, ``rona`` in most places, is explained."""
    missed = {queue.no_answer.not_ready for queue in world.plan.queues.values()}
    shown = show(reason)
    return say("missed", "did not answer ({reason})", reason=shown) if reason and reason in missed else shown


def system_state(world: WorldView) -> Iterator[ExplainedLine]:
    if is_on(world, BYPASS):
        yield line("bypass", "bypass is on: new calls go to the fallback")
    for pbx in sorted(world.down):
        yield line("pbx_down", "no link to {pbx}: its callers cannot be offered to anybody", pbx=pbx)
    for tie in world.ties.rows().values():
        if tie.deadline is not None:
            text = "{to} does not reply over the tie line from {pbx}: until the next try its agents get no callers of {pbx}"
            yield line("tie_line", text, pbx=tie.pbx, to=tie.to)
