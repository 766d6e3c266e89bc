"""The published view of the world: queues, agents and calls as flat dicts.

Pure. The board is updated from the changes of each batch and never rescans the whole world; a view is
built on request. Absent values are the empty string; times are epoch seconds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from callbridge.adapters.views.rows import Stamp, View, agent_of, agent_view, call_view, queue_of, queue_view, queues_for
from callbridge.adapters.views.supervision import supervisors
from callbridge.adapters.views.timeline_parts import disposition_label
from callbridge.adapters.views.without_agent import without_agent
from callbridge.core.model.agent import Agent, State, Work, published
from callbridge.core.model.call import Call
from callbridge.core.model.callback import Callback
from callbridge.core.model.pace import Pace
from callbridge.core.model.plan import Disposition, Plan
from callbridge.core.model.rows import evolve
from callbridge.core.model.skills import Profile
from callbridge.core.model.tally import Tally, tally_key
from callbridge.core.model.world_view import WorldView

BoardKind = Literal["queue", "agent", "call"]
ViewKey = tuple[BoardKind, str]

KEPT_ENDED = 3600.0
"""Seconds for which an ended call can still be viewed."""
MAX_ENDED = 3_000
"""Ended calls that can be viewed and explained from memory: about 5 kB each. Redis and the history have the others."""
OTHER_REASON = "other"


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """A queue for the metrics: copied, so another thread may read it."""

    waiting: int
    oldest_arrived_at: float | None
    agents: Mapping[str, int]
    """By published state, including logged-out agents."""
    today: Tally
    callbacks: int = 0
    """Open callbacks."""
    without_agent: int = 0
    """Of the waiting callers, those whom no agent on duty can serve."""
    waiting_today: int = 0
    """Of the waiting callers, those who arrived today."""
    due: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By tier: until when each waiting caller should have been answered."""


@dataclass(slots=True)
class _Queue:
    waiting: dict[str, float] = field(default_factory=dict)
    """Call -> arrived at."""
    days: dict[str, str] = field(default_factory=dict)
    """The same calls -> the day on which the visit counts."""
    states: Counter[str] = field(default_factory=Counter)
    callbacks: set[str] = field(default_factory=set)
    stamp: Stamp = field(default_factory=Stamp)


class Board:
    """The views of one world, kept from its changes. Rows are the world's own frozen values."""

    def __init__(self, *, masked: bool = True) -> None:
        self.masked = masked
        self.users: Mapping[str, str] = {}
        """The names of users as people are shown them, by the names with which they log in."""
        self.calls: dict[str, Call] = {}
        self.agents: dict[str, Agent] = {}
        self.ended: OrderedDict[str, tuple[Call, Stamp]] = OrderedDict()
        self.supervised: dict[str, Stamp] = {}
        """Live call that has or had supervisors -> when these changed. Apart from the other changes of a call, so that nothing
        that an agent is shown changes with them."""
        self._plan = Plan()
        self._world: WorldView | None = None
        self._day = ""
        self._tallies: dict[str, Tally] = {}
        self._callbacks: dict[str, Callback] = {}
        self._paces: dict[str, Pace] = {}
        self._queues: dict[str, _Queue] = {}
        self._observed: set[str] = set()
        """Of them those of the PBX's own, observed beside ours."""
        self._members: set[str] = set()
        """The agents who work there, and are not ours."""
        self._stamps: dict[ViewKey, Stamp] = {}
        self._belongs: dict[Profile, frozenset[str]] = {}
        self._stamp = Stamp()

    @classmethod
    def of(cls, world: WorldView, *, masked: bool = True) -> Board:
        """The board of a world as it is now."""
        board = cls(masked=masked)
        changed = {(name, key): row for name, table in world.saved_tables().items() for key, row in table.rows().items()}
        board.note(world, changed)
        return board

    def note(self, world: WorldView, changed: Mapping[tuple[str, str], object | None]) -> set[ViewKey]:
        """Apply the changes of a batch (Outcome.changed, merged); returns the keys of the views that changed."""
        self._world = world
        self._stamp = Stamp(world.now, world.seq)
        touched, supervised = set[ViewKey](), set[ViewKey]()
        if world.plan is not self._plan:
            touched |= self._adopt(world.plan)
        if world.day != self._day:
            self._day = world.day
            touched |= {("queue", name) for name in self._queues}
        for (table, key), row in changed.items():
            match table:
                case "calls" if self._supervision_changed(key, row):
                    supervised.add(("call", key))
                case "calls" | "observed_calls":
                    self._call_changed(key, row if isinstance(row, Call) else None, touched)
                case "agents":
                    self._members.discard(key)
                    self._agent_changed(key, row if isinstance(row, Agent) else None, touched)
                case "observed_agents" if key not in world.agents:
                    self._members.add(key)
                    self._agent_changed(key, row if isinstance(row, Agent) else None, touched)
                case "observed_tallies" if isinstance(row, Tally):
                    self._observe(row.queue)
                    self._tally_changed(key, row, touched)
                case "tallies" | "observed_tallies":
                    self._tally_changed(key, row if isinstance(row, Tally) else None, touched)
                case "callbacks":
                    self._callback_changed(key, row if isinstance(row, Callback) else None, touched)
                case "paces" if isinstance(row, Pace):
                    self._paces[key] = row
        self._forget_ended(world.now)
        for kind, name in touched:
            if kind == "queue" and name in self._queues:
                self._queues[name].stamp = self._stamp
            elif name in self.agents if kind == "agent" else name in self.calls:
                self._stamps[kind, name] = self._stamp
        return touched | supervised

    # -- views --------------------------------------------------------------------------------------------------

    @property
    def queues(self) -> Iterable[str]:
        """The names of the configured and the observed queues."""
        return self._queues.keys()

    def alive(self) -> set[ViewKey]:
        """The keys of all views; of calls, only live ones."""
        agents: set[ViewKey] = {("agent", name) for name in self.agents}
        calls: set[ViewKey] = {("call", name) for name in self.calls}
        return agents | calls | {("queue", name) for name in self._queues}

    def view(self, key: ViewKey) -> View | None:
        """The current view; None when it does not exist. An ended call can be viewed for ``KEPT_ENDED`` seconds."""
        match key:
            case ("queue", name):
                return self.queue(name)
            case ("agent", name):
                return self.agent(name)
            case (_, name):
                return self.call(name)

    def queue(self, name: str) -> View | None:
        """The view of a queue; None when it is neither configured nor observed."""
        queue = self._queues.get(name)
        if queue is None:
            return None
        return queue_view(
            queue.waiting.values(),
            queue.states,
            self._today(name),
            queue.stamp,
            self._paces.get(name),
            len(queue.callbacks),
            sum(self._callbacks[key].stands for key in queue.callbacks),
            self._waiting_today(queue),
        ) | self._targets(name)

    def _targets(self, name: str) -> View:
        """What the queue is measured by. The longest of its tiers' times: who waits longer is late in any case."""
        plan = self._plan.queues.get(name)
        if plan is None:
            return {"answer_within": "", "sl_target": ""}
        within = (routing.answer_within for routing in plan.routings.values())
        return {"answer_within": max(within, default=""), "sl_target": plan.sl_target}

    def agent(self, name: str) -> View | None:
        """The view of an agent; None when it does not exist."""
        agent = self.agents.get(name)
        if agent is None:
            return None
        return agent_view(agent, self.calls.get(agent.call), self._stamps["agent", name], masked=self.masked)

    def call(self, name: str) -> View | None:
        """The view of a live call, or of one that ended less than ``KEPT_ENDED`` seconds ago; else None. Without its supervisors:
        an agent may see it."""
        call = self.calls.get(name)
        if call is not None:
            return call_view(call, self._stamps["call", name], agent_name=self._agent_name(call), masked=self.masked)
        if name in self.ended:
            row, stamp = self.ended[name]
            return call_view(row, stamp, agent_name=self._agent_name(row), ended=True, masked=self.masked)
        return None

    def supervised_call(self, name: str) -> dict[str, Any] | None:
        """The same with its supervisors, for those who watch the floor."""
        view = self.call(name)
        return None if view is None else dict(view) | self.supervision(self.calls.get(name))

    def supervision(self, call: Call | None) -> dict[str, Any]:
        """What the view of a call has for those who watch the floor, besides what agents see. None: the call has ended."""
        if call is None:
            return {"supervisors": []}
        stamp = self._stamps["call", call.id].or_later(self.supervised.get(call.id))
        return {"supervisors": supervisors(call, self.name_of), "updated_at": stamp.now, "seq": stamp.seq}

    def name_of(self, by: str) -> str:
        """The name of an agent, by id, or of a user, by the name with which the user logs in; empty for anybody else."""
        agent = self.agents.get(by)
        return agent.name if agent is not None else self.users.get(by, "")

    def _agent_name(self, call: Call) -> str:
        agent = self.agents.get(agent_of(call))
        return agent.name if agent is not None else ""

    def known_call(self, name: str) -> Call | None:
        """A live call, or one that ended less than ``KEPT_ENDED`` seconds ago, as it was then."""
        return self.calls.get(name) or self.ended.get(name, (None, None))[0]

    def dispositions(self, agent: Agent) -> tuple[Disposition, ...]:
        """What the agent may say of the present call, or of the one that the wrap-up follows."""
        in_wrap_up = agent.work is Work.WRAP_UP
        name = agent.wrap_call if in_wrap_up else agent.call
        call = self.known_call(name)
        if call is None or not (in_wrap_up or (call.segment is not None and call.segment.agent == agent.id)):
            return ()
        campaign = self._plan.campaigns.get(call.campaign)
        queue = self._plan.queues.get(agent.wrap_queue if in_wrap_up else queue_of(call, agent.id))
        found = campaign or queue
        return tuple(found.dispositions.values()) if found is not None else ()

    def disposition_label(self, code: str, queue: str, campaign: str = "") -> str:
        """What an agent reads in place of a code that a call was given: of its campaign, else of its queue. The code itself where
        it has no label, or is not configured any more."""
        return disposition_label(self._plan, code, queue, campaign)

    def has(self, call: Call) -> dict[str, bool]:
        """What the queue of the call has: recordings, and a survey."""
        queue = self._plan.queues.get(queue_of(call))
        return {"record": queue is not None and queue.record is not None, "survey": queue is not None and bool(queue.survey)}

    def number_of(self, name: str) -> str:
        """The customer's number; also for a recently ended call."""
        call = self.known_call(name)
        return call.number if call is not None else ""

    def live_calls(self) -> list[tuple[Call, Stamp, str]]:
        """Every live call with its stamp and its agent's name, so that another thread can build the views."""
        return [(call, self._stamps["call", name], self._agent_name(call)) for name, call in self.calls.items()]

    def figures(self) -> dict[str, QueueFigures]:
        """A copy of the figures shown by the metric gauges."""
        ours = [queue for name, queue in self._queues.items() if name in self._plan.queues]
        waiting = (self.calls[key] for queue in ours for key in queue.waiting)
        unserved = without_agent(self._world, waiting) if self._world is not None else {}
        return {
            name: QueueFigures(
                len(queue.waiting),
                min(queue.waiting.values(), default=None),
                dict(queue.states),
                self._today(name),
                len(queue.callbacks),
                unserved.get(name, 0),
                self._waiting_today(queue),
                self._due(name, queue),
            )
            for name, queue in self._queues.items()
        }

    def not_ready(self) -> dict[str, float | None]:
        """Since when an agent has been not ready for each configured reason, for none and for any other (``OTHER_REASON``); of
        several agents the longest. None, where nobody is."""
        found: dict[str, float | None] = dict.fromkeys(["", *self._plan.reasons, OTHER_REASON])
        for agent in self.agents.values():
            state, reason = published(agent)
            if state is State.NOT_READY:
                known = reason if reason in found else OTHER_REASON
                longest = found[known]
                found[known] = agent.since if longest is None else min(longest, agent.since)
        return found

    def _due(self, name: str, queue: _Queue) -> dict[str, tuple[float, ...]]:
        plan = self._plan.queues.get(name)
        if plan is None:
            return {}
        found: dict[str, list[float]] = {tier: [] for tier in plan.routings}
        for key, since in queue.waiting.items():
            tier = self.calls[key].tier
            if tier in found:
                found[tier].append(since + plan.routings[tier].answer_within)
        return {tier: tuple(due) for tier, due in found.items()}

    def _today(self, name: str) -> Tally:
        return self._tallies.get(tally_key(name, self._day)) or Tally(queue=name, day=self._day)

    def _waiting_today(self, queue: _Queue) -> int:
        return sum(day == self._day for day in queue.days.values())

    # -- changes ------------------------------------------------------------------------------------------------

    def _adopt(self, plan: Plan) -> set[ViewKey]:
        names = {**dict.fromkeys(plan.queues), **dict.fromkeys(self._observed)}
        gone: set[ViewKey] = {("queue", name) for name in self._queues if name not in names}
        self._plan = plan
        self._belongs.clear()
        self._queues = {name: _Queue() for name in names}
        for agent in self.agents.values():
            self._count(agent, +1)
        for key, call in self.calls.items():
            self._wait(key, call)
        for callback in self._callbacks.values():
            if callback.queue in self._queues:
                self._queues[callback.queue].callbacks.add(callback.id)
        return gone | {("queue", name) for name in self._queues}

    def _supervision_changed(self, key: str, new: object | None) -> bool:
        """Whether nothing of the call changed but its supervisors; the call is noted then."""
        old = self.calls.get(key)
        if not isinstance(new, Call) or (() if old is None else old.supervisions) == new.supervisions:
            return False
        self.supervised[key] = self._stamp
        if old is None or evolve(old, supervisions=new.supervisions) != new:
            return False
        self.calls[key] = new
        return True

    def _call_changed(self, key: str, new: Call | None, touched: set[ViewKey]) -> None:
        old = self.calls.pop(key, None)
        if old is None and new is None:
            return
        touched.add(("call", key))
        if old is not None:
            self._unwait(key, old, touched)
        if new is not None:
            self.calls[key] = new
            self._wait(key, new, touched)
        elif old is not None:
            self._stamps.pop(("call", key), None)
            self.supervised.pop(key, None)
            self.ended[key] = (old, self._stamp)
        for call in (old, new):
            for holder in (call.segment, call.offer, call.transfer) if call is not None else ():
                if holder is not None and holder.agent in self.agents:
                    touched.add(("agent", holder.agent))

    def _wait(self, key: str, call: Call, touched: set[ViewKey] | None = None) -> None:
        if call.standing is not None and call.standing.queue in self._queues and not call.placed:
            queue = self._queues[call.standing.queue]
            queue.waiting[key], queue.days[key] = call.wait_from, call.standing.day
            if touched is not None:
                touched.add(("queue", call.standing.queue))

    def _unwait(self, key: str, call: Call, touched: set[ViewKey]) -> None:
        if call.visit is not None and call.visit.queue in self._queues:
            queue = self._queues[call.visit.queue]
            queue.waiting.pop(key, None)
            queue.days.pop(key, None)
            touched.add(("queue", call.visit.queue))

    def _agent_changed(self, key: str, new: Agent | None, touched: set[ViewKey]) -> None:
        old = self.agents.pop(key, None)
        touched.add(("agent", key))
        if new is None:
            self._stamps.pop(("agent", key), None)
        else:
            self.agents[key] = new
            if new.call in self.calls and (old is None or old.name != new.name):
                touched.add(("call", new.call))
        if old is not None and new is not None and (old.profile, published(old)[0]) == (new.profile, published(new)[0]):
            return
        for agent, change in ((old, -1), (new, +1)):
            if agent is not None:
                touched |= {("queue", name) for name in self._count(agent, change)}

    def _observe(self, name: str) -> None:
        """A queue of the PBX's own turns out to be there."""
        if name not in self._observed:
            self._observed.add(name)
            self._queues.setdefault(name, _Queue())

    def _queues_of(self, agent: Agent) -> frozenset[str]:
        if agent.id in self._members:
            return frozenset(queue for queue, _ in agent.profile if queue in self._queues)
        belongs = self._belongs.get(agent.profile)
        if belongs is None:
            belongs = self._belongs[agent.profile] = queues_for(self._plan, agent.profile)
        return belongs

    def _count(self, agent: Agent, change: int) -> frozenset[str]:
        belongs = self._queues_of(agent)
        state = published(agent)[0].value
        for name in belongs:
            self._queues[name].states[state] += change
        return belongs

    def _callback_changed(self, key: str, new: Callback | None, touched: set[ViewKey]) -> None:
        old = self._callbacks.pop(key, None)
        if new is not None:
            self._callbacks[key] = new
        known = new or old
        if old is not None and new is not None and old.queue != new.queue and old.queue in self._queues:
            self._queues[old.queue].callbacks.discard(key)
            touched.add(("queue", old.queue))
        if known is None or known.queue not in self._queues:
            return
        inside = self._queues[known.queue].callbacks
        if (key in inside) is not (new is not None):
            touched.add(("queue", known.queue))
        (inside.add if new is not None else inside.discard)(key)

    def _tally_changed(self, key: str, new: Tally | None, touched: set[ViewKey]) -> None:
        if new is None:
            self._tallies.pop(key, None)
            return
        self._tallies[key] = new
        if new.day == self._day and new.queue in self._queues:
            touched.add(("queue", new.queue))

    def _forget_ended(self, now: float) -> None:
        while self.ended:
            _, stamp = next(iter(self.ended.values()))
            if len(self.ended) <= MAX_ENDED and stamp.now > now - KEPT_ENDED:
                return
            self.ended.popitem(last=False)
