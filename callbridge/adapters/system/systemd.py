"""Notifications to the service manager: that we are ready, reload or stop, and that we are alive.

Rule of this file: the protocol is one datagram of lines to $NOTIFY_SOCKET (sd_notify(3)); without that variable nothing
is sent. The sign of life is sent by the event loop itself, so a loop that is stuck sends none.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NoReturn

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SIGNS = 3
"""Signs of life within the time that the manager allows: two may be lost."""
STATUS_EVERY = 5.0
"""Seconds between statuses without a watchdog."""


class Manager:
    """The service manager, if there is one. ``environment`` is the process's; ``pid`` our own."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._every = _seconds(environment, pid) / SIGNS
        self._ready = False

    def ready(self) -> None:
        """Serving: units that wait for us may start."""
        self._ready = True
        self._notify("READY=1")

    def status(self, text: str) -> None:
        """A line about the present state, for ``systemctl status``."""
        self._notify(f"STATUS={text}")

    def stopping(self) -> None:
        """The shutdown has begun."""
        self._notify("STOPPING=1")

    async def reloading(self, work: Awaitable[object]) -> None:
        """Await a reload, and let the manager wait for its end too."""
        if self._ready:
            self._notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            await work
        finally:
            if self._ready:
                self._notify("READY=1")

    async def watch(self, alive: Callable[[], bool], missing: Callable[[], Iterable[str]]) -> NoReturn:
        """Give signs of life while ``alive``, with what is missing as status. Silence is for the manager to end."""
        was_alive = True
        while True:
            is_alive = alive()
            if is_alive:
                self._notify("WATCHDOG=1", f"STATUS={', '.join(missing()) or 'serving'}")
            elif was_alive:
                log.critical("callbridge hangs; the service manager will restart it", missing=list(missing()))
            was_alive = is_alive
            await asyncio.sleep(self._every or STATUS_EVERY)

    def _notify(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as line:
                line.sendto("\n".join(lines).encode(), self._address)
        except OSError as trouble:
            log.warning("the service manager cannot be notified", why=str(trouble))


def _seconds(environment: Mapping[str, str], pid: int) -> float:
    """Seconds after which the manager kills a process without a sign of life; 0 when it does not watch."""
    value, meant_for = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not value.isdecimal() or (meant_for and meant_for != str(pid)):
        return 0.0
    return int(value) / 1_000_000
