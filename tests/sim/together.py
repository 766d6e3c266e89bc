"""A start without the saved world cuts no conversation: what our orders may not part, seen from the PBX's side."""

from __future__ import annotations

from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Order
from tests.sim.parts import Kind, Reply
from tests.sim.toy import ToyPbx
from tests.sim.watch import must

GUARDED = 3.0
"""Seconds after a start in which nothing but people end a conversation that was found."""
_STAFF = (Kind.AGENT, Kind.SESSION)


class Together:
    """Guards the conversations of one moment. People may leave them, our orders may not part them."""

    def __init__(self, toy: ToyPbx) -> None:
        self.toy = toy
        self.guarded = 0
        """Conversations that a start has found so far."""
        self._kept: dict[str, frozenset[LegId]] = {}
        self._until = float("-inf")
        self._perform = toy.perform
        toy.perform = self.perform  # type: ignore[method-assign]

    @property
    def active(self) -> bool:
        return self.toy.agenda.now < self._until

    def begin(self) -> None:
        """The PBX is being listed: from now on."""
        self._kept = {bridge: legs for bridge in self.toy.bridges if (legs := self._conversation(bridge))}
        self._until = self.toy.agenda.now + GUARDED
        self.guarded += len(self._kept)

    def perform(self, order: Order) -> Reply:
        before = self._intact()
        reply = self._perform(order)
        parted = before - self._intact()
        must(not (self.active and parted), "a start cut a conversation:", parted, order)
        return reply

    def _conversation(self, bridge: str) -> frozenset[LegId]:
        """Who talks in a bridge: customer and partner, or agent and target; supervisors may be let go. A phone's transfer to
        one of our entries is none: that customer is for the next queue."""
        inside = [self.toy.channels[leg] for leg in self.toy.bridges[bridge]]
        near = [channel for channel in inside if channel.kind is Kind.NEAR_HALF]
        if near and any(channel.given for channel in inside):
            return frozenset()  # two Local channels, of which none says whose it is
        to_us = any((far := self.toy.channels.get(half.other or LegId(""))) is not None and far.in_app for half in near)
        talkers = [channel for channel in inside if channel.kind not in (Kind.SUPERVISOR, Kind.SNOOP)]
        if len(talkers) < 2:
            talkers = [channel for channel in inside if channel.kind is not Kind.SNOOP]
        customers = [channel for channel in talkers if channel.kind is Kind.CUSTOMER]
        staff = [channel for channel in talkers if channel.kind in _STAFF]
        asked = [channel.caller for channel in talkers if channel.caller is not None]
        alive = any(leg in self.toy.channels and self.toy.channels[leg].bridge is None for leg in asked)
        if to_us or len(talkers) < 2 or not (customers or (staff and alive)):
            return frozenset()
        return frozenset(channel.id for channel in talkers)

    def _intact(self) -> set[str]:
        together = {bridge for bridge, legs in self._kept.items() if legs <= set(self.toy.bridges.get(bridge, ()))}
        return {bridge for bridge in together if self._for_somebody(self._kept[bridge])}

    def _for_somebody(self, legs: frozenset[LegId]) -> bool:
        """Is the customer still there, who may wait for the end of a consult? Otherwise it is over."""
        inside = [self.toy.channels[leg] for leg in legs]
        return any(channel.kind is Kind.CUSTOMER or channel.caller in self.toy.channels for channel in inside)
