"""Carries out one order over ARI: which requests it takes, and what must be known between them.

Rule of this file: every request goes through ``write``, which belongs to the link and knows whether anything may be sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container
from contextlib import suppress
from dataclasses import dataclass, field

from callbridge.adapters.ari.audio import AudioWatch
from callbridge.adapters.ari.http import Reply, odd_as_refusal
from callbridge.adapters.ari.parties import Parties
from callbridge.adapters.pbx_link import NotSent, OrderRefused, TimedOut
from callbridge.core.model.events import AnyEvent, LegEnded
from callbridge.core.model.ids import channel_of
from callbridge.core.model.orders import (
    Bridge,
    DropBridge,
    FindParty,
    HangUp,
    IdentifyCaller,
    InspectPhone,
    LeaveToDialplan,
    Order,
    Probe,
    ReadReferral,
    Ring,
    StartAmdDetour,
    WatchAudio,
)
from callbridge.wire import ari as wire


@dataclass(slots=True)
class _Ringing:
    """A Ring in progress; ``hang_up`` is the request to send again when the channel is no longer wanted."""

    hang_up: wire.Request | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)


class AriOrders:
    """``write`` sends one request, or raises NotSent, TimedOut or OrderRefused. The answers of queries are posted."""

    def __init__(
        self,
        *,
        app: str,
        prefix: str,
        bridge_type: str,
        request_timeout: float,
        write: Callable[[wire.Request], Awaitable[Reply]],
        post: Callable[[AnyEvent], None],
        now: Callable[[], float],
    ) -> None:
        self._app, self._prefix, self._bridge_type = app, prefix, bridge_type
        self._request_timeout = request_timeout
        self._write = write
        self._parties = Parties(write, now)
        self.audio = AudioWatch(write, post, now)
        self._post = post
        self._now = now
        self.leaving: set[str] = set()
        """Channels that we have sent to the dialplan."""
        self.tried_bridges: set[str] = set()
        self._ringing: dict[str, _Ringing] = {}

    def entered(self, channel: str | None) -> None:
        """A channel is in Stasis: now it can be dialled."""
        if channel in self._ringing:
            self._ringing[channel].entered.set()

    async def carry_out(self, order: Order) -> None:
        """Raises what ``write`` raises. The effect of the order shows in the events, not in the return value."""
        match order:
            case Ring():
                await self._ring(order)
            case Bridge():
                await self._bridge(order)
            case DropBridge(bridge=bridge):
                await self._write_all(order)
                self.tried_bridges.discard(bridge)
            case HangUp():
                await self._hang_up(order)
            case LeaveToDialplan() | StartAmdDetour():
                await self._leave(order)
            case Probe() | InspectPhone():
                await self._query(order)
            case FindParty(leg=leg):
                self._post(await self._parties.find(leg, *self._requests(order)))
            case WatchAudio():
                self.audio.watch(order, *self._requests(order))
            case IdentifyCaller(leg=leg):
                self._post(await self._parties.identify(leg, *self._requests(order)))
            case ReadReferral(leg=leg):
                names = wire.REFER_TO, wire.REFERRED_BY
                refer_to, referred_by = [await self._parties.variable(channel_of(leg), name) for name in names]
                self._post(wire.referral_read(order, refer_to, referred_by, at=self._now()))
            case _:
                await self._write_all(order)

    async def _ring(self, order: Ring) -> None:
        """Create the channel, then dial it unless a HangUp came meanwhile. That HangUp is sent again: it may have been too
        early."""
        create, dial = self._requests(order)
        ringing = self._ringing[channel_of(order.leg)] = _Ringing()
        try:
            await self._write(create)
            try:
                await self._dial(dial, ringing)
            except NotSent as unsent:
                raise TimedOut("created, but not dialled") from unsent
        finally:
            del self._ringing[channel_of(order.leg)]
            if ringing.hang_up is not None:
                await self._write(ringing.hang_up)

    async def _dial(self, dial: wire.Request, ringing: _Ringing) -> None:
        for last_try in (False, True):
            if ringing.hang_up is not None:
                return
            try:
                await self._write(dial)
            except OrderRefused as refusal:
                if ringing.hang_up is not None:
                    return
                if last_try or refusal.status != 409:
                    raise
            else:
                return
            # Asterisk 16 may answer the create before the channel has entered Stasis, and refuses (409) to dial it until then.
            with suppress(TimeoutError):
                await asyncio.wait_for(ringing.entered.wait(), self._request_timeout)

    async def _hang_up(self, order: HangUp) -> None:
        (request,) = self._requests(order)
        ringing = self._ringing.get(channel_of(order.leg))
        if ringing is not None:
            ringing.hang_up = request
        reply = await self._write(request)
        if reply.status == 404 and ringing is None:
            # 404 confirms the absence: the leg of a phone that transferred its caller ends without ChannelDestroyed.
            self._post(LegEnded(at=self._now(), leg=order.leg, estimated=True))

    async def _bridge(self, order: Bridge) -> None:
        inside = None
        if order.bridge in self.tried_bridges:
            # Asterisk 16 and 18 do not refuse a second bridge with the same ID, so a retry has to check first.
            reply = await self._write(wire.bridge_request(order.bridge))
            with odd_as_refusal(reply):
                inside = wire.members(reply.status, reply.body)
        self.tried_bridges.add(order.bridge)
        for request in self._requests(order, inside=inside):
            await self._write(request)

    async def _leave(self, order: LeaveToDialplan | StartAmdDetour) -> None:
        channel = channel_of(order.leg)
        self.leaving.add(channel)  # before the request: its StasisEnd may overtake the reply
        try:
            await self._write_all(order)
        except (NotSent, OrderRefused):
            self.leaving.discard(channel)
            raise

    async def _query(self, order: Probe | InspectPhone) -> None:
        request, *more = self._requests(order)
        reply = await self._write(request)
        replied = None
        if more and reply.status == 200:
            said = await self._write(more[0])
            with odd_as_refusal(said):
                replied = wire.has_replied(said.status, said.body)
        at = self._now()
        with odd_as_refusal(reply):
            if isinstance(order, Probe):
                app, prefix = self._app, self._prefix
                event: AnyEvent = wire.probed(order, reply.status, reply.body, app=app, prefix=prefix, at=at, replied=replied)
            else:
                event = wire.inspected(order, reply.body, at=at)
        self._post(event)

    def _requests(self, order: Order, *, inside: Container[str] | None = None) -> tuple[wire.Request, ...]:
        return wire.requests(order, app=self._app, bridge_type=self._bridge_type, inside=inside)

    async def _write_all(self, order: Order) -> None:
        for request in self._requests(order):
            await self._write(request)
