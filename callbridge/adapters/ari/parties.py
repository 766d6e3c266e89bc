"""Follows Local channels to the party at their end: a few small requests, in a row, with a bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from callbridge.adapters.ari.http import Reply, odd_as_refusal
from callbridge.wire import ari as wire

LONGEST_CHAIN = 5
"""Local channels in a row that are followed: a call may have been transferred more than once. Each takes two requests."""


class Parties:
    """``write`` sends one request and raises NotSent, TimedOut or OrderRefused."""

    def __init__(self, write: Callable[[wire.Request], Awaitable[Reply]]) -> None:
        self._write = write

    async def behind(self, name: str) -> str:
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
