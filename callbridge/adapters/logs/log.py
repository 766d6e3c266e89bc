"""Logs: one JSON object a line, and one line for each state change, derived from facts.

The message is the fact's type, never a sentence with values in it. Numbers and names of people are under ``pii.`` keys and
are masked unless configured otherwise; so is, in lines that do not come from a fact, anything that looks like a number, also
in tracebacks and in the messages of libraries. Everything outside ASCII is escaped, so no value, even a hostile one, can begin
a line, colour a terminal or break a collector.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from callbridge.adapters.facts.codec import fact_data, fact_type
from callbridge.adapters.facts.masking import personal
from callbridge.adapters.facts.privacy import mask, scrub
from callbridge.core.model.facts import AnyFact, DifferenceFound, EntityQuarantined, OrderGivenUp, PromptFailed

_WARNINGS = (OrderGivenUp, DifferenceFound, PromptFailed)
_ERRORS = (EntityQuarantined,)
_PII = "pii."
_NEVER_NUMBERS = frozenset(
    {
        "time",
        "level",
        "logger",
        "call",
        "leg",
        "channel",
        "fact",
        "stamp",
        "agent",
        "member",
        "redis_key",
        "redis_keys",
        "kept_as",
    }
)
"""Keys of lines whose values are times, ids of calls and agents, and names of keys in Redis."""

_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")
_JSON = structlog.processors.JSONRenderer(ensure_ascii=True, default=str)


class Drain:
    """Takes log lines without ever blocking: a bounded queue that a thread empties into ``out``.

    A reader that stopped, a full disk or a closed pipe costs log lines, which are counted, never a call.
    """

    def __init__(self, out: TextIO, most: int = 50_000) -> None:
        self._out = out
        self._most = most
        self._lines: deque[str] = deque()
        self._writing = False
        """While true, lines that have left the queue may not be written yet."""
        self._changed = threading.Condition()  # reentrant: collecting garbage may log while it is held
        self.lost = 0
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def write(self, text: str) -> int:
        """Queue a line; returns the characters taken, 0 when the queue is full and the line is lost."""
        with self._changed:
            if len(self._lines) >= self._most:
                self.lost += 1
                return 0
            self._lines.append(text)
            self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """The thread does, after each batch of lines."""

    def close(self, limit: float = 1.0) -> None:
        """Wait until all is written, but no longer than ``limit`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._writing, limit)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                lines = [self._lines.popleft() for _ in range(len(self._lines))]
                self._writing = True
            try:
                self._out.write("".join(lines))
                self._out.flush()
            except (OSError, ValueError):
                self.lost += len(lines)


def configure(*, level: str = "INFO", stream: TextIO | Drain | None = None, mask: bool = True) -> None:
    """Send all logs, ours and the libraries', to ``stream`` (stderr) as JSON from ``level`` on. ``mask``: without numbers."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _TIME,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            *((_discreet,) if mask else ()),
            _harmless,
            _JSON,
        ],
    )
    handler: logging.StreamHandler[Any] = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """DEL is the one control character that JSON in ASCII lets pass."""
    for key, value in event.items():
        if isinstance(value, str) and "\x7f" in value:
            event[key] = value.replace("\x7f", "\ufffd")
    return event


def _discreet(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """No number of anybody in a line."""
    for key, value in event.items():
        if key.startswith(_PII):
            event[key] = mask(str(value))
        elif key not in _NEVER_NUMBERS:
            event[key] = _scrubbed(value)
    return event


def _scrubbed(value: Any) -> Any:
    match value:
        case bool() | int() | float() | None:
            return value
        case list() | tuple() | set() | frozenset():
            return [_scrubbed(item) for item in value]
        case dict():
            return {scrub(str(name)): _scrubbed(item) for name, item in value.items()}
        case _:
            return scrub(str(value))


class FactLog:
    """The one observer that logs what the world does, to ``stream`` (stderr).

    It writes by itself: the standard library's way costs three times as much, and there may be a thousand facts a second.
    """

    def __init__(self, *, level: str = "INFO", stream: TextIO | Drain | None = None, mask: bool = True) -> None:
        self._mask = mask
        self._least = logging.getLevelNamesMapping()[level.upper()]
        self._log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
            structlog.WriteLogger(cast(TextIO, stream if stream is not None else sys.stderr)),
            wrapper_class=structlog.make_filtering_bound_logger(level),
            processors=[structlog.stdlib.add_log_level, _TIME, _harmless, _JSON],
        ).bind(logger="callbridge.facts")

    def on_facts(self, facts: Iterable[AnyFact], *, inbox_depth: int = 0, event_age: float = 0.0) -> None:
        """One line for each fact. ``event_age``: seconds from the newest event's birth to its step."""
        for fact in facts:
            level = _level(fact)
            if level < self._least:
                continue
            self._log.log(
                level,
                fact_type(fact),
                **self._fields(fact),
                inbox_depth=inbox_depth,
                event_age=round(event_age, 4),
            )

    def _fields(self, fact: AnyFact) -> dict[str, Any]:
        fields: dict[str, Any] = {"seq": fact.seq, "at": fact.at, **fact_data(fact)}
        if fact.call:
            fields["call"] = fact.call
        for name, shown in personal(fact).items():
            value = fields.pop(name)
            fields[f"{_PII}{name}"] = shown if self._mask else value
        return {name: value for name, value in fields.items() if value != ""}


def _level(fact: AnyFact) -> int:
    if isinstance(fact, _ERRORS):
        return logging.ERROR
    return logging.WARNING if isinstance(fact, _WARNINGS) else logging.INFO
