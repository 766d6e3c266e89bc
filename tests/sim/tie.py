"""The tie line between two toy PBXs: a trunk whose far end is dialplan without Stasis, which dials the phone.

What goes over it is SIP: it takes a moment, keeps its order, and is sent again for a while when it does not arrive. A talk
whose audio stops ends on both sides by ``rtp_timeout``; a phone that rings has no audio yet, and is only told by SIP.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from callbridge.core.model.orders import Ring
from callbridge.core.routing.lost_phones import NO_RTP
from tests.sim.agenda import Agenda
from tests.sim.parts import Channel, Kind
from tests.sim.toy import ToyPbx

SENT_AGAIN = 3.0
"""Seconds for which a message is repeated that does not arrive: 32 in real life."""
LOST_AFTER = 2.0
"""``rtp_timeout`` of the trunk."""
OUT_OF_ORDER = 27
"""What the dialplan replies for a phone that is not registered."""


class Tie:
    def __init__(self, agenda: Agenda, rng: Random, first: ToyPbx, second: ToyPbx) -> None:
        self.agenda = agenda
        self.rng = rng
        self.ends = (first, second)
        self.dead = False
        self.dead_at = float("-inf")
        """When it, or one of its ends, last died."""
        self._worked_at = float("-inf")
        self._last_at = {toy.name: 0.0 for toy in self.ends}
        self._on_the_way: dict[str, list[tuple[float, Callable[[], None]]]] = {toy.name: [] for toy in self.ends}
        first.tie = second.tie = self

    def other(self, toy: ToyPbx) -> ToyPbx:
        first, second = self.ends
        return second if toy is first else first

    @property
    def works(self) -> bool:
        return not self.dead and all(toy.running for toy in self.ends)

    @property
    def troubled_at(self) -> float:
        """When it last did not work."""
        if not self.works:
            self._worked_at = self.agenda.now
        return self._worked_at

    def cut(self) -> None:
        self.dead = True
        self.silence()

    def heal(self) -> None:
        self._worked_at, self.dead = self.agenda.now, False

    def silence(self) -> None:
        """Nothing comes any more: who still talks after ``rtp_timeout`` is ended by the own PBX."""
        self.dead_at = self.agenda.now

        def timed_out() -> None:
            for toy in self.ends:
                for channel in [one for one in toy.channels.values() if one.tied is not None and one.up]:
                    if not self.works or channel.tied not in self.other(toy).channels:
                        toy.end(channel.id, NO_RTP)

        for seconds in (LOST_AFTER, SENT_AGAIN + LOST_AFTER):
            self.agenda.after(seconds, timed_out)

    # -- for the PBXs -----------------------------------------------------------------------------------------------

    def is_calm(self) -> bool:
        return self.troubled_at < self.agenda.now - SENT_AGAIN - LOST_AFTER

    def leads_to(self, toy: ToyPbx, phone: str) -> bool:
        return phone.startswith(f"{self.other(toy).name}/")

    def invite(self, toy: ToyPbx, channel: Channel, order: Ring) -> None:
        far = self.other(toy)
        channel.tied = far.new_id()
        end = Channel(
            id=channel.tied,
            name=f"PJSIP/tie-{toy.name}-{far.channel_name('', 1)}",
            kind=Kind.FAR_END,
            created_at=self.agenda.now,
            phone=order.phone,
            in_app=False,
            tied=channel.id,
        )
        self._send(toy, lambda: self._ring(far, end, order))

    def answered(self, toy: ToyPbx, channel: Channel) -> None:
        """The phone picks up; of a call that was cancelled meanwhile the answer is no use."""
        near = self.other(toy)

        def arrived() -> None:
            if channel.tied in near.channels:
                near.answer(channel.tied)
            else:
                self._send(near, lambda: toy.end(channel.id))

        def timed_out() -> None:
            if channel.tied not in near.channels:
                toy.end(channel.id, NO_RTP)

        self._send(toy, arrived)
        self.agenda.after(LOST_AFTER, timed_out)  # the near end is gone, and its BYE or our answer did not arrive

    def ended(self, toy: ToyPbx, channel: Channel, cause: int) -> None:
        self._send(toy, lambda: self.other(toy).end(channel.tied, cause))

    def hang_up_phone(self, toy: ToyPbx, channel: Channel) -> None:
        if channel.tied is not None:
            self.other(toy).end(channel.tied)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _ring(self, toy: ToyPbx, end: Channel, order: Ring) -> None:
        near, phone = self.other(toy), toy.phones.get(end.phone)
        self._send(toy, lambda: self._tries(near, end))
        if phone is None or not phone.online:
            self._send(toy, lambda: near.end(end.tied, OUT_OF_ORDER))
            return
        toy.note_rung_twice(end)
        end.rings_until = self.agenda.now + order.give_up
        toy.open(end)
        self._send(toy, lambda: self._rings(near, end))
        toy.people.rings(end.id, order)
        self.agenda.after(order.give_up, lambda: None if end.up else toy.end(end.id))

    def _tries(self, near: ToyPbx, end: Channel) -> None:
        """100, which nobody is told of."""
        if end.tied is not None and end.tied in near.channels:
            near.channels[end.tied].replied = True

    def _rings(self, near: ToyPbx, end: Channel) -> None:
        if end.tied is not None and end.tied in near.channels:
            near.phone_rings(end.tied)

    def _send(self, toy: ToyPbx, arrives: Callable[[], None]) -> None:
        """``arrives``: what the other PBX does when it has the message; never, if that takes too long."""
        until = self.agenda.now + SENT_AGAIN
        self._last_at[toy.name] = max(self._last_at[toy.name], self.agenda.now + self.rng.uniform(0.001, 0.02))
        self._on_the_way[toy.name].append((until, arrives))
        self.agenda.at(self._last_at[toy.name], lambda: self._arrive(toy))

    def _arrive(self, toy: ToyPbx) -> None:
        """All that was sent, in its order: a CANCEL waits for the reply to its INVITE."""
        waiting = self._on_the_way[toy.name]
        while waiting and (self.works or self.agenda.now >= waiting[0][0] or not toy.running):
            until, arrives = waiting.pop(0)
            if self.works and self.agenda.now < until:
                arrives()
        if waiting:
            self.agenda.after(0.5, lambda: self._arrive(toy))
