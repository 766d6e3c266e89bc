"""HTTP routes that answer "why": ``/api/explain/{agents|queues|calls}/{id}``, and ``/api/waiting`` for wallboards.

The world is read on the loop that owns it; only sorting its (frozen) calls, which may be many, is done in a thread.
A live call is explained from memory, an ended one from memory or, after a restart, from the archive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from callbridge.adapters.http.scope import WHOLE_FLOOR, Scope
from callbridge.adapters.redis.timeline_archive import TimelineArchive
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.closures import explain_closed
from callbridge.adapters.views.explain_agent import MAX_LOOKED_AT, alerting, explain_agent
from callbridge.adapters.views.explain_queue import explain_queue, explain_waiter
from callbridge.adapters.views.phrasing import ExplainedLine, TimeSpan, count, line, named, say, word
from callbridge.adapters.views.timeline import in_words
from callbridge.adapters.views.timelines import Timelines
from callbridge.adapters.views.waiters import Lines, Show, Waiter, agent_named, by_queue, first_of, in_order
from callbridge.adapters.views.without_agent import without_agent
from callbridge.core.entities.switches import is_on
from callbridge.core.model.call import Call
from callbridge.core.model.switch import BYPASS
from callbridge.core.model.world_view import WorldView

_OBSERVED = (line("observed", "in one of the PBX's own queues: observed, not routed by callbridge"),)
MAX_WAITING_SHOWN = 20
"""Callers listed per queue unless more or fewer are asked for."""


_PHONE_FAILS = ("phone_silent", "phone_misconfigured")


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorAlert:
    """A sentence, and the queue or the agent that it is about. ``code``: what it says, for programs. ``since``: when it began, of
    a queue the arrival of its first caller; None where nobody knows. ``critical``: callers may be lost by it. ``values``: what
    the sentence says, for screens in another language."""

    code: str
    text: str
    queue: str = ""
    agent: str = ""
    since: float | None = None
    critical: bool = False
    values: Mapping[str, str | float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same for as long as it lasts."""
        return f"{self.code}:{self.queue or self.agent}"

    def plain(self) -> dict[str, str | float | dict[str, str | float]]:
        severity = "critical" if self.critical else "warning"
        known = {"code": self.code, "text": self.text, "queue": self.queue, "agent": self.agent, "severity": severity}
        return {**known, "values": dict(self.values), "since": "" if self.since is None else self.since}


class Explainer:
    """Reads one world. ``now``: the time of the request, epoch seconds."""

    def __init__(
        self,
        world: WorldView,
        board: Board,
        timelines: Timelines,
        now: Callable[[], float],
        archive: TimelineArchive | None = None,
    ) -> None:
        self._world = world
        self._board = board
        self._timelines = timelines
        self._now = now
        self._archive = archive
        self._show = Show(board.masked, name_of=board.name_of)

    async def explain(self, kind: str, name: str, scope: Scope | None = None) -> dict[str, Any] | None:
        """``kind``: ``agents``, ``queues`` or ``calls``. None when it does not exist. ``scope``: callers outside it are not
        named."""
        show = replace(self._show, sees=(scope or WHOLE_FLOOR).call)
        match kind:
            case "agents":
                return await self.agent(name, show)
            case "queues":
                return await self.queue(name, show)
            case _:
                return await self.call(name)

    async def agent(self, name: str, show: Show | None = None) -> dict[str, Any] | None:
        calls = await self._lines(MAX_LOOKED_AT)
        lines, view = explain_agent(self._world, name, self._now(), calls, show or self._show), self._board.agent(name)
        if lines is None and view is None:
            return None
        return {"id": name, **(view or {}), "lines": _plain(_OBSERVED if lines is None else lines)}

    async def queue(self, name: str, show: Show | None = None) -> dict[str, Any] | None:
        calls = await self._lines()
        lines, view = explain_queue(self._world, name, self._now(), calls, show or self._show), self._board.queue(name)
        if lines is None and view is None:
            return None
        return {"name": name, **(view or {}), "lines": _plain(_OBSERVED if lines is None else lines)}

    async def call(self, name: str) -> dict[str, Any] | None:
        """A living or ended call; one that began before a restart is completed from the archive."""
        heard = self._timelines.timeline(name) or []
        kept = []
        if self._archive is not None and not (heard and heard[0]["type"] == "call_arrived"):
            kept = await self._archive.timeline(name) or []
        first = heard[0]["seq"] if heard else None
        timeline = [fact for fact in kept if first is None or fact["seq"] < first] + heard
        view = self._board.supervised_call(name)
        if view is None and not timeline:
            return None
        lines = [*in_words(timeline, self._world.plan), *self._at_present(name)]
        state = {} if view is None else dict(view)
        return {"id": name, **({"state": "ended"} | state), "lines": _plain(lines), "timeline": timeline}

    async def _lines(self, most: int | None = None) -> Lines:
        return await asyncio.to_thread(by_queue, list(self._world.calls.rows().values()), most)

    async def waiting(self, limit: int | None = None, scope: Scope | None = None) -> dict[str, Any]:
        """The first ``limit`` callers of every queue, in the order in which they are served; how many there are in all; and
        what needs a supervisor's attention. ``scope``: of this part of the floor."""
        scope = scope or WHOLE_FLOOR
        calls, observed = list(self._world.calls.rows().values()), list(self._world.observed_calls.rows().values())
        heads, totals = await asyncio.to_thread(_heads, calls + observed, MAX_WAITING_SHOWN if limit is None else limit)
        heads = {queue: line for queue, line in heads.items() if scope.queue(queue)}
        totals = {queue: number for queue, number in totals.items() if scope.queue(queue)}
        now, world = self._now(), self._world
        lines = (in_order(world, line) for line in heads.values())
        rows = [self._row(one, now) for line in lines for one in line]
        alerts = [alert.text for alert in self._alerts(calls, now) if scope.either(alert.queue, alert.agent)]
        found = {"now": now, "bypass": is_on(world, BYPASS), "waiting": rows, "alerts": alerts}
        return found | {"total": sum(totals.values()), "totals": totals}

    async def alerts(self) -> list[FloorAlert]:
        """What needs a supervisor's attention now."""
        return self._alerts(list(self._world.calls.rows().values()), self._now())

    def _alerts(self, calls: Sequence[Call], now: float) -> list[FloorAlert]:
        unserved = without_agent(self._world, calls).items()
        waiting = [
            FloorAlert(
                code="nobody_fits",
                text=f"{queue}: {count(number, 'caller')} waiting, nobody who fits is ready",
                queue=queue,
                since=min((call.arrived_at for call in calls if call.standing and call.standing.queue == queue), default=None),
                critical=True,
                values={"count": number},
            )
            for queue, number in unserved
        ]
        return waiting + [
            FloorAlert(
                code=alert.code,
                text=f"{named(agent.id, agent.name)}: {alert.text}",
                agent=agent.id,
                since=agent.since if alert.code == "reason_limit" else None,
                critical=alert.code in _PHONE_FAILS,
                values={"name": named(agent.id, agent.name), **alert.values},
            )
            for agent in self._world.agents.values()
            for alert in alerting(self._world, agent, now)
        ]

    def _row(self, one: Waiter, now: float) -> dict[str, Any]:
        call = one.call
        view, customer = self._board.call(call.id) or {}, self._world.legs.get(call.leg)
        return {
            "id": call.id,
            **view,
            **({"queue": call.visit.queue} if call.visit is not None else {}),
            "campaign": call.campaign if call.placed else "",
            "callback": call.callback if call.placed else "",
            "reached": not call.placed or (customer is not None and customer.up_at is not None),
            "position": one.position,
            "waited": round(one.waited(now), 3),
            "needs": one.needs,
            "steps": len(one.routing.steps) if one.routing is not None else 0,
            "answer_within": one.routing.answer_within if one.routing is not None else "",
        }

    def _at_present(self, name: str) -> Sequence[ExplainedLine]:
        call, now = self._world.calls.get(name), self._now()
        if call is None:
            return _OBSERVED if name in self._world.observed_calls else ()
        if call.flow_position is not None:
            node = call.flow_position.node
            at_node = say("at_node", " at {node}", node=node) if node else ""
            text, lasted = "now in flow {flow}{node} for {lasted}", TimeSpan(now - call.flow_position.began_at)
            return (
                replace(line("flow", text, flow=call.flow_position.flow, node=at_node, lasted=lasted), at=now),
                *self._closed(call),
            )
        lines = list[ExplainedLine]()
        if call.segment is not None:
            agent, lasted = agent_named(self._world, call.segment.agent), TimeSpan(now - call.segment.began_at)
            lines.append(
                replace(line("talking.now", "now talking with {agent} for {lasted}", agent=agent, lasted=lasted), at=now)
            )
        if call.standing is not None:
            waiting = in_order(self._world, by_queue(self._world.calls.rows().values())[call.standing.queue])
            (found,) = (one for one in waiting if one.call.id == name)
            lines += [*explain_waiter(self._world, found, now, show=self._show), *self._closed(call)]
        if lines:
            return lines
        said = say("now", "now {phase}", phase=word("phase", call.phase.value))
        return (ExplainedLine(code=call.phase.value, text=said.text, at=now, phrase=said),)

    def _closed(self, call: Call) -> Iterable[ExplainedLine]:
        return explain_closed(self._world, call.visit.queue if call.visit is not None else "", call.entry, self._show)


def _heads(calls: Iterable[Call], most: int) -> tuple[Lines, dict[str, int]]:
    """Of each queue the callers who are served first, and how many there are."""
    inside = by_queue(calls)
    return first_of(inside, most), {queue: len(line) for queue, line in inside.items()}


def _plain(lines: Sequence[ExplainedLine]) -> list[dict[str, object]]:
    return [one.plain() for one in lines]
