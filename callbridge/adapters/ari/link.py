"""The ARI link to one PBX: its event socket, the proof that the socket is ours, snapshots, and the right to write orders.

Rules of this file. The reader only parses and posts events. An order is sent only while the link is ``fresh``. A connection
posts one PbxSnapshot before any other event, and PbxLost when it ends. The proof of ownership is an echo (a user event that we
send and receive back), and it counts from when it was *sent*: after a stall, old echoes in the buffer prove nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import aiohttp
import structlog

from callbridge.adapters.ari.http import ORDERS_AT_ONCE, AriHttp, Pools, Reply, is_unauthorised
from callbridge.adapters.ari.orders import AriOrders
from callbridge.adapters.ari.ownership import Holds, Replacements, nobody_knows
from callbridge.adapters.ari.restarts import Restarts
from callbridge.adapters.pbx_link import (
    TRIED,
    Backoff,
    LinkLost,
    LinkObserver,
    NotSent,
    OrderRefused,
    OrderTrouble,
    TimedOut,
    UnobservedLink,
)
from callbridge.adapters.system.tasks import end
from callbridge.core.model.events import AnyEvent, ApplicationTaken, LegEnded, LegMoved, PbxHeard, PbxLost
from callbridge.core.model.ids import channel_of
from callbridge.core.model.orders import Order
from callbridge.wire import ari as wire

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


LEAVE = 0.2
"""Seconds that the end of the process waits until a PBX knows of it."""
TRY_AGAIN = 0.1
"""Seconds until an order that could not be sent is retried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AriSettings:
    """One PBX; times in seconds."""

    name: str
    user: str
    password: str = field(repr=False)
    url: str = "http://127.0.0.1:8088/ari"
    """ARI's root, with Asterisk's prefix if it has one."""
    app: str = "callbridge"
    prefix: str = "cb"
    bridge_type: str = "mixing,dtmf_events"
    echo_every: float = 0.4
    echo_limit: float = 3.0
    """Maximum age of the proof of ownership in seconds; at most 1.0 where a standby is configured."""
    verified: bool = False
    """Whether it is verified before each connection that no other instance leads, because a standby may have taken over."""
    stamp_every: float = 3.0
    """How often the owner's stamp on the PBX is renewed; ``callbridge rescue`` acts when the stamp stops changing."""
    ping_every: float = 5.0
    request_timeout: float = 5.0
    connections: int = ORDERS_AT_ONCE
    """Concurrent requests of orders; Asterisk's ``sessionlimit`` (100 by default) must allow for them."""
    order_patience: float = 5.0
    """Seconds for which an order that cannot be sent is retried while the link is up."""
    retry_first: float = 0.1
    retry_most: float = 3.0
    retry_unauthorised: float = 30.0


class Replaced(LinkLost):
    """Asterisk has given our application to another client."""


class Ari:
    """One PBX over ARI. ``run`` keeps the link; ``perform`` carries out one order."""

    def __init__(
        self,
        settings: AriSettings,
        *,
        post: Callable[[AnyEvent], None],
        now: Callable[[], float],
        on_replaced: Callable[[], None],
        holds: Holds = nobody_knows,
        observer: LinkObserver | None = None,
        last_heard_at: float | None = None,
        wall_offset: Callable[[], float] = float,
        pools: Callable[[], Pools | None] = lambda: None,
        restarts: Restarts | None = None,
    ) -> None:
        """``now``: epoch seconds that never run backwards; ``wall_offset``: how far the wall clock is ahead of them.
        ``on_replaced`` is called when another owner has taken the application permanently. ``holds``: see ``ownership``.
        ``last_heard_at``: from a saved world; default: now. ``pools`` gives connections to begin with. ``restarts``: of
        the process."""
        self.settings = settings
        self._post = post
        self._now = now
        self._wall_offset = wall_offset
        self._on_replaced = on_replaced
        self._replacements = Replacements(settings.name, settings.app, now, holds, self._post_taken)
        self._observer: LinkObserver = observer or UnobservedLink()
        self._backoff = Backoff(settings.retry_first, settings.retry_most)
        self._http: AriHttp | None = None
        self._pools = pools
        self._restarts = restarts or Restarts()
        self._boot = secrets.token_hex(4)
        self._beats = self._stamps = 0
        self._sent_at: dict[str, float] = {}
        self._proven_at = self._last_heard_at = now() if last_heard_at is None else last_heard_at
        self._tried_at = now()
        self._synced = False
        self._news = asyncio.Event()
        self._turns = asyncio.Semaphore(settings.connections)
        self._losses = 0
        self._beat_now = asyncio.Event()
        self._dropped = asyncio.Event()
        """The connection is to end, though it works."""
        self._held: list[AnyEvent] = []
        self._keys = wire.RepeatedKeys()
        self._orders = AriOrders(
            app=settings.app,
            prefix=settings.prefix,
            bridge_type=settings.bridge_type,
            request_timeout=settings.request_timeout,
            write=self._write,
            post=post,
            now=now,
        )

    @property
    def fresh(self) -> bool:
        """The PBX is listed, and the application was proven ours within ``echo_limit``: orders may be sent."""
        return self._synced and self._now() - self._proven_at < self.settings.echo_limit

    @property
    def alive(self) -> bool:
        """Recently proven ours, lost or retried."""
        return self._now() - max(self._proven_at, self._tried_at) < TRIED

    async def leave(self) -> None:
        """Tell the PBX that this process shuts down cleanly, if it can be told at once."""
        if self._http is None or not self.fresh:
            return
        try:
            async with asyncio.timeout(LEAVE):
                await self._restarts.leave(self.settings.name, self.settings.app, self._http.request, self._http.write)
        except (OrderTrouble, TimeoutError) as trouble:
            log.info("ari start cannot be taken back", pbx=self.settings.name, why=str(trouble) or "no answer in time")

    # The link

    async def run(self) -> None:
        """Keep the link up until cancelled, or until another owner has replaced us permanently."""
        settings = self.settings
        async with AriHttp(
            settings.url,
            user=settings.user,
            password=settings.password,
            request_timeout=settings.request_timeout,
            connect_timeout=settings.echo_limit,
            connections=settings.connections + 1,  # for the stamp
            may_write=lambda: self.fresh,
            pools=self._pools(),
        ) as self._http:
            while True:
                if settings.verified and not await self._replacements.may_open(self._http.request):
                    self._on_replaced()
                    return
                trouble = await self._connection(self._http)
                if isinstance(trouble, Replaced):
                    if await self._replacements.may_return(self._http.request):
                        continue
                    self._on_replaced()
                    return
                wait = settings.retry_unauthorised if is_unauthorised(trouble) else self._backoff.next()
                log.warning("ari link down", pbx=settings.name, why=str(trouble), retry_in=round(wait, 3))
                await asyncio.sleep(wait)

    async def _connection(self, http: AriHttp) -> Exception:
        """Run one connection; returns why it ended."""
        asked_at = self._tried_at = self._now()
        try:
            async with http.socket(wire.event_socket(self.settings.app), self.settings.ping_every) as socket:
                # Asterisk may have made us the owner as early as the start of the handshake, and only briefly.
                self._proven_at = asked_at
                self._dropped.clear()
                jobs = self._read(socket), self._beat(http), self._stamp(http), self._watch(), self._sync(http)
                await self._until_lost(*jobs, self._orders.audio.run())
        except (aiohttp.ClientError, OSError, TimeoutError, LinkLost, OrderTrouble) as trouble:
            return trouble
        return LinkLost("closed")

    async def _until_lost(self, *jobs: Coroutine[Any, Any, None]) -> None:
        """Run the tasks of one connection until one fails; raises its exception."""
        # Not a TaskGroup: in Python 3.11 it loses an outside cancellation that coincides with a failing child.
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._lose()
            await end(tasks)
        for task in done:
            task.result()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> NoReturn:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.ERROR:
                raise LinkLost(f"socket broken: {socket.exception()}")
            self._receive(message.data)
        raise LinkLost(f"socket closed: {socket.close_code}")

    def _receive(self, frame: str | bytes) -> None:
        settings = self.settings
        heard = wire.read(
            frame,
            pbx=settings.name,
            at=self._now(),
            app=settings.app,
            ordered=self._orders.leaving.__contains__,
            keys=self._keys,
        )
        self._observer.received(settings.name, heard.kind)
        for event in heard.events:
            if isinstance(event, LegMoved | LegEnded):
                self._orders.leaving.discard(channel_of(event.leg))
                self._keys.forget(channel_of(event.leg))
            if self._synced:
                self._post(event)
            else:
                self._held.append(event)
        self._orders.entered(heard.entered)
        if heard.kind == "echo":
            self._echoed(heard.echo)
        elif heard.kind == "replaced":
            # This is the current socket: a former one is closed, and its reader gone, before the next connects.
            self._lose()
            raise Replaced("another client took the application")

    def _post_taken(self) -> None:
        self._post(ApplicationTaken(at=self._now(), pbx=self.settings.name))

    async def _beat(self, http: AriHttp) -> NoReturn:
        while True:
            self._beat_now.clear()
            self._beats += 1
            mark = f"{self._boot}-{self._beats}"
            began = self._sent_at[mark] = self._now()
            try:
                await http.request(wire.echo(self.settings.app, mark))
            except OrderTrouble as trouble:
                # One lost beat is no matter; many show as a late echo.
                log.info("ari heartbeat failed", pbx=self.settings.name, why=str(trouble))
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, began + self.settings.echo_every - self._now())):
                    await self._beat_now.wait()

    async def _stamp(self, http: AriHttp) -> NoReturn:
        while True:
            if self.fresh:
                self._stamps += 1
                try:
                    stamp = f"{self._boot}:{self._stamps}"
                    await self._restarts.stamp(self.settings.name, self.settings.app, stamp, http.request, http.write)
                except OrderTrouble as trouble:
                    log.info("ari stamp failed", pbx=self.settings.name, why=str(trouble))
            await asyncio.sleep(self.settings.stamp_every if self.fresh else self.settings.echo_every)

    def _echoed(self, mark: str) -> None:
        sent_at = self._sent_at.get(mark)
        if sent_at is None:
            return  # the beat of somebody else, or of a former connection
        self._proven_at = max(self._proven_at, sent_at)
        self._news.set()
        if self._synced:
            self._post(PbxHeard(at=self._now(), pbx=self.settings.name, until=sent_at))
        self._sent_at = {later: at for later, at in self._sent_at.items() if at > sent_at}

    async def _watch(self) -> NoReturn:
        while True:
            left = self._proven_at + self.settings.echo_limit - self._now()
            if left <= 0.0:
                raise LinkLost("echo late")
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self.settings.echo_every)):
                    await self._dropped.wait()
                raise LinkLost("resync")  # though the next echo may have come meanwhile

    async def _sync(self, http: AriHttp) -> None:
        """Set the filter, list the PBX, post the snapshot, then the events received meanwhile."""
        settings = self.settings
        await http.request(wire.set_filter(settings.app))
        requested_at = self._now()
        answers = [(await http.request(request)).body for request in wire.list_requests(settings.app)]
        at = self._now()
        try:
            seen = wire.snapshot(
                wire.Lists(*answers),
                pbx=settings.name,
                app=settings.app,
                prefix=settings.prefix,
                at=at,
                requested_at=requested_at,
                last_heard_at=self._last_heard_at,
                ahead=self._wall_offset(),
            )
        except wire.Malformed as error:
            raise LinkLost(f"odd list: {error}") from error
        self._orders.tried_bridges = {bridge.bridge for bridge in seen.bridges}
        self._synced = True
        self._backoff.reset()
        self._post(seen)
        for event in self._held:
            self._post(replace(event, at=at))  # time never runs backwards in the core
        self._held.clear()
        self._post(PbxHeard(at=at, pbx=settings.name, until=requested_at))
        self._observer.link(settings.name, "ari", True)
        log.info("ari link up", pbx=settings.name, legs=len(seen.legs), bridges=len(seen.bridges))

    def _lose(self) -> None:
        self._tried_at = self._now()
        self._held.clear()
        self._sent_at.clear()
        self._orders.leaving.clear()
        self._keys.clear()
        self._orders.audio.clear()
        if self._synced:
            self._synced = False
            self._losses += 1
            self._news.set()
            self._last_heard_at = self._proven_at
            self._observer.link(self.settings.name, "ari", False)
            self._post(PbxLost(at=self._now(), pbx=self.settings.name))

    def resync(self, why: str) -> None:
        """Drop the connection and start again from a snapshot; the events received meanwhile are useless."""
        if self._synced:
            log.warning("ari resync", pbx=self.settings.name, why=why)
            self._lose()
            self._dropped.set()

    def listen(self) -> None:
        """Send the next heartbeat now: PbxHeard follows as soon as all events that Asterisk has sent have been posted."""
        self._beat_now.set()

    async def caught_up(self) -> None:
        """Returns when all events that Asterisk sent before now have been posted, or when the link is down and a snapshot will
        follow."""
        asked_at = self._now()
        self.listen()
        while self._synced and self._proven_at < asked_at:
            self._news.clear()
            await self._news.wait()

    # Orders

    async def perform(self, order: Order) -> None:
        """Carry out one order; the answer of Probe and InspectPhone is posted as an event.

        Raises NotSent, TimedOut or OrderRefused. The effect of the order shows in the events, not in the return value.
        """
        began = self._now()
        result = "cancelled"
        try:
            await self._orders.carry_out(order)
            result = "done"
        except OrderTrouble as trouble:
            result = _RESULTS[type(trouble)]
            raise
        finally:
            self._observer.performed(self.settings.name, type(order).__name__, result, self._now() - began)
            if result == "timeout":
                await self.caught_up()  # the events received meanwhile say whether it worked; after a stall they are still unread

    async def _write(self, request: wire.Request) -> Reply:
        """Send a request when its turn comes. A request that cannot be sent is retried while the link is up: NotSent means that
        the link was lost, or that nothing could be sent for ``order_patience`` seconds."""
        losses, began = self._losses, self._now()
        while True:
            try:
                async with self._turns:
                    if self._http is None or not self.fresh or losses != self._losses:
                        raise NotSent("the link is down or its ownership in doubt")
                    return await self._http.write(request)
            except NotSent:
                if not self._synced or losses != self._losses or self._now() - began > self.settings.order_patience:
                    raise
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(TRY_AGAIN):
                    await self._news.wait()


_RESULTS: dict[type[OrderTrouble], str] = {NotSent: "unsent", TimedOut: "timeout", OrderRefused: "refused"}
