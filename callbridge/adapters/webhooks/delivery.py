"""One webhook: deliveries in order for each call, at least once, retried with back-off; it never holds anybody up.

A *lane* holds the deliveries of one call (or agent, or switch): one is on its way at a time, the next when it is done.
Lanes run side by side, so one event that the receiver does not like holds back its own call only. When nothing at all
gets through, the hook as a whole rests and tries one delivery at a time.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import structlog

from callbridge import __version__
from callbridge.adapters.outbox.envelope import Envelope
from callbridge.adapters.system.tasks import end
from callbridge.adapters.webhooks.body import WebhookSettings, body, sign

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

DELIVERY_TIMEOUT = 5.0
"""Seconds that a receiver has for its answer."""
FIRST_DELIVERY_PAUSE, MAX_DELIVERY_PAUSE = 1.0, 300.0
"""Seconds before the first repetition, doubling up to the longest."""
DELIVERIES_KEPT_FOR = 86_400.0
"""Seconds after an event for which delivering it is tried."""
PARALLEL = 8
"""Deliveries under way at a time; after as many failures in a row the hook as a whole rests."""
MAX_DELIVERIES = 1_000
"""Deliveries in memory at which no more is wanted: the rest waits in the outbox."""
_SAID_AGAIN = 60.0
"""Seconds after which a failing receiver is worth another line in the log."""
_GONE = 410
_COME_AGAIN = (408, 425, 429)
"""Statuses below 500 that mean: later."""
REJECTIONS = 5
"""Attempts after which what the receiver rejects (4xx) is given up."""


class WebhookObserver(Protocol):
    """Who counts."""

    def delivered(self, hook: str, result: str) -> None:
        """One attempt: ``done``, ``refused``, ``timeout``, ``unreachable`` or ``gone``; ``expired`` is a delivery given up."""

    def backlog(self, hook: str, waiting: int) -> None: ...

    def facts_lost(self, reader: str, count: int) -> None: ...

    def hook_gone(self, hook: str) -> None:
        """It is not configured any more."""


@dataclass(slots=True)
class _Delivery:
    id: str
    at: float
    lane: str
    body: bytes
    tries: int = 0


class Webhook:
    """``take`` facts unless it is ``full``, ``run`` delivers them. ``gone`` is set by an answer 410: disabled until reload or
    restart."""

    def __init__(
        self,
        settings: WebhookSettings,
        observer: WebhookObserver,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.gone = False
        self._observer = observer
        self._wall = wall
        self._owed: OrderedDict[str, _Delivery] = OrderedDict()
        """By the fact's id, oldest first: everything that is not done."""
        self._lanes: dict[str, deque[_Delivery]] = {}
        self._due: list[tuple[float, int, str]] = []
        """A heap of lanes at rest: when their first delivery may go out."""
        self._turns: dict[str, int] = {}
        """Lane at rest -> its entry in the heap; other entries are void."""
        self._turn = 0
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._failures = 0
        """Attempts in a row that failed."""
        self._rest_until = 0.0
        self._said_at = 0.0
        self._wake = asyncio.Event()

    @property
    def reader(self) -> str:
        """Its name among the readers of the outbox."""
        return reader_of(self.settings.name)

    @property
    def backlog(self) -> int:
        return len(self._owed)

    @property
    def full(self) -> bool:
        return len(self._owed) >= MAX_DELIVERIES

    def owed(self) -> list[str]:
        """The ids of the facts that are taken and not done, oldest first."""
        return list(self._owed)

    def take(self, told: Iterable[Envelope]) -> None:
        """Facts to deliver, those that this hook wants. Returns at once."""
        for envelope in told:
            if self.gone or not self.settings.wants(envelope.type) or envelope.id in self._owed:
                continue
            try:
                content = body(envelope, self.settings)
            except (ValueError, KeyError, TypeError) as error:
                log.error("a fact cannot be told to a webhook", hook=self.settings.name, fact=envelope.id, why=repr(error))
                self._lose(1)
                continue
            lane = envelope.call or envelope.id  # facts about no call wait for nobody
            delivery = _Delivery(id=envelope.id, at=envelope.at, lane=lane, body=content)
            self._owed[delivery.id] = delivery
            if lane in self._lanes:
                self._lanes[lane].append(delivery)
            else:
                self._lanes[lane] = deque((delivery,))
                self._rest(lane, 0.0)
        self._tell_backlog()
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled, or until the receiver says that it is gone for good."""
        timeout = aiohttp.ClientTimeout(total=None)  # ours covers everything
        connector = aiohttp.TCPConnector(limit=PARALLEL)
        agent = {"User-Agent": f"callbridge/{__version__}", "Content-Type": "application/json", "Accept-Encoding": "identity"}
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=agent, auto_decompress=False) as session:
            try:
                while not self.gone:
                    self._wake.clear()
                    patience = self._send_due(session)
                    try:
                        async with asyncio.timeout(patience):
                            await self._wake.wait()
                    except TimeoutError:
                        pass
            finally:
                await end(self._sending.values())

    # -- what goes out when -------------------------------------------------------------------------------------

    def _rest(self, lane: str, seconds: float) -> None:
        self._turn += 1
        self._turns[lane] = self._turn
        heapq.heappush(self._due, (_now() + seconds if seconds else 0.0, self._turn, lane))

    def _send_due(self, session: aiohttp.ClientSession) -> float | None:
        """Start what may go out now; gives the seconds until the next may, None when something must happen first."""
        now = _now()
        down = self._failures >= PARALLEL
        while self._due and len(self._sending) < (1 if down else PARALLEL):
            due, turn, lane = self._due[0]
            if self._turns.get(lane) != turn:
                heapq.heappop(self._due)
                continue
            due = max(due, self._rest_until if down else 0.0)
            if due > now:
                return due - now
            heapq.heappop(self._due)
            del self._turns[lane]
            if self._wall() - self._lanes[lane][0].at > DELIVERIES_KEPT_FOR:
                self._give_up(self._lanes[lane][0])
                continue
            self._sending[lane] = asyncio.create_task(self._send(session, lane), name=f"webhook {self.settings.name}")
        return None

    async def _send(self, session: aiohttp.ClientSession, lane: str) -> None:
        """One attempt of the lane's first delivery, and what follows from it."""
        delivery = self._lanes[lane][0]
        result = await self._attempt(session, delivery)
        del self._sending[lane]
        self._observer.delivered(self.settings.name, result)
        if result == "done":
            self._well()
            self._finish(delivery)
        elif result == "gone":
            self._disable()
        elif result == "rejected":
            self._rejected(delivery)
        else:
            self._failed(delivery, result)
        self._tell_backlog()
        self._wake.set()

    async def _attempt(self, session: aiohttp.ClientSession, delivery: _Delivery) -> str:
        timestamp = str(int(self._wall()))
        headers = {
            "X-Callbridge-Id": delivery.id,
            "X-Callbridge-Timestamp": timestamp,
            "X-Callbridge-Signature": sign(self.settings.secret, timestamp, delivery.body),
        }
        try:
            async with (
                asyncio.timeout(DELIVERY_TIMEOUT),
                session.post(self.settings.url, data=delivery.body, headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except TimeoutError:
            return "timeout"
        except (aiohttp.ClientError, OSError):
            return "unreachable"
        except Exception as error:  # noqa: BLE001 - whatever a peer makes the client raise is a failed attempt, no more
            log.error("webhook attempt raised", hook=self.settings.name, error=repr(error))
            return "unreachable"
        if status == _GONE:
            return "gone"
        if 400 <= status < 500 and status not in _COME_AGAIN:
            return "rejected"
        return "done" if 200 <= status < 300 else "refused"

    # -- what follows -------------------------------------------------------------------------------------------

    def _well(self) -> None:
        if self._failures >= PARALLEL:
            log.info("webhook recovered", hook=self.settings.name, backlog=len(self._owed))
            self._due = sorted((0.0, turn, lane) for lane, turn in self._turns.items())
        self._failures = 0

    def _rejected(self, delivery: _Delivery) -> None:
        """The receiver is there and does not want this one: a few more times, at the cost of nobody else."""
        delivery.tries += 1
        if delivery.tries >= REJECTIONS:
            self._give_up(delivery, "rejected_for_good")
        else:
            self._rest(delivery.lane, _pause(delivery.tries - 1))

    def _failed(self, delivery: _Delivery, result: str) -> None:
        self._failures += 1
        delivery.tries += 1
        if self._failures >= PARALLEL:
            self._rest_until = _now() + _pause(self._failures - PARALLEL)
        if self._failures == PARALLEL or _now() > self._said_at + _SAID_AGAIN:
            self._said_at = _now()
            log.warning("webhook fails", hook=self.settings.name, result=result, tries=delivery.tries, backlog=self.backlog)
        self._rest(delivery.lane, _pause(delivery.tries - 1))

    def _give_up(self, delivery: _Delivery, result: str = "expired") -> None:
        """Nobody wants to see any more what happened a day ago, or what was rejected time and again."""
        log.error("webhook delivery given up", hook=self.settings.name, fact=delivery.id, tries=delivery.tries)
        self._observer.delivered(self.settings.name, result)
        self._lose(1)
        self._finish(delivery)
        self._tell_backlog()

    def _finish(self, delivery: _Delivery) -> None:
        """The first of its lane is over, done or given up: the next one may go."""
        del self._owed[delivery.id]
        lane = self._lanes[delivery.lane]
        lane.popleft()
        if lane:
            self._rest(delivery.lane, 0.0)
        else:
            del self._lanes[delivery.lane]

    def _disable(self) -> None:
        log.error("webhook disabled: its receiver answered 410 Gone", hook=self.settings.name, dropped=len(self._owed))
        self.gone = True
        self._owed.clear()
        self._lanes.clear()
        self._due.clear()
        self._turns.clear()
        for task in self._sending.values():
            task.cancel()

    def _lose(self, count: int) -> None:
        self._observer.facts_lost(self.reader, count)

    def _tell_backlog(self) -> None:
        self._observer.backlog(self.settings.name, len(self._owed))


def reader_of(hook: str) -> str:
    """The name of a hook among the readers of the outbox."""
    return f"hook:{hook}"


def _now() -> float:
    return asyncio.get_running_loop().time()


def _pause(repetition: int) -> float:
    """Seconds before a repetition, with jitter: receivers that come back are not hit by all at once."""
    return min(MAX_DELIVERY_PAUSE, FIRST_DELIVERY_PAUSE * 2.0 ** min(repetition, 30) * random.uniform(1.0, 1.5))
