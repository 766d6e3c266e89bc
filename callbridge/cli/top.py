"""`callbridge top`: polls a running callbridge and shows the wallboard. It survives restarts of the server. PgDn and PgUp show
everything page by page, Home the board again, l hides and shows agents who are logged out, q ends it.

One thread polls, so that a server that hangs does not stop the clock on the screen; another listens to the event stream for
alerts and for changes, which are polled at once.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from rich.console import Console
from rich.live import Live

from callbridge.cli.board import JsonRow, Known
from callbridge.cli.client import ApiError, Client
from callbridge.cli.keyboard import Keyboard
from callbridge.cli.scrolling import Scroll

DONE = 0
REDRAW_EVERY = 0.5
"""Seconds between redraws, for running times and a resized terminal."""
ALERT_SHOWN = 600.0
MAX_CALLERS_LISTED = 200
"""Callers of each queue that are listed; the totals count all."""
LEAST_BETWEEN_POLLS = 0.25
"""The least time between two polls in seconds."""
_SHOWN_FACTS = ("call_", "visit_", "step_", "offer_", "talk_", "agent_", "switch_")


def once(client: Client, console: Console | None = None, *, logged_out: bool = True) -> int:
    """Print one frame. Raises ApiError."""
    known = fetch(client)
    console = console or Console(highlight=False)
    console.print(Scroll(logged_out=logged_out).shown(console, known, time.time(), None))
    return DONE


def live(
    client: Client,
    *,
    every: float,
    console: Console | None = None,
    until: threading.Event | None = None,
    logged_out: bool = True,
) -> int:
    """Show the board until q or Ctrl-C (or ``until``)."""
    console = console or Console(highlight=False)
    watch = Watch(client, every)
    done = until or threading.Event()
    try:
        watch.start()
        scroll = Scroll(logged_out=logged_out)
        with Keyboard() as keys, Live(console=console, screen=console.is_terminal, auto_refresh=False) as shown:
            while not done.wait(0.0 if keys.there else REDRAW_EVERY):
                shown.update(scroll.shown(console, watch.known, time.time(), console.height), refresh=True)
                key = keys.pressed(REDRAW_EVERY)
                if key == "q":
                    break
                scroll.press(key)
    except KeyboardInterrupt:
        pass  # Ctrl-C ends it
    finally:
        watch.stop()
    return DONE


def fetch(client: Client) -> Known:
    """Everything that the board shows, as it is now. Raises ApiError."""
    missing = client.missing()
    waiting = client.waiting(MAX_CALLERS_LISTED)
    at = time.time()
    rows = waiting.get("waiting", [])
    return Known(
        queues=client.queues(),
        agents=client.agents(),
        waiting=[row for row in rows if isinstance(row, dict)],
        totals={str(name): int(number) for name, number in dict(waiting.get("totals", {})).items()},
        missing=missing,
        bypass=bool(waiting.get("bypass")),
        standing=[str(text) for text in waiting.get("alerts", ())],
        heard_at=at,
        offset=float(waiting.get("now", at)) - at,
    )


class Watch:
    """``known`` is always the latest data."""

    def __init__(self, client: Client, every: float) -> None:
        self.known = Known()
        self._client = client
        self._every = every
        self._soon = threading.Event()
        self._ended = threading.Event()
        self._alerts: list[tuple[float, JsonRow]] = []

    def start(self) -> None:
        for work in (self._poll, self._listen):
            threading.Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        self._soon.set()

    def _poll(self) -> None:
        while not self._ended.is_set():
            try:
                known = fetch(self._client)
            except ApiError as trouble:
                self.known = replace(self.known, trouble=str(trouble))
            else:
                self.known = replace(known, alerts=self._recent())
            self._soon.wait(self._every)
            self._ended.wait(LEAST_BETWEEN_POLLS)
            self._soon.clear()

    def _recent(self) -> list[JsonRow]:
        limit = time.time() - ALERT_SHOWN
        self._alerts = [(at, fact) for at, fact in self._alerts if at > limit]
        return [fact for _, fact in reversed(self._alerts)]

    def _listen(self) -> None:
        """Events refresh the board at once and bring alerts; without them it is only polled."""
        last = ""
        while not self._ended.is_set():
            try:
                for fact in self._client.events(last):
                    last = str(fact.get("id") or last)
                    alerted = fact.get("type") == "agent_alerted"
                    if alerted:
                        self._alerts = [*self._alerts, (time.time(), fact)]
                    if alerted or str(fact.get("type", "")).startswith(_SHOWN_FACTS):
                        self._soon.set()
                    if self._ended.is_set():
                        return
            except ApiError:
                pass  # polling shows that the server is unavailable
            self._ended.wait(max(5.0, self._every))
