"""The views that screens show, as they change: which rows changed, and the text of each, made once for all readers.

The publisher says which rows of the board changed, which costs it a few set operations, and nothing while nobody reads. What has
no such rows (callbacks, campaigns, alerts) is compared with what it was, once in a while, for all readers together.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from callbridge.adapters.http.scope import Scope
from callbridge.adapters.views.board import Board, ViewKey
from callbridge.adapters.views.in_hand import AgentPages, in_hand
from callbridge.adapters.views.rows import queue_of
from callbridge.core.model.agent import Work
from callbridge.core.model.call import Call

ROWS_PER_TURN = 200
"""Rows that are made into text before the loop gets a turn."""


class ViewPart(StrEnum):
    """The parts of the floor that a screen can ask for."""

    QUEUES = "queues"
    AGENTS = "agents"
    CALLS = "calls"
    CALLBACKS = "callbacks"
    CAMPAIGNS = "campaigns"
    ALERTS = "alerts"
    ME = "me"


OF_BOARD: dict[str, ViewPart] = {"queue": ViewPart.QUEUES, "agent": ViewPart.AGENTS, "call": ViewPart.CALLS}
_ID: dict[str, str] = {"queue": "name", "agent": "id", "call": "id"}

ScreenKey = tuple[ViewPart, str]
ME: ScreenKey = (ViewPart.ME, "me")


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as it is sent. ``queue`` and ``agent``: whose it is."""

    text: bytes
    queue: str = ""
    agent: str = ""


class PolledPart:
    """A part that is looked at again at most every ``each`` seconds, however many readers want it."""

    def __init__(self, look: Callable[[], Awaitable[Mapping[str, ShownRow]]], each: float) -> None:
        self._look, self._each = look, each
        self._at = float("-inf")
        self._rows: Mapping[str, ShownRow] = {}
        self._lock = asyncio.Lock()

    async def rows(self) -> Mapping[str, ShownRow]:
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now >= self._at + self._each:
                self._rows = await self._look()
                self._at = now
        return self._rows


@dataclass(eq=False, slots=True)
class ViewReader:
    """One open stream. ``agent``: of an agent, who sees no other agent and no call but its own."""

    scope: Scope
    parts: frozenset[ViewPart]
    agent: str = ""
    queues: frozenset[str] | None = None
    """Only these queues, such as those of a wallboard."""
    user: str = ""
    address: str = ""
    dirty: set[ViewKey] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    sent: dict[ScreenKey, bytes] = field(default_factory=dict)
    """What the reader has."""
    closed: bool = False

    def close(self) -> None:
        self.closed = True
        self.news.set()


class ViewFeed:
    """Of one board. ``readers``: the streams that are open; ``pages``: what agents are shown of the call in hand.
    ``shows_numbers``: they see the caller's number and name in full, from the offer until the end of wrap-up, though they are
    masked elsewhere."""

    def __init__(self, board: Board, *, shows_numbers: bool = True) -> None:
        self.board = board
        self.pages = AgentPages()
        self.shows_numbers = shows_numbers
        self.readers: set[ViewReader] = set()
        self.closed = False
        self._texts: dict[ViewKey, bytes] = {}

    def touch(self, keys: Iterable[ViewKey]) -> None:
        """These views changed. Returns at once."""
        if not self.readers:
            self._texts.clear()
            return
        keys = set(keys)
        for key in keys:
            self._texts.pop(key, None)
        for reader in self.readers:
            reader.dirty |= keys
            reader.news.set()

    def close(self) -> None:
        """No more changes will come: the readers end."""
        self.closed = True
        for reader in self.readers:
            reader.close()

    # -- rows ---------------------------------------------------------------------------------------------------

    async def whole(self, reader: ViewReader) -> dict[ScreenKey, bytes | None]:
        """Every row that this reader sees."""
        reader.dirty.clear()
        reader.sent.clear()
        return await self._changed(reader, self.board.alive())

    async def delta(self, reader: ViewReader) -> dict[ScreenKey, bytes | None]:
        """The rows that changed; None: those that are gone."""
        dirty, reader.dirty = reader.dirty, set()
        return await self._changed(reader, dirty)

    async def _changed(self, reader: ViewReader, keys: Iterable[ViewKey]) -> dict[ScreenKey, bytes | None]:
        found: dict[ScreenKey, bytes | None] = {}
        for count, key in enumerate(sorted(keys)):
            if count % ROWS_PER_TURN == ROWS_PER_TURN - 1:
                await asyncio.sleep(0)
            if OF_BOARD[key[0]] in reader.parts:
                compare(reader, found, (OF_BOARD[key[0]], key[1]), self._seen(reader, key))
        if ViewPart.ME in reader.parts and reader.agent:
            compare(reader, found, ME, self._me(reader.agent))
        return found

    def _seen(self, reader: ViewReader, key: ViewKey) -> bytes | None:
        """The row's text; None when this reader does not see it, or it was removed."""
        kind, name = key
        match kind:
            case "queue":
                seen = reader.scope.queue(name) and (reader.queues is None or name in reader.queues)
            case "agent":
                seen = reader.agent in ("", name) and reader.scope.agent(name)
            case _:
                call = self.board.calls.get(name)
                seen = call is not None and self._sees_call(reader, call)
                if seen and reader.agent:
                    return row_text({"id": name, **(self.board.call(name) or {})})  # without supervisors, unlike the shared text
        return self._text(key) if seen else None

    def _sees_call(self, reader: ViewReader, call: Call) -> bool:
        if reader.agent:
            own = self.board.agents.get(reader.agent)
            return own is not None and own.call == call.id
        return reader.scope.call(call)

    def _text(self, key: ViewKey) -> bytes | None:
        text = self._texts.get(key)
        if text is None:
            view = self.board.supervised_call(key[1]) if key[0] == "call" else self.board.view(key)
            if view is None:
                return None
            text = self._texts[key] = row_text({_ID[key[0]]: key[1], **view})
        return text

    def _me(self, agent: str) -> bytes:
        own = self.board.agents.get(agent)
        row = self._text(("agent", agent)) if own is not None else None
        if own is None or row is None:
            return b'{"agent":null,"call":null}'
        codes = [{"code": one.code, "label": one.label or one.code} for one in self.board.dispositions(own)]
        after = own.wrap_call if own.work is Work.WRAP_UP else ""
        call = self.board.calls.get(own.call)
        can = self.board.has(call) if call is not None else {}
        return b'{"agent":%s,"call":%s,"after":%s,"dispositions":%s,"can":%s}' % (
            row,
            self._call_of(own.call, agent),
            self._call_of(after, agent, own.wrap_queue),
            json.dumps(codes, separators=(",", ":")).encode(),
            json.dumps(can, separators=(",", ":")).encode(),
        )

    def _call_of(self, name: str, agent: str, wrap_queue: str = "") -> bytes:
        """The call in hand, or the one just ended, with the queue for which the agent had it."""
        call = self.board.known_call(name)
        return b"null" if call is None else row_text(self._in_hand(call, agent, wrap_queue))

    def _in_hand(self, call: Call, agent: str, wrap_queue: str) -> dict[str, Any]:
        """What the agent who has the call needs to know of it, besides what everybody sees."""
        masked = self.board.masked and not self.shows_numbers
        known = in_hand(call, wrap_queue or queue_of(call, agent), agent, self.pages, masked=masked)
        if not masked:
            known["number"] = call.number
        if wrap_queue:
            known["queue"] = wrap_queue  # the caller may be in another one by now, or in none
        return {"id": call.id, **(self.board.call(call.id) or {}), **known}


def compare(reader: ViewReader, found: dict[ScreenKey, bytes | None], key: ScreenKey, text: bytes | None) -> None:
    """Add the row to what is sent, if the reader has another one."""
    if text is None:
        if reader.sent.pop(key, None) is not None:
            found[key] = None
    elif reader.sent.get(key) != text:
        found[key] = reader.sent[key] = text


def row_text(row: Mapping[str, Any]) -> bytes:
    """Without a line end, whatever is in it."""
    return json.dumps(row, separators=(",", ":")).encode()
