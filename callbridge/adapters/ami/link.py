"""The AMI link to one PBX, for phone states and actions: panoramisk speaks the protocol, this file manages the connection.

Rules of this file. A panoramisk manager lives for one connection: it neither reconnects (it would do so even after close) nor
resends anything. Every action has a deadline. After every login the states are listed again, and changes that arrive during
the listing are posted in the order in which Asterisk sent them.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import structlog
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

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
from callbridge.core.model.events import DeviceChanged, DevicesListed
from callbridge.wire.ami import clean_action, device_changed, devices_listed

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_NEVER = 10**8
_SHUTDOWN = "shutting down"
_MESSAGE_LIMIT = 1 << 20
_DENIED = "Permission denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiSettings:
    """One PBX; times in seconds."""

    name: str
    user: str
    secret: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 5038
    events: str = "call"
    """Event classes to subscribe to; DeviceStateChange has the class ``call``. ``eventfilter`` in manager.conf removes the
    rest."""
    ping_every: float = 5.0
    answer_limit: float = 5.0
    retry_first: float = 0.2
    retry_most: float = 5.0
    retry_refused: float = 30.0


class Unwelcome(Exception):
    """The login failed: a problem of configuration, not of the network."""


class WholeCharacters(AMIProtocol):  # type: ignore[misc]
    """panoramisk decodes each TCP segment separately and drops characters that are split between two; this keeps them whole."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def data_received(self, data: bytes) -> None:
        text = self._decoder.decode(data)
        if self.queue and len(self.queue[0]) > _MESSAGE_LIMIT:
            self.transport.abort()
        elif text:
            super().data_received(text.encode())

    def handle_message(self, message: Any) -> None:
        """Of a header that is there twice the first counts, which is the PBX's own: a dialplan's UserEvent may add an ``Event``.
        panoramisk makes a list of it, and drops the connection when it looks at that."""
        for key, value in [*message.items()]:
            if isinstance(value, list):
                message[key] = value[0]
        super().handle_message(message)


class AmiConnection(Manager):  # type: ignore[misc]
    """A panoramisk manager for one connection; ``ended`` is set once."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.ended: asyncio.Future[str] = self.loop.create_future()

    def connection_lost(self, exc: object) -> None:
        self.end("closed by the PBX" if exc is None else f"connection lost: {exc}")

    def end(self, why: str) -> None:
        if not self.ended.done():
            self.ended.set_result(why)

    def abort(self) -> None:
        """Drop the connection without waiting for a peer that may be dead."""
        self.close()
        if self.protocol is not None:
            self.protocol.transport.abort()
        self.end("closed")


class Ami:
    """One PBX over AMI. ``run`` keeps the link; ``send_action`` sends one action."""

    link = "ami"
    """What metrics call it."""

    def __init__(
        self,
        settings: AmiSettings,
        *,
        post: Callable[[DeviceChanged | DevicesListed], None],
        now: Callable[[], float],
        observer: LinkObserver | None = None,
        session: Callable[[], AmiConnection | None] = lambda: None,
    ) -> None:
        """``session`` gives a connection to begin with, which is logged in and gets no events."""
        self._given = session
        self.settings = settings
        self._post = post
        self._now = now
        self._observer: LinkObserver = observer or UnobservedLink()
        self._backoff = Backoff(settings.retry_first, settings.retry_most)
        self._session: AmiConnection | None = None
        self._up = False
        self._tried_at = now()
        self._listing: asyncio.Future[Any] | None = None
        self._later: list[DeviceChanged] = []

    @property
    def up(self) -> bool:
        """Logged in, and the states have been listed since."""
        return self._up and self._session is not None and not self._session.ended.done()

    @property
    def alive(self) -> bool:
        """Up, or recently lost or retried."""
        return self.up or self._now() - self._tried_at < TRIED

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        settings = self.settings
        while True:
            try:
                await self._connection()
            except Unwelcome as refusal:
                # A wrong password does not fix itself, and frequent retries fill Asterisk's security log.
                log.error("ami login refused", pbx=settings.name, why=str(refusal), retry_in=settings.retry_refused)
                await asyncio.sleep(settings.retry_refused)
            except (LinkLost, OrderTrouble, OSError) as trouble:
                wait = self._backoff.next()
                log.warning("ami link down", pbx=settings.name, why=str(trouble), retry_in=round(wait, 3))
                await asyncio.sleep(wait)

    async def send_action(
        self, action: str, fields: Mapping[str, str] | None = None, *, many: bool = False
    ) -> list[dict[str, str]]:
        """Send one action and return its answer's headers; ``many``: the whole list that follows.

        Raises NotSent, TimedOut (it may have worked; it is never sent again) or Refused. Originate is asynchronous
        unless ``Async`` says otherwise: its answer then means "queued".
        """
        session = self._session
        if session is None or not self.up:
            raise NotSent("the AMI link is down")
        try:
            messages = await self._send_and_wait(session, action, fields or {}, many=many)
        except LinkLost as lost:
            raise TimedOut(str(lost)) from lost
        return [dict(message) for message in messages]

    async def _connection(self) -> NoReturn:
        """Run one connection from login to loss."""
        self._tried_at = self._now()
        session = self._adopted()
        given = session is not None
        if session is None:
            session = await self._open()
        try:
            self._session = session
            await (self._listen(session) if given else self._login(session))
            await self._list(session)
            self._set_up(True)
            self._backoff.reset()
            while True:
                await asyncio.wait((session.ended,), timeout=self.settings.ping_every)
                await self._keep_alive(session)
        finally:
            self._tried_at = self._now()
            self._set_up(False)
            self._listing = None
            if self._session is session:  # it has not been given to another link
                self._session = None
                session.abort()

    def _adopted(self) -> AmiConnection | None:
        session = self._given()
        if session is not None:
            self._subscribe(session)
        return session

    async def _listen(self, session: AmiConnection) -> None:
        await self._send_and_wait(session, "Events", {"EventMask": self.settings.events})

    async def _open(self) -> AmiConnection:
        settings = self.settings
        loop = asyncio.get_running_loop()
        session = AmiConnection(loop=loop, ping_delay=_NEVER, ping_interval=_NEVER)
        self._subscribe(session)
        # connection_made is handed a finished future, as panoramisk's own connect() does; without ``username`` in its
        # configuration it leaves the login, which needs a deadline, to us.
        opened: asyncio.Future[Any] = loop.create_future()
        async with asyncio.timeout(settings.answer_limit):
            opened.set_result(await loop.create_connection(WholeCharacters, settings.host, settings.port))
        session.connection_made(opened)
        return session

    async def _keep_alive(self, session: AmiConnection) -> None:
        """Ask for an answer, every ``ping_every`` seconds."""
        await self._send_and_wait(session, "Ping", {})

    def _subscribe(self, session: Manager) -> None:
        session.register_event("DeviceStateChange", self._on_device)

    async def _login(self, session: AmiConnection) -> None:
        settings = self.settings
        fields = {"Username": settings.user, "Secret": settings.secret, "Events": settings.events}
        try:
            await self._send_and_wait(session, "Login", fields)
        except OrderRefused as refusal:
            raise LinkLost(refusal.detail) if _SHUTDOWN in refusal.detail else Unwelcome(refusal.detail) from None

    async def _list(self, session: AmiConnection) -> None:
        self._later.clear()
        self._listing = self._send(session, "DeviceStateList", {}, many=True)
        try:
            messages = await self._answer(session, "DeviceStateList", self._listing)
        except OrderRefused as refusal:
            if _DENIED in refusal.detail:
                raise Unwelcome(f"DeviceStateList: {refusal.detail}: manager.conf must grant 'write = reporting'") from None
            # While booting, Asterisk may accept our login before it has loaded the module.
            raise LinkLost(f"DeviceStateList: {refusal.detail} (is res_manager_devicestate.so loaded?)") from None
        self._listing = None
        self._post(devices_listed(messages, self._now()))
        for change in self._later:
            self._post(change)
        self._later.clear()

    def _on_device(self, _session: AmiConnection, message: Mapping[str, str]) -> None:
        changed = device_changed(message, self._now())
        self._observer.received(self.settings.name, "DeviceStateChange" if changed is not None else "malformed")
        if changed is None:
            return
        if self._listing is not None and self._listing.done():
            # The list is complete but not posted yet: this change is newer and must not be overwritten by it.
            self._later.append(changed)
        else:
            self._post(changed)

    async def _send_and_wait(
        self, session: AmiConnection, action: str, fields: Mapping[str, str], *, many: bool = False
    ) -> list[Any]:
        return await self._answer(session, action, self._send(session, action, fields, many=many))

    def _send(self, session: AmiConnection, action: str, fields: Mapping[str, str], *, many: bool) -> asyncio.Future[Any]:
        # as_list=None lets panoramisk distinguish a list from a refusal; False keeps it from treating a plain answer as a list.
        answer: asyncio.Future[Any] = session.send_action(clean_action(action, fields), as_list=None if many else False)
        return answer

    async def _answer(self, session: AmiConnection, action: str, answer: asyncio.Future[Any]) -> list[Any]:
        """The messages of one answer. Without an answer in time the connection is dropped: AMI answers in order."""
        await asyncio.wait((answer, session.ended), timeout=self.settings.answer_limit, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            lost = session.ended.done()
            session.abort()
            raise LinkLost(session.ended.result()) if lost else TimedOut(f"no answer to {action}")
        messages = answer.result() if isinstance(answer.result(), list) else [answer.result()]
        if not messages[0].success:
            raise OrderRefused(0, str(messages[0].message))
        return messages

    def _set_up(self, up: bool) -> None:
        if up is not self._up:
            self._up = up
            self._observer.link(self.settings.name, self.link, up)
            log.info("ami link changed", pbx=self.settings.name, link=self.link, up=up)
