"""Who is at a channel that a transfer has put somewhere: a few small requests, in a row, with a bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from callbridge.adapters.ari.http import Reply, odd_as_refusal
from callbridge.core.model.events import CallerIdentified, PartyFound
from callbridge.core.model.ids import LegId, channel_of
from callbridge.wire import ari as wire

LONGEST_CHAIN = 5
"""Local channels in a row that are followed: a call may have been transferred more than once. Each takes two requests."""


class Parties:
    """``write`` sends one request and raises NotSent, TimedOut or OrderRefused."""

    def __init__(self, write: Callable[[wire.Request], Awaitable[Reply]], now: Callable[[], float]) -> None:
        self._write = write
        self._now = now

    async def find(self, leg: LegId, channel: wire.Request) -> PartyFound:
        """The phone at the other half of a Local channel."""
        party = await self._behind(await self._name(channel))
        return PartyFound(at=self._now(), leg=leg, phone=wire.phone_of(party))

    async def identify(self, leg: LegId, channel: wire.Request) -> CallerIdentified:
        """The caller at a channel, or behind it. What is withheld is taken off the leg: Asterisk would show it to
        the party that is connected with it."""
        name = await self._name(channel)
        if wire.other_half(name):
            name = await self._behind(name)
        if not name:
            return CallerIdentified(at=self._now(), leg=leg, found=False)
        caller = wire.caller_of({one: await self.variable(name, one) for one in wire.questions_of(name)})
        for variable, value in wire.taken_off(caller.withheld) if caller.withheld is not None else ():
            await self._write(wire.set_variable(channel_of(leg), variable, value))
        number, shown, withheld = caller
        return CallerIdentified(at=self._now(), leg=leg, number=number, name=shown, withheld=withheld)

    async def _name(self, channel: wire.Request) -> str:
        reply = await self._write(channel)
        with odd_as_refusal(reply):
            return wire.channel_name(reply.status, reply.body)

    async def _behind(self, name: str) -> str:
        """The name of the channel that is connected with the other half of this Local channel; empty when that is nobody, nobody
        yet, or more than one."""
        for _ in range(LONGEST_CHAIN):
            half = wire.other_half(name)
            name = await self.variable(half, wire.PEER) if half else ""
            # Asterisk leaves the variable as it was when the peer has gone: it is true if both name each other.
            if not name or await self.variable(name, wire.PEER) != half:
                return ""
            if not name.startswith("Local/"):
                return name
        return ""

    async def variable(self, channel: str, variable: str) -> str:
        """Empty when the channel has no such variable, or is gone."""
        reply = await self._write(wire.variable_request(channel, variable))
        with odd_as_refusal(reply):
            return wire.variable_of(reply.status, reply.body)
