"""Sessions of people who have logged in with a browser.

The cookie holds 256 random bits; we keep only its hash, in memory and where there is a store also there, so that a restart or a
take-over keeps people logged in. A session names an account and proves nothing by itself: with each request the account is looked
up in the configuration in force, so that a reload which removes a user, or changes the password, ends the session.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from callbridge.adapters.http.accounts import Account

MOST_SESSIONS = 20_000
MOST_EACH = 20
"""Sessions of one account; a further one ends the oldest."""
WRITTEN_EVERY = 60.0
"""Seconds after which the use of a session is written to the store again."""
WRITTEN_AGAIN = 5.0
"""Seconds after which that is tried again."""
AWAY_FOR = 30.0
"""Seconds for which a store may be away before its sessions count as over. Until then nobody is sent to the log-in."""
UNKNOWN_FOR = 30.0
"""Seconds for which the store is not asked again for an id that it does not know."""
_MOST_UNKNOWN = 1000


class SessionStore(Protocol):
    """Where sessions outlive the process."""

    async def put(self, key: str, text: str, seconds: float) -> bool:
        """Whether it was written."""

    async def get(self, key: str) -> str | None:
        """None: there is none. Raises ConnectionError when the store does not answer."""

    async def drop(self, key: str) -> None: ...


@dataclass(slots=True)
class WebSession:
    """Times in epoch seconds. ``proof``: a keyed hash of what the account was proven by."""

    kind: str
    name: str
    proof: str
    opened_at: float
    used_at: float
    written_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTerms:
    idle: float = 3600.0
    lasts: float = 43_200.0


class Sessions:
    """``key``: a secret that all instances have and the store has not."""

    def __init__(
        self, terms: SessionTerms, wall: Callable[[], float], store: SessionStore | None = None, key: bytes = b""
    ) -> None:
        self.terms = terms
        self._wall, self._store = wall, store
        self._key = key or secrets.token_bytes(32)
        self._open: OrderedDict[str, WebSession] = OrderedDict()
        """By the hash of its id, the least recently used first."""
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._writing: set[asyncio.Task[None]] = set()
        self._away_since: float | None = None
        """Since when the store does not answer."""

    def begin(self) -> None:
        """What is in memory may be old: another instance may have led meanwhile."""
        if self._store is not None:
            self._open.clear()
            self._unknown.clear()

    async def open(self, account: Account) -> str:
        """A new session; returns its id, which is kept nowhere else."""
        session_id, now = secrets.token_urlsafe(32), self._wall()
        key, session = _hash(session_id), WebSession(account.kind, account.name, self.proof(account), now, now, now)
        own = [each for each, one in self._open.items() if (one.kind, one.name) == (account.kind, account.name)]
        for oldest in own[: max(0, len(own) + 1 - MOST_EACH)]:
            await self._drop(oldest)
        self._keep(key, session)
        await self._write(key, session)
        return session_id

    async def find(self, session_id: str) -> WebSession | None:
        """The session with this id, which has been used now; None when it is over. Raises ConnectionError when that is not known
        because the store has just stopped to answer."""
        key = _hash(session_id)
        session = self._open.get(key) or await self._stored(key)
        if session is None:
            return None
        if self.left(session) <= 0:
            await self._drop(key)
            return None
        self._used(key, session)
        return session

    async def end(self, session_id: str) -> None:
        await self._drop(_hash(session_id))

    def left(self, session: WebSession) -> float:
        """Seconds until it is over, if it is not used again."""
        until = min(session.used_at + self.terms.idle, session.opened_at + self.terms.lasts)
        return until - self._wall()

    def proof(self, account: Account) -> str:
        said = f"{account.kind}\0{account.name}\0{account.secret}".encode(errors="surrogatepass")
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()

    async def close(self) -> None:
        """What is being written is written."""
        if self._writing:
            await asyncio.wait(self._writing)

    # -- keeping ------------------------------------------------------------------------------------------------

    def _used(self, key: str, session: WebSession) -> None:
        now = self._wall()
        session.used_at = max(session.used_at, now)
        self._open.move_to_end(key)
        if now - session.written_at >= WRITTEN_EVERY:
            self._soon(self._write(key, session))

    async def _write(self, key: str, session: WebSession) -> None:
        """What could not be written is written at a use soon afterwards."""
        if self._store is None:
            return
        session.written_at = self._wall()
        if not await self._store.put(key, _text(session), self.left(session)):
            session.written_at -= WRITTEN_EVERY - WRITTEN_AGAIN

    def _keep(self, key: str, session: WebSession) -> None:
        self._unknown.pop(key, None)
        self._open[key] = session
        while len(self._open) > MOST_SESSIONS:
            self._open.popitem(last=False)

    async def _stored(self, key: str) -> WebSession | None:
        """One that was opened before a restart, or by another instance."""
        now = self._wall()
        if self._store is None or now < self._unknown.get(key, 0.0):
            return None
        try:
            text = await self._store.get(key)
        except ConnectionError:
            self._away_since = now if self._away_since is None else self._away_since
            if now < self._away_since + AWAY_FOR:
                raise
            return None
        self._away_since = None
        session = _read(text)
        if session is None:
            self._unknown[key] = now + UNKNOWN_FOR
            while len(self._unknown) > _MOST_UNKNOWN:
                self._unknown.popitem(last=False)
            return None
        if key in self._open:  # meanwhile another request has found it
            return self._open[key]
        self._keep(key, session)
        return session

    async def _drop(self, key: str) -> None:
        self._open.pop(key, None)
        if self._store is not None:
            self._unknown[key] = self._wall() + UNKNOWN_FOR
            await self._store.drop(key)

    def _soon(self, writing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(writing)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode(errors="surrogatepass")).hexdigest()


def _text(session: WebSession) -> str:
    return json.dumps(asdict(session))


def _read(text: str | None) -> WebSession | None:
    if text is None:
        return None
    try:
        said = json.loads(text)
        times = (float(said[name]) for name in ("opened_at", "used_at", "written_at"))
        return WebSession(str(said["kind"]), str(said["name"]), str(said["proof"]), *times)
    except (ValueError, KeyError, TypeError):
        return None
