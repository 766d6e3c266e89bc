"""How orders reach the toy PBX: in lanes as the runtime has them, with the delays and failures of a network.

An order starts when it heads the lane of every leg that it touches. HangUp never queues: it drops the leg's unsent
orders (DropBridge only stops waiting for that leg, unless the Bridge that it undoes is under way), goes out at
once, and is repeated when an outstanding Ring of its leg returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from callbridge.core.model.events import AnyEvent, LegEnded, OrderFailed, Why
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Bridge, DropBridge, HangUp, Order, Probe, Ring, StopPlaying
from tests.sim.agenda import Agenda
from tests.sim.parts import Reply
from tests.sim.toy import ToyPbx


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network and Asterisk do to requests and events."""

    slowest: float = 0.05
    """Seconds that a request may be under way, one way."""
    refuse: float = 0.0
    time_out: float = 0.0
    lose: float = 0.0
    outages: int = 0
    kills: int = 0
    patience: float = 2.0
    """Seconds after which the runtime stops waiting for a reply."""


@dataclass(slots=True, eq=False)
class _Ticket:
    order: Order
    lanes: list[LegId] = field(default_factory=list)
    sent: bool = False
    before_ring: bool = False
    """A Ring of its leg was on its way when it went out: that there is no channel then means nothing yet."""
    done: bool = False


class Lanes:
    def __init__(self, agenda: Agenda, rng: Random, toy: ToyPbx, weather: Weather, hear: Callable[[AnyEvent], None]) -> None:
        self.agenda = agenda
        self.rng = rng
        self.toy = toy
        self.weather = weather
        self.hear = hear
        self.frozen = False
        self._lanes: dict[LegId, list[_Ticket]] = {}
        self._hang_again: set[LegId] = set()
        self._under_way: list[_Ticket] = []
        self._life = 0

    def put(self, orders: list[Order]) -> None:
        for order in orders:
            if self.frozen:
                self._fail(order, Why.UNSENT, 0)
            elif isinstance(order, HangUp):
                self._hang_up(order)
            else:
                self._queue(order)

    def freeze(self) -> None:
        """Nothing is sent from now on. What was not sent never will be; of what was, nobody knows."""
        self.frozen = True
        waiting = {id(ticket): ticket for lane in self._lanes.values() for ticket in lane}
        unsent = [ticket for ticket in waiting.values() if not ticket.sent]
        under_way, self._under_way = self._under_way, []
        self._life += 1
        self._lanes.clear()
        self._hang_again.clear()
        for ticket in under_way:
            self._fail(ticket.order, Why.TIMEOUT, 0)
        for ticket in unsent:
            self._fail(ticket.order, Why.UNSENT, 0)

    def thaw(self) -> None:
        self.frozen = False

    def die(self) -> None:
        """kill -9: requests that are out may still be carried out, but nobody hears of them."""
        self._life += 1
        self._lanes.clear()
        self._hang_again.clear()
        self._under_way.clear()
        self.frozen = True

    def outstanding(self, leg: LegId) -> bool:
        return bool(self._lanes.get(leg)) or any(leg in ticket.order.legs for ticket in self._under_way)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _queue(self, order: Order) -> None:
        ticket = _Ticket(order, list(dict.fromkeys(order.legs)))
        for leg in ticket.lanes:
            self._lanes.setdefault(leg, []).append(ticket)
        self._start_if_due(ticket)

    def _hang_up(self, order: HangUp) -> None:
        lane = self._lanes.get(order.leg, [])
        under_way = {ticket.order.bridge for ticket in lane if ticket.sent and isinstance(ticket.order, Bridge)}
        for ticket in lane[:]:
            if isinstance(ticket.order, DropBridge) and not ticket.sent:
                if ticket.order.bridge in under_way:
                    continue
                ticket.lanes.remove(order.leg)
                lane.remove(ticket)
                self._start_if_due(ticket)
            elif not ticket.sent:
                self._leave(ticket)
            elif isinstance(ticket.order, Ring):
                self._hang_again.add(order.leg)
        if not lane:
            self._lanes.pop(order.leg, None)
        self._send(_Ticket(order))

    def _start_if_due(self, ticket: _Ticket) -> None:
        if not ticket.sent and not ticket.done and all(self._lanes[leg][0] is ticket for leg in ticket.lanes):
            self._send(ticket)

    def _leave(self, ticket: _Ticket) -> None:
        """The ticket goes out of all its lanes; whatever heads them now may start."""
        ticket.done = True
        heads = []
        for leg in ticket.lanes:
            lane = self._lanes.get(leg, [])
            if ticket in lane:
                lane.remove(ticket)
            if lane:
                heads.append(lane[0])
            else:
                self._lanes.pop(leg, None)
        for head in heads:
            self._start_if_due(head)

    def _send(self, ticket: _Ticket) -> None:
        ticket.sent = True
        ticket.before_ring = isinstance(ticket.order, HangUp) and self._ringing(ticket.order.leg)
        self._under_way.append(ticket)
        life, chance, weather = self._life, self.rng.random(), self.weather
        there = self.rng.uniform(0.001, weather.slowest)
        if chance < weather.refuse:
            self.toy.trouble_at = self.agenda.now
            status = self.rng.choice([409, 500, 503])
            self.agenda.after(there, lambda: self._replied(ticket, Reply(status), life))
        elif chance < weather.refuse + weather.time_out:
            self.toy.trouble_at = self.agenda.now + weather.patience
            if self.rng.random() < 0.5:
                late = isinstance(ticket.order, Ring) and self.rng.random() < 0.5
                when = weather.patience + self.rng.uniform(0.1, 1.0) if late else there
                self.agenda.after(when, lambda: self._unheard(ticket.order))
            self.agenda.after(weather.patience, lambda: self._timed_out(ticket, life))
        else:
            self.agenda.after(there, lambda: self._arrive(ticket, life))

    def _unheard(self, order: Order) -> None:
        """It worked, but the reply is lost."""
        self.toy.perform(order)

    def _arrive(self, ticket: _Ticket, life: int) -> None:
        if (queued := self.toy.occupied(ticket.order)) > 0.0:
            self.agenda.after(queued, lambda: self._arrive(ticket, life))
            return
        reply = self.toy.perform(ticket.order)
        self.agenda.after(self.rng.uniform(0.001, self.weather.slowest), lambda: self._replied(ticket, reply, life))

    def _replied(self, ticket: _Ticket, reply: Reply, life: int) -> None:
        if life != self._life:
            return
        self._finish(ticket)
        if reply.news is not None:
            self.hear(replace(reply.news, at=self.agenda.now))
        elif reply.status == 404 and isinstance(ticket.order, HangUp) and not ticket.before_ring:
            self.hear(LegEnded(at=self.agenda.now, leg=ticket.order.leg, estimated=True))
        elif reply.status >= 400 and not self._fine(ticket.order, reply.status):
            self._fail(ticket.order, Why.REFUSED, reply.status)

    def _ringing(self, leg: LegId) -> bool:
        """Is a Ring of this leg still on its way?"""
        return any(isinstance(ticket.order, Ring) and ticket.order.leg == leg for ticket in self._under_way)

    def _fine(self, order: Order, status: int) -> bool:
        return status == 404 and isinstance(order, HangUp | DropBridge | Probe | StopPlaying)

    def _timed_out(self, ticket: _Ticket, life: int) -> None:
        if life == self._life:
            self._finish(ticket)
            self._fail(ticket.order, Why.TIMEOUT, 0)

    def _finish(self, ticket: _Ticket) -> None:
        self._under_way.remove(ticket)
        self._leave(ticket)
        if isinstance(ticket.order, Ring) and ticket.order.leg in self._hang_again:
            self._hang_again.discard(ticket.order.leg)
            self._send(_Ticket(HangUp(leg=ticket.order.leg)))

    def _fail(self, order: Order, why: Why, status: int) -> None:
        life = self._life

        def tell() -> None:
            if life == self._life:
                self.hear(OrderFailed(at=self.agenda.now, order=order, why=why, status=status))

        self.agenda.after(0.001, tell)
