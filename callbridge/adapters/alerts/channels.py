"""Where alerts are sent: by mail, or to a webhook, signed as all our webhooks are."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import aiohttp
import structlog

from callbridge import __version__
from callbridge.adapters.alerts.conditions import RULES
from callbridge.adapters.alerts.episodes import Notice
from callbridge.adapters.mail import Mailer, MailNotSent
from callbridge.adapters.webhooks.body import sign

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SEND_WITHIN = 10.0
"""Seconds that a webhook's receiver has for its answer."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds before the first repetition, doubling up to the longest."""
KEPT_FOR = 3600.0
"""Seconds after which an alert that could not be sent is given up."""
MAX_NOTICES = 200
"""Notices that wait for a channel; beyond that the oldest are dropped."""


class AlertNotSent(Exception):
    """The text says why, in one line."""


class Channel(Protocol):
    """One way to notify people."""

    @property
    def name(self) -> str:
        """For the log: the recipient."""

    async def send(self, notice: Notice) -> None:
        """Raises AlertNotSent."""

    def close(self) -> None: ...


class MailChannel:
    """``where`` is the instance, as people call it."""

    def __init__(self, mailer: Mailer, to: Sequence[str], where: str, zone: ZoneInfo) -> None:
        self.name = f"mail to {', '.join(to)}"
        self._mailer, self._to, self._where, self._zone = mailer, to, where, zone

    async def send(self, notice: Notice) -> None:
        about = notice.condition
        urgency = "resolved" if notice.state == "resolved" else "page" if RULES[about.rule].page else "ticket"
        since = datetime.fromtimestamp(notice.since, self._zone)
        state = "It is over." if notice.state == "resolved" else "It lasts."
        text = f"{about.text}\n\nSince {since:%Y-%m-%d %H:%M:%S}. {state}\n"
        text += f"What to do: chapter {RULES[about.rule].chapter} of the runbook (deploy/README.md).\n"
        try:
            await self._mailer.send(self._to, f"[{self._where}] {urgency}: {about.text}", text)
        except MailNotSent as trouble:
            raise AlertNotSent(str(trouble)) from None

    def close(self) -> None:
        self._mailer.close()


class WebhookChannel:
    """Posts one JSON object; any 2xx status means that it was accepted."""

    def __init__(self, url: str, secret: str, where: str) -> None:
        self.name = "webhook of alerts"
        self._url, self._secret, self._where = url, secret, where

    async def send(self, notice: Notice) -> None:
        body = self._body(notice)
        content, timestamp = json.dumps(body, ensure_ascii=False).encode(), str(int(notice.at))
        headers = {
            "User-Agent": f"callbridge/{__version__}",
            "Content-Type": "application/json",
            "X-Callbridge-Id": body["id"],
            "X-Callbridge-Timestamp": timestamp,
            "X-Callbridge-Signature": sign(self._secret, timestamp, content),
        }
        timeout = aiohttp.ClientTimeout(total=SEND_WITHIN)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._url, data=content, headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except TimeoutError:
            raise AlertNotSent(f"no answer within {SEND_WITHIN:g} s") from None
        except (aiohttp.InvalidURL, UnicodeError):  # a host that no look-up takes; what is raised may quote the URL
            raise AlertNotSent("its URL cannot be used") from None
        except (aiohttp.ClientError, OSError) as trouble:
            raise AlertNotSent(str(trouble) or type(trouble).__name__) from None
        if not 200 <= status < 300:
            raise AlertNotSent(f"the receiver answered {status}")

    def _body(self, notice: Notice) -> dict[str, Any]:
        about = notice.condition
        identity = f"{about.rule}/{about.about}/{notice.since}/{notice.state}"
        return {
            "id": hashlib.sha256(identity.encode()).hexdigest()[:24],
            "type": "alert",
            "state": notice.state,
            "rule": about.rule,
            "about": about.about,
            "text": about.text,
            "severity": "page" if RULES[about.rule].page else "ticket",
            "since": notice.since,
            "at": notice.at,
            "instance": self._where,
            "runbook": f"deploy/README.md#{RULES[about.rule].chapter.lower()}",
        }

    def close(self) -> None:
        pass


class Outlet:
    """Sends through one channel, in order, and retries what was not accepted."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._waiting: asyncio.Queue[Notice] = asyncio.Queue()

    def take(self, notice: Notice) -> None:
        """Returns at once."""
        if self._waiting.qsize() >= MAX_NOTICES:
            self._give_up(self._waiting.get_nowait(), "too many are waiting")
        self._waiting.put_nowait(notice)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._send(await self._waiting.get())
        finally:
            self.channel.close()

    async def _send(self, notice: Notice) -> None:
        loop = asyncio.get_running_loop()
        pause, until = FIRST_PAUSE, loop.time() + KEPT_FOR
        while True:
            try:
                await self.channel.send(notice)
            except AlertNotSent as trouble:
                if loop.time() + pause > until:
                    self._give_up(notice, str(trouble))
                    return
                log.warning("an alert could not be sent; it is tried again", channel=self.channel.name, why=str(trouble))
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2.0)
            except Exception:  # whatever it is, the alerts after this one must be tried
                log.exception("an alert could not be sent", channel=self.channel.name)
                self._give_up(notice, "internal error")
                return
            else:
                return

    def _give_up(self, notice: Notice, why: str) -> None:
        about = notice.condition
        log.error("an alert was given up", channel=self.channel.name, rule=about.rule, about=about.about, why=why)
